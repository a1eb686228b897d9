//! Runs of a machine that is scripted here, in a time that passes only when all wait for it. So
//! every order of data, ends, clocks and stops of the harness's own can be had, and takes no time.

mod attended;
mod orders;

use super::scripted::Act::{self, *};
use super::scripted::{MS, Machine, say};
use super::*;
use crate::judge::accounts::{Expected, Wanted};
use crate::judge::verdict::EndKind;
use crate::judge::witness::Format;
use crate::judge::{By, HvExpected, Known, Lines, Step, Story, StorySpec};
use crate::project::Project;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::sleep;

pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn story() -> Story {
    let step = |name: &str, pattern: &str| Step {
        name: name.into(),
        pattern: pattern.into(),
        near: Some(format!("^{name}")),
        by: Some(By::Guest),
        unique: true,
        optional: false,
        count: 1,
        within: None,
        after: Vec::new(),
    };
    Story::of(StorySpec {
        strands: Vec::new(),
        results: Vec::new(),
        steps: vec![
            step("one", "^one$"),
            step("loaded", r"^loaded \d{5} bytes$"),
        ],
        forbidden: Vec::new(),
        end: EndKind::Shutdown,
        hv: HvExpected {
            lines: Lines::Ignored,
            ..HvExpected::of(EndKind::Shutdown)
        },
        audit: None,
        known: Known::default(),
        witness: Some(Expected {
            hypercall: Some(Wanted {
                min: 0,
                max: 3,
                gpa: None,
                va: None,
                access: None,
            }),
            ..Expected::default()
        }),
    })
    .unwrap()
}

/// What came of a run.
struct Ran {
    verdict: Verdict,
    last_lines: Vec<String>,
    notes: Vec<String>,
    /// To the verdict, in the machine's time.
    took: Duration,
    /// To the end of the machine.
    lasted: Duration,
    /// The verdict of the records alone.
    again: Option<Verdict>,
    log: String,
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

pub(super) fn launch() -> Launch {
    Launch {
        program: "qemu".into(),
        oldest: (7, 2),
        args: Vec::new(),
        accelerator: None,
        folder: "/no/such/folder".into(),
        witness: Some(Format::RiscvTrap),
        firmware: None,
        audit: None,
        typed: Vec::new(),
        gdb: None,
    }
}

fn run_with(limits: Limits, script: Vec<Act>) -> Ran {
    run_of(&launch(), limits, script)
}

fn run_of(launch: &Launch, limits: Limits, script: Vec<Act>) -> Ran {
    let nobody = std::future::ready(());
    attended_run_beside(launch, limits, None, script, nobody)
}

/// The same, with a typist at the console who does what a person beside the run wants.
fn attended_run_beside(
    launch: &Launch,
    limits: Limits,
    typist: Option<Typist>,
    script: Vec<Act>,
    person: impl Future<Output = ()> + 'static,
) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let story = story();
    let mut dir = RunDir::create(&Project::new(folder.path()), None, "x").unwrap();
    let (finished, lasted) = runtime().block_on(async {
        let began = Instant::now();
        let (machine, qemu) = Machine::new();
        let playing = tokio::spawn(machine.play(script));
        let beside = tokio::task::LocalSet::new();
        beside.spawn_local(person);
        let started = Started {
            qemu,
            version: "10".into(),
            accelerator: None,
            said: Vec::new(),
        };
        let trial = Trial::of_run(&story, "nonce");
        let mut nobody = |_, _: &Event<'_>| {};
        let run = go(
            started,
            launch,
            trial,
            limits,
            typist,
            &mut dir,
            &mut nobody,
        );
        let finished = beside.run_until(run).await;
        playing.abort();
        (finished.unwrap(), began.elapsed())
    });
    let path = dir.path().to_owned();
    drop(dir);
    let mut again = Trial::of_run(&story, "nonce");
    let events = std::fs::read(path.join(records::EVENTS)).unwrap();
    again.replay_events(&events[..]).unwrap();
    Ran {
        verdict: finished.trial.verdict().unwrap().clone(),
        last_lines: finished.trial.last_lines().map(str::to_owned).collect(),
        notes: finished.notes,
        took: finished.duration,
        lasted,
        again: again.verdict().cloned(),
        log: std::fs::read_to_string(path.join("witness.log")).unwrap_or_default(),
    }
}

fn run(script: Vec<Act>) -> Ran {
    let limits = Limits {
        timeout: TIMEOUT,
        silence: None,
    };
    let ran = run_with(limits, script);
    assert_eq!(ran.again.as_ref(), Some(&ran.verdict), "judged again");
    ran
}

pub(super) const ALL: &str = "one\nloaded 21248 bytes\n";

#[test]
fn a_whole_story_passes() {
    let ran = run(vec![say(ALL), Exits(3), Off, Die(0)]);
    assert_eq!(ran.verdict, Verdict::Pass);
    assert_eq!(ran.log.lines().count(), 3);
    assert_eq!(ran.notes, [""; 0]);
}

#[test]
fn a_text_is_typed_once_its_step_was_reached() {
    let limits = Limits {
        timeout: TIMEOUT,
        silence: None,
    };
    let typed = |after: &str, text: &str| Typed {
        after: after.into(),
        text: text.into(),
    };
    let long = "x".repeat(3 << 20); // more than the line takes at once
    let launch = Launch {
        typed: vec![
            typed("loaded", "never"),
            typed("one", "hello\n"),
            typed("one", &long),
        ],
        ..launch()
    };
    let heard = format!("hello\n{long}");
    let loaded = say("loaded 21248 bytes\n");
    let script = vec![Wait(5), say("one\n"), Hear(heard), loaded, Off, Die(0)];
    let ran = run_of(&launch, limits, script);
    assert_eq!(ran.verdict, Verdict::Pass);
    assert_eq!(ran.again, Some(Verdict::Pass), "typing decides nothing");
}

#[test]
fn half_a_line_is_shown_and_not_judged_when_a_clock_runs_out() {
    let ran = run(vec![say("one\nloaded 212")]);
    assert!(
        matches!(ran.verdict, Verdict::Timeout { .. }),
        "{:?}",
        ran.verdict
    );
    assert_eq!(ran.last_lines, ["one", "loaded 212"]);
    assert_eq!(ran.took, TIMEOUT);
}

#[test]
fn half_a_line_is_not_judged_when_qemu_goes_by_itself() {
    let ran = run(vec![say("one\nloaded 212"), Die(6)]);
    assert!(
        matches!(ran.verdict, Verdict::EarlyExit { .. }),
        "{:?}",
        ran.verdict
    );
    assert_eq!(ran.last_lines, ["one", "loaded 212"]);
    let ran = run(vec![say("one\nloaded 212"), Die(9)]);
    assert_eq!(ran.verdict.exit_code(), 4, "{:?}", ran.verdict);
}

#[test]
fn what_is_there_counts_more_than_a_clock() {
    // All comes in the very moment in which the clock runs out.
    let ran = run(vec![Wait(2000), say(ALL), Off, Die(0)]);
    assert_eq!(ran.verdict, Verdict::Pass);
    let ran = run(vec![Wait(2001), say(ALL), Off, Die(0)]);
    assert!(
        matches!(ran.verdict, Verdict::Timeout { .. }),
        "{:?}",
        ran.verdict
    );
}

#[test]
fn a_stop_of_the_harness_is_not_the_machines_time() {
    for machine_goes_on in [true, false] {
        let mut script = vec![say("one\n"), Wait(1000), Stop(3000)];
        if !machine_goes_on {
            script.push(Wait(900));
        }
        script.extend([say("loaded 21248 bytes\n"), Off, Die(0)]);
        let ran = run(script);
        assert_eq!(ran.verdict, Verdict::Pass);
        assert!(
            ran.notes[0].contains("stopped for 3.0 s")
                || ran.notes[0].contains("stopped for 2.9 s"),
            "{:?}",
            ran.notes
        );
    }
    let ran = run(vec![say("one\n"), Wait(1000), Stop(3000), Wait(1100)]);
    assert!(
        matches!(ran.verdict, Verdict::Timeout { .. }),
        "{:?}",
        ran.verdict
    );
    assert!(ran.took < Duration::from_millis(5110), "{:?}", ran.took);
}

#[test]
fn a_stop_counts_for_no_other_clock_either() {
    let limits = Limits {
        timeout: 10 * TIMEOUT,
        silence: Some(TIMEOUT),
    };
    let ends = [say("loaded 21248 bytes\n"), Off, Die(0)];
    let script = [
        &[say("one\n"), Wait(500), Stop(5000), Wait(1000)],
        &ends[..],
    ]
    .concat();
    assert_eq!(run_with(limits, script).verdict, Verdict::Pass);
    // Nor for the time that a machine may take to let go of its connections.
    let script = vec![
        say("one\n"),
        Off,
        Wait(10),
        Stop(5000),
        Wait(100),
        say("loaded 21248 bytes\n"),
        Die(0),
    ];
    assert_eq!(run(script).verdict, Verdict::Pass);
}

#[test]
fn more_exits_than_the_scenario_allows_end_the_run_at_once() {
    let ran = run(vec![
        say("one\n"),
        Exits(3),
        Wait(100),
        Exits(1),
        Wait(1800),
        say(ALL),
        Off,
    ]);
    let Verdict::WitnessDisagrees { because } = &ran.verdict else {
        panic!("{:?}", ran.verdict);
    };
    assert_eq!(because.len(), 1, "{because:?}");
    assert!(
        because[0].starts_with("hypercall: the scenario wants 0 to 3, QEMU logged 4"),
        "{because:?}"
    );
    assert_eq!(ran.took, 100 * MS);
}

#[test]
fn who_killed_qemu_decides_whose_fault_it_is() {
    for (signal, code) in [
        (9, 4),
        (15, 4),
        (1, 4),
        (24, 4),
        (25, 4),
        (4, 1),
        (6, 1),
        (11, 1),
    ] {
        let ran = run(vec![say("one\n"), Die(signal)]);
        assert_eq!(
            ran.verdict.exit_code(),
            code,
            "signal {signal}: {:?}",
            ran.verdict
        );
    }
    // Whoever kills it when the machine has ended changes nothing.
    assert_eq!(
        run(vec![say(ALL), Off, Wait(1), Die(9)]).verdict,
        Verdict::Pass
    );
    assert_eq!(
        run(vec![say(ALL), Off, DieButHold(9)]).verdict,
        Verdict::Pass
    );
}

// ---- before the machine runs

/// A QEMU that greets after a while, and what it is taken for.
fn started(after: u64, timeout: Duration) -> (Result<String, Error>, Duration) {
    runtime().block_on(async {
        let (Machine { qmp, serial, log, status }, qemu) = Machine::new();
        let greeting = async move {
            sleep(after as u32 * MS).await;
            let mut qmp = BufReader::new(qmp);
            let text = r#"{"QMP": {"version": {"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""}}}"#;
            let _ = qmp.write_all(format!("{text}\n").as_bytes()).await;
            let _ = qmp.read_line(&mut String::new()).await;
            let _ = qmp.write_all(b"{\"return\": {}}\n").await;
            let _ = qmp.read_line(&mut String::new()).await;
            let answer = "{\"return\": {\"enabled\": false, \"present\": true}}\n";
            let _ = qmp.write_all(answer.as_bytes()).await;
            std::future::pending::<()>().await;
        };
        let playing = tokio::spawn(greeting);
        let start = Instant::now();
        let result = start::take_over(qemu, &launch(), timeout).await;
        playing.abort();
        drop((serial, log, status));
        let said = result.map(|started| {
            assert_eq!(started.accelerator, Some(Accelerator::Tcg));
            started.version
        });
        (said, start.elapsed())
    })
}

#[test]
fn a_qemu_that_is_slow_to_start_is_waited_for_as_long_as_the_run_may_take() {
    let (version, took) = started(12_000, 120 * 1000 * MS);
    assert_eq!(version.unwrap(), "10.0.2");
    assert_eq!(took, 12_000 * MS);
    let (error, took) = started(200_000, 120 * 1000 * MS);
    let error = error.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(
        error
            .to_string()
            .contains("said nothing on its control connection for 120 s"),
        "{error}"
    );
    assert!(took < 121_000 * MS, "{took:?}");
}
