//! Does the work of a matrix: on some threads at once, each of which takes case after case.
//!
//! A run stays on its thread from its beginning to its end, because the kernel kills QEMU when the thread that started it
//! ends. What happens is told over a channel, so nobody who prints or writes holds up a run's clocks.

use super::results::{Attempt, Outcome};
use super::schedule::{Came, Schedule, Task};
use crate::error::Error;
use crate::records::report::Report;
use crate::run::no_thread;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// What happens in a matrix.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// A run began.
    Began(Task),
    /// Its machine was started, for a story of so many steps.
    Booted {
        /// The run.
        task: Task,
        /// How many steps.
        steps: usize,
    },
    /// It reached a step.
    Step {
        /// The run.
        task: Task,
        /// The step's name.
        step: String,
    },
    /// It is over.
    Over {
        /// The run.
        task: Task,
        /// What came of it.
        attempt: Box<Attempt>,
        /// What came of its case; nothing if that is tried again.
        outcome: Option<Outcome>,
    },
}

/// Where news go.
pub type Teller = mpsc::UnboundedSender<News>;

/// Says when to stop.
pub type Stopped = watch::Receiver<bool>;

/// What a matrix does for each run. It does it on the thread that it is called on.
pub trait Job: Send + Sync + 'static {
    /// Does a run; nothing if it was told to stop.
    fn run(&self, task: Task, tell: &Teller, stopped: &mut Stopped) -> Option<Report>;

    /// Does what is left to do for a run that is over, and that nobody waits for.
    fn tidy(&self, task: Task, report: &Report);
}

/// The threads at work.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    news: mpsc::UnboundedReceiver<News>,
    stop: watch::Sender<bool>,
}

impl Workers {
    /// Starts some threads. Times are counted from `began`.
    ///
    /// # Errors
    ///
    /// A thread cannot be started. Then none is at work.
    pub fn start(
        jobs: usize,
        schedule: Schedule,
        job: impl Job,
        began: Instant,
    ) -> Result<Self, Error> {
        let (tell, news) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let (schedule, job) = (Arc::new(Mutex::new(schedule)), Arc::new(job));
        let mut workers = Self {
            threads: Vec::new(),
            news,
            stop,
        };
        for _ in 0..jobs {
            let mut worker = Worker {
                schedule: Arc::clone(&schedule),
                job: Arc::clone(&job),
                tell: tell.clone(),
                stopped: stopped.clone(),
                began,
            };
            let thread = std::thread::Builder::new().name("harness-matrix".into());
            let thread = thread.spawn(move || worker.work());
            workers
                .threads
                .push(thread.map_err(|error| no_thread(&error))?);
        }
        Ok(workers)
    }

    /// Waits for what happens next; nothing when all threads have ended.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Ends all runs that go on, and waits until they have ended. Returns what nobody was told yet.
    pub fn stop(&mut self) -> Vec<News> {
        self.stop.send_replace(true);
        let mut panics = Vec::new();
        for thread in self.threads.drain(..) {
            panics.extend(thread.join().err());
        }
        if let Some(panic) = panics.pop()
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A thread.
struct Worker<J> {
    schedule: Arc<Mutex<Schedule>>,
    job: Arc<J>,
    tell: Teller,
    stopped: Stopped,
    began: Instant,
}

impl<J: Job> Worker<J> {
    fn work(&mut self) {
        while let Some(task) = self.next() {
            // That nobody listens any more is no reason to leave a run.
            let _ = self.tell.send(News::Began(task));
            let began = Instant::now();
            let Some(report) = self.job.run(task, &self.tell, &mut self.stopped) else {
                return;
            };
            let attempt = Attempt {
                at: rounded((began - self.began).as_secs_f64()),
                seconds: rounded(began.elapsed().as_secs_f64()),
                report,
            };
            self.job.tidy(task, &attempt.report);
            let outcome = self
                .schedule()
                .done(task, Came::of(attempt.report.exit_code));
            let _ = self.tell.send(News::Over {
                task,
                attempt: Box::new(attempt),
                outcome,
            });
        }
    }

    fn next(&self) -> Option<Task> {
        if *self.stopped.borrow() {
            return None;
        }
        self.schedule().begin()
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds, to the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::ThreadId;

    fn report(came: Came) -> Report {
        let error = Error::infrastructure("QEMU was not there", "install it");
        let mut report = Report::of_error(Arch::Riscv64, "a", &error).unwrap();
        report.exit_code = match came {
            Came::Passed => 0,
            Came::Failed => 1,
            Came::SetUp => 4,
        };
        report
    }

    /// A job that does nothing but say what came of it.
    struct Fake<F>(F);

    impl<F> Job for Fake<F>
    where
        F: Fn(Task, &mut Stopped) -> Option<Came> + Send + Sync + 'static,
    {
        fn run(&self, task: Task, _: &Teller, stopped: &mut Stopped) -> Option<Report> {
            self.0(task, stopped).map(report)
        }

        fn tidy(&self, _: Task, _: &Report) {}
    }

    fn start<F>(jobs: usize, schedule: Schedule, job: F) -> Workers
    where
        F: Fn(Task, &mut Stopped) -> Option<Came> + Send + Sync + 'static,
    {
        Workers::start(jobs, schedule, Fake(job), Instant::now()).unwrap()
    }

    fn schedule(cases: usize, retries: u32) -> Schedule {
        Schedule::new((0..cases).collect(), retries, false, false)
    }

    /// What came of each case, in the order in which they ended.
    fn outcomes(news: Vec<News>) -> Vec<(usize, Option<Outcome>)> {
        let over = news.into_iter().filter_map(|news| match news {
            News::Over { task, outcome, .. } => Some((task.case, outcome)),
            _ => None,
        });
        over.collect()
    }

    async fn all(mut workers: Workers) -> Vec<News> {
        let mut all = Vec::new();
        while let Some(news) = workers.next().await {
            all.push(news);
        }
        all
    }

    #[tokio::test]
    async fn each_case_is_run_once_and_told_of() {
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let workers = start(4, schedule(50, 0), move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            Some(Came::Passed)
        });
        let outcomes: BTreeSet<_> = outcomes(all(workers).await)
            .into_iter()
            .map(|over| over.0)
            .collect();
        assert_eq!((outcomes.len(), done.load(Ordering::SeqCst)), (50, 50));
    }

    #[tokio::test]
    async fn as_many_runs_go_on_at_once_as_there_are_jobs() {
        // Nobody gets past the barrier unless all three are there at the same time.
        let barrier = Arc::new(Barrier::new(3));
        let threads = Arc::new(Mutex::new(BTreeSet::<String>::new()));
        let seen = Arc::clone(&threads);
        let name = |id: ThreadId| format!("{id:?}");
        let workers = start(3, schedule(9, 0), move |_, _| {
            barrier.wait();
            seen.lock()
                .unwrap()
                .insert(name(std::thread::current().id()));
            Some(Came::Passed)
        });
        assert_eq!(outcomes(all(workers).await).len(), 9);
        assert_eq!(threads.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn what_the_set_up_failed_is_tried_again_and_both_are_told() {
        let workers = start(1, schedule(2, 1), |task, _| {
            match (task.case, task.attempt) {
                (0, 0) => Some(Came::SetUp),
                _ => Some(Came::Passed),
            }
        });
        let outcomes = outcomes(all(workers).await);
        let expected = [
            (0, None),
            (1, Some(Outcome::Passed)),
            (0, Some(Outcome::Flaky)),
        ];
        assert_eq!(outcomes, expected);
    }

    #[tokio::test]
    async fn when_it_is_stopped_what_runs_ends_and_what_is_over_is_told() {
        let workers = start(2, schedule(5, 0), |task, stopped| {
            if task.case == 0 {
                return Some(Came::Failed);
            }
            // It would never end by itself.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let _ = runtime.block_on(stopped.wait_for(|stopped| *stopped));
            None
        });
        let mut workers = workers;
        let mut news = Vec::new();
        // Two runs wait for the end, and the first is over.
        while news
            .iter()
            .filter(|news| matches!(news, News::Began(_)))
            .count()
            < 3
        {
            news.push(workers.next().await.unwrap());
        }
        news.extend(workers.stop());
        assert_eq!(outcomes(news), [(0, Some(Outcome::Failed))]);
        assert!(workers.next().await.is_none());
    }

    #[test]
    fn a_panic_of_a_run_is_not_lost() {
        let mut workers = start(2, schedule(2, 0), |task, _| match task.case {
            0 => panic!("on purpose"),
            _ => Some(Came::Passed),
        });
        while workers.news.blocking_recv().is_some() {}
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| workers.stop()));
        let panic = stopped.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    }
}
