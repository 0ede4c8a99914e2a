//! The switches of a copy that `scripts/switches` makes. A file of the session says which one is off, since programs that tests start have no environment
//! of ours; in another one passed switches are marked: a byte each that something was refused at it.
#![allow(missing_docs, clippy::all)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

const FOLDER: &str = "@FOLDER@";

struct State {
    off: usize,
    marks: Option<File>,
}

fn state() -> &'static State {
    static STATE: OnceLock<State> = OnceLock::new();
    STATE.get_or_init(|| {
        // The sixth field of a process is its session; the second one, in brackets, may have spaces (proc_pid_stat(5)).
        let process = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let session = process.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(3));
        let run = format!("{FOLDER}/runs/{}", session.unwrap_or("0"));
        let off = std::fs::read_to_string(format!("{run}.off")).unwrap_or_default();
        State {
            off: off.trim().parse().unwrap_or(0),
            marks: File::options().write(true).open(format!("{run}.marks")).ok(),
        }
    })
}

fn is_off(switch: usize, refuses: bool) -> bool {
    let state = state();
    if refuses && let Some(marks) = &state.marks {
        let _ = marks.write_at(&[1], switch as u64);
    }
    state.off == switch
}

pub fn refuse(switch: usize, condition: bool) -> bool {
    !is_off(switch, condition) && condition
}

pub fn admit(switch: usize, condition: bool) -> bool {
    is_off(switch, !condition) || condition
}

pub fn tail<E>(switch: usize, result: Result<(), E>) -> Result<(), E> {
    if is_off(switch, result.is_err()) { Ok(()) } else { result }
}

pub fn passes(switch: usize, result: &impl Refuses) -> bool {
    is_off(switch, result.refuses())
}

pub trait Refuses {
    fn refuses(&self) -> bool;
}

impl<T, E> Refuses for Result<T, E> {
    fn refuses(&self) -> bool {
        self.is_err()
    }
}

impl<T> Refuses for Option<T> {
    fn refuses(&self) -> bool {
        self.is_none()
    }
}
