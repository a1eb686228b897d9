//! Policy: what a decoded call gets. Nothing is ever forwarded to the firmware.

use core::ops::ControlFlow;

use crate::{
    memory::addr::Gva,
    memory::guest_memory::{GuestMemory, Translation},
    report::{Console, Events},
    vm::exit::{Call, Outcome, Reason, Reply},
};

/// The bytes that one [`Call::Write`] prints at most. SBI's debug console may write less than it
/// was asked for and says how much it was; so a guest cannot keep the host busy with one call.
pub const WRITE_LIMIT: u64 = 4096;

/// Answers a call (`Continue`) or ends the guest (`Break`). `pc` is the guest's, in case it ends.
pub fn answer<T: Translation, C: Console>(
    call: Call,
    pc: Gva,
    memory: &GuestMemory<T>,
    events: &mut Events<C>,
) -> ControlFlow<Outcome, Reply> {
    let reply = match call {
        Call::PutByte(byte) => {
            events.guest_bytes(&[byte]);
            Reply::Value(0)
        }
        Call::Write { gpa, len } => match memory.ram(gpa, len) {
            Some(bytes) => {
                let written = len.min(WRITE_LIMIT);
                events.guest_bytes(&bytes[..written as usize]);
                Reply::Value(written)
            }
            None => Reply::InvalidParameter,
        },
        // Nobody types to a guest: the range is looked at, and no byte is there.
        Call::Read { gpa, len } => match memory.ram(gpa, len) {
            Some(_) => Reply::Value(0),
            None => Reply::InvalidParameter,
        },
        Call::Settled { reply } => reply,
        Call::Unknown { .. } => Reply::NotSupported,
        Call::Shutdown { announce, failed } => {
            events.shutdown_call(announce);
            return ControlFlow::Break(if failed {
                Outcome::Killed {
                    reason: Reason::ReportedFailure,
                    pc,
                }
            } else {
                Outcome::Shutdown
            });
        }
    };
    ControlFlow::Continue(reply)
}
