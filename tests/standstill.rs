//! A machine that stands still, as on a computer that is short of processors: a guest is not charged
//! for time that it did not get.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// More than the guest may compute without progress (`cpu-ms`), and it is in the middle of computing.
const STANDSTILL: Duration = Duration::from_secs(3);

/// The guest computes for some milliseconds between calls that nobody defined, and is to be ended for
/// the twentieth of these, well before its time is up.
const SCENARIO: &str = r#"
about  = "computes, and is ended for its calls"
guest  = "budget-evasion"
arches = ["riscv64", "aarch64", "x86_64"]
end    = "shutdown"

[params]
arg           = "1"
cpu-ms        = "2500"
stalled-exits = "20"

[hv.end]
outcome = "killed"
kind    = "overrun"
budget  = "stalled-exits"

[[step]]
name    = "pretending"
pattern = '^guest: pretending$'
"#;

#[test]
fn a_guest_is_not_charged_for_time_that_it_did_not_get() {
    let threads = ["riscv64", "aarch64", "x86_64"].map(|arch| {
        std::thread::spawn(move || {
            let (code, console) = with_a_standstill(arch);
            assert_eq!(code, Some(0), "{arch}: {console}");
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Boots that guest, and stops QEMU once it has begun.
/// Gives the harness's exit code and what it printed.
fn with_a_standstill(arch: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("computes.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut harness = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["run", "--arch", arch, "--scenario"])
        .arg(&scenario)
        .arg("--report-dir")
        .arg(folder.path())
        .env_remove("GITHUB_ACTIONS")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the harness can be started");
    let mut console = BufReader::new(harness.stdout.take().unwrap());
    let mut stdout = String::new();
    while !stdout.contains("guest: pretending") {
        let read = console.read_line(&mut stdout).unwrap();
        assert_ne!(read, 0, "the guest never printed: {stdout}");
    }
    let qemu = emulator_of(&harness);
    kill_process(qemu, Signal::STOP).unwrap();
    std::thread::sleep(STANDSTILL);
    kill_process(qemu, Signal::CONT).unwrap();
    std::io::Read::read_to_string(&mut console, &mut stdout).unwrap();
    (harness.wait().unwrap().code(), stdout)
}

/// The harness's child that is QEMU: one of its threads has started it.
fn emulator_of(harness: &Child) -> Pid {
    let threads = std::fs::read_dir(format!("/proc/{}/task", harness.id())).unwrap();
    let children = threads.map(|thread| {
        let children = thread.unwrap().path().join("children");
        std::fs::read_to_string(children).unwrap()
    });
    let children: Vec<_> = children.collect();
    let is_qemu = |pid: &&str| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.starts_with("qemu-system"))
    };
    let mut pids = children.iter().flat_map(|pids| pids.split_whitespace());
    let qemu = pids.find(is_qemu);
    let qemu = qemu.unwrap_or_else(|| panic!("no QEMU among the children {children:?}"));
    Pid::from_raw(qemu.parse().unwrap()).unwrap()
}
