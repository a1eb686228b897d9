//! Audited runs in virtual time: whatever the stub does, the run ends, by its own clocks at the latest.

mod stub;

use super::super::scripted::Act::{self, *};
use super::super::scripted::{MS, Machine, say};
use super::super::tests::{ALL, TIMEOUT, launch, runtime, story};
use super::super::*;
use crate::arch::Arch;
use crate::judge::audit::{Moment, Snapshot};
use crate::judge::event::Record;
use crate::machine::audit::{AuditPlan, Auditor};
use crate::project::Project;
use stub::{Peer, Stub};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::{oneshot, watch};

/// What came of a run.
struct Ran {
    outcome: Result<Verdict, Error>,
    snapshots: Vec<Snapshot>,
    notes: Vec<String>,
    took: Duration,
}

impl Ran {
    fn gaps(&self) -> Vec<&str> {
        let gaps = self.snapshots.iter().flat_map(|snapshot| &snapshot.gaps);
        gaps.map(String::as_str)
            .filter(|gap| gap.contains("the audit"))
            .collect()
    }

    fn moments(&self) -> Vec<String> {
        let moments = self.snapshots.iter().map(|snapshot| match &snapshot.at {
            Moment::Exits { count } => format!("{count} exits"),
            Moment::Step { name } => name.clone(),
            Moment::Time { seconds } => format!("{seconds:.1} s"),
            other => format!("{other:?}"),
        });
        moments.collect()
    }
}

fn plan(every: Option<Duration>) -> AuditPlan {
    AuditPlan {
        arch: Arch::Riscv64,
        entries: Vec::new(),
        releases: Vec::new(),
        every,
        registers: Vec::new(),
        image: Vec::new(),
        texts: Vec::new(),
        ram: None,
    }
}

/// A run whose machine acts once it was set going: by gdb, or else over the control connection.
fn run_by(plan: AuditPlan, peer: Peer, script: Vec<Act>, answer: &'static str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let story = story();
    let mut dir = RunDir::create(&Project::new(folder.path()), None, "x").unwrap();
    let (outcome, took) = runtime().block_on(async {
        let start = Instant::now();
        let (mut machine, mut qemu) = Machine::new();
        let (gdb, stream) = duplex(64 << 10);
        let (went, goes) = oneshot::channel();
        let mut log = None;
        if let Peer::LogsFirst(bytes) = peer {
            let (ours, theirs) = duplex(bytes / 3);
            qemu.log = crate::machine::stream::Stream::of(theirs);
            // The script's exits come first.
            let mut ours = ours;
            ours.write_all(EXIT.as_bytes()).await.unwrap();
            log = Some(ours);
        }
        let stub = Stub {
            stream,
            peer: peer.clone(),
            went: Some(went),
            status: machine.status.clone(),
            log,
            answered: None,
            runs: false,
            stops: 0,
            watched: false,
            at_vector: false,
        };
        qemu.auditor = Some(Auditor::start(gdb, None, &plan));
        let serving = tokio::spawn(stub.serve());
        let playing = tokio::spawn(async move {
            let mut command = String::new();
            let mut qmp = BufReader::new(&mut machine.qmp);
            tokio::select! {
                Ok(()) = goes => {}
                _ = qmp.read_line(&mut command) => {
                    assert!(command.contains("cont"), "{command}");
                    qmp.write_all(answer.as_bytes()).await.unwrap();
                }
            }
            if peer != Peer::NeverGoes {
                let event = "{\"event\": \"RESUME\"}\n";
                machine.qmp.write_all(event.as_bytes()).await.unwrap();
            }
            let (qmp, events) = duplex(64 << 10);
            let theirs = std::mem::replace(&mut machine.qmp, qmp);
            let answers = !matches!(peer, Peer::Ends(_) | Peer::Dies(..));
            tokio::join!(machine.act(script), control(theirs, events, answers));
        });
        let started = Started {
            qemu,
            version: "10".into(),
            accelerator: None,
            said: Vec::new(),
        };
        let trial = Trial::of_run(&story, "nonce");
        let limits = Limits {
            timeout: TIMEOUT,
            silence: None,
        };
        let launch = launch();
        let mut nobody = |_, _: &Event<'_>| {};
        let finished = go(started, &launch, trial, limits, None, &mut dir, &mut nobody).await;
        playing.abort();
        serving.abort();
        match finished {
            Ok(finished) => (
                Ok(finished.trial.verdict().unwrap().clone()),
                finished.duration,
            ),
            Err(error) => (Err(error), start.elapsed()),
        }
    });
    let path = dir.path().to_owned();
    drop(dir);
    let events = std::fs::read_to_string(path.join(records::EVENTS)).unwrap();
    let (mut snapshots, mut notes) = (Vec::new(), Vec::new());
    for line in events.lines() {
        match serde_json::from_str::<Record<'_>>(line).unwrap().event {
            Event::Audit(snapshot) => snapshots.push(*snapshot),
            Event::Note { text, .. } => notes.push(text.into_owned()),
            _ => {}
        }
    }
    Ran {
        outcome,
        snapshots,
        notes,
        took,
    }
}

/// QEMU's side of its control connection: hands its events on, and says how the machine does, if it still answers.
async fn control(qmp: DuplexStream, events: DuplexStream, answers: bool) {
    let (commands, mut qmp) = tokio::io::split(qmp);
    let (mut commands, mut events) = (
        BufReader::new(commands).lines(),
        BufReader::new(events).lines(),
    );
    loop {
        let line = tokio::select! {
            Ok(Some(event)) = events.next_line() => event,
            Ok(Some(command)) = commands.next_line() => {
                if !(answers && command.contains("query-status")) {
                    continue;
                }
                "{\"return\": {\"status\": \"running\", \"running\": true}}".into()
            }
            else => return,
        };
        let _ = qmp.write_all(format!("{line}\n").as_bytes()).await;
    }
}

const EXIT: &str = "riscv_trap hart:0, async:0, cause:10, epc:0x0, tval:0x0, desc=x\n";

fn run(peer: Peer, script: Vec<Act>) -> Ran {
    run_by(plan(None), peer, script, "{\"return\": {}}\n")
}

/// The guest's first exit, upon which the machine is read; then all the rest.
fn script() -> Vec<Act> {
    vec![
        Wait(10),
        Exits(1),
        Wait(10),
        say(ALL),
        Wait(600),
        Off,
        Die(0),
    ]
}

#[test]
fn a_machine_is_read_at_exits_and_steps_and_that_is_no_remark() {
    let ran = run(Peer::Good, script());
    assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass);
    assert_eq!(ran.moments(), ["1 exits", "one", "loaded"]);
    assert_eq!(ran.snapshots[0].regions.len(), 1);
    assert!(ran.snapshots[1].regions.is_empty());
    assert!(
        ran.snapshots
            .iter()
            .all(|snapshot| snapshot.registers.contains_key("hgatp"))
    );
    let of_the_audit = |note: &String| note.contains("STOP") || note.contains("RESUME");
    assert!(!ran.notes.iter().any(of_the_audit), "{:?}", ran.notes);
    assert_eq!(ran.gaps(), [""; 0]);
}

#[test]
fn a_machine_that_stands_in_its_guest_is_confined_by_what_it_holds() {
    let ran = run(Peer::InGuest(0), script());
    let moments = ["1 exits", "one", "loaded"];
    assert_eq!(ran.moments(), moments);
    assert!(
        ran.snapshots
            .iter()
            .all(|snapshot| snapshot.at_entry && snapshot.in_guest)
    );
    let ran = run(Peer::Good, script());
    assert_eq!(ran.moments(), moments);
    assert!(
        !ran.snapshots
            .iter()
            .any(|snapshot| snapshot.at_entry || snapshot.in_guest)
    );
}

/// Of a hypervisor on Arm that sets HCR_EL2.VM for each turn, no stop at any other place shows what confines the guest.
#[test]
fn a_guest_whose_tables_are_loaded_for_a_turn_is_met_where_it_exits() {
    let arm = AuditPlan {
        arch: Arch::Aarch64,
        ..plan(None)
    };
    let ran = run_by(arm, Peer::AtVectors, script(), "{\"return\": {}}\n");
    assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass);
    let met = ran.snapshots.iter().filter(|snapshot| snapshot.at_entry);
    let met: Vec<_> = met.collect();
    assert!(!met.is_empty(), "{:?}", ran.snapshots);
    assert!(
        met.iter()
            .all(|snapshot| snapshot.registers["HCR_EL2"] == 1)
    );
}

#[test]
fn a_guest_that_was_not_met_is_looked_for_again() {
    let ran = run(Peer::InGuest(3), script());
    assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass);
    assert_eq!(ran.moments(), ["1 exits", "0.0 s", "one", "loaded"]);
    let in_guest = ran.snapshots.iter().map(|snapshot| snapshot.in_guest);
    assert_eq!(in_guest.collect::<Vec<_>>(), [false, true, true, true]);
    // For a while, and what is found in vain is nothing to keep.
    let ran = run(Peer::InGuest(usize::MAX), vec![Wait(10), Exits(1)]);
    assert!(matches!(ran.outcome, Ok(Verdict::Timeout { .. })));
    assert_eq!(ran.moments(), ["1 exits"]);
}

#[test]
fn the_memory_map_is_read_again_and_kept_where_it_has_changed() {
    let ran = run_by(
        plan(Some(300 * MS)),
        Peer::NewDevice(20),
        vec![Exits(1)],
        "",
    );
    let maps = ran.snapshots.iter().map(|snapshot| snapshot.regions.len());
    let maps: Vec<_> = maps.filter(|&regions| regions > 0).collect();
    assert_eq!(maps, [1, 2], "{:?}", ran.moments());
}

#[test]
fn a_machine_is_read_every_so_often_while_the_run_lasts() {
    let every = Some(300 * MS);
    let ran = run_by(plan(every), Peer::Good, vec![Wait(100), Exits(1)], "");
    assert!(matches!(ran.outcome, Ok(Verdict::Timeout { .. })));
    let times = [
        "1 exits", "0.3 s", "0.6 s", "0.9 s", "1.2 s", "1.5 s", "1.8 s",
    ];
    assert_eq!(ran.moments(), times);
}

#[test]
fn qemu_may_die_while_its_machine_is_read() {
    for after in [0, 1, 3] {
        for (status, code) in [(6, 1), (9, 4)] {
            // The script itself hangs.
            let ran = run(Peer::Dies(after, status), vec![Exits(1)]);
            let verdict = ran.outcome.as_ref().unwrap();
            assert_eq!(verdict.exit_code(), code, "{verdict:?}");
            assert_eq!(ran.gaps(), [""; 0], "its death says enough");
            assert!(ran.took < TIMEOUT, "{:?}", ran.took);
        }
    }
}

#[test]
fn a_connection_that_closes_early_is_a_gap() {
    for after in [0, 1, 3] {
        let ran = run(Peer::Closes(after), script());
        assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass, "for now");
        let gaps = ran.gaps();
        assert!(
            gaps.len() == 1 && gaps[0].contains("before the machine did"),
            "{gaps:?}"
        );
        // And where the machine was left standing, the run's clock ends it.
        let ran = run(Peer::Closes(after), vec![Exits(1)]);
        assert!(matches!(ran.outcome, Ok(Verdict::Timeout { .. })));
        assert_eq!((ran.gaps().len(), ran.took), (1, TIMEOUT));
    }
}

#[test]
fn a_connection_that_closes_since_qemu_ends_is_no_gap_however_late_that_is_read() {
    for after in [0, 1, 3] {
        let ran = run(Peer::Ends(after), script());
        assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass);
        assert_eq!(ran.gaps(), [""; 0]);
    }
}

#[test]
fn rubbish_is_a_gap_and_the_machine_is_let_go() {
    for after in [0, 1, 3] {
        let ran = run(Peer::Rubbish(after), script());
        assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass, "for now");
        let gaps = ran.gaps();
        assert!(
            gaps.len() == 1 && gaps[0].contains("does not speak"),
            "{gaps:?}"
        );
    }
}

#[test]
fn a_machine_that_never_stops_is_the_run_clocks_business() {
    let ran = run(Peer::NeverStops, vec![Exits(1)]);
    assert!(matches!(ran.outcome, Ok(Verdict::Timeout { .. })));
    assert_eq!(ran.took, TIMEOUT);
    let ran = run(Peer::NeverStops, script());
    assert_eq!(ran.outcome.unwrap(), Verdict::Pass, "for now");
}

#[test]
fn a_full_log_is_taken_while_the_machine_is_stopped() {
    let script = vec![Wait(10), say(ALL), Wait(10), Off, Die(0)];
    let ran = run(Peer::LogsFirst(3 << 20), script);
    assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass);
    assert_eq!(ran.moments()[0], "1 exits");
}

#[test]
fn a_stub_that_refuses_is_a_gap_and_the_machine_goes_all_the_same() {
    for start in ["qXfer", "Qqemu"] {
        let ran = run(Peer::Refuses(start), script());
        assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass, "for now");
        let gaps = ran.gaps();
        assert!(gaps.len() == 1 && gaps[0].contains("E22"), "{gaps:?}");
    }
    // What is refused later is a gap of that snapshot.
    let ran = run(Peer::Refuses("p"), script());
    assert_eq!(ran.outcome.as_ref().unwrap(), &Verdict::Pass, "for now");
    assert!(
        ran.snapshots[0].gaps[0].contains("E22"),
        "{:?}",
        ran.snapshots[0].gaps
    );
}

#[test]
fn a_machine_that_does_not_go_is_the_set_ups_fault() {
    let refusal = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n";
    let ran = run_by(plan(None), Peer::Refuses("qXfer"), Vec::new(), refusal);
    let error = ran.outcome.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(
        error
            .to_string()
            .contains("did not start its machine: not now"),
        "{error}"
    );
    let ran = run(Peer::NeverGoes, Vec::new());
    let error = ran.outcome.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(
        error.to_string().contains("did not go when gdb told it to"),
        "{error}"
    );
    // And some time for QEMU's last words.
    assert!(
        (TIMEOUT..TIMEOUT + 500 * MS).contains(&ran.took),
        "{:?}",
        ran.took
    );
}
