//! When a matrix will probably be over.

use super::runner::News;
use super::times;
use std::collections::BTreeMap;

/// What is still to be done, by how long it took before.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// How long each case will probably take, in seconds.
    estimates: Vec<f64>,
    /// The cases that wait, in their order.
    waiting: Vec<usize>,
    /// Those that are under way, and since when.
    running: BTreeMap<usize, f64>,
    jobs: usize,
}

impl Outlook {
    /// Of cases in an order, so many at once.
    pub fn new(estimates: Vec<f64>, order: Vec<usize>, jobs: usize) -> Self {
        Self {
            estimates,
            waiting: order,
            running: BTreeMap::new(),
            jobs,
        }
    }

    /// Takes what happened, at `now`: in seconds, counted from anywhere.
    pub fn heed(&mut self, news: &News, now: f64) {
        match news {
            News::Began(task) => {
                self.waiting.retain(|&case| case != task.case);
                self.running.insert(task.case, now);
            }
            News::Over { task, outcome, .. } => {
                self.running.remove(&task.case);
                if outcome.is_none() {
                    self.waiting.push(task.case);
                }
            }
            _ => {}
        }
    }

    /// How much longer it will probably take, in seconds.
    pub fn left(&self, now: f64) -> f64 {
        let left = |(&case, began): (&usize, &f64)| self.estimates[case] - (now - began);
        let running: Vec<_> = self.running.iter().map(left).collect();
        let waiting = self.waiting.iter().map(|&case| self.estimates[case]);
        times::left(&running, waiting, self.jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::schedule::Task;

    #[test]
    fn what_is_left_shrinks_as_cases_begin_and_end() {
        let mut outlook = Outlook::new(vec![4.0, 2.0, 1.0], vec![0, 1, 2], 2);
        assert_eq!(outlook.left(10.0), 4.0);
        let task = |case| Task { case, attempt: 0 };
        outlook.heed(&News::Began(task(0)), 10.0);
        outlook.heed(&News::Began(task(1)), 10.0);
        assert_eq!(outlook.left(11.0), 3.0);
        // The first takes longer than it did before; the others follow where the second was.
        assert_eq!(outlook.left(14.5), 1.0);
    }
}
