//! Detects that the harness itself was stopped while it waited: by SIGSTOP, or because the computer
//! gave it no time. The clocks go on meanwhile, but that time does not count against the machine.

use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest time for which the harness waits without looking at the clock.
const BEAT: Duration = Duration::from_millis(100);

/// How late the next look may be before it counts as a stop.
const LATE: Duration = Duration::from_millis(250);

/// Measures how regularly the harness gets to run.
#[derive(Debug)]
pub(super) struct Pulse {
    due: Instant,
}

impl Pulse {
    /// Starts now.
    pub(super) fn new() -> Self {
        Self {
            due: Instant::now() + BEAT,
        }
    }

    /// When the next look is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Looks at the clock, and returns how long the harness was stopped since the last look, if it was.
    pub(super) fn look(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let late = now.saturating_duration_since(self.due);
        self.due = now + BEAT;
        (late > LATE).then_some(late)
    }
}

/// Waits for something, but no longer than `limit`. A stop of the harness does not count, and whatever
/// is ready when the time is over does.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut pulse = Pulse::new();
    let mut end = Instant::now() + limit;
    loop {
        tokio::select! {
            biased;
            result = &mut work => return Some(result),
            () = sleep_until(end.min(pulse.due())) => {}
        }
        end += pulse.look().unwrap_or_default();
        if Instant::now() >= end {
            tokio::task::yield_now().await; // what has come meanwhile is noticed
            return tokio::select! {
                biased;
                result = &mut work => Some(result),
                () = std::future::ready(()) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn waiting_is_no_stop_and_being_late_is() {
        let mut pulse = Pulse::new();
        sleep(BEAT).await;
        assert_eq!(pulse.look(), None);
        advance(BEAT + LATE).await;
        assert_eq!(pulse.look(), None);
        advance(BEAT + SECOND).await;
        let lost = pulse.look().unwrap();
        assert!(lost >= SECOND && lost < SECOND + BEAT, "{lost:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_kept_and_a_stop_does_not_count() {
        let start = Instant::now();
        assert_eq!(within(SECOND, std::future::pending::<()>()).await, None);
        assert_eq!(start.elapsed(), SECOND);
        // Something that takes half of the time succeeds, although the harness is stopped for longer.
        let work = async {
            advance(3 * SECOND).await;
            tokio::task::yield_now().await;
            sleep(SECOND / 2).await;
        };
        assert_eq!(within(SECOND, work).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_in_the_end_counts() {
        assert_eq!(within(SECOND, sleep(SECOND)).await, Some(()));
    }
}
