//! The audit's half that touches the machine: it is stopped at certain moments, read, and let go.
//!
//! An [`Auditor`] owns a connection to QEMU's gdb stub and works beside the session, which goes on
//! taking whatever QEMU prints: one that waits for room in a pipe answers nobody. What is read, and how
//! it is understood, is [`judge::audit`](crate::judge::audit)'s business.

mod auditor;
mod description;
mod gdb;
mod packet;
mod ram;
mod reader;
mod schedule;
mod texts;
mod view;
mod vmrun;

pub use auditor::{Auditor, Heard, Teller};
pub use description::registers;
pub use gdb::{Gdb, GdbError, Wire};
pub use packet::{Decoder, PACKET_LIMIT, Stop};
pub use ram::Ram;
pub use vmrun::LastVmrun;

use crate::arch::Arch;
use crate::judge::audit::Span;
use std::time::Duration;

/// How QEMU is to name the machine's RAM: `-object memory-backend-file,id=…`.
pub const RAM_ID: &str = "audited-ram";

/// What is read of a run's machine, and when.
#[derive(Debug, Clone)]
pub struct AuditPlan {
    /// Whose registers and tables these are.
    pub arch: Arch,
    /// Instructions by which a guest is entered ([`entering`] finds one), each with its function's name. The machine
    /// is read when a processor is about to execute one for the first and the second time, and the next time after
    /// 64, 4096, … exits were logged. Without any it is read when 1, 64, 4096, … were logged, and at each step of
    /// the story.
    pub entries: Vec<(String, u64)>,
    /// Instructions before which a guest's memory is still its own, for the last time. The machine is read
    /// each time.
    pub releases: Vec<(String, u64)>,
    /// How often it is read besides, from the first entry on, or from the start where there are none.
    pub every: Option<Duration>,
    /// Registers that are read besides those that always are.
    pub registers: Vec<String>,
    /// Where the hypervisor's image lies, as the processor sees it.
    pub image: Vec<Span>,
    /// The text that is to be what was loaded.
    pub texts: Vec<TextWanted>,
    /// How much RAM the machine has, in bytes, if QEMU is told to keep it where the harness can read it
    /// ([`RAM_ID`]); otherwise QEMU is asked for each page.
    pub ram: Option<u64>,
}

/// Text of a program that is held against what was loaded.
#[derive(Debug, Clone)]
pub struct TextWanted {
    /// Of which program: `hypervisor`, or the guest's name.
    pub of: String,
    /// Where the program has been linked to.
    pub address: u64,
    /// What was loaded there.
    pub bytes: Vec<u8>,
    /// Where it is to be looked for.
    pub place: Place,
}

/// Where a text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the processor sees it at the first entry: the address that it has been linked to.
    Virtual,
    /// At a guest-physical address, by the second stage's mappings.
    Gpa(u64),
}

/// Where in a function's code the first instruction is that enters a guest: VMRUN, or the return from an
/// exception. Only there do all of the confining registers hold what they hold for the guest.
pub fn entering(arch: Arch, code: &[u8]) -> Option<usize> {
    // ERET, ERETAA and ERETAB (Arm ARM, C6.2); SRET (privileged architecture, 3.3.2).
    let (size, instructions): (usize, &[&[u8]]) = match arch {
        Arch::X86_64 => (1, &[&VMRUN]),
        Arch::Aarch64 => (
            4,
            &[
                &[0xe0, 0x03, 0x9f, 0xd6],
                &[0xff, 0x0b, 0x9f, 0xd6],
                &[0xff, 0x0f, 0x9f, 0xd6],
            ],
        ),
        Arch::Riscv64 => (2, &[&[0x73, 0x00, 0x20, 0x10]]),
    };
    let mut places = (0..code.len()).step_by(size);
    places.find(|&at| instructions.iter().any(|one| code[at..].starts_with(one)))
}

/// The instruction by which SVM enters a guest (APM vol. 3, VMRUN).
const VMRUN: [u8; 3] = [0x0f, 0x01, 0xd8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_that_enters_is_found_where_one_can_be() {
        let code = [
            0x73, 0x00, 0x20, 0x73, 0x00, 0x20, 0x10, 0x73, 0x00, 0x20, 0x10, 0x00,
        ];
        assert_eq!(
            entering(Arch::Riscv64, &code),
            None,
            "between two instructions"
        );
        assert_eq!(entering(Arch::Riscv64, &code[1..]), Some(2));
        let code = [
            0xe0, 0xe0, 0x03, 0x9f, 0xd6, 0, 0, 0, 0xff, 0x0b, 0x9f, 0xd6,
        ];
        assert_eq!(entering(Arch::Aarch64, &code), Some(8));
        assert_eq!(
            entering(Arch::X86_64, &[0x90, 0x0f, 0x0f, 0x01, 0xd8]),
            Some(2)
        );
        assert_eq!(entering(Arch::X86_64, &[0x0f, 0x01]), None);
    }
}
