//! How long cases took when they were last run here: so the longest can begin first, and a reader is told when all will be
//! over.
//!
//! The file is a convenience. Whatever is in it, the same cases are run.

use super::plan::Case;
use crate::files;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

/// How many cases are remembered, and how large the file may be that is read, in bytes.
const REMEMBERED: usize = 5000;
const LIMIT: u64 = 1 << 20;

/// The longest that a case can have taken, in seconds: a week.
const LONGEST: f64 = 7.0 * 24.0 * 3600.0;

/// A case of which nothing is known is taken to need this long, and this much for each step, in seconds.
const UNKNOWN: f64 = 0.5;
const A_STEP: f64 = 0.01;

/// The seconds that cases took, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    seconds: BTreeMap<String, f64>,
}

impl Times {
    /// Reads a file. What is not there or makes no sense is not known.
    pub fn read(file: &Path) -> Self {
        let bytes = files::read(file, LIMIT).unwrap_or_default();
        let mut times: Self = serde_json::from_slice(&bytes).unwrap_or_default();
        times
            .seconds
            .retain(|_, seconds| (0.0..=LONGEST).contains(seconds));
        times
    }

    /// Writes a file, completely or not at all, unless there is one of somebody else. That it cannot be written is no failure
    /// of what was run.
    pub fn write(&self, file: &Path) {
        if file.symlink_metadata().is_ok() {
            let bytes = files::read(file, LIMIT).unwrap_or_default();
            if serde_json::from_slice::<Self>(&bytes).is_err() {
                return;
            }
        }
        let text = serde_json::to_vec(self).unwrap_or_default();
        let _ = files::write_whole(file, &text);
    }

    /// Remembers how long a case took. Of very many, those that are new are forgotten.
    pub fn took(&mut self, case: &str, seconds: f64) {
        let is_known = self.seconds.contains_key(case);
        if (is_known || self.seconds.len() < REMEMBERED) && case.len() < 200 {
            self.seconds.insert(case.to_owned(), seconds);
        }
    }

    /// How long each case will probably take, in seconds. One that was never run here is taken for like its scenario on
    /// other machines; or else, if anything is known, for the median of all cases; or else goes by its steps.
    pub fn estimates(&self, cases: &[Case], steps: &[usize]) -> Vec<f64> {
        let mut all: Vec<f64> = self.seconds.values().copied().collect();
        all.sort_by(f64::total_cmp);
        let median = all.get(all.len() / 2).copied();
        let estimate = |(case, &steps): (&Case, &usize)| {
            let known = self.seconds.get(&case.name).copied();
            known
                .or_else(|| self.like(case))
                .or(median)
                .unwrap_or(UNKNOWN + A_STEP * steps as f64)
        };
        cases.iter().zip(steps).map(estimate).collect()
    }

    /// The longest that its scenario took on any machine.
    fn like(&self, case: &Case) -> Option<f64> {
        let start = format!("{}::", case.scenario);
        let names = self.seconds.range(start.clone()..);
        let same = names.take_while(|(name, _)| name.starts_with(&start));
        same.map(|(_, &seconds)| seconds).reduce(f64::max)
    }
}

/// The order in which cases begin, by their places: the longest first; and of equals, the one with more steps.
pub fn longest_first(estimates: &[f64], steps: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..estimates.len()).collect();
    order.sort_by(|&a, &b| {
        let longer = estimates[b].total_cmp(&estimates[a]);
        longer.then_with(|| Reverse(steps[a]).cmp(&Reverse(steps[b])))
    });
    order
}

/// When some work is over at the soonest, in seconds from now: each case goes to whoever is free first.
///
/// `running` has what is left of the cases that are under way, `waiting` the others in their order.
pub fn left(running: &[f64], waiting: impl Iterator<Item = f64>, jobs: usize) -> f64 {
    let mut free: Vec<f64> = running.iter().map(|left| left.max(0.0)).collect();
    free.resize(free.len().max(jobs.max(1)), 0.0);
    for seconds in waiting {
        let soonest = free.iter_mut().min_by(|a, b| a.total_cmp(b));
        *soonest.expect("somebody works") += seconds;
    }
    free.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::plan::testing::case;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn what_is_not_known_is_guessed_from_what_is() {
        let cases = [
            case("a", "riscv64"),
            case("a", "x86_64"),
            case("ab", "riscv64"),
        ];
        let mut times = Times::default();
        assert_eq!(times.estimates(&cases, &[10, 0, 50]), [0.6, 0.5, 1.0]);
        times.took("a::riscv64", 2.0);
        times.took("a::aarch64", 4.0);
        times.took("x::riscv64", 3.0);
        // Like itself, like its scenario elsewhere, like most.
        assert_eq!(times.estimates(&cases, &[10, 0, 50]), [2.0, 4.0, 3.0]);
    }

    #[test]
    fn the_longest_begins_first() {
        assert_eq!(
            longest_first(&[1.0, 3.0, 2.0, 3.0], &[9, 1, 1, 2]),
            [3, 1, 2, 0]
        );
    }

    #[test]
    fn what_is_left_goes_to_whoever_is_free() {
        assert_eq!(left(&[], [3.0, 2.0, 2.0].into_iter(), 2), 4.0);
        assert_eq!(left(&[5.0, -1.0], [1.0, 1.0].into_iter(), 2), 5.0);
        assert_eq!(left(&[], std::iter::empty(), 0), 0.0);
    }

    #[test]
    fn a_file_of_rubbish_is_as_none_and_nothing_grows_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("times.json");
        assert_eq!(Times::read(&file), Times::default());
        for rubbish in [
            "",
            "{",
            "[]",
            r#"{"seconds": 3}"#,
            r#"{"seconds": {"a": "b"}}"#,
            r#"{"seconds": {"a": -1, "b": 1e300}}"#,
        ] {
            fs::write(&file, rubbish).unwrap();
            assert_eq!(Times::read(&file), Times::default(), "{rubbish}");
        }
        // What is no file of the harness stays.
        fs::write(&file, "[1, 2]").unwrap();
        Times::default().write(&file);
        assert_eq!(fs::read_to_string(&file).unwrap(), "[1, 2]");
        fs::remove_file(&file).unwrap();
        let mut times = Times::default();
        (0..3 * REMEMBERED).for_each(|nth| times.took(&format!("case-{nth}::riscv64"), 1.0));
        times.took("case-0::riscv64", 2.0);
        times.took(&"x".repeat(1000), 2.0);
        times.write(&file);
        assert_eq!(Times::read(&file), times);
        assert_eq!(
            (times.seconds.len(), times.seconds["case-0::riscv64"]),
            (REMEMBERED, 2.0)
        );
        times.write(&folder.path().join("no/such/folder"));
    }

    proptest! {
        /// Graham's bound: longest first is at most a third worse than what no order can better.
        #[test]
        fn longest_first_keeps_everybody_busy(times in prop::collection::vec(0.1f64..30.0, 1..60), jobs in 1usize..9) {
            let order = longest_first(&times, &vec![0; times.len()]);
            let took = left(&[], order.iter().map(|&nth| times[nth]), jobs);
            let sum: f64 = times.iter().sum();
            let longest = times.iter().copied().fold(0.0, f64::max);
            let best = longest.max(sum / jobs as f64);
            prop_assert!(took >= best - 1e-9);
            prop_assert!(took <= best + longest * (1.0 - 1.0 / jobs as f64) + 1e-9);
        }
    }
}
