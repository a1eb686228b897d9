//! `-trace riscv_trap`: a line for each trap, whoever took it.

use super::{Address, Exit, LoggedFault, hex};
use crate::judge::hvlog::Access;

/// Causes (Privileged ISA, 18.6.1) that only a guest can raise and only the hypervisor can take.
const ECALL_FROM_VS: u64 = 10;
const FETCH_GUEST_PAGE_FAULT: u64 = 20;
const LOAD_GUEST_PAGE_FAULT: u64 = 21;
const VIRTUAL_INSTRUCTION: u64 = 22;
const STORE_GUEST_PAGE_FAULT: u64 = 23;

/// The log does not say who was in user mode: a program of a guest, or one of the machine's only
/// kernel.
const ECALL_FROM_U: u64 = 8;

/// Interrupts: the supervisor's own timer, and a guest's.
const S_TIMER: &str = "5";
const VS_TIMER: &str = "6";

/// The exit that a line tells of, and the address of the instruction that caused it:
/// `riscv_trap hart:0, async:0, cause:21, epc:0x802000b4, tval:0x22000000, desc=…`
pub fn exit(line: &str) -> Option<(Exit, Option<u64>)> {
    // Some builds put a process number and a time before it.
    let (_, trap) = line.split_once("riscv_trap ")?;
    let field = |name: &str| {
        trap.split(", ")
            .find_map(|field| field.strip_prefix(name)?.strip_prefix(':'))
    };
    let pc = field("epc").and_then(hex).map(|(pc, _)| pc);
    if field("async")? != "0" {
        return match field("cause")? {
            S_TIMER => Some((Exit::Timer, None)),
            VS_TIMER => Some((Exit::GuestTimer, pc)),
            _ => None,
        };
    }
    let access = match field("cause")?.parse().ok()? {
        FETCH_GUEST_PAGE_FAULT => Access::Execute,
        LOAD_GUEST_PAGE_FAULT => Access::Read,
        STORE_GUEST_PAGE_FAULT => Access::Write,
        ECALL_FROM_U => return Some((Exit::UserCall, pc)),
        ECALL_FROM_VS => return Some((Exit::Hypercall, pc)),
        VIRTUAL_INSTRUCTION => return Some((Exit::Other, pc)),
        _ => return None,
    };
    let (tval, _) = hex(field("tval")?)?;
    let fault = LoggedFault {
        at: Address::Va(tval),
        access,
        // Even for a walk, the log has the address and access to be translated.
        during_walk: None,
    };
    Some((Exit::Npf(fault), pc))
}
