//! What a page shows, as plain data. It stands in the page as one JSON object, for its script.
//!
//! Texts are places in [`Page::texts`]; times are whole microseconds since the machine started; addresses are
//! hexadecimal texts, since a script's numbers cannot hold all of them.

use super::rows::{ROWS, differences};
use super::texts::Id;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The version of the data; script and data always come from the same harness.
const VERSION: u32 = 1;

/// All of it.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The version of the data.
    pub version: u32,
    /// The harness that made it.
    pub made_by: String,
    /// What one types to start the harness.
    pub program: String,
    /// The folder in which it was made.
    pub folder: String,
    /// The names of what stands without them in rows.
    pub rows: &'static [(&'static str, &'static [&'static str])],
    /// The matrix; none on the page of a run.
    pub matrix: Option<Matrix>,
    /// The runs.
    pub runs: Vec<Run>,
    /// The memory maps that audits saw, each once.
    pub maps: Vec<Map>,
    /// The sets of registers that audits saw, each once: name, value, and the names of what is set, in turn.
    pub registers: Vec<Vec<Id>>,
    /// The texts, each once.
    pub texts: Vec<String>,
}

impl Page {
    pub(super) fn new(program: &str, dir: &Path) -> Self {
        let folder = whole(dir);
        Self {
            version: VERSION,
            made_by: concat!("harness ", env!("CARGO_PKG_VERSION")).to_owned(),
            program: program.to_owned(),
            folder: folder.display().to_string(),
            rows: ROWS,
            matrix: None,
            runs: Vec::new(),
            maps: Vec::new(),
            registers: Vec::new(),
            texts: Vec::new(),
        }
    }
}

/// A folder as a browser names it: without `..`, and with links followed.
pub(super) fn whole(dir: &Path) -> PathBuf {
    let whole = dir.canonicalize().or_else(|_| std::path::absolute(dir));
    whole.unwrap_or_else(|_| dir.to_owned())
}

/// A matrix.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// When it started: RFC 3339, UTC.
    pub started: Id,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many runs went on at the same time.
    pub jobs: usize,
    /// The command line that made it.
    pub command: Id,
    /// The part of the cases that it had, such as `2/3`, if it was not all of them.
    pub shard: Option<String>,
    /// Its exit code.
    pub exit_code: u8,
    /// The architectures of its cases.
    pub arches: Vec<&'static str>,
    /// The cases.
    pub cases: Vec<Case>,
    /// Earlier matrices in the same folder, the newest last.
    pub history: Vec<Past>,
}

/// A case of a matrix.
#[derive(Debug)]
pub struct Case {
    /// `scenario::machine`
    pub name: Id,
    /// The scenario.
    pub scenario: Id,
    /// The machine.
    pub machine: Id,
    /// The architecture.
    pub arch: &'static str,
    /// What came of it.
    pub outcome: Sign,
    /// Whether it fails the matrix.
    pub fails: bool,
    /// How long its last run took, in seconds.
    pub seconds: f64,
    /// Its runs, the last of which counts.
    pub runs: Vec<usize>,
    /// Why there is none.
    pub without: Option<Id>,
}

/// What came of a case, or a run, in a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sign {
    /// It passed.
    #[serde(rename = "p")]
    Passed,
    /// It passed after the set-up had failed it.
    #[serde(rename = "y")]
    Flaky,
    /// The guest or the hypervisor failed it.
    #[serde(rename = "f")]
    Failed,
    /// A clock ran out.
    #[serde(rename = "t")]
    TimedOut,
    /// The set-up failed it.
    #[serde(rename = "s")]
    SetUp,
    /// It was not run.
    #[serde(rename = "n")]
    NotRun,
    /// There was no such case.
    #[serde(rename = "-")]
    None,
}

/// An earlier matrix.
#[derive(Debug, Serialize)]
pub struct Past {
    /// Its folder's name.
    pub folder: Id,
    /// When it started.
    pub started: Id,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What came of each case of this page's matrix, in the same order.
    pub outcomes: Vec<Sign>,
    /// How long each of them took, in milliseconds; 0 where there was no such case.
    pub took: Vec<u64>,
    /// How many of all its cases passed, how many did not, and how many were not run.
    pub counts: [usize; 3],
}

/// A run.
#[derive(Debug, Serialize)]
pub struct Run {
    /// By which a link names it: `scenario::machine`, and `~2` behind that for a second run of the same case.
    pub id: Id,
    /// The scenario.
    pub scenario: Id,
    /// The machine.
    pub machine: Id,
    /// The architecture.
    pub arch: &'static str,
    /// The verdict in a letter.
    pub sign: Sign,
    /// The verdict's kind.
    pub kind: &'static str,
    /// The verdict in words.
    pub text: Id,
    /// The process's exit code.
    pub exit_code: u8,
    /// Seconds from the machine's start to the verdict.
    pub seconds: f64,
    /// Who is to blame.
    pub blame: Id,
    /// The line that looks most like the cause.
    pub cause: Option<Cause>,
    /// What else is known: what, and then the fact.
    pub facts: Vec<[Id; 2]>,
    /// Commands to paste that need none of the run's files: what for, and then the command.
    pub commands: Vec<[Id; 2]>,
    /// The folder of the run's files, within that of the page; none if it has none there.
    pub folder: Option<Id>,
    /// How to start the same machine by hand: the command, or a note about why there is none.
    pub by_hand: ByHand,
    /// Where the processors were when a clock ran out.
    pub stopped_at: Vec<Id>,
    /// Their registers.
    pub registers: Option<Id>,
    /// What was recorded, in order.
    pub log: Log,
    /// The run in time.
    pub timeline: Timeline,
    /// Each time that the machine itself was looked at.
    pub audits: Vec<Audit>,
    /// Why the records could not be read, or not all of them.
    pub missing: Option<Id>,
}

/// How to start a machine by hand.
#[derive(Debug, Default, Serialize)]
pub struct ByHand {
    /// The command, without the folder that it begins with.
    pub command: Option<Id>,
    /// The lines of the records about it, such as that its images are gone.
    pub note: Option<Id>,
}

/// The line that looks most like the cause.
#[derive(Debug, Serialize)]
pub struct Cause {
    /// It, with the line behind it if they belong together.
    pub text: Id,
    /// Who is to blame, and what to look at.
    pub look_at: Id,
    /// Its number in the log.
    pub line: Option<usize>,
}

/// The lines of a run, from all sources. The columns have the same length.
#[derive(Debug, Default, Serialize)]
pub struct Log {
    /// Microseconds since the machine started; none for a line that has a place and no time. On the page each is the
    /// difference from the one before.
    #[serde(serialize_with = "differences")]
    pub times: Vec<Option<i64>>,
    /// Where each is from, a letter each: `f`irmware, `c`onsole, `h`ypervisor's report, `q`EMU's log, `a`udit,
    /// `k`eyboard; `n`otes of the harness and of QEMU.
    pub sources: String,
    /// What each says.
    pub texts: Vec<Id>,
    /// What is left out: in front of which of these lines, and how many.
    pub left_out: Vec<[usize; 2]>,
    /// About how many bytes they take.
    #[serde(skip)]
    pub cost: usize,
}

/// A run in time.
#[derive(Debug, Default, Serialize)]
pub struct Timeline {
    /// When the last event came.
    pub end: u64,
    /// What ran.
    pub phases: Vec<Phase>,
    /// The steps that were reached.
    pub steps: Vec<Step>,
    /// The step that was awaited and did not come.
    pub awaited: Option<Id>,
    /// The exits in QEMU's log, between events that tell where in the log the run was.
    pub exits: Vec<Exits>,
    /// How many bytes of QEMU's log the records do not have, with the exits in them.
    pub not_kept: u64,
    /// When something was typed, and the line.
    pub typed: Vec<(u64, Option<usize>)>,
    /// When a clock ran out, or the machine ended, and the line.
    pub marks: Vec<(u64, Option<usize>)>,
    /// What of all this is left out, in words.
    pub left_out: Vec<Id>,
}

/// A time in which one program ran, as far as the console tells.
#[derive(Debug, PartialEq)]
pub struct Phase {
    /// Which: `firmware`, `hypervisor`, `guest`, `machine` where no report tells these two apart, `several` where very
    /// many took turns, or `start`: nobody knows who ran before the first line.
    pub who: &'static str,
    /// From when on.
    pub from: u64,
    /// Until when.
    pub to: u64,
    /// The guest's path.
    pub what: Option<Id>,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub name: Id,
    /// Who prints it: `guest`, `hypervisor`, or nobody knows.
    pub by: Option<&'static str>,
    /// When it came.
    pub at: u64,
    /// Its line's number in the log.
    pub line: Option<usize>,
}

/// Exits that came between two events. QEMU's log has no times: within that they have only an order.
#[derive(Debug, Default, PartialEq)]
pub struct Exits {
    /// Not before.
    pub from: u64,
    /// Not after.
    pub to: u64,
    /// Nested page faults, calls, others; and besides, what is no exit: timer interrupts, a guest's timer
    /// interrupts, calls of user programs.
    pub counts: [u64; 6],
}

/// A look at the machine itself.
#[derive(Debug)]
pub struct Audit {
    /// When.
    pub at: u64,
    /// The moment, in words.
    pub moment: Id,
    /// Its line's number in the log.
    pub line: Option<usize>,
    /// Whether the registers are those that the guest runs with.
    pub counts: bool,
    /// Whether it was held against a declaration.
    pub held: bool,
    /// How long the machine stood still, in milliseconds.
    pub took_ms: f64,
    /// The second stage's format.
    pub format: Option<Id>,
    /// The memory map, by its place in [`Page::maps`].
    pub map: usize,
    /// The registers, by their place in [`Page::registers`].
    pub registers: usize,
    /// What is open to the guest besides: ports and model-specific registers.
    pub open: Vec<Id>,
    /// The programs' text.
    pub programs: Vec<Id>,
    /// What was not declared, in sentences.
    pub breaches: Vec<Id>,
    /// How much that is, which may be more.
    pub found: usize,
}

/// The second stage: what of the guest's addresses leads where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Map {
    /// The guest-physical addresses from the first that matters to the last, without holes.
    pub guest: Vec<Part>,
    /// The host-physical ones.
    pub host: Vec<Part>,
    /// What joins them.
    pub bands: Vec<Band>,
    /// How many bands are left out.
    pub left_out: usize,
}

/// A run of addresses that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The first address.
    pub start: String,
    /// The first one behind it.
    pub end: String,
    /// How many bytes, rounded as a script's numbers are.
    pub size: u64,
    /// What is there: `mapped`, `declared` or `gap` of the guest's; `image`, `tables`, `ram`, `rom`, `device`,
    /// `unknown` or `gap` of the machine's; `undrawn` where something is mapped whose band is left out.
    pub kind: &'static str,
    /// Its name.
    pub label: Option<Id>,
}

/// A mapping, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Of the guest's parts, the first and the one behind the last.
    pub guest: [usize; 2],
    /// Of the machine's.
    pub host: [usize; 2],
    /// The guest-physical addresses.
    pub gpa: String,
    /// The host-physical ones.
    pub hpa: String,
    /// How many bytes.
    pub size: u64,
    /// Some of the letters `rwx`.
    pub access: String,
    /// The declared window that it is in.
    pub window: Option<Id>,
    /// Whose the memory is.
    pub whose: Id,
    /// What of it was not declared, in sentences.
    pub breaches: Vec<Id>,
}
