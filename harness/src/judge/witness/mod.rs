//! QEMU as a witness: its own log of the guest's exits, which nothing inside the machine can write to.
//!
//! The log is read as a stream while the machine runs, line by line, into an [`Account`]: how many
//! exits of each class there were, and where the nested page faults were. Lines that are not about the
//! guest's exits are skipped: QEMU also logs the traps of the firmware and the hypervisor.

mod aarch64;
mod format;
mod riscv64;
mod x86_64;

pub use format::{Class, Format};

use crate::judge::hvlog::{Access, FAULTS_KEPT};
use crate::judge::lines::LineAssembler;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};

/// The name of the log in the run's directory.
pub const FILE: &str = "witness.log";

/// An address in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// Guest-physical.
    Gpa(u64),
    /// Guest-virtual: the log does not say how the guest's own tables translate it.
    Va(u64),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpa(gpa) => write!(f, "{gpa:#x}"),
            Self::Va(va) => write!(f, "the virtual address {va:#x}"),
        }
    }
}

/// A nested page fault, as QEMU logged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedFault {
    /// Where it was.
    #[serde(flatten)]
    pub at: Address,
    /// The access that the guest tried.
    pub access: Access,
    /// Whether the CPU made the access while it walked the guest's own tables, where the log says so.
    pub during_walk: Option<bool>,
}

impl fmt::Display for LoggedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.at, self.access)
    }
}

/// An exit of the guest, or something that is counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A nested page fault.
    Npf(LoggedFault),
    /// A call to the hypervisor.
    Hypercall,
    /// Anything else that the guest causes.
    Other,
    /// Not an exit: a timer interrupt.
    Timer,
    /// Not an exit: a timer interrupt that a guest took.
    GuestTimer,
    /// Not an exit: a user program's call to its kernel.
    UserCall,
}

/// How many pages with exits are kept; their size is that of the guest's, which the log does not tell.
pub(super) const PLACES_KEPT: usize = 4096;

const PAGE: u64 = 4096;

/// A page from which exits came, or at which a guest took a timer interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The address at which the guest stood at the first of them.
    pub pc: u64,
    /// The class of that one.
    pub class: Class,
    /// How many they are.
    pub exits: u64,
}

/// What QEMU logged, in sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The format of the log.
    pub format: Format,
    /// Nested page faults.
    pub npf: u64,
    /// Hypercalls.
    pub hypercall: u64,
    /// Other exits, as far as the log shows them.
    pub other: u64,
    /// Timer interrupts, where the log has them. They are not exits.
    #[serde(default)]
    pub timer: u64,
    /// Those of them that a guest took.
    #[serde(default)]
    pub guest_timer: u64,
    /// Calls from user programs to their kernel, where the log has them. They are not exits.
    #[serde(default)]
    pub user_call: u64,
    /// The class of the last exit.
    pub last: Option<Class>,
    /// The nested page faults in order; only the first [`FAULTS_KEPT`].
    pub faults: Vec<LoggedFault>,
    /// How many of these are left out, where an account is [shortened](Self::shorten).
    #[serde(default)]
    pub faults_left_out: u64,
    /// The pages from which exits came, by their addresses; the first 4,096 that came. A fetch
    /// that faults is none: its address is where the guest was to go on, and not who sent it there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// How many exits came from other pages than these.
    #[serde(default)]
    pub elsewhere: u64,
}

impl Account {
    /// Before the first line.
    pub(in crate::judge) fn new(format: Format) -> Self {
        Self {
            format,
            npf: 0,
            hypercall: 0,
            other: 0,
            timer: 0,
            guest_timer: 0,
            user_call: 0,
            last: None,
            faults: Vec::new(),
            faults_left_out: 0,
            places: Vec::new(),
            elsewhere: 0,
        }
    }

    /// Reads a log to its end.
    pub fn read(format: Format, mut log: impl Read) -> io::Result<Self> {
        let mut reader = Reader::new(format);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match log.read(&mut buffer)? {
                0 => return Ok(reader.finish()),
                length => reader.push(&buffer[..length]),
            }
        }
    }

    /// How many exits of a class there were.
    pub fn of(&self, class: Class) -> u64 {
        match class {
            Class::Npf => self.npf,
            Class::Hypercall => self.hypercall,
            Class::Other => self.other,
            Class::Timer => self.timer,
            Class::GuestTimer => self.guest_timer,
            Class::UserCall => self.user_call,
        }
    }

    /// Keeps so many of the page faults, the first, and says how many are left out.
    pub fn shorten(&mut self, faults: usize) {
        self.faults_left_out += self.faults.len().saturating_sub(faults) as u64;
        self.faults.truncate(faults);
    }

    /// How many exits there were in total.
    pub fn exits(&self) -> u64 {
        self.npf + self.hypercall + self.other
    }

    fn count(&mut self, exit: Exit, pc: Option<u64>) {
        let class = match exit {
            Exit::Npf(fault) => {
                if self.faults.len() < FAULTS_KEPT {
                    self.faults.push(fault);
                }
                Class::Npf
            }
            Exit::Hypercall => Class::Hypercall,
            Exit::Other => Class::Other,
            Exit::Timer => return self.timer += 1,
            Exit::GuestTimer => {
                self.timer += 1;
                self.guest_timer += 1;
                // The guest stood in code of its own, as at its exits.
                return pc
                    .into_iter()
                    .for_each(|pc| self.came_from(pc, Class::GuestTimer));
            }
            Exit::UserCall => return self.user_call += 1,
        };
        match class {
            Class::Npf => self.npf += 1,
            Class::Hypercall => self.hypercall += 1,
            _ => self.other += 1,
        }
        self.last = Some(class);
        let fetch = matches!(exit, Exit::Npf(fault) if fault.access == Access::Execute);
        if let Some(pc) = pc.filter(|_| !fetch) {
            self.came_from(pc, class);
        }
    }

    fn came_from(&mut self, pc: u64, class: Class) {
        let page = pc / PAGE;
        match self.places.binary_search_by_key(&page, |p| p.pc / PAGE) {
            Ok(known) => self.places[known].exits += 1,
            Err(_) if self.places.len() == PLACES_KEPT => self.elsewhere += 1,
            Err(new) => self.places.insert(
                new,
                Place {
                    pc,
                    class,
                    exits: 1,
                },
            ),
        }
    }
}

/// Reads a log in pieces of any size.
#[derive(Debug)]
pub struct Reader {
    lines: LineAssembler,
    parser: Parser,
    account: Account,
}

#[derive(Debug)]
enum Parser {
    Riscv64,
    Aarch64(aarch64::Parser),
    X86_64(x86_64::Parser),
}

impl Reader {
    /// At the start of a log.
    pub fn new(format: Format) -> Self {
        Self {
            lines: LineAssembler::default(),
            parser: Parser::new(format),
            account: Account::new(format),
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let (parser, account) = (&mut self.parser, &mut self.account);
        self.lines.push(bytes, |line| {
            if let Some((exit, pc)) = parser.line(&line) {
                account.count(exit, pc);
            }
            true
        });
    }

    /// The account so far.
    pub fn so_far(&self) -> &Account {
        &self.account
    }

    /// The account at the log's end. A line without an end does not count: QEMU ends all of its lines,
    /// so this one was cut off, and the whole line may have meant something else.
    pub fn finish(mut self) -> Account {
        let (parser, account) = (&mut self.parser, &mut self.account);
        if let Parser::Aarch64(parser) = parser
            && let Some((exit, pc)) = parser.finish()
        {
            account.count(exit, pc);
        }
        self.account
    }
}

impl Parser {
    fn new(format: Format) -> Self {
        match format {
            Format::RiscvTrap => Self::Riscv64,
            Format::Aarch64Int => Self::Aarch64(aarch64::Parser::default()),
            Format::X86Svm | Format::X86SvmInt => Self::X86_64(x86_64::Parser::default()),
        }
    }

    /// The exit that a line completes, and where the guest stood.
    fn line(&mut self, line: &str) -> Option<(Exit, Option<u64>)> {
        match self {
            Self::Riscv64 => riscv64::exit(line),
            Self::Aarch64(parser) => parser.line(line),
            Self::X86_64(parser) => parser.line(line),
        }
    }
}

/// Reads a log, and passes on each exit that is counted in an [`Account`] of it: the number of the line that
/// completes it, from 1; the exit; and where the guest stood.
pub fn each_exit(
    format: Format,
    mut log: impl Read,
    mut take: impl FnMut(u64, Exit, Option<u64>),
) -> io::Result<()> {
    let mut lines = LineAssembler::default();
    let mut parser = Parser::new(format);
    let mut number = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = log.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        lines.push(&buffer[..length], |line| {
            number += 1;
            if let Some((exit, pc)) = parser.line(&line) {
                take(number, exit, pc);
            }
            true
        });
    }
    if let Parser::Aarch64(parser) = &mut parser
        && let Some((exit, pc)) = parser.finish()
    {
        take(number, exit, pc);
    }
    Ok(())
}

/// The hexadecimal digits at the beginning of a text, and the rest.
fn hex(text: &str) -> Option<(u64, &str)> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let value = u64::from_str_radix(&digits[..length], 16).ok()?;
    Some((value, &digits[length..]))
}

#[cfg(test)]
mod tests;
