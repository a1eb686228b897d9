//! The interrupts of a guest that is given a timer: its local APIC and its I/O APIC, and what the vCPU has to do with
//! them.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::{
    apic::{LocalApic, Now, Wake},
    cpuid::ShownApic,
    event::Event,
    vmcb::{V_IRQ, V_TPR, offer},
};
use crate::devices::ioapic::IoApic;

/// Both APICs. The guest reaches either by a device of its own, too.
pub struct Interrupts {
    local: Rc<RefCell<LocalApic>>,
    io: Rc<RefCell<IoApic>>,
    /// The vector that the CPU was offered.
    offered: Option<u8>,
}

impl Interrupts {
    /// With nothing offered.
    pub fn new(local: Rc<RefCell<LocalApic>>, io: Rc<RefCell<IoApic>>) -> Self {
        Self {
            local,
            io,
            offered: None,
        }
    }

    /// What CPUID tells of the local APIC.
    pub fn shown(&self) -> ShownApic {
        self.local.borrow().shown()
    }

    /// What RDMSR gives; `None` is #GP(0).
    pub fn read(&self, msr: u32, now: Now) -> Option<u64> {
        self.local.borrow_mut().read(msr, now)
    }

    /// Does what WRMSR does; false is #GP(0), and nothing has changed then.
    pub fn write(&self, msr: u32, value: u64, now: Now) -> bool {
        self.local.borrow_mut().write(msr, value, now)
    }

    /// As [`LocalApic::deadline`].
    pub fn deadline(&self) -> Option<u64> {
        self.local.borrow().deadline()
    }

    /// Before a turn: what the CPU is to know of interrupts (`virtual_interrupts`).
    pub fn offer(&mut self, now_ns: u64) -> u64 {
        let mut local = self.local.borrow_mut();
        exchange(&mut local, &mut self.io.borrow_mut());
        local.poll(now_ns);
        self.offered = local.wanted();
        offer(local.priority_class(), self.offered)
    }

    /// After a turn: has the local APIC know whether the guest took what was offered, and what CR8 is. The CPU left
    /// both in `virtual_interrupts`; `int_info` is EXITINTINFO.
    pub fn settle(&mut self, virtual_interrupts: u64, int_info: u64) {
        let mut local = self.local.borrow_mut();
        local.set_priority_class((virtual_interrupts & V_TPR) as u8);
        let is_taken = virtual_interrupts & V_IRQ == 0 && !Event::is_interrupt(int_info);
        if let Some(vector) = self.offered.take().filter(|_| is_taken) {
            local.take(vector);
        }
    }

    /// What ends a HLT.
    pub fn wake(&self, interrupts_are_on: bool, now_ns: u64) -> Wake {
        let mut local = self.local.borrow_mut();
        let mut io = self.io.borrow_mut();
        exchange(&mut local, &mut io);
        match local.wake(interrupts_are_on, now_ns) {
            // Until then: the loop looks at what is typed.
            Wake::Never if interrupts_are_on && io.awaited().any(|vector| local.takes(vector)) => {
                Wake::At(u64::MAX)
            }
            wake => wake,
        }
    }
}

/// Lets the APICs tell each other what there is to tell. What the local one does not accept waits.
fn exchange(local: &mut LocalApic, io: &mut IoApic) {
    if let Some(vector) = local.ended() {
        io.end(vector);
    }
    while local.is_enabled()
        && let Some(message) = io.take()
    {
        local.receive(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arch::x86_64::apic::{Mode, Tsc},
        devices::{Line, ioapic::Wire},
    };

    const NOW: Now = Now { ns: 0, tsc: 0 };
    const SVR: u32 = 0x80F;
    const TPR: u32 = 0x808;
    const EOI: u32 = 0x80B;
    const TMR: u32 = 0x819;
    const SELF_IPI: u32 = 0x83F;
    const VECTOR: u8 = 0x24;
    const LEVEL: u32 = 1 << 15;

    struct Stage {
        interrupts: Interrupts,
        wire: Wire,
    }

    /// With the local APIC on, and an entry for the first pin.
    fn stage(entry: u32) -> Stage {
        let tsc = Tsc {
            origin: 0,
            khz: 1_000_000,
        };
        let local = Rc::new(RefCell::new(LocalApic::new(Mode::X2Apic, tsc)));
        let chip = Rc::new(RefCell::new(IoApic::default()));
        chip.borrow_mut().set_entry(0, entry | u32::from(VECTOR));
        let interrupts = Interrupts::new(local, chip.clone());
        assert!(interrupts.write(SVR, 0x1FF, NOW));
        let wire = Wire { chip, pin: 0 };
        Stage { interrupts, wire }
    }

    const OFFERED: u64 = 0x24_0102_0100;
    const NOTHING: u64 = 0x100_0000;

    #[test]
    fn a_line_leads_to_an_interrupt_and_again_after_its_end() {
        let Stage {
            mut interrupts,
            wire,
        } = stage(LEVEL);
        assert_eq!(interrupts.offer(0), NOTHING);
        wire.set(true, false);
        assert_eq!(interrupts.offer(0), OFFERED);
        // It was not taken, and then it was, but not delivered.
        interrupts.settle(OFFERED, 0);
        assert_eq!(interrupts.offer(0), OFFERED);
        interrupts.settle(OFFERED & !V_IRQ, 0x8000_0024);
        assert_eq!(interrupts.offer(0), OFFERED);
        interrupts.settle(OFFERED & !V_IRQ, 0);
        assert_eq!(interrupts.offer(0), NOTHING, "it is being served");
        assert_eq!(interrupts.read(TMR, NOW), Some(1 << 4));
        assert!(interrupts.write(EOI, 0, NOW));
        assert_eq!(interrupts.offer(0), OFFERED, "the line is still high");
        interrupts.settle(OFFERED & !V_IRQ, 0);
        wire.set(false, false);
        assert!(interrupts.write(EOI, 0, NOW));
        assert_eq!(interrupts.offer(0), NOTHING);
    }

    #[test]
    fn an_edge_leads_to_one_interrupt() {
        let Stage {
            mut interrupts,
            wire,
        } = stage(0);
        wire.set(true, false);
        assert_eq!(interrupts.offer(0), OFFERED);
        interrupts.settle(OFFERED & !V_IRQ, 0);
        assert_eq!(interrupts.read(TMR, NOW), Some(0));
        assert!(interrupts.write(EOI, 0, NOW));
        assert_eq!(interrupts.offer(0), NOTHING);
    }

    /// Whoever sent it last says what it is.
    #[test]
    fn the_end_of_an_edge_is_nobody_elses() {
        let Stage {
            mut interrupts,
            wire,
        } = stage(LEVEL);
        wire.set(true, false);
        assert_eq!(interrupts.offer(0), OFFERED);
        assert!(interrupts.write(SELF_IPI, VECTOR.into(), NOW));
        assert_eq!(interrupts.read(TMR, NOW), Some(0));
        interrupts.settle(OFFERED & !V_IRQ, 0);
        assert!(interrupts.write(EOI, 0, NOW));
        assert_eq!(interrupts.offer(0), NOTHING);
    }

    #[test]
    fn what_is_not_accepted_waits() {
        let Stage {
            mut interrupts,
            wire,
        } = stage(LEVEL);
        assert!(interrupts.write(SVR, 0xFF, NOW));
        wire.set(true, false);
        assert_eq!(interrupts.offer(0), NOTHING);
        assert!(interrupts.write(SVR, 0x1FF, NOW));
        assert_eq!(interrupts.offer(0), OFFERED);
    }

    #[test]
    fn what_may_be_typed_keeps_a_wait_from_being_the_last() {
        let Stage { interrupts, wire } = stage(LEVEL);
        assert_eq!(interrupts.wake(true, 0), Wake::Never);
        wire.set(false, true);
        assert_eq!(interrupts.wake(true, 0), Wake::At(u64::MAX));
        assert_eq!(interrupts.wake(false, 0), Wake::Never);
        assert!(interrupts.write(TPR, 0x2F, NOW));
        assert_eq!(interrupts.wake(true, 0), Wake::Never, "it is held back");
        assert!(interrupts.write(TPR, 0x1F, NOW));
        wire.set(true, false);
        assert_eq!(interrupts.wake(true, 0), Wake::Now);
        assert_eq!(interrupts.wake(false, 0), Wake::Never);
    }

    #[test]
    fn cr8_is_the_tasks_priority() {
        let Stage { mut interrupts, .. } = stage(0);
        interrupts.settle(NOTHING | 5, 0);
        assert_eq!(interrupts.read(TPR, NOW), Some(0x50));
        assert_eq!(interrupts.offer(0), NOTHING | 5);
    }
}
