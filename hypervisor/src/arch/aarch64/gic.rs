//! The interrupts of a guest, by a GICv2 (Arm IHI 0048B, chapter 5): its distributor is emulated, and its CPU
//! interface is the hardware's virtual one (GICV), which the hypervisor feeds by list registers (GICH).
//!
//! The interrupt of the guest's timer is one of the hardware's, and comes to the hypervisor. From then on the
//! machine's own distributor has it as active, so that it does not come again until the guest, which gets it by a list,
//! deactivates it there: by the list register this deactivates it in the machine's distributor too.

use alloc::rc::Rc;
use axhal::mem::phys_to_virt;
use axplat_aarch64_vhe::config::devices::{GICD_PADDR, GICH_PADDR};
use core::cell::RefCell;

use super::{layout::TIMER_INTERRUPT, lists};
use crate::devices::gicd::{Entry, Gicd};

/// How many list registers are used; there may be more.
const LISTS: usize = 4;

/// GICH_HCR, GICH_VTR, GICH_VMCR, GICH_APR, and the first GICH_LR.
const HCR: usize = 0x000;
const VTR: usize = 0x004;
const VMCR: usize = 0x008;
const APR: usize = 0x0F0;
const LR: usize = 0x100;

/// GICH_HCR.En: the guest is interrupted.
const ENABLE: u32 = 1;

/// GICD_ISENABLER0, GICD_ICENABLER0, GICD_ISACTIVER0, GICD_ICACTIVER0 and the first byte of GICD_IPRIORITYR of
/// the machine.
const ISENABLER: usize = 0x100;
const ICENABLER: usize = 0x180;
const ISACTIVER: usize = 0x300;
const ICACTIVER: usize = 0x380;
const IPRIORITYR: usize = 0x400;

/// The priority of the timer's interrupt in the machine: that of all the host's.
const PRIORITY: u8 = 0xA0;

const TIMER: u32 = 1 << TIMER_INTERRUPT;

/// The interrupts of a guest that is given any.
pub struct Interrupts {
    chip: Rc<RefCell<Gicd>>,
    /// What the list registers were last filled with.
    lists: [Option<Entry>; LISTS],
    /// Whether the machine's distributor has the timer's interrupt as active.
    is_held: bool,
    /// What the guest's CPU interface holds, while it is not loaded: GICH_VMCR, GICH_APR.
    control: u32,
    active_priorities: u32,
}

impl Interrupts {
    /// With a CPU interface as after a reset, which is fed by `chip`.
    pub fn new(chip: Rc<RefCell<Gicd>>) -> Self {
        Self {
            chip,
            lists: [None; LISTS],
            is_held: false,
            control: 0,
            active_priorities: 0,
        }
    }

    /// Has the interrupt of the guest's timer come to this CPU, and puts into the CPU interface what the guest left
    /// there, without interrupts: the lists are clear.
    pub fn load(&mut self) {
        let there = read_gich(VTR) as usize & 0x3F;
        (0..=there).for_each(|list| write_gich(LR + 4 * list, 0));
        write_gich(APR, self.active_priorities);
        write_gich(VMCR, self.control);
        write_priority(PRIORITY);
        write_gicd(ICACTIVER, TIMER);
        self.is_held = false;
        write_gicd(ISENABLER, TIMER);
        write_gich(HCR, ENABLE);
    }

    /// Takes that back, and leaves the CPU interface as after a reset. The lists are clear, as they are after each turn.
    pub fn unload(&mut self) {
        silence();
        self.control = take_gich(VMCR);
        self.active_priorities = take_gich(APR);
        write_gicd(ICENABLER, TIMER);
        write_gicd(ICACTIVER, TIMER);
    }

    /// Before a turn, with interrupts off, the timer off, and its line as `fired` says: fills the lists. Each access
    /// to the machine's GIC takes longer than all the rest, so there is none that changes nothing.
    pub fn enter(&mut self, fired: bool) {
        let mut chip = self.chip.borrow_mut();
        chip.set_line(TIMER_INTERRUPT, fired);
        chip.present(&mut self.lists);
        drop(chip);
        let mut listed = false;
        for (n, list) in self.lists.iter().enumerate() {
            if let Some(entry) = list {
                let is_timer = entry.intid == TIMER_INTERRUPT;
                listed |= is_timer;
                write_gich(LR + 4 * n, lists::word(entry, is_timer));
            }
        }
        // While the guest has it, and also if it is not to have it, it does not come to us again.
        let is_held = listed || fired;
        if is_held != self.is_held {
            write_gicd(if is_held { ISACTIVER } else { ICACTIVER }, TIMER);
            self.is_held = is_held;
        }
    }

    /// After a turn, with interrupts off and the timer's line as `fired` says: empties the lists, and keeps
    /// what the guest made of them.
    pub fn leave(&mut self, fired: bool) {
        let mut chip = self.chip.borrow_mut();
        for (n, list) in self.lists.iter_mut().enumerate() {
            if let Some(entry) = list.take() {
                let (pending, active) = lists::state(read_gich(LR + 4 * n));
                // The guest has deactivated it, and so the machine has.
                let is_over = entry.intid == TIMER_INTERRUPT && !pending && !active;
                self.is_held &= !is_over;
                chip.settle(&entry, pending, active);
                write_gich(LR + 4 * n, 0);
            }
        }
        chip.set_line(TIMER_INTERRUPT, fired);
    }

    /// Whether an interrupt is pending that ends a wait.
    pub fn are_pending(&self) -> bool {
        self.chip.borrow().interrupts(self.mask())
    }

    /// Whether what is typed may lead to one.
    pub fn await_input(&self) -> bool {
        self.chip.borrow().awaits_input(self.mask())
    }

    /// Whether the timer's would end a wait.
    pub fn has_timer(&self) -> bool {
        let mask = self.mask();
        self.chip.borrow().would_interrupt(TIMER_INTERRUPT, mask)
    }

    /// The priority below which the CPU interface takes interrupts (GICV_PMR), 0 if it takes none
    /// (GICV_CTLR): as the guest left them. It is loaded.
    fn mask(&self) -> u8 {
        const GROUP_0: u32 = 1;
        let control = read_gich(VMCR);
        match control & GROUP_0 {
            0 => 0,
            _ => (control >> 27 << 3) as u8,
        }
    }
}

/// Has no guest interrupted by what a firmware may have left in the lists: for one that is given no interrupts.
pub fn silence() {
    write_gich(HCR, 0);
}

/// For the conformance suite: the interface as a firmware may leave it, with an interrupt pending that nobody asked for,
/// all lower priorities active, and the timer's interrupt active and of the lowest priority in the machine.
pub fn leave_traces() {
    /// A list register: pending, of the highest priority, with the number 40.
    const NOBODYS: u32 = 1 << 28 | 40;
    // The guest's CPU takes those of the groups 0 and 1, of every priority.
    const OPEN: u32 = 0b1_1111 << 27 | 0b11;
    write_gich(LR + 4 * (LISTS - 1), NOBODYS);
    write_gich(VMCR, OPEN);
    // Of the highest priority none is active, or nobody's interrupt would not come.
    write_gich(APR, !1);
    write_gich(HCR, ENABLE);
    write_priority(0xFF);
    write_gicd(ISACTIVER, TIMER);
}

fn gich(offset: usize) -> *mut u32 {
    phys_to_virt((GICH_PADDR + offset).into()).as_mut_ptr_of()
}

fn gicd(offset: usize) -> *mut u8 {
    phys_to_virt((GICD_PADDR + offset).into()).as_mut_ptr()
}

fn read_gich(offset: usize) -> u32 {
    // SAFETY: a register of the virtual interface, which is mapped as a device.
    unsafe { gich(offset).read_volatile() }
}

/// Reads a register, and clears it.
fn take_gich(offset: usize) -> u32 {
    let value = read_gich(offset);
    write_gich(offset, 0);
    value
}

fn write_gich(offset: usize, value: u32) {
    // SAFETY: as above; it concerns the guest's interrupts alone.
    unsafe { gich(offset).write_volatile(value) };
}

/// Writes a register in which a 1 acts on an interrupt and a 0 does nothing.
fn write_gicd(offset: usize, interrupts: u32) {
    // SAFETY: a register of the distributor, which is mapped as a device. Only the interrupt of the guest's
    // timer is written, which the host does not use.
    unsafe { gicd(offset).cast::<u32>().write_volatile(interrupts) };
}

fn write_priority(priority: u8) {
    let offset = IPRIORITYR + usize::from(TIMER_INTERRUPT);
    // SAFETY: as above.
    unsafe { gicd(offset).write_volatile(priority) };
}
