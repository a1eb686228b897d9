//! Which case is run next, and what comes of each: pure, so that every order of events can be tried.
//!
//! Only a run that the set-up failed is tried again: a guest that fails now and then is wrong. The second try comes when all
//! others have begun, since what was in its way may have gone by then.

use super::results::Outcome;
use std::collections::VecDeque;

/// A run of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// The case's place in the plan.
    pub case: usize,
    /// The how many-th run of it this is, from 0.
    pub attempt: u32,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It passed.
    Passed,
    /// The guest or the hypervisor failed it.
    Failed,
    /// The set-up failed it.
    SetUp,
}

impl Came {
    /// By the exit code of its report.
    pub fn of(exit_code: u8) -> Self {
        match exit_code {
            0 => Self::Passed,
            4 => Self::SetUp,
            _ => Self::Failed,
        }
    }
}

/// What is still to be run.
#[derive(Debug)]
pub struct Schedule {
    waiting: VecDeque<Task>,
    retries: u32,
    fail_fast: bool,
    flaky_fails: bool,
    over: bool,
}

impl Schedule {
    /// Runs cases in this order; those that the set-up fails, up to `retries` times again; and none any more after a failure,
    /// with `fail_fast`. `flaky_fails` says whether a flaky case is such a failure.
    pub fn new(order: Vec<usize>, retries: u32, fail_fast: bool, flaky_fails: bool) -> Self {
        let first = |case| Task { case, attempt: 0 };
        Self {
            waiting: order.into_iter().map(first).collect(),
            retries,
            fail_fast,
            flaky_fails,
            over: false,
        }
    }

    /// What is to be run next, which waits no more; nothing if no more is to begin for now.
    pub fn begin(&mut self) -> Option<Task> {
        match self.over {
            true => None,
            false => self.waiting.pop_front(),
        }
    }

    /// Takes what came of a run. Returns what came of the case; nothing if it is to be tried again.
    pub fn done(&mut self, task: Task, came: Came) -> Option<Outcome> {
        let outcome = match came {
            Came::Passed if task.attempt == 0 => Outcome::Passed,
            Came::Passed => Outcome::Flaky,
            Came::Failed => Outcome::Failed,
            Came::SetUp if task.attempt < self.retries && !self.over => {
                self.waiting.push_back(Task {
                    attempt: task.attempt + 1,
                    ..task
                });
                return None;
            }
            Came::SetUp => Outcome::SetUp,
        };
        let failed = match outcome {
            Outcome::Flaky => self.flaky_fails,
            outcome => outcome != Outcome::Passed,
        };
        self.over |= failed && self.fail_fast;
        Some(outcome)
    }

    /// The cases that wait, in their order.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        let waiting = self.waiting.iter().filter(|_| !self.over);
        waiting.map(|task| task.case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a schedule in virtual time: `jobs` at once, each run as long as it is said to be. Returns the runs as they
    /// ended, and what came of each case.
    fn simulate(
        mut schedule: Schedule,
        jobs: usize,
        seconds: &[u32],
        came: impl Fn(Task) -> Came,
    ) -> (Vec<Task>, Vec<Option<Outcome>>) {
        let mut now = 0;
        let (mut running, mut ended) = (Vec::new(), Vec::new());
        let mut outcomes = vec![None; seconds.len()];
        loop {
            while running.len() < jobs
                && let Some(task) = schedule.begin()
            {
                running.push((now + seconds[task.case], task));
            }
            let Some(first) = (0..running.len()).min_by_key(|&nth| running[nth].0) else {
                return (ended, outcomes);
            };
            let (at, task) = running.remove(first);
            now = at;
            ended.push(task);
            if let Some(outcome) = schedule.done(task, came(task)) {
                assert_eq!(
                    outcomes[task.case].replace(outcome),
                    None,
                    "it has two outcomes"
                );
            }
        }
    }

    fn schedule(cases: usize, retries: u32, fail_fast: bool) -> Schedule {
        Schedule::new((0..cases).collect(), retries, fail_fast, false)
    }

    #[test]
    fn only_the_set_up_is_given_another_try_and_last_of_all() {
        let came = |task: Task| match (task.case, task.attempt) {
            (0, 0) | (3, _) => Came::SetUp,
            (1, _) => Came::Failed,
            _ => Came::Passed,
        };
        let (ended, outcomes) = simulate(schedule(4, 2, false), 1, &[1; 4], came);
        let order: Vec<_> = ended.iter().map(|task| (task.case, task.attempt)).collect();
        assert_eq!(
            order,
            [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (3, 1), (3, 2)]
        );
        let expected = [
            Outcome::Flaky,
            Outcome::Failed,
            Outcome::Passed,
            Outcome::SetUp,
        ];
        assert_eq!(outcomes, expected.map(Some));
    }

    #[test]
    fn a_guest_that_fails_the_second_time_has_failed() {
        let came = |task: Task| [Came::SetUp, Came::Failed][task.attempt as usize];
        let (_, outcomes) = simulate(schedule(1, 3, false), 1, &[1], came);
        assert_eq!(outcomes, [Some(Outcome::Failed)]);
    }

    #[test]
    fn after_the_first_failure_what_runs_is_finished_and_no_more_begins() {
        let came = |task: Task| match task.case {
            0 => Came::Failed,
            _ => Came::Passed,
        };
        let (_, outcomes) = simulate(schedule(4, 0, true), 2, &[1, 3, 1, 1], came);
        assert_eq!(
            outcomes,
            [Some(Outcome::Failed), Some(Outcome::Passed), None, None]
        );
        // A failure of the set-up that will be tried again is none yet; and then nothing is tried again any more.
        let came = |task: Task| match task.case {
            0 => Came::SetUp,
            1 => Came::Failed,
            _ => Came::Passed,
        };
        let (_, outcomes) = simulate(schedule(3, 1, true), 1, &[1; 3], came);
        assert_eq!(outcomes, [None, Some(Outcome::Failed), None]);
    }

    #[test]
    fn a_flaky_case_ends_it_where_it_fails() {
        let came = |task: Task| match task.attempt {
            0 if task.case == 0 => Came::SetUp,
            _ => Came::Passed,
        };
        for flaky_fails in [false, true] {
            let schedule = Schedule::new(vec![0, 1], 1, true, flaky_fails);
            let (ended, _) = simulate(schedule, 1, &[1; 2], came);
            assert_eq!(ended.len(), 3);
            let mut schedule = Schedule::new(vec![0, 1], 1, true, flaky_fails);
            let first = schedule.begin().unwrap();
            assert_eq!(schedule.done(first, Came::SetUp), None);
            let again = Task {
                attempt: 1,
                ..first
            };
            assert_eq!(schedule.done(again, Came::Passed), Some(Outcome::Flaky));
            assert_eq!(schedule.begin().is_none(), flaky_fails);
        }
    }

    proptest! {
        #[test]
        fn each_case_is_run_until_it_has_an_outcome(
            runs in prop::collection::vec((1u32..9, prop::collection::vec(0u8..3, 4)), 1..20),
            jobs in 1usize..5,
            retries in 0u32..4,
        ) {
            let seconds: Vec<_> = runs.iter().map(|(seconds, _)| *seconds).collect();
            let came = |task: Task| match runs[task.case].1[task.attempt as usize] {
                0 => Came::Passed,
                1 => Came::Failed,
                _ => Came::SetUp,
            };
            let (ended, outcomes) = simulate(schedule(runs.len(), retries, false), jobs, &seconds, came);
            for (case, outcome) in outcomes.into_iter().enumerate() {
                let own: Vec<_> = ended.iter().filter(|task| task.case == case).collect();
                let attempts: Vec<_> = own.iter().map(|task| task.attempt).collect();
                prop_assert_eq!(&attempts, &(0..own.len() as u32).collect::<Vec<_>>());
                let (last, others) = own.split_last().unwrap();
                prop_assert!(others.iter().all(|task| came(**task) == Came::SetUp));
                let expected = match (came(**last), others.is_empty()) {
                    (Came::Passed, true) => Outcome::Passed,
                    (Came::Passed, false) => Outcome::Flaky,
                    (Came::Failed, _) => Outcome::Failed,
                    (Came::SetUp, _) => Outcome::SetUp,
                };
                prop_assert_eq!(outcome, Some(expected));
                prop_assert!(expected != Outcome::SetUp || own.len() as u32 == retries + 1);
            }
        }
    }
}
