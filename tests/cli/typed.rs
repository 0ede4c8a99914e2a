//! A passphrase that a person types, at a terminal that Python makes.

use std::process::Command;

use crate::tools;
use crate::world::{Ran, World, say};

/// Runs a program at a terminal of its own, and types a line after each of its questions.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
program = sys.argv[1:sys.argv.index("--")]
answers = sys.argv[sys.argv.index("--") + 1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(program[0], program)
said = b""
def more():
    global said
    try:
        part = os.read(terminal, 4096)
    except OSError:
        part = b""
    said += part
    return part
for answer in answers:
    question = len(said)
    while b": " not in said[question:] and more():
        pass
    os.write(terminal, answer.encode() + b"\n")
while more():
    pass
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn typed(world: &World, line: &[&str], answers: &[&str]) -> Ran {
    let mut command = Command::new("python3");
    command.args(["-c", AT_A_TERMINAL, env!("CARGO_BIN_EXE_sealift")]);
    command.args(line).arg("--").args(answers);
    world.surround(&mut command);
    command.env_remove("SEALIFT_PASSPHRASE_FILE");
    Ran::of(command.output().unwrap())
}

#[test]
fn a_new_passphrase_is_typed_twice() {
    if !tools::has("python3") {
        say("there is no python3");
        return;
    }
    let world = World::new();
    let new = ["key", "new", "mine.pem"];
    let ran = typed(&world, &new, &["correct horse", "correct house"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.stdout.contains("the two passphrases differ"), "{ran:?}");
    assert!(!world.path("mine.pem").exists());
    let ran = typed(&world, &new, &["correct horse", "correct horse"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    // It is that one which opens the key.
    std::fs::write(world.path("typed"), "correct horse\n").unwrap();
    std::fs::write(world.path("policy.yaml"), crate::world::PLAIN_POLICY).unwrap();
    world.run("policy draft policy.yaml policy.json").done();
    world
        .run("policy sign policy.json --key mine.pem --passphrase-file typed")
        .done();
}
