//! Matrices of fake machines: what goes wrong in one case must be seen, and must not touch the others.

mod again;
mod builds;
mod ends;
mod outcomes;
mod shown;

use crate::bed::{Bed, gone};
use crate::cases::{Act::*, Case, LONG, OFF, ONE, STORY, THREE, TWO, case};
use crate::support::{self, Ran};
use harness::matrix::{Results, folder};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A page fault of the guest in QEMU's log.
const FAULT: &str =
    "riscv_trap hart:0, async:0, cause:21, epc:0x0, tval:0x22000000, desc=guest_load_page_fault";

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
    case(
        "matrix_faulting",
        &[Boot, Logs(40, FAULT), ONE, TWO, THREE, OFF],
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
    (
        "one_broken_scenario_among_many_is_named",
        outcomes::one_among_many,
    ),
    ("only_the_set_up_gets_a_second_try", outcomes::second_try),
    (
        "a_flaky_case_fails_a_matrix_if_that_is_asked_for",
        outcomes::flaky,
    ),
    (
        "after_a_failure_no_more_begin_with_fail_fast",
        outcomes::fail_fast,
    ),
    ("what_did_not_pass_is_run_again", again::rerun_failed),
    ("what_is_run_again_is_what_was_run", again::same_again),
    (
        "what_is_chosen_by_hand_may_not_be_something_else",
        again::contradictions,
    ),
    (
        "the_command_that_is_told_boots_the_same",
        again::same_command,
    ),
    ("the_command_to_run_again_is_whole", again::hint),
    (
        "a_flaky_case_is_run_again_if_it_fails_now",
        again::flaky_now,
    ),
    ("each_case_is_in_one_shard", again::shards),
    (
        "what_failed_in_a_part_is_run_again_in_that_part",
        again::failed_parts,
    ),
    ("a_matrix_of_timeouts_is_exit_3", outcomes::timeouts),
    (
        "an_interrupted_matrix_leaves_its_results_and_no_machine",
        ends::interrupted,
    ),
    (
        "an_interrupted_matrix_is_reported",
        ends::interrupted_and_reported,
    ),
    (
        "results_that_cannot_be_kept_are_told_all_the_same",
        ends::not_kept,
    ),
    (
        "a_file_of_the_users_beside_the_matrices_stays",
        ends::file_of_the_users,
    ),
    ("a_killed_matrix_leaves_no_machine", ends::killed),
    (
        "programs_are_built_once_and_before_the_runs",
        builds::built_once,
    ),
    ("a_build_that_fails_begins_no_matrix", builds::build_fails),
    (
        "a_file_that_changes_meanwhile_is_the_set_ups_fault",
        builds::file_changes,
    ),
    (
        "of_a_runs_many_page_faults_the_results_have_the_first",
        shown::many_faults,
    ),
    ("a_matrix_is_one_json_object_for_programs", shown::as_json),
    ("a_reader_that_goes_away_ends_nothing", shown::reader_goes),
    (
        "a_terminal_shows_the_step_that_each_case_has_reached",
        shown::on_a_terminal,
    ),
];

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
