//! Runs a program for so long, and reads so much of what it prints.
#![expect(
    clippy::disallowed_methods,
    reason = "the only file that runs a program, measures how long it takes, and writes the list that it reads"
)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::ScanError;
use super::answer::printable;

/// Where programs that a scanner itself calls are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is kept of a program's complaints.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// How often it is looked whether a program has ended: a run takes seconds.
const PAUSE: Duration = Duration::from_millis(10);

/// What a program that ended has printed.
#[derive(Debug)]
pub(super) struct Output {
    /// Its exit status; none where a signal ended it.
    pub(super) status: Option<i32>,
    pub(super) stdout: Vec<u8>,
    /// The last line of its complaints.
    pub(super) said: String,
}

/// Runs a command in a process group of its own, without the caller's surroundings, and waits until it ends or the limit has passed.
pub(super) fn run(command: &[String], limit: Duration, max_bytes: usize) -> Result<Output, ScanError> {
    let (program, arguments) = command.split_first().ok_or_else(|| ScanError::Configuration {
        place: "command".to_owned(),
        what: "it names no program".to_owned(),
    })?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        // Times and messages are read here.
        .envs([("PATH", PATH), ("TZ", "UTC"), ("LC_ALL", "C")])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| ScanError::Start {
            program: program.clone(),
            source,
        })?;
    let stdout = child.stdout.take().map(|pipe| drain(pipe, max_bytes));
    let stderr = child.stderr.take().map(|pipe| drain(pipe, MAX_ERROR_BYTES));
    let began = Instant::now();
    let left = || limit.saturating_sub(began.elapsed());
    while !has_ended(&child) && !left().is_zero() {
        thread::sleep(PAUSE);
    }
    let in_time = has_ended(&child);
    // What it left running would keep the pipes open. It has not been waited for yet, so that the group is still its own.
    kill(&child);
    let status = child.wait().map_err(|source| failed(program, source))?;
    let late = || ScanError::TimedOut {
        program: program.clone(),
        seconds: limit.as_secs(),
    };
    if !in_time {
        return Err(late());
    }
    let kept = |pipe: Option<Receiver<Drained>>| match pipe.map(|pipe| pipe.recv_timeout(left().max(PAUSE))) {
        None => Ok((Vec::new(), true)),
        Some(Ok(drained)) => drained.map_err(|source| failed(program, source)),
        // Something that left the group holds it open.
        Some(Err(RecvTimeoutError::Timeout)) => Err(late()),
        Some(Err(RecvTimeoutError::Disconnected)) => {
            Err(failed(program, io::Error::other("a thread that reads has ended")))
        }
    };
    let (stdout, is_whole) = kept(stdout)?;
    let (stderr, _) = kept(stderr)?;
    if !is_whole {
        return Err(ScanError::TooMuch {
            program: program.clone(),
            max: max_bytes,
        });
    }
    let last = stderr.rsplit(|byte| *byte == b'\n').find(|line| !line.is_empty());
    Ok(Output {
        status: status.code(),
        stdout,
        said: printable(last.unwrap_or_default()),
    })
}

/// What a pipe gave, and whether that was all of it.
type Drained = io::Result<(Vec<u8>, bool)>;

/// Reads a pipe to its end in a thread of its own, and keeps so much of it.
fn drain(mut pipe: impl Read + Send + 'static, max_bytes: usize) -> Receiver<Drained> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        // Nobody waits any more where the time is up.
        let _ = sender.send(read_all(&mut pipe, max_bytes));
    });
    receiver
}

fn read_all(pipe: &mut impl Read, max_bytes: usize) -> Drained {
    let mut kept = Vec::new();
    let mut is_whole = true;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match pipe.read(&mut buffer) {
            Ok(0) => return Ok((kept, is_whole)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let room = max_bytes.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
        is_whole &= room == count;
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Whether a program has ended; its number stays its own until it is waited for.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    pid(child).is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// Ends a program and all that it started in its group.
fn kill(child: &Child) {
    if let Some(group) = pid(child) {
        // There may be nobody left.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn failed(program: &str, source: io::Error) -> ScanError {
    ScanError::Io {
        what: format!("cannot read what `{program}` prints"),
        source,
    }
}

/// A file's path from the root on.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, ScanError> {
    std::fs::canonicalize(path).map_err(|source| ScanError::Io {
        what: format!("cannot find {}", path.display()),
        source,
    })
}

/// Writes the list of paths that a scanner reads. Its folder is private.
pub(super) fn write_list(path: &Path, text: &str) -> Result<(), ScanError> {
    std::fs::write(path, text).map_err(|source| ScanError::Io {
        what: format!("cannot write {}", path.display()),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration, max_bytes: usize) -> Result<Output, ScanError> {
        run(
            &["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()],
            limit,
            max_bytes,
        )
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_gets_no_surroundings_and_is_heard() {
        let output = shell("echo out; echo first >&2; echo last >&2; exit 7", LONG, 100).unwrap();
        assert_eq!(
            (output.status, output.stdout.as_slice(), output.said.as_str()),
            (Some(7), b"out\n".as_slice(), "last")
        );
        let output = shell(
            "echo \"${HOME-none} ${CARGO_MANIFEST_DIR-none} $TZ $PWD\"; cat",
            LONG,
            100,
        )
        .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "none none UTC /\n");
        assert_eq!(shell("kill -9 $$", LONG, 100).unwrap().status, None);
        assert!(matches!(
            run(&["/nonexistent/scanner".to_owned()], LONG, 100),
            Err(ScanError::Start { .. })
        ));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_all_that_it_started() {
        let began = Instant::now();
        let limit = Duration::from_millis(300);
        let endless = shell("sleep 300 & sleep 300", limit, 100);
        assert!(matches!(endless, Err(ScanError::TimedOut { .. })), "{endless:?}");
        // What it left behind holds its output open, and goes with it.
        assert_eq!(shell("sleep 300 & exit 0", LONG, 100).unwrap().status, Some(0));
        assert!(began.elapsed() < LONG);
        // Who leaves the group is not waited for either.
        let away = shell("setsid sleep 3 & sleep 0.1; exit 0", limit, 100);
        assert!(matches!(away, Err(ScanError::TimedOut { .. })), "{away:?}");
        let endless = shell("while :; do echo xxxxxxxxxxxxxxxx; done", limit, 1000);
        assert!(matches!(endless, Err(ScanError::TimedOut { .. })), "{endless:?}");
    }

    #[test]
    fn a_read_that_a_signal_interrupts_is_tried_again() {
        struct Interrupted(Vec<io::Result<&'static [u8]>>);
        impl Read for Interrupted {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.pop().map_or(Ok(0), |answer| {
                    let bytes = answer?;
                    buffer[..bytes.len()].copy_from_slice(bytes);
                    Ok(bytes.len())
                })
            }
        }
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let (kept, is_whole) = read_all(&mut Interrupted(vec![Ok(b"b"), interrupted(), Ok(b"a")]), 10).unwrap();
        assert_eq!((kept.as_slice(), is_whole), (b"ab".as_slice(), true));
        let broken = || Err(io::ErrorKind::BrokenPipe.into());
        assert!(read_all(&mut Interrupted(vec![Ok(b"b"), broken(), Ok(b"a")]), 10).is_err());
    }

    #[test]
    fn what_is_printed_is_bounded() {
        assert!(shell("printf 1234567890", LONG, 10).is_ok());
        assert!(matches!(
            shell("printf 12345678901", LONG, 10),
            Err(ScanError::TooMuch { .. })
        ));
    }
}
