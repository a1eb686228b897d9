//! The run loop, one for all architectures: enter the guest, look at the exit, act.

use core::ops::ControlFlow;

use crate::{
    event::{Console, Events},
    exit::{Exit, Outcome, Reason},
    guest::{GuestMemory, Translation},
    hypercall,
    vcpu::Vcpu,
};

/// Runs the guest to its end and says what that was.
pub fn run<V: Vcpu, T: Translation, C: Console>(
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    events: &mut Events<C>,
) -> Outcome {
    loop {
        let exit = vcpu.enter();
        events.count(&exit);
        if let ControlFlow::Break(outcome) = handle(exit, vcpu, memory, events) {
            return outcome;
        }
    }
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
            let reply = hypercall::answer(call, pc, memory, events)?;
            vcpu.reply(reply);
            return ControlFlow::Continue(());
        }
        Exit::HostInterrupt => return ControlFlow::Continue(()),
        Exit::Idle => Reason::Idle,
        Exit::Other(other) => Reason::Other(other),
    };
    ControlFlow::Break(Outcome::Killed { reason, pc })
}
