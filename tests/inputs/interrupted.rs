//! An interrupt ends a command, whatever it is waiting for.

use super::fifo;
use crate::dispositions::with_signals;
use crate::support::command;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn an_interrupt_ends_a_command_that_waits_for_a_file_system() {
    // A pipe in the place of a folder's file: what reads it waits for ever, as on a dead network file
    // system. The pin of the toolchain is the one file that is read without a look at what it is.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("configs/machines")).unwrap();
    fifo(&folder.path().join("rust-toolchain.toml"));
    // The usual rustc would read it too.
    let rustc = folder.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho rustc 1.95.0\n").unwrap();
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
    let mut doctor = command(&["doctor", "--root"]);
    doctor.arg(folder.path()).env("PATH", folder.path());
    let mut child = with_signals(&mut doctor, &[], &[Signal::INT])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It waits when the writing end can be opened, which takes a reader.
    let pipe = folder.path().join("rust-toolchain.toml");
    let mut writer = File::options().write(true).open(pipe).unwrap();
    writer.write_all(b"[toolchain]\n").unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // Where it did not end, what it waits for would have to.
    let pid = Pid::from_child(&child);
    let (ended, end) = std::sync::mpsc::channel();
    let watch = std::thread::spawn(move || ended.send(child.wait().unwrap().code()));
    let code = end.recv_timeout(Duration::from_secs(20));
    if code.is_err() {
        kill_process(pid, Signal::KILL).unwrap();
    }
    watch.join().unwrap().unwrap();
    assert_eq!(code, Ok(Some(130)));
    drop(writer);
}

#[test]
fn a_console_that_is_written_slowly_can_be_interrupted() {
    let mut judge = command(&["judge", "--arch", "riscv64", "-"]);
    let mut child = with_signals(&mut judge, &[], &[Signal::INT])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"Hypervisor ...\n").unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    // It may not listen yet; the signal then has its usual effect, which is an end too.
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let code = child.wait().unwrap().code();
    assert!(code == Some(130) || code.is_none(), "{code:?}: {line}");
    drop(stdin);
}
