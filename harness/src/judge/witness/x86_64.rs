//! `-d in_asm` of qemu-system-x86_64, without the disassembly: a line for each entry of a guest under
//! SVM and for each exit. `-d int` adds a line for each interrupt, and one with the registers for each interrupt
//! and exception.

use super::{Address, Exit, LoggedFault, hex};
use crate::judge::hvlog::Access;

/// Exit codes (APM vol. 2, appendix C).
const INTR: u64 = 0x60;
const NMI: u64 = 0x61;
const SMI: u64 = 0x62;
const INIT: u64 = 0x63;
const VMMCALL: u64 = 0x81;
const NPF: u64 = 0x400;

/// EXITINFO1 of a nested page fault (§15.25.6).
const WRITE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;
const DURING_WALK: u64 = 1 << 33;

/// What came before a line.
#[derive(Debug, Default)]
pub struct Parser {
    /// The vector of a virtual interrupt, in QEMU's digits, that the guest is about to take.
    interrupt: Option<String>,
}

impl Parser {
    /// The exit that a line tells of, or a virtual interrupt that the guest took; and where the guest stood. An
    /// interrupt has two lines: `Servicing virtual hardware INT=0x2c` and `7: v=2c e=0000 i=0 cpl=0 … pc=… SP=…`.
    pub fn line(&mut self, line: &str) -> Option<(Exit, Option<u64>)> {
        if let Some(vector) = line.strip_prefix("Servicing virtual hardware INT=0x") {
            self.interrupt = Some(format!(": v={vector} "));
            return None;
        }
        match self.interrupt.take() {
            Some(vector) if line.contains(&vector) => {
                let pc = line.split_once(" pc=").and_then(|(_, rest)| hex(rest));
                Some((Exit::GuestTimer, pc.map(|(pc, _)| pc)))
            }
            _ => exit(line).or_else(|| user_call(line)),
        }
    }
}

/// The call of a guest's user mode that a line tells of: an INT n in ring 3, which `i=1 cpl=3` says. SYSCALL leaves no
/// line.
fn user_call(line: &str) -> Option<(Exit, Option<u64>)> {
    let (count, rest) = line.trim_start().split_once(": v=")?;
    let is_numbered = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    (is_numbered && rest.contains(" i=1 cpl=3 ")).then_some((Exit::UserCall, None))
}

/// The exit that a line tells of, and the address of the instruction that caused it:
/// `vmexit(code, info1, info2, rip)!`
///
/// QEMU leaves the line unfinished in which it says that an event was injected, and the exit follows in it.
fn exit(line: &str) -> Option<(Exit, Option<u64>)> {
    let mut numbers = behind_injection(line)
        .strip_prefix("vmexit(")?
        .strip_suffix(")!")?
        .split(", ");
    let mut number = || hex(numbers.next()?).filter(|(_, rest)| rest.is_empty());
    let ((code, _), (info1, _), (info2, _)) = (number()?, number()?, number()?);
    let exit = match code {
        INTR | NMI | SMI | INIT => return None,
        VMMCALL => Exit::Hypercall,
        NPF => Exit::Npf(LoggedFault {
            at: Address::Gpa(info2),
            access: access(info1),
            during_walk: Some(info1 & DURING_WALK != 0),
        }),
        _ => Exit::Other,
    };
    Some((exit, number().map(|(rip, _)| rip)))
}

/// What follows `Injecting(flags): KIND`, or the line as it is.
fn behind_injection(line: &str) -> &str {
    const KINDS: [&str; 3] = ["EXEPT", "NMI", "SOFT"];
    let injection = || {
        let (flags, rest) = line.strip_prefix("Injecting(")?.split_once("): ")?;
        let number = flags.strip_prefix("0x").unwrap_or(flags);
        let known = number.bytes().all(|byte| byte.is_ascii_hexdigit());
        let kind = KINDS.iter().find(|kind| rest.starts_with(**kind))?;
        known.then(|| &rest[kind.len()..])
    };
    injection().unwrap_or(line)
}

fn access(info1: u64) -> Access {
    if info1 & FETCH != 0 {
        Access::Execute
    } else if info1 & WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    }
}
