//! Matrices of fake machines: what goes wrong in one case must be seen, and must not touch the others.

use crate::bed::{Bed, gone};
use crate::cases::{Act::*, Case, LONG, OFF, ONE, STORY, THREE, TWO, case};
use crate::support::{self, Ran};
use crate::survival::{start, toolchain, until};
use harness::matrix::{Outcome, Results, folder};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The machines.
pub const CASES: &[Case] = &[
    case("matrix_good", &[Boot, ONE, TWO, THREE, OFF], LONG, 0, &[]),
    case(
        "matrix_bad",
        &[Boot, ONE, Say("panicked at x.rs\r\n"), Hang],
        LONG,
        1,
        &[],
    ),
    case(
        "matrix_broken",
        &[Stderr("qemu: cannot open it"), Exit(1)],
        LONG,
        4,
        &[],
    ),
    case(
        "matrix_broken_once",
        &[BreakOnce, Boot, ONE, TWO, THREE, OFF],
        LONG,
        0,
        &[],
    ),
    case("matrix_hanging", &[Boot, ONE, Hang], LONG, 3, &[]),
    case(
        "matrix_waiting",
        &[Boot, ONE, AwaitFile("go"), TWO, THREE, OFF],
        LONG,
        0,
        &[],
    ),
];

/// The tests.
pub const TESTS: &[(&str, fn())] = &[
    ("one_broken_scenario_among_many_is_named", one_among_many),
    ("only_the_set_up_gets_a_second_try", second_try),
    ("a_flaky_case_fails_a_matrix_if_that_is_asked_for", flaky),
    ("after_a_failure_no_more_begin_with_fail_fast", fail_fast),
    ("what_did_not_pass_is_run_again", rerun_failed),
    ("each_case_is_in_one_shard", shards),
    ("a_matrix_of_timeouts_is_exit_3", timeouts),
    (
        "an_interrupted_matrix_leaves_its_results_and_no_machine",
        interrupted,
    ),
    ("a_killed_matrix_leaves_no_machine", killed),
    ("programs_are_built_once_and_before_the_runs", built_once),
    ("a_build_that_fails_begins_no_matrix", build_fails),
    (
        "a_file_that_changes_meanwhile_is_the_set_ups_fault",
        file_changes,
    ),
    ("a_matrix_is_one_json_object_for_programs", as_json),
    ("a_reader_that_goes_away_ends_nothing", reader_goes),
    (
        "a_terminal_shows_the_step_that_each_case_has_reached",
        on_a_terminal,
    ),
];

/// A workspace with scenarios, each of which asks for one of the machines.
struct Suite(Bed);

impl Suite {
    fn new(scenarios: &[(&str, &str)]) -> Self {
        let bed = Bed::new(&CASES[0]).expect("the bed can be made");
        fs::remove_file(bed.at("tests/scenarios/story.toml")).expect("the bed is ours");
        let usual = fs::read_to_string(bed.at("configs/machines/riscv64.toml"));
        let usual = usual.expect("the bed is ours");
        for case in CASES {
            let machine = usual.replace(CASES[0].name, case.name);
            let name = case
                .name
                .strip_prefix("matrix_")
                .expect("they all begin so");
            let file = bed.at("configs/machines").join(format!("{name}.toml"));
            fs::write(file, machine).expect("the bed is ours");
        }
        let suite = Self(bed);
        for (scenario, machine) in scenarios {
            suite.write(scenario, machine);
        }
        suite
    }

    /// Writes a scenario that asks for a machine.
    fn write(&self, scenario: &str, machine: &str) {
        let story = STORY.replace("guest  = \"guest\"", &format!("machine = \"{machine}\""));
        let file = self
            .0
            .at("tests/scenarios")
            .join(format!("{scenario}.toml"));
        fs::write(file, story).expect("the bed is ours");
    }

    /// The command that runs all of them.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_that_builds(args);
        command.arg("--hypervisor").arg(self.0.at("kernel.bin"));
        command
    }

    /// The same, but the hypervisor has to be built.
    fn command_that_builds(&self, args: &[&str]) -> Command {
        let mut command = support::command(&["matrix", "--root"]);
        command.arg(self.0.at(".")).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        let ran = self
            .command(args)
            .output()
            .expect("the harness can be started");
        self.nothing_is_left();
        ran.into()
    }

    /// Where the matrices are.
    fn matrices(&self) -> PathBuf {
        self.0.at("target/harness/matrices")
    }

    /// What came of the newest matrix.
    #[track_caller]
    fn results(&self) -> Results {
        folder::newest(&self.matrices()).expect("one is over").1
    }

    /// The folders of the runs of all matrices.
    fn runs(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        let matrices = entries(&self.matrices()).into_iter();
        matrices
            .flat_map(|matrix| entries(&matrix.join("runs")))
            .collect()
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        for pid in self.0.pids() {
            assert!(gone(&pid), "process {pid} of a machine is still there");
        }
    }
}

/// The cases and what came of them: `a passed, b failed`.
fn outcomes(results: &Results) -> String {
    let words = results
        .cases
        .iter()
        .map(|case| format!("{} {}", case.scenario, case.outcome));
    words.collect::<Vec<_>>().join(", ")
}

/// What is said of the cases that are over, without their times.
fn said(ran: &Ran) -> BTreeSet<String> {
    const WORDS: [&str; 5] = ["PASS ", "FAIL ", "STOPPED ", "FLAKY ", "AGAIN "];
    let lines = ran.stdout.lines().filter(|line| line.contains("::"));
    let lines = lines.filter(|line| WORDS.iter().any(|word| line.starts_with(word)));
    lines
        .map(|line| {
            line.rsplitn(3, ' ')
                .last()
                .expect("a first part")
                .to_owned()
        })
        .collect()
}

fn lines<const N: usize>(lines: [&str; N]) -> BTreeSet<String> {
    lines.map(str::to_owned).into()
}

fn one_among_many() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "good"), ("d", "good")]);
    let ran = suite.run(&["--jobs", "2"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let expected = [
        "PASS a::good",
        "FAIL b::bad",
        "PASS c::good",
        "PASS d::good",
    ];
    assert_eq!(said(&ran), lines(expected));
    for text in [
        "\n  FAIL b on riscv64: ",
        "panicked at x.rs",
        "\n  b @ bad ",
        "\n  and 3 more, which passed (--table shows them)\n",
        "\nFAIL 4 cases: 1 failed, 3 passed, ",
        "again:   ./x matrix --rerun-failed",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing: {ran:#?}");
    }
    assert!(
        !ran.stdout.contains('\x1b'),
        "no terminal is there: {ran:#?}"
    );
    let results = suite.results();
    assert_eq!(outcomes(&results), "a passed, b failed, c passed, d passed");
    // Of a run that passed the images are gone, and the rest is as of any run.
    for case in &results.cases {
        let [attempt] = &case.attempts[..] else {
            panic!("{} was run {} times", case.name, case.attempts.len());
        };
        let run = attempt.report.run_dir.clone().expect("it has a folder");
        assert_eq!(
            run.join("disk.img").is_file(),
            case.outcome == Outcome::Failed
        );
        let again = support::harness(&["judge", &run.to_string_lossy()]);
        assert_eq!(
            again.code,
            Some(attempt.report.exit_code.into()),
            "{again:#?}"
        );
    }
}

fn second_try() {
    let scenarios = [("a", "broken_once"), ("b", "bad"), ("c", "broken")];
    let suite = Suite::new(&scenarios);
    let ran = suite.run(&["--jobs", "1", "--retries", "2"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    let results = suite.results();
    assert_eq!(outcomes(&results), "a flaky, b failed, c set-up");
    let attempts: Vec<_> = results
        .cases
        .iter()
        .map(|case| case.attempts.len())
        .collect();
    assert_eq!(attempts, [2, 1, 3]);
    let folders = results.cases.iter().flat_map(|case| &case.attempts);
    let folders: BTreeSet<_> = folders
        .map(|attempt| attempt.report.run_dir.clone())
        .collect();
    assert_eq!(folders.len(), 6, "each run has a folder");
    assert!(
        folders
            .iter()
            .all(|folder| folder.as_ref().is_some_and(|folder| folder.is_dir()))
    );
    let expected = [
        "AGAIN a::broken_once",
        "AGAIN c::broken",
        "FAIL b::bad",
        "FLAKY a::broken_once",
        "STOPPED c::broken",
    ];
    assert_eq!(said(&ran), lines(expected));
    assert!(ran.stdout.contains("qemu: cannot open it"), "{ran:#?}");
}

fn flaky() {
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    let ran = suite.run(&["--retries", "1"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(
        ran.stdout.contains("\nPASS 2 cases: 1 flaky, 1 passed, "),
        "{ran:#?}"
    );
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    let ran = suite.run(&["--retries", "1", "--flaky", "fail"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a flaky, b passed");
    // It is one of those that are run again then.
    let ran = suite.run(&["--rerun-failed", "--list"]);
    assert_eq!(ran.stdout, "a::broken_once\n");
    // Without a second try it is the set-up's failure.
    let suite = Suite::new(&[("a", "broken_once"), ("b", "good")]);
    assert_eq!(suite.run(&[]).code, Some(4));
}

fn fail_fast() {
    let suite = Suite::new(&[("a", "bad"), ("b", "good"), ("c", "good")]);
    let ran = suite.run(&["--jobs", "1", "--fail-fast"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a failed, b not run, c not run");
    assert_eq!(suite.runs().len(), 1);
    assert!(
        ran.stdout.contains("1 failed, 2 not run, 0 passed"),
        "{ran:#?}"
    );
    // What was not run is still to be run.
    let ran = suite.run(&["--rerun-failed", "--list"]);
    assert_eq!(ran.stdout, "a::bad\nb::good\nc::good\n");
    // What goes on is finished: the one waits until the other has failed.
    let suite = Suite::new(&[("a", "bad"), ("b", "waiting"), ("c", "good")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2", "--fail-fast"]));
    let mut lines = BufReader::new(harness.stdout.take().expect("it is piped")).lines();
    let told = |line: std::io::Result<String>| line.expect("text").starts_with("FAIL a::bad ");
    assert!(lines.any(told));
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    let rest = lines.count();
    assert_eq!(
        harness.wait().expect("it is ours").code(),
        Some(1),
        "{rest} more lines"
    );
    assert_eq!(outcomes(&suite.results()), "a failed, b passed, c not run");
}

fn rerun_failed() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "broken")]);
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr.contains("there is no earlier matrix"),
        "{ran:#?}"
    );
    assert_eq!(suite.run(&[]).code, Some(4));
    suite.write("c", "good");
    // The name of that case has changed with its machine.
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "b failed");
    let ran = suite.run(&["failed() | c", "--list"]);
    assert_eq!(ran.stdout, "b::bad\nc::good\n");
    let mended = fs::read_to_string(suite.0.at("configs/machines/good.toml"));
    fs::write(
        suite.0.at("configs/machines/bad.toml"),
        mended.expect("it is there"),
    )
    .expect("ours");
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let ran = suite.run(&["--rerun-failed"]);
    assert_eq!(ran.code, Some(2), "nothing would be tested: {ran:#?}");
    assert!(
        ran.stderr.contains("there is nothing to run again"),
        "{ran:#?}"
    );
}

fn shards() {
    let scenarios: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| (*name, "good"))
        .collect();
    let suite = Suite::new(&scenarios);
    let part = |shard: &str| {
        let ran = suite.run(&["--shard", shard, "!c"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let results = suite.results();
        let shown = results.shard.expect("it is noted").to_string();
        assert_eq!(shown, shard);
        let names = results.cases.iter().map(|case| case.scenario.clone());
        names.collect::<Vec<_>>()
    };
    let (first, second) = (part("1/2"), part("2/2"));
    assert_eq!((first.len(), second.len()), (2, 2));
    let all: BTreeSet<_> = first.into_iter().chain(second).collect();
    assert_eq!(all, lines(["a", "b", "d", "e"]));
    let ran = suite.run(&["--shard", "6/6"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("part 6/6 is empty, since there are 5 cases"),
        "{ran:#?}"
    );
}

fn timeouts() {
    let suite = Suite::new(&[("a", "good"), ("b", "hanging")]);
    let ran = suite.run(&["--timeout", "300ms"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    suite.write("c", "bad");
    assert_eq!(suite.run(&["--timeout", "300ms"]).code, Some(1));
}

fn interrupted() {
    let suite = Suite::new(&[
        ("a", "good"),
        ("b", "hanging"),
        ("c", "hanging"),
        ("d", "good"),
    ]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    let reached = |text: &str| {
        let events = suite.runs().into_iter().map(|run| run.join("events.jsonl"));
        let mut events = events.filter_map(|file| fs::read_to_string(file).ok());
        events.any(|events| events.contains(text))
    };
    until("a result", || {
        suite
            .runs()
            .iter()
            .any(|run| run.join("verdict.json").is_file())
    });
    // The second of those that hang takes the place of the first that is over.
    until("both machines", || {
        suite.0.pids().len() == 3 && reached("step one")
    });
    kill_process(Pid::from_child(&harness), Signal::INT).expect("it is still there");
    assert_eq!(harness.wait().expect("it is ours").code(), Some(130));
    suite.nothing_is_left();
    let mut said = String::new();
    let stderr = harness.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut said).expect("it is text");
    assert!(said.contains("what was over by then is in "), "{said}");
    assert_eq!(
        outcomes(&suite.results()),
        "a passed, b not run, c not run, d not run"
    );
    let (path, _) = folder::newest(&suite.matrices()).expect("it is over");
    let names = fs::read_dir(path).expect("it is there").flatten();
    let names: BTreeSet<_> = names
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    assert_eq!(names, lines(["kept.json", "matrix.json", "runs"]));
}

fn killed() {
    let suite = Suite::new(&[("b", "hanging"), ("c", "hanging")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    until("both machines", || suite.0.pids().len() == 2);
    kill_process(Pid::from_child(&harness), Signal::KILL).expect("it is still there");
    harness.wait().expect("it is ours");
    suite.nothing_is_left();
    assert!(folder::newest(&suite.matrices()).is_none());
}

/// A cargo that notes what it is to build, and makes it of what the bed has. There is nothing to tell whether anything has
/// changed since, so who asks starts it again.
const CARGO: &str = r#"
while [ $# -gt 0 ]; do
    case $1 in --bin) bin=$2 ;; --target-dir) folder=$2 ;; esac
    shift
done
echo "$bin" >>log
mkdir -p "$folder/none/image"
case $bin in hypervisor) from=kernel.bin ;; *) from=guest.bin ;; esac
cp "$from" "$folder/none/image/$bin"
"#;

fn built_once() {
    let suite = Suite::new(&[]);
    let bed = &suite.0;
    let path = toolchain(bed, CARGO);
    fs::write(bed.at("none"), "").expect("the platform file");
    fs::create_dir_all(bed.at("gkernel/src/bin")).expect("the bed is ours");
    for guest in ["one", "two"] {
        fs::write(bed.at("gkernel/src/bin").join(format!("{guest}.rs")), "").expect("ours");
    }
    for (scenario, guest) in [("a", "one"), ("b", "two"), ("c", "one"), ("d", "two")] {
        let story = STORY.replacen("\"guest\"", &format!("{guest:?}"), 1);
        let file = bed.at("tests/scenarios").join(format!("{scenario}.toml"));
        fs::write(file, story).expect("the bed is ours");
    }
    let mut command = suite.command_that_builds(&["--jobs", "2"]);
    let ran: Ran = command
        .env("PATH", path)
        .output()
        .expect("it starts")
        .into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(suite.results().cases.len(), 4);
    let log = fs::read_to_string(bed.at("log")).expect("cargo was started");
    assert_eq!(log, "hypervisor\none\ntwo\n");
}

fn build_fails() {
    let suite = Suite::new(&[("a", "good")]);
    let path = toolchain(&suite.0, "echo 'error: no such crate' >&2; exit 101");
    fs::write(suite.0.at("none"), "").expect("the platform file");
    let mut command = suite.command_that_builds(&[]);
    let ran: Ran = command
        .env("PATH", path)
        .output()
        .expect("it starts")
        .into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("no such crate"), "{ran:#?}");
    assert!(suite.runs().is_empty() && !suite.matrices().exists());
}

fn file_changes() {
    let suite = Suite::new(&[("a", "waiting"), ("b", "good")]);
    let harness = start(&mut suite.command(&["--jobs", "1"]));
    until("the first machine", || !suite.0.pids().is_empty());
    fs::remove_file(suite.0.at("kernel.bin")).expect("the bed is ours");
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    let ran: Ran = harness.wait_with_output().expect("it is ours").into();
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert_eq!(outcomes(&suite.results()), "a passed, b set-up");
    assert!(
        ran.stdout
            .contains("a file was changed while the matrix went on"),
        "{ran:#?}"
    );
}

fn as_json() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad")]);
    let ran = suite.run(&["--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let results: Results = serde_json::from_str(&ran.stdout).expect("it is one object");
    assert_eq!(outcomes(&results), "a passed, b failed");
    let kept = serde_json::to_value(suite.results()).expect("plain data");
    assert_eq!(ran.json(), kept);
    assert!(
        results.command.starts_with("harness matrix --root "),
        "{}",
        results.command
    );
    assert!(ran.stderr.is_empty(), "{ran:#?}");
}

fn reader_goes() {
    let suite = Suite::new(&[("a", "bad"), ("b", "waiting")]);
    let mut harness = start(&mut suite.command(&["--jobs", "2"]));
    drop(harness.stdout.take());
    fs::write(suite.0.at("go"), "").expect("the bed is ours");
    assert_eq!(harness.wait().expect("it is ours").code(), Some(1));
    assert_eq!(outcomes(&suite.results()), "a failed, b passed");
}

fn on_a_terminal() {
    let suite = Suite::new(&[("a", "good"), ("b", "bad"), ("c", "waiting")]);
    let command = suite.command(&["--jobs", "1"]);
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words = words.map(|word| format!("'{}'", word.to_string_lossy()));
    let words = words.collect::<Vec<_>>().join(" ");
    // It gives the program a terminal.
    let mut script = Command::new("script");
    script
        .args(["-qec", &words, "/dev/null"])
        .stdin(Stdio::null());
    let mut script = script
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a script");
    let mut terminal = script.stdout.take().expect("it is piped");
    let mut shown = String::new();
    let mut piece = [0; 4096];
    let mut waits = true;
    loop {
        let read = terminal.read(&mut piece).expect("it can be read");
        if read == 0 {
            break;
        }
        shown += &String::from_utf8_lossy(&piece[..read]);
        if waits && shown.contains("c::waiting   1/3 ") && shown.contains("one") {
            fs::write(suite.0.at("go"), "").expect("the bed is ours");
            waits = false;
        }
    }
    assert_eq!(
        script.wait().expect("it is ours").code(),
        Some(1),
        "{shown}"
    );
    assert!(
        !waits && shown.contains("2/3 cases, 1 not passed, "),
        "{shown}"
    );
    // What passed needs no line there.
    assert!(
        shown.contains("FAIL") && !shown.contains("PASS\x1b[0m a::good"),
        "{shown}"
    );
    suite.nothing_is_left();
}
