//! The run loop, one for all architectures: enter the guest, look at the exit, act on it.

use core::ops::ControlFlow;

use crate::{
    calls,
    devices::Bus,
    memory::addr::Gva,
    memory::guest_memory::GuestMemory,
    memory::mapping::Translation,
    report::{Console, Events},
    vm::budget::Watch,
    vm::exit::{Call, Exit, Outcome, Overrun, Reason, Refused, Resume},
    vm::timer::Clock,
    vm::vcpu::Loaded,
};

/// What happens when a guest's kernel executes something that it has no right to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// The guest is ended, with a report: this is what a test wants to see.
    #[default]
    Kill,
    /// It gets the exception that a machine without the instruction raises: a real kernel needs this,
    /// because it tries out what its machine has.
    Inject,
}

/// Runs the guest until it ends, and returns how it ended. No alarm of the guest's is left.
pub fn run<V: Loaded, T: Translation, C: Console, F: Fn() -> u64>(
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    bus: &mut Bus,
    events: &mut Events<C>,
    watch: &mut Watch<F>,
    clock: &mut impl Clock,
    refusals: Refusals,
) -> Outcome {
    let mut resume = Resume::Go;
    let outcome = loop {
        // One that has come needs no alarm: the turn begins with it.
        let to_come = |deadline_ns: &u64| *deadline_ns > clock.now_ns();
        let deadline_ns = vcpu.deadline().filter(to_come);
        clock.set_alarm(deadline_ns);
        let exit = match bus.claim(watch.turn(|| vcpu.run(resume))) {
            Exit::Mmio(access) => Exit::Mmio(vcpu.describe(access, memory)),
            exit => exit,
        };
        events.count(&exit);
        let pc = vcpu.pc();
        resume = match handle(exit, pc, memory, bus, events, refusals) {
            ControlFlow::Continue(resume) => resume,
            ControlFlow::Break(outcome) => break outcome,
        };
        let counts = events.counts();
        let look = || {
            watch.check(counts)?;
            ControlFlow::Continue(bus.poll(events))
        };
        if let ControlFlow::Break(overrun) = wait(&exit, clock, look) {
            let reason = Reason::Overrun(overrun);
            break Outcome::Killed { reason, pc };
        }
    };
    clock.set_alarm(None);
    outcome
}

/// Waits as long as the guest does: not at all, but after an [`Exit::Waits`] or a [`Call::Suspend`]. That is outside
/// the guest's turns, because waiting is not its own time. `look` looks at the guest's budgets, and says whether what
/// was typed ends a wait: once, and after each interrupt of the host.
fn wait(
    exit: &Exit,
    clock: &mut impl Clock,
    mut look: impl FnMut() -> ControlFlow<Overrun, bool>,
) -> ControlFlow<Overrun> {
    let mut over = look()?;
    if let Exit::Waits { until_ns } | Exit::Call(Call::Suspend { until_ns }) = *exit {
        while !over && clock.now_ns() < until_ns {
            clock.wait(until_ns);
            over = look()?;
        }
    }
    ControlFlow::Continue(())
}

fn handle<T: Translation, C: Console>(
    exit: Exit,
    pc: Gva,
    memory: &mut GuestMemory<T>,
    bus: &mut Bus,
    events: &mut Events<C>,
    refusals: Refusals,
) -> ControlFlow<Outcome, Resume> {
    let reason = match exit {
        Exit::Fault(fault) => match memory.resolve(&fault) {
            Ok(window) => {
                events.mapped(&fault, window);
                return ControlFlow::Continue(Resume::Go);
            }
            Err(refusal) => Reason::Fault(fault, refusal),
        },
        Exit::Mmio(access) => return ControlFlow::Continue(bus.carry_out(access, events)),
        Exit::Port(access) => return ControlFlow::Continue(bus.carry_out_at_port(access, events)),
        Exit::Call(call) => {
            let reply = calls::answer(call, pc, memory, events)?;
            return ControlFlow::Continue(Resume::Reply(reply));
        }
        Exit::Refused(refused) | Exit::RefusedCall(refused) => match refusal(&refused, refusals) {
            Some(resume) => return ControlFlow::Continue(resume),
            None => Reason::Other(refused.what),
        },
        Exit::HostInterrupt | Exit::Emulated | Exit::Waits { .. } => {
            return ControlFlow::Continue(Resume::Go);
        }
        Exit::Idle => Reason::Idle,
        Exit::Other(other) => Reason::Other(other),
    };
    ControlFlow::Break(Outcome::Killed { reason, pc })
}

/// How a refused instruction resumes the guest; none if it ends the guest. No process of the guest may
/// end it: that is its kernel's business.
fn refusal(refused: &Refused, refusals: Refusals) -> Option<Resume> {
    let injected = refused.from_user || refusals == Refusals::Inject;
    injected.then_some(Resume::Inject(refused.exception))
}
