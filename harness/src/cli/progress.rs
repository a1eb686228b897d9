//! How a matrix goes: on a terminal, a line for each case that is under way and a bar for all; elsewhere a line for each case
//! that is over. What did not pass is shown as it comes.

use super::live::Live;
use super::output;
use crate::error::Error;
use crate::matrix::News;
use crate::matrix::outlook::Outlook;
use crate::matrix::results::{Attempt, Outcome};
use crate::matrix::schedule::Task;
use crate::matrix::summary;
use crate::shown;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the times on a terminal are brought up to date.
const TICK: Duration = Duration::from_millis(100);

/// How wide the names of cases may be, in columns.
const NAME: usize = 44;

/// Shows how a matrix goes.
pub(super) struct Board {
    bars: MultiProgress,
    lines: Lines,
    said: Result<(), Error>,
}

/// The lines about cases that are over.
enum Lines {
    /// None: a program reads what comes of it.
    None,
    /// Of those that did not pass, between the bars.
    Failures,
    /// Of all, for whoever reads them, however slowly.
    All(Live),
}

impl Board {
    /// One for people, or one for programs, where nothing but bars is shown.
    pub(super) fn new(for_people: bool) -> Self {
        // They are shown where stderr is a terminal.
        let bars = MultiProgress::new();
        let lines = match for_people {
            false => Lines::None,
            true if std::io::stdout().is_terminal() && !bars.is_hidden() => Lines::Failures,
            true => Lines::All(Live::start(anstream::stdout())),
        };
        Self {
            bars,
            lines,
            said: Ok(()),
        }
    }

    /// Says things on standard error, beside the bars.
    pub(super) fn aside(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let bars = self.bars.clone();
        move |text| bars.suspend(|| output::say_aside(text))
    }

    /// A bar for builds.
    pub(super) fn builds(&self, count: usize) -> ProgressBar {
        let style = "  {bar:24} {pos}/{len} {wide_msg}";
        let bar = ProgressBar::new(count as u64).with_style(styled(style));
        self.bars.add(bar)
    }

    /// What shows the news of a matrix of cases with these names.
    pub(super) fn cases(&mut self, names: Vec<String>, outlook: Outlook) -> Cases<'_> {
        Cases::new(self, names, outlook)
    }

    /// Shows something between the bars.
    fn show(&mut self, text: &str) {
        match &self.lines {
            Lines::None => {}
            Lines::Failures => {
                let said = self.bars.suspend(|| output::paint(&format!("{text}\n")));
                self.said = std::mem::replace(&mut self.said, Ok(())).and(said);
            }
            Lines::All(live) => live.say(text),
        }
    }

    /// Takes the bars away, and waits until all lines are printed.
    ///
    /// # Errors
    ///
    /// Something could not be printed.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        let _ = self.bars.clear();
        if let Lines::All(live) = std::mem::replace(&mut self.lines, Lines::None) {
            output::written(live.finish().await)?;
        }
        std::mem::replace(&mut self.said, Ok(()))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.bars.clear();
    }
}

/// The cases of a matrix, on a board.
pub(super) struct Cases<'b> {
    board: &'b mut Board,
    names: Vec<String>,
    outlook: Outlook,
    began: Instant,
    all: ProgressBar,
    running: HashMap<usize, ProgressBar>,
    not_passed: usize,
    /// When it will probably be over, in seconds from its beginning.
    over_at: Arc<Mutex<f64>>,
}

impl<'b> Cases<'b> {
    fn new(board: &'b mut Board, names: Vec<String>, outlook: Outlook) -> Self {
        let began = Instant::now();
        let over_at = Arc::new(Mutex::new(outlook.left(0.0)));
        let reader = Arc::clone(&over_at);
        let left = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let over_at = *reader.lock().unwrap_or_else(PoisonError::into_inner);
            let left = (over_at - began.elapsed().as_secs_f64()).max(0.0);
            let _ = out.write_str(&roughly(left));
        };
        let style = styled("  {bar:24} {pos}/{len} cases{msg}, {left}").with_key("left", left);
        let all = ProgressBar::new(names.len() as u64).with_style(style);
        let all = board.bars.add(all);
        if !board.bars.is_hidden() {
            all.enable_steady_tick(TICK);
        }
        Self {
            board,
            names,
            outlook,
            began,
            all,
            running: HashMap::new(),
            not_passed: 0,
            over_at,
        }
    }

    /// Shows what happened.
    pub(super) fn heed(&mut self, news: &News) {
        let now = self.began.elapsed().as_secs_f64();
        self.outlook.heed(news, now);
        let over_at = now + self.outlook.left(now);
        *self.over_at.lock().unwrap_or_else(PoisonError::into_inner) = over_at;
        match news {
            News::Began(task) => self.begins(*task),
            News::Booted { task, steps } => {
                if let Some(bar) = self.running.get(&task.case) {
                    bar.set_length(*steps as u64);
                    bar.set_message("");
                }
            }
            News::Step { task, step } => {
                if let Some(bar) = self.running.get(&task.case) {
                    bar.inc(1);
                    bar.set_message(shown::line(step).into_owned());
                }
            }
            News::Over {
                task,
                attempt,
                outcome,
            } => self.ends(*task, attempt, *outcome),
        }
    }

    fn begins(&mut self, task: Task) {
        if self.board.bars.is_hidden() {
            return;
        }
        let width = self.names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0).min(NAME);
        let time = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:.1} s", state.elapsed().as_secs_f64());
        };
        let style =
            format!("  {{prefix:{width}!}} {{pos:>3}}/{{len:3}} {{time:>7}}  {{wide_msg:.dim}}");
        let again = match task.attempt {
            0 => "",
            _ => "again, ",
        };
        let name = shown::line(&self.names[task.case]).into_owned();
        let bar = ProgressBar::new(0)
            .with_style(styled(&style).with_key("time", time))
            .with_prefix(name)
            .with_message(format!("{again}starting"));
        let bar = self.board.bars.insert_before(&self.all, bar);
        bar.enable_steady_tick(TICK);
        self.running.insert(task.case, bar);
    }

    fn ends(&mut self, task: Task, attempt: &Attempt, outcome: Option<Outcome>) {
        if let Some(bar) = self.running.remove(&task.case) {
            bar.finish_and_clear();
            self.board.bars.remove(&bar);
        }
        let name = &self.names[task.case];
        let text = match outcome {
            Some(outcome) => summary::line(name, outcome, attempt.seconds),
            None => summary::again(name, attempt.seconds),
        };
        let passed = outcome == Some(Outcome::Passed);
        if passed {
            if let Lines::All(_) = self.board.lines {
                self.board.show(&text);
            }
        } else {
            let report = match attempt.report.passed() {
                true => String::new(),
                false => indented(&attempt.report.human()),
            };
            self.board.show(&format!("{text}{report}"));
        }
        if outcome.is_some() {
            self.not_passed += usize::from(!passed);
            if self.not_passed > 0 {
                self.all
                    .set_message(format!(", {} not passed", self.not_passed));
            }
            self.all.inc(1);
        }
    }
}

impl Drop for Cases<'_> {
    fn drop(&mut self) {
        self.all.finish_and_clear();
        for bar in self.running.values() {
            bar.finish_and_clear();
        }
    }
}

/// A text below a line, behind a margin.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n  {line}")).collect()
}

/// A bar's style.
fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is ours");
    style.progress_chars("━╸─")
}

/// A time that is only guessed.
fn roughly(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        0 => "a moment left".to_owned(),
        seconds @ 1..=90 => format!("about {seconds} s left"),
        seconds => format!("about {} min left", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_are_known() {
        assert_eq!(roughly(0.0), "a moment left");
        assert_eq!(roughly(0.2), "about 1 s left");
        assert_eq!(roughly(90.0), "about 90 s left");
        assert_eq!(roughly(91.0), "about 2 min left");
        assert_eq!(
            roughly(f64::MAX),
            format!("about {} min left", u64::MAX.div_ceil(60))
        );
    }

    #[test]
    fn what_belongs_to_a_line_stands_behind_a_margin() {
        assert_eq!(
            indented("FAIL a\n  records: b\n"),
            "\n  FAIL a\n    records: b"
        );
    }
}
