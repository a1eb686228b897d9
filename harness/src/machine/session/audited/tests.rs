//! Audited runs in virtual time: whatever the stub does, the run ends, by its own clocks at the latest.

use super::super::scripted::Act::{self, *};
use super::super::scripted::{MS, Machine, say};
use super::super::tests::{ALL, TIMEOUT, launch, runtime, story};
use super::super::*;
use crate::arch::Arch;
use crate::judge::audit::{Moment, Snapshot};
use crate::judge::event::Record;
use crate::machine::audit::{AuditPlan, Auditor};
use crate::project::Project;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::{oneshot, watch};

/// What the stub does when it is asked to stop the machine.
#[derive(Debug, Clone, PartialEq)]
enum Peer {
    /// What it is asked for.
    Good,
    /// Nothing.
    NeverStops,
    /// Is closed after so many answers.
    Closes(usize),
    /// Answers with no packet after so many.
    Rubbish(usize),
    /// QEMU ends with that status after so many answers.
    Dies(usize, i32),
    /// QEMU logs so many bytes before it answers, and the pipe takes but a third of that at once.
    LogsFirst(usize),
    /// Refuses what begins so.
    Refuses(&'static str),
    /// Says that it has set the machine going, and does not.
    NeverGoes,
}

/// A gdb stub.
struct Stub {
    stream: DuplexStream,
    peer: Peer,
    went: Option<oneshot::Sender<()>>,
    status: watch::Sender<Option<i32>>,
    log: Option<DuplexStream>,
    /// How many answers it has given since the machine was stopped first.
    answered: Option<usize>,
    runs: bool,
}

impl Stub {
    async fn serve(mut self) {
        let mut buffer = [0; 4096];
        let mut arrived = Vec::new();
        loop {
            let Ok(length @ 1..) = self.stream.read(&mut buffer).await else {
                return;
            };
            arrived.extend_from_slice(&buffer[..length]);
            while !arrived.is_empty() {
                if self.runs {
                    // Any byte stops a machine that runs, but nobody should send another than this.
                    assert_eq!(arrived.remove(0), 3);
                    if !self.stop().await {
                        return std::future::pending().await;
                    }
                    continue;
                }
                let Some(end) = arrived.iter().position(|&byte| byte == b'#') else {
                    break;
                };
                if arrived.len() < end + 3 {
                    break;
                }
                let packet: Vec<_> = arrived.drain(..end + 3).collect();
                let start = packet.iter().position(|&byte| byte == b'$').unwrap();
                let question = String::from_utf8(packet[start + 1..end].to_vec()).unwrap();
                if !self.answer(&question).await {
                    return;
                }
            }
        }
    }

    /// Stops the machine; says whether the script goes on.
    async fn stop(&mut self) -> bool {
        if self.peer == Peer::NeverStops {
            return false;
        }
        if let (Peer::LogsFirst(bytes), Some(log)) = (&self.peer, &mut self.log) {
            log.write_all(&vec![b'\n'; *bytes]).await.unwrap();
        }
        self.runs = false;
        self.answered.get_or_insert(0);
        self.reply("T02thread:01;").await;
        true
    }

    /// Answers; says whether the script goes on.
    async fn answer(&mut self, question: &str) -> bool {
        if let Some(answered) = &mut self.answered {
            *answered += 1;
            match self.peer {
                Peer::Closes(after) if *answered > after => return false,
                Peer::Rubbish(after) if *answered > after => {
                    self.stream.write_all(b"SSH-2.0-rubbish\n").await.unwrap();
                    return std::future::pending().await;
                }
                Peer::Dies(after, status) if *answered > after => {
                    let _ = self.status.send(Some(status));
                    return false;
                }
                _ => {}
            }
        }
        let register = |name| format!("<reg name=\"{name}\" bitsize=\"64\"/>");
        let registers: String = ["pc", "hgatp", "hstatus", "sstatus"].map(register).concat();
        match question {
            refused if matches!(self.peer, Peer::Refuses(start) if refused.starts_with(start)) => {
                self.reply("E22").await;
            }
            "c" => {
                self.runs = true;
                if let Some(went) = self.went.take() {
                    let _ = went.send(());
                }
            }
            file if file.starts_with("qXfer:features:read:target.xml:") => {
                self.reply("l<target><xi:include href=\"r.xml\"/></target>")
                    .await;
            }
            file if file.starts_with("qXfer") => self.reply(&format!("l{registers}")).await,
            read if read.starts_with('p') => self.reply("0000000000000000").await,
            read if read.starts_with('m') => self.reply("E14").await,
            command if command.starts_with("qRcmd,") => {
                let map = "FlatView #0\n AS \"memory\", root: system\n Root memory region: system\n  \
                           0000000080000000-0000000087ffffff (prio 0, ram): ram\n";
                let digits: String = map.bytes().map(|byte| format!("{byte:02x}")).collect();
                self.reply(&format!("O{digits}")).await;
                self.reply("OK").await;
            }
            _ => self.reply("OK").await,
        }
        true
    }

    async fn reply(&mut self, body: &str) {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        let _ = self
            .stream
            .write_all(format!("+${body}#{sum:02x}").as_bytes())
            .await;
    }
}

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
            machine.act(script).await;
        });
        let started = Started {
            qemu,
            version: "10".into(),
            said: Vec::new(),
        };
        let trial = Trial::of_run(&story, "nonce");
        let limits = Limits {
            timeout: TIMEOUT,
            silence: None,
        };
        let launch = launch();
        let mut nobody = |_, _: &Event<'_>| {};
        let finished = go(started, &launch, trial, limits, &mut dir, &mut nobody).await;
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
