//! A scenario that is put together in code.
//!
//! What is built is the text of a scenario's file, which is then read as any other: so nothing can be
//! built that a file could not say, and every mistake is found that would be found there.

use super::Definition;
use crate::judge::By;
use crate::judge::verdict::EndKind;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Puts a scenario together. The machine must switch itself off at the end, unless something else is
/// [said](Builder::end).
///
/// ```
/// use harness::arch::Arch;
/// use harness::config::machine::Machine;
/// use harness::config::scenario::{Scenario, StepBuilder, With};
/// use harness::judge::By;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let project = harness::Project::new("/no/workspace");
///
/// let tasks = Scenario::builder("tasks")
///     .step("hello", "^hello$")
///     .sequence("worker1", r"^worker1: (\d+)$", 0..=256)
///     .sequence("worker2", r"^worker2: (\d+)$", 0..=256)
///     .step_with(StepBuilder::new("done", "^all done$").by(By::Guest).unique().after("worker1"))
///     .forbid("panicked at")
///     .define();
/// let machine = Machine::load(&project, Arch::Riscv64)?;
/// let scenario = tasks.resolve(&project, &machine, &With::default())?;
/// assert_eq!(scenario.story.strands().len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// A mistake is an error, as it is in a file:
///
/// ```
/// # use harness::arch::Arch;
/// # use harness::config::machine::Machine;
/// # use harness::config::scenario::{Scenario, With};
/// # let project = harness::Project::new("/no/workspace");
/// # let machine = Machine::load(&project, Arch::Riscv64).unwrap();
/// let nothing = Scenario::builder("nothing").forbid("panicked at").define();
/// let error = nothing.resolve(&project, &machine, &With::default()).unwrap_err();
/// assert!(error.to_string().contains("every run would pass"));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is a scenario only after `define`"]
pub struct Builder {
    name: String,
    end: EndKind,
    keys: String,
    params: String,
    values: String,
    tables: String,
}

impl Builder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            end: EndKind::Shutdown,
            keys: String::new(),
            params: String::new(),
            values: String::new(),
            tables: String::new(),
        }
    }

    fn key(mut self, key: &str, value: &str) -> Self {
        line(&mut self.keys, key, &quoted(value));
        self
    }

    /// How the machine has to end.
    pub fn end(mut self, end: EndKind) -> Self {
        self.end = end;
        self
    }

    /// The scenario that this one extends: a name, or a file.
    pub fn extends(self, name: &str) -> Self {
        self.key("extends", name)
    }

    /// The machine, where the run names none: a name, or a file.
    pub fn machine(self, name: &str) -> Self {
        self.key("machine", name)
    }

    /// What the hypervisor is to run: a guest program's name, or a file with a `/` in its path.
    pub fn guest(self, name: &str) -> Self {
        self.key("guest", name)
    }

    /// How the hypervisor is to run it.
    pub fn mode(self, mode: &str) -> Self {
        self.key("mode", mode)
    }

    /// How long no step may be reached and no strand may go on.
    pub fn silence(self, silence: Duration) -> Self {
        self.key("silence", &time(silence))
    }

    /// A word for the hypervisor.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        line(&mut self.params, &quoted(name), &quoted(value));
        self
    }

    /// What `{name}` stands for.
    pub fn value(mut self, name: &str, value: &str) -> Self {
        line(&mut self.values, &quoted(name), &quoted(value));
        self
    }

    /// A line that must come next, once.
    pub fn step(self, name: &str, pattern: &str) -> Self {
        self.step_with(StepBuilder::new(name, pattern))
    }

    /// A step about which there is more to say.
    pub fn step_with(mut self, step: StepBuilder) -> Self {
        self.tables += "\n[[step]]\n";
        self.tables += &step.text;
        if !step.after.is_empty() {
            let names = step.after.join(", ");
            line(&mut self.tables, "after", &format!("[{names}]"));
        }
        self
    }

    /// A line that must not come.
    pub fn forbid(mut self, pattern: &str) -> Self {
        self.tables += "\n[[forbid]]\n";
        line(&mut self.tables, "pattern", &quoted(pattern));
        self
    }

    /// A strand: lines in which a number, the pattern's only capture group, runs through a range.
    pub fn sequence(mut self, name: &str, pattern: &str, range: RangeInclusive<u64>) -> Self {
        self.tables += "\n[[strand]]\n";
        line(&mut self.tables, "name", &quoted(name));
        line(&mut self.tables, "pattern", &quoted(pattern));
        let range = format!("{}..={}", range.start(), range.end());
        line(&mut self.tables, "sequence", &quoted(&range));
        self
    }

    /// Tables for which there is no function here, as text: `[witness]`, `[hv]`, `[[strand]]`, ...
    pub fn tables(mut self, text: &str) -> Self {
        self.tables += "\n";
        self.tables += text;
        self.tables += "\n";
        self
    }

    /// The scenario.
    pub fn define(self) -> Definition {
        let mut text = format!("end = \"{}\"\n", self.end);
        text += &self.keys;
        for (table, lines) in [("params", self.params), ("values", self.values)] {
            if !lines.is_empty() {
                let _ = write!(text, "\n[{table}]\n{lines}");
            }
        }
        text += &self.tables;
        Definition::from_text(self.name, text)
    }
}

/// Puts a step together.
#[derive(Debug, Clone)]
#[must_use]
pub struct StepBuilder {
    text: String,
    after: Vec<String>,
}

impl StepBuilder {
    /// A step that takes one line.
    pub fn new(name: &str, pattern: &str) -> Self {
        let mut text = String::new();
        line(&mut text, "name", &quoted(name));
        line(&mut text, "pattern", &quoted(pattern));
        Self {
            text,
            after: Vec::new(),
        }
    }

    fn key(mut self, key: &str, value: &str) -> Self {
        line(&mut self.text, key, value);
        self
    }

    /// What its line looks like even when it says something else.
    pub fn near(self, pattern: &str) -> Self {
        self.key("near", &quoted(pattern))
    }

    /// Who prints it.
    pub fn by(self, by: By) -> Self {
        self.key(
            "by",
            match by {
                By::Guest => "\"guest\"",
                By::Hypervisor => "\"hypervisor\"",
            },
        )
    }

    /// That such a line at any other point is wrong.
    pub fn unique(self) -> Self {
        self.key("unique", "true")
    }

    /// That the story may go on without it.
    pub fn optional(self) -> Self {
        self.key("optional", "true")
    }

    /// How many such lines it takes.
    pub fn count(self, count: u64) -> Self {
        self.key("count", &count.to_string())
    }

    /// How long it may take, from the line before that the story took.
    pub fn within(self, within: Duration) -> Self {
        self.key("within", &quoted(&time(within)))
    }

    /// The strand that has to be complete before it, or the step that it is put behind, where the
    /// scenario extends another one. There may be several.
    pub fn after(mut self, strand_or_step: &str) -> Self {
        self.after.push(quoted(strand_or_step));
        self
    }

    /// The step that it is put in front of, where the scenario extends another one.
    pub fn before(self, step: &str) -> Self {
        self.key("before", &quoted(step))
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// A text as TOML has it: as JSON has it, and DEL spelled out.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007f")
}
