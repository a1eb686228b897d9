//! The run loop, one for all architectures: enter the guest, look at the exit, act.

use core::ops::ControlFlow;

use crate::{
    calls,
    memory::guest_memory::{GuestMemory, Translation},
    report::{Console, Events},
    vm::budget::Watch,
    vm::exit::{Call, Exit, Outcome, Reason},
    vm::vcpu::Vcpu,
};

/// Runs the guest to its end and says what that was.
pub fn run<V: Vcpu, T: Translation, C: Console, F: Fn() -> u64>(
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    events: &mut Events<C>,
    watch: &mut Watch<F>,
) -> Outcome {
    loop {
        let exit = vcpu.enter();
        events.count(&exit);
        let paid = match exit {
            Exit::HostInterrupt => watch.tick(),
            exit => watch.exit(is_progress(&exit)),
        };
        if let ControlFlow::Break(overrun) = paid {
            let reason = Reason::Overrun(overrun);
            return Outcome::Killed {
                reason,
                pc: vcpu.pc(),
            };
        }
        if let ControlFlow::Break(outcome) = handle(exit, vcpu, memory, events) {
            return outcome;
        }
    }
}

/// Whether an exit brings the guest's story on: what it prints, and what it gets mapped (once each).
const fn is_progress(exit: &Exit) -> bool {
    matches!(
        exit,
        Exit::Fault(_) | Exit::Call(Call::PutByte(_) | Call::Write { .. })
    )
}

fn handle<V: Vcpu, T: Translation, C: Console>(
    exit: Exit,
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    events: &mut Events<C>,
) -> ControlFlow<Outcome> {
    let pc = vcpu.pc();
    let reason = match exit {
        Exit::Fault(fault) => match memory.resolve(&fault) {
            Ok(window) => {
                events.mapped(&fault, window);
                return ControlFlow::Continue(());
            }
            Err(refusal) => Reason::Fault(fault, refusal),
        },
        Exit::Call(call) => {
            let reply = calls::answer(call, pc, memory, events)?;
            vcpu.reply(reply);
            return ControlFlow::Continue(());
        }
        Exit::HostInterrupt => return ControlFlow::Continue(()),
        Exit::Idle => Reason::Idle,
        Exit::Other(other) => Reason::Other(other),
    };
    ControlFlow::Break(Outcome::Killed { reason, pc })
}
