//! A machine that waits for gdb, asked by a small client of gdb's protocol; KVM where this computer has it; and
//! `harness watch`.

#[path = "support/dispositions.rs"]
mod dispositions;
#[path = "desk/page.rs"]
mod page;
mod support;
#[path = "desk/watch.rs"]
mod watch;
#[path = "desk/watching.rs"]
mod watching;
#[path = "desk/workspace.rs"]
mod workspace;

use harness::judge::event::Event;
use harness::judge::observer::{Beginning, Observer};
use harness::judge::verdict::Verdict;
use harness::machine::audit::{Gdb, Stop};
use harness::{Arch, Project, Report, Request};
use object::{Object, ObjectSymbol};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What an observer heard.
enum Heard {
    Records(PathBuf),
    Waits(String),
    GoesOn(String),
}

struct Told(Sender<Heard>);

impl Told {
    fn tell(&self, heard: Heard) {
        let _ = self.0.send(heard); // the test may have seen enough
    }
}

impl Observer for Told {
    fn begins(&mut self, run: &Beginning<'_>) {
        self.tell(Heard::Records(run.records.to_owned()));
    }

    fn event(&mut self, _: Duration, _: &Event<'_>) {}

    fn waits_for_gdb(&mut self, command: &str) {
        self.tell(Heard::Waits(command.to_owned()));
    }

    fn goes_on(&mut self, verdict: &Verdict) {
        self.tell(Heard::GoesOn(verdict.kind().to_owned()));
    }
}

/// A run that waits for gdb.
struct Debugged {
    run: JoinHandle<Result<Report, harness::Error>>,
    heard: Receiver<Heard>,
    records: PathBuf,
    command: String,
    _folder: tempfile::TempDir,
}

impl Debugged {
    fn start(request: impl FnOnce(Request) -> Request, scenario: &str, arch: Arch) -> Self {
        let project = Project::new(support::root());
        let folder = tempfile::tempdir().unwrap();
        let (tell, heard) = channel();
        let request = request(Request::new(scenario).arch(arch).gdb()).records(folder.path());
        // Shorter than what follows takes: no clock may run.
        let request = request
            .timeout(Duration::from_millis(1))
            .observe(Told(tell));
        let run = std::thread::spawn(move || harness::run(&project, request));
        let (mut records, mut command) = (None, None);
        for heard in heard.iter() {
            match heard {
                Heard::Records(folder) => records = Some(folder),
                Heard::Waits(line) => {
                    command = Some(line);
                    break;
                }
                Heard::GoesOn(_) => {}
            }
        }
        let Some((records, command)) = records.zip(command) else {
            panic!("{:?}", run.join().unwrap());
        };
        Self {
            run,
            heard,
            records,
            command,
            _folder: folder,
        }
    }

    fn socket(&self) -> UnixStream {
        UnixStream::connect(self.records.join("gdb.sock")).unwrap()
    }

    fn report(self) -> Report {
        self.run.join().unwrap().unwrap()
    }
}

/// The address of the function that tells the guest's story, where the guest is linked.
fn story_of(records: &Path) -> u64 {
    let booted = fs::read_to_string(records.join("run.json")).unwrap();
    let booted: serde_json::Value = serde_json::from_str(&booted).unwrap();
    let guest = fs::read(booted["guest"]["file"].as_str().unwrap()).unwrap();
    let guest = object::File::parse(&*guest).unwrap();
    let mut symbols = guest.symbols();
    let story = symbols.find(|symbol| {
        symbol
            .name()
            .is_ok_and(|name| name.contains("7gkernel5story5story"))
    });
    story.expect("the guest has its symbols").address()
}

async fn value(gdb: &mut Gdb, register: &str) -> u64 {
    let mut values = gdb.read_registers(&[register]).await.unwrap();
    values
        .pop()
        .unwrap()
        .unwrap()
        .expect("there is such a register")
}

/// Stops at a function of the guest, and lets the run come to its verdict.
fn breaks_in_its_guest(arch: Arch) {
    let debugged = Debugged::start(|request| request, "gkernel", arch);
    let story = story_of(&debugged.records);
    let script = fs::read_to_string(debugged.records.join("gdb.txt")).unwrap();
    let lines: Vec<_> = script.lines().collect();
    assert!(lines.contains(&"target remote gdb.sock"), "{script}");
    assert_eq!(script.matches("\nadd-symbol-file ").count(), 2, "{script}");
    let paste = format!("cd {} && ", debugged.records.display());
    assert!(
        debugged.command.starts_with(&paste) && debugged.command.ends_with(" -x gdb.txt"),
        "{}",
        debugged.command
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = debugged.socket();
        socket.set_nonblocking(true).unwrap();
        let mut gdb = Gdb::new(tokio::net::UnixStream::from_std(socket).unwrap());
        gdb.describe().await.unwrap();
        let pc = if arch == Arch::X86_64 { "rip" } else { "pc" };
        let console = fs::read(debugged.records.join("console.raw")).unwrap();
        assert_eq!(console, b"", "it stands before its first instruction");
        gdb.breakpoint(true, story).await.unwrap();
        gdb.go().await.unwrap();
        assert_eq!(
            Stop::parse(&gdb.packet().await.unwrap()),
            Some(Stop::Signal(5))
        );
        assert_eq!(value(&mut gdb, pc).await, story, "{arch}");
        gdb.breakpoint(false, story).await.unwrap();
        gdb.go().await.unwrap();
        // To its end: the connection closes, or says that it is gone.
        while gdb.packet().await.is_ok() {}
    });
    let report = debugged.report();
    report.assert_passed();
    for note in [
        "not audited: gdb has QEMU's only stub",
        "gdb was waited for: no clock ran",
    ] {
        assert!(
            report.notes.iter().any(|said| said == note),
            "{:?}",
            report.notes
        );
    }
    assert!(report.audit.is_none());
}

#[test]
fn gdb_breaks_at_a_function_of_the_guest_on_riscv64() {
    breaks_in_its_guest(Arch::Riscv64);
}

#[test]
fn gdb_breaks_at_a_function_of_the_guest_on_aarch64() {
    breaks_in_its_guest(Arch::Aarch64);
}

#[test]
fn gdb_breaks_at_a_function_of_the_guest_on_x86_64() {
    breaks_in_its_guest(Arch::X86_64);
}

/// A packet of gdb's protocol, and its answer up to the end of a packet.
fn ask(stub: &mut UnixStream, packet: &str) {
    let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
    stub.write_all(format!("+${packet}#{sum:02x}").as_bytes())
        .unwrap();
}

#[test]
fn a_machine_that_gdb_kills_is_no_verdict_on_its_guest() {
    let debugged = Debugged::start(|request| request, "gkernel", Arch::X86_64);
    let mut stub = debugged.socket();
    ask(&mut stub, "k");
    let report = debugged.report();
    assert_eq!(report.exit_code, 4, "{}", report.text);
    assert!(
        report.text.contains("gdb ended the machine"),
        "{}",
        report.text
    );
}

/// What the guest does after the verdict can still be looked at.
#[test]
fn the_machine_stays_for_gdb_after_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("forbids.toml");
    let usual = fs::read_to_string(support::root().join("tests/scenarios/gkernel.toml")).unwrap();
    fs::write(&scenario, usual + "\n[[forbid]]\npattern = '^arch = '\n").unwrap();
    let debugged = Debugged::start(|request| request, scenario.to_str().unwrap(), Arch::X86_64);
    let mut stub = debugged.socket();
    ask(&mut stub, "c");
    let verdict = debugged.heard.iter().find_map(|heard| match heard {
        Heard::GoesOn(verdict) => Some(verdict),
        _ => None,
    });
    assert_eq!(verdict.as_deref(), Some("forbidden-output"));
    // It still answers, or has ended by itself by now; both let gdb see what it wants.
    drop(stub.write_all(&[3]));
    let mut answer = [0; 1];
    assert!(stub.read(&mut answer).is_ok());
    ask(&mut stub, "k");
    let report = debugged.report();
    assert_eq!(report.verdict.kind(), "forbidden-output");
}

/// KVM where this computer has it: the report says so, and what cannot be had then. Elsewhere: why not.
#[test]
fn kvm_runs_a_machine_or_says_why_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().to_str().unwrap();
    let run = [
        "run",
        "--arch",
        "x86_64",
        "--accel",
        "kvm",
        "--records",
        records,
    ];
    let ran = support::harness(&[&run[..], &["--format", "json"]].concat());
    let report = ran.json();
    let text = report["text"].as_str().unwrap();
    if report["accelerator"].is_null() {
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        assert!(
            text.contains("KVM is asked for, and cannot be used: "),
            "{text}"
        );
        return;
    }
    // Whether its guest has SVM there is the computer's business; what ran is told either way.
    assert_eq!(report["accelerator"], "kvm", "{ran:#?}");
    let notes = report["notes"].to_string();
    for note in [
        "not audited: under KVM",
        "not compared with QEMU's log: under KVM",
    ] {
        assert!(notes.contains(note), "{notes}");
    }
    assert!(report["witness"].is_null() && report["audit"].is_null());
}
