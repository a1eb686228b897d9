//! The policy: how a decoded call is answered. Nothing is ever forwarded to the firmware.

use core::ops::ControlFlow;

use crate::{
    memory::addr::{Gpa, Gva},
    memory::guest_memory::GuestMemory,
    memory::mapping::Translation,
    report::{Console, Events},
    vm::exit::{Call, Outcome, Reason, Reply},
};

/// The most bytes that one [`Call::Write`] prints. SBI's debug console may write less than it was asked
/// to, and says how much it wrote; so a guest cannot keep the host busy with one call.
pub const WRITE_LIMIT: u64 = 4096;

/// The most bytes that one [`Call::Read`] gives. What has been typed and not been read stays where the
/// machine's console keeps it.
pub const READ_LIMIT: u64 = 256;

/// Answers a call (`Continue`) or ends the guest (`Break`). `pc` is the guest's program counter, for
/// its end.
pub fn answer<T: Translation, C: Console>(
    call: Call,
    pc: Gva,
    memory: &mut GuestMemory<T>,
    events: &mut Events<C>,
) -> ControlFlow<Outcome, Reply> {
    let reply = match call {
        Call::PutByte(byte) => {
            events.guest_bytes(&[byte]);
            Reply::Value(0)
        }
        Call::Write { gpa, len } if memory.is_ram(gpa, len) => {
            let written = len.min(WRITE_LIMIT);
            print(gpa, written, memory, events);
            Reply::Value(written)
        }
        Call::GetByte => {
            let mut byte = [0];
            match events.typed(&mut byte) {
                1 => Reply::Value(byte[0].into()),
                _ => Reply::Value(u64::MAX),
            }
        }
        Call::Read { gpa, len } if memory.is_ram(gpa, len) => {
            Reply::Value(read(gpa, len.min(READ_LIMIT), memory, events))
        }
        Call::Write { .. } | Call::Read { .. } => Reply::InvalidParameter,
        // The loop waits before the guest hears of it.
        Call::Suspend { .. } => Reply::Value(0),
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

/// Prints `len` bytes of RAM from `gpa` on, in small pieces.
fn print<T: Translation, C: Console>(
    gpa: Gpa,
    len: u64,
    memory: &GuestMemory<T>,
    events: &mut Events<C>,
) {
    let mut piece = [0; 256];
    let mut done = 0;
    while done < len {
        let count = (len - done).min(piece.len() as u64) as usize;
        let bytes = &mut piece[..count];
        let from = gpa.checked_add(done);
        if from.is_none_or(|from| memory.read(from, bytes).is_err()) {
            return; // It is RAM: whoever calls has made sure.
        }
        events.guest_bytes(bytes);
        done += count as u64;
    }
}

/// Puts what was typed, at most `len` bytes of it, into RAM at `gpa`. Returns how many bytes that was.
fn read<T: Translation, C: Console>(
    gpa: Gpa,
    len: u64,
    memory: &mut GuestMemory<T>,
    events: &mut Events<C>,
) -> u64 {
    let mut typed = [0; READ_LIMIT as usize];
    let count = events.typed(&mut typed[..len as usize]);
    match memory.write(gpa, &typed[..count]) {
        Ok(()) => count as u64,
        Err(_) => 0, // It is RAM: whoever calls has made sure.
    }
}
