//! The Supervisor Binary Interface as the guest sees it: reads and answers its calls.

use sbi_spec::{base, binary, dbcn, legacy, srst};

use super::hart;
use crate::memory::addr::Gpa;
use crate::vm::exit::{Call, Reply};

/// The convention in which a call expects its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// Error in a0, value in a1 (SBI 0.2 and later).
    Standard,
    /// One value in a0; a1 is left alone (SBI 0.1).
    Legacy,
}

pub(super) const A0: usize = 10;
pub(super) const A1: usize = 11;
const A2: usize = 12;
pub(super) const A6: usize = 16;
pub(super) const A7: usize = 17;

/// The version that is implemented: 2.0, the first with the debug console.
const SPEC_VERSION: u64 = 2 << 24;
/// No implementation ID is assigned to us; this one is outside the assigned range.
const IMPL_ID: u64 = 0x6776_6873;

/// Reads the call from the guest's registers: extension in a7, function in a6. `timer` says whether the
/// guest was given the timer of these calls.
pub fn decode(x: &[u64; 32], timer: bool) -> (Call, Convention) {
    let (extension, function) = (x[A7] as usize, x[A6] as usize);
    let call = match (extension, function) {
        (legacy::LEGACY_CONSOLE_PUTCHAR, _) => Call::PutByte(x[A0] as u8),
        (legacy::LEGACY_CONSOLE_GETCHAR, _) => Call::GetByte,
        (legacy::LEGACY_SHUTDOWN, _) => Call::Shutdown {
            announce: None,
            failed: false,
        },
        (base::EID_BASE, function) => inquiry(function, x[A0], timer),
        (dbcn::EID_DBCN, dbcn::CONSOLE_WRITE) => {
            let (gpa, len) = range(x[A0], x[A1], x[A2]);
            Call::Write { gpa, len }
        }
        (dbcn::EID_DBCN, dbcn::CONSOLE_READ) => {
            let (gpa, len) = range(x[A0], x[A1], x[A2]);
            Call::Read { gpa, len }
        }
        (dbcn::EID_DBCN, dbcn::CONSOLE_WRITE_BYTE) => Call::PutByte(x[A0] as u8),
        (srst::EID_SRST, srst::SYSTEM_RESET) => reset(x[A0], x[A1]),
        _ => match hart::decode(x, timer) {
            Some((call, _)) => call,
            None => Call::Unknown { id: x[A7] },
        },
    };
    // Extensions 0 to 15 are the legacy ones, whatever a6 holds (chapter 5).
    let convention = if extension <= 0xF {
        Convention::Legacy
    } else {
        Convention::Standard
    };
    (call, convention)
}

/// Writes the answer into the guest's registers.
pub fn encode(reply: Reply, convention: Convention, x: &mut [u64; 32]) {
    let (error, value) = match reply {
        Reply::Value(value) => (binary::RET_SUCCESS, value),
        Reply::NotSupported => (binary::RET_ERR_NOT_SUPPORTED, 0),
        Reply::InvalidParameter => (binary::RET_ERR_INVALID_PARAM, 0),
        Reply::Already => (binary::RET_ERR_ALREADY_AVAILABLE, 0),
    };
    match (convention, error) {
        (Convention::Standard, _) => {
            x[A0] = error as u64;
            x[A1] = value;
        }
        (Convention::Legacy, binary::RET_SUCCESS) => x[A0] = value,
        (Convention::Legacy, _) => x[A0] = error as u64,
    }
}

/// The base extension, chapter 4: questions about the interface.
fn inquiry(function: usize, argument: u64, timer: bool) -> Call {
    let answer = match function {
        base::GET_SBI_SPEC_VERSION => SPEC_VERSION,
        base::GET_SBI_IMPL_ID => IMPL_ID,
        base::GET_SBI_IMPL_VERSION => 1,
        base::PROBE_EXTENSION => u64::from(is_present(argument as usize, timer)),
        // "0 is always a legal value" for these three.
        base::GET_MVENDORID | base::GET_MARCHID | base::GET_MIMPID => 0,
        _ => {
            return Call::Unknown {
                id: base::EID_BASE as u64,
            };
        }
    };
    Call::Settled {
        reply: Reply::Value(answer),
    }
}

fn is_present(extension: usize, timer: bool) -> bool {
    [
        base::EID_BASE,
        dbcn::EID_DBCN,
        srst::EID_SRST,
        legacy::LEGACY_CONSOLE_PUTCHAR,
        legacy::LEGACY_CONSOLE_GETCHAR,
        legacy::LEGACY_SHUTDOWN,
    ]
    .contains(&extension)
        || hart::is_present(extension, timer)
}

/// A range of the debug console's, chapter 12, by address and length. The physical address comes in
/// two halves. A high half that is not zero is beyond 64 bits, where no RAM is; a range that cannot be
/// RAM stands for it.
fn range(len: u64, low: u64, high: u64) -> (Gpa, u64) {
    match high {
        0 => (Gpa::new(low), len),
        _ => (Gpa::new(u64::MAX), u64::MAX),
    }
}

/// The reset extension, chapter 10. Its arguments are 32 bits wide, and the upper halves of their
/// registers do not count (chapter 3). What is reserved, or another implementation's own, is invalid. A
/// reboot is valid, but not offered.
fn reset(kind: u64, reason: u64) -> Call {
    const KINDS: [u32; 3] = [
        srst::RESET_TYPE_SHUTDOWN,
        srst::RESET_TYPE_COLD_REBOOT,
        srst::RESET_TYPE_WARM_REBOOT,
    ];
    const REASONS: [u32; 2] = [
        srst::RESET_REASON_NO_REASON,
        srst::RESET_REASON_SYSTEM_FAILURE,
    ];
    let (kind, reason) = (kind as u32, reason as u32);
    if !KINDS.contains(&kind) || !REASONS.contains(&reason) {
        return Call::Settled {
            reply: Reply::InvalidParameter,
        };
    }
    if kind != srst::RESET_TYPE_SHUTDOWN {
        return Call::Settled {
            reply: Reply::NotSupported,
        };
    }
    Call::Shutdown {
        announce: Some("SBI SRST shutdown"),
        failed: reason != srst::RESET_REASON_NO_REASON,
    }
}

#[cfg(test)]
mod tests;
