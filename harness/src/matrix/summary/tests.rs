use super::*;
use crate::error::Error;
use crate::judge::verdict::Verdict;
use crate::matrix::results::{Attempt, Shard, VERSION};
use crate::records::report::Report;

fn case(scenario: &str, machine: &str, outcome: Outcome, seconds: &[f64]) -> CaseResult {
    let arch = Arch::ALL
        .into_iter()
        .find(|arch| machine.starts_with(arch.name()));
    let arch = arch.unwrap();
    let attempts = seconds.iter().map(|&seconds| {
        let error = Error::infrastructure("QEMU was killed", "find out who did");
        let mut report = Report::of_error(arch, scenario, &error).unwrap();
        if outcome == Outcome::Passed {
            (report.verdict, report.exit_code) = (Verdict::Pass, 0);
        }
        if outcome == Outcome::Failed {
            report.exit_code = 1;
        }
        Attempt {
            at: 0.0,
            seconds,
            report,
        }
    });
    CaseResult {
        name: format!("{scenario}::{machine}"),
        scenario: scenario.into(),
        machine: machine.into(),
        arch,
        outcome,
        attempts: attempts.collect(),
    }
}

fn results(cases: Vec<CaseResult>) -> Results {
    Results {
        version: VERSION,
        harness: "0".into(),
        started: String::new(),
        seconds: 1.25,
        jobs: 2,
        command: String::new(),
        shard: None,
        chosen: None,
        flaky_fails: false,
        cases,
    }
}

/// The summary as it is where there are no colours.
fn plain(results: &Results, all: bool) -> String {
    anstream::adapter::strip_str(&summary(results, all)).to_string()
}

#[test]
fn where_all_passed_the_table_is_by_architecture() {
    let results = results(vec![
        case("a", "riscv64", Outcome::Passed, &[0.25]),
        case("a", "x86_64", Outcome::Passed, &[0.5]),
        case("b", "riscv64", Outcome::Passed, &[1.5]),
    ]);
    let expected = "
              cases   passed      boots
  riscv64         2        2     1.75 s
  x86_64          1        1     0.50 s

PASS 3 cases: all passed, 1.25 s for 2.25 s of boots
";
    assert_eq!(plain(&results, false), expected);
    let expected = "
            riscv64          x86_64
  a          0.25 s          0.50 s
  b          1.50 s               -
";
    let all = plain(&results, true);
    assert!(all.starts_with(expected), "{all}");
}

#[test]
fn what_did_not_pass_is_shown_by_scenario() {
    let mut results = results(vec![
        case("a", "riscv64", Outcome::Passed, &[0.25]),
        case("b", "aarch64-el1", Outcome::SetUp, &[0.01, 0.02]),
        case("b", "riscv64", Outcome::Failed, &[1.5]),
        case("b", "x86_64", Outcome::NotRun, &[]),
        case("c", "riscv64", Outcome::Flaky, &[0.5, 0.25]),
    ]);
    results.shard = Some(Shard { k: 1, n: 2 });
    let expected = "
                          riscv64         aarch64          x86_64
  b                   FAIL 1.50 s               -         NOT RUN
  b @ aarch64-el1               -  STOPPED 0.02 s               -
  c                  FLAKY 0.25 s               -               -
  and 1 more, which passed (--table shows them)

              cases   passed    flaky   failed   set-up  not run      boots
  riscv64         3        1        1        1        0        0     2.50 s
  aarch64         1        0        0        0        1        0     0.03 s
  x86_64          1        0        0        0        0        1     0.00 s

FAIL 5 cases, part 1/2: 1 failed, 1 failed by the set-up, 1 not run, 1 flaky, 1 passed, 1.25 s for 2.53 s of boots
";
    assert_eq!(plain(&results, false), expected);
}

#[test]
fn a_name_is_safe_and_not_too_wide() {
    let name = format!("\x07{}", "x".repeat(100));
    let text = plain(
        &results(vec![case(&name, "riscv64", Outcome::Passed, &[1.0])]),
        true,
    );
    assert!(text.contains(r"\x07x"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert_eq!(
        anstream::adapter::strip_str(&line("a\nPASS b", Outcome::Failed, 0.5)).to_string(),
        r"FAIL a\x0aPASS b 0.50 s"
    );
}
