//! The virtual machine control block (APM vol. 2, appendix B): a page that says what a guest may
//! do and holds the part of its state that the CPU switches by itself.

use core::mem::{offset_of, size_of};

use super::{
    event::{self, Event},
    msr::LMA,
};

/// The control area (table B-1). Only the fields in use have names.
#[repr(C)]
pub struct Control {
    /// Reads (low half) and writes (high half) of CR0 to CR15.
    pub intercept_cr: u32,
    /// As above, for DR0 to DR15.
    pub intercept_dr: u32,
    /// Exceptions 0 to 31.
    pub intercept_exceptions: u32,
    /// The first word of other intercepts; see [`INTERCEPT1`].
    pub intercept1: u32,
    /// The second word; see [`INTERCEPT2`].
    pub intercept2: u32,
    _reserved0: [u8; 0x2C],
    /// Host-physical address of the I/O permissions map, 12 KiB.
    pub iopm_base: u64,
    /// Host-physical address of the MSR permissions map, 8 KiB.
    pub msrpm_base: u64,
    /// Added to RDTSC.
    pub tsc_offset: u64,
    /// The guest's address space ID; 0 is the host's and makes VMRUN fail.
    pub asid: u32,
    /// What VMRUN does to the TLB; see [`TLB_FLUSH_ALL`].
    pub tlb_control: u8,
    _reserved1: [u8; 3],
    /// Virtual interrupts; see [`V_INTR_MASKING`] and [`offer`].
    pub virtual_interrupts: u64,
    /// Bit 0: the guest is in an interrupt shadow.
    pub interrupt_shadow: u64,
    /// Why the guest left.
    pub exit_code: u64,
    /// More about it.
    pub exit_info1: u64,
    /// Still more; for a nested page fault, the guest-physical address.
    pub exit_info2: u64,
    /// An event whose delivery the exit interrupted.
    pub exit_int_info: u64,
    /// Bit 0: nested paging.
    pub nested_paging: u64,
    _reserved2: [u8; 0x10],
    /// An event to inject.
    pub event_injection: u64,
    /// Host-physical address of the nested tables' root.
    pub nested_cr3: u64,
    _reserved3: [u8; 0x10],
    /// The address of the instruction behind the intercepted one, where the CPU knows it.
    pub next_rip: u64,
    _reserved4: [u8; 0x330],
}

/// A segment register (table B-2); the attributes are packed as in §15.5.1.
#[expect(missing_docs, reason = "the fields have the manual's names")]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Segment {
    pub selector: u16,
    pub attributes: u16,
    pub limit: u32,
    pub base: u64,
}

/// The state-save area (table B-2), from offset 0x400 on.
#[expect(missing_docs, reason = "the fields have the manual's names")]
#[repr(C)]
pub struct State {
    pub es: Segment,
    pub cs: Segment,
    pub ss: Segment,
    pub ds: Segment,
    pub fs: Segment,
    pub gs: Segment,
    pub gdtr: Segment,
    pub ldtr: Segment,
    pub idtr: Segment,
    pub tr: Segment,
    _reserved0: [u8; 0x2B],
    pub cpl: u8,
    _reserved1: [u8; 4],
    pub efer: u64,
    _reserved2: [u8; 0x70],
    pub cr4: u64,
    pub cr3: u64,
    pub cr0: u64,
    pub dr7: u64,
    pub dr6: u64,
    pub rflags: u64,
    pub rip: u64,
    _reserved3: [u8; 0x58],
    pub rsp: u64,
    _reserved4: [u8; 0x18],
    pub rax: u64,
    _reserved5: [u8; 0x68],
    pub g_pat: u64,
    _reserved6: [u8; 0x990],
}

/// The whole page.
#[repr(C)]
pub struct Vmcb {
    /// What the guest may do, and why it left.
    pub control: Control,
    /// Its state.
    pub state: State,
}

const _: () = {
    assert!(offset_of!(Control, iopm_base) == 0x40);
    assert!(offset_of!(Control, asid) == 0x58);
    assert!(offset_of!(Control, exit_code) == 0x70);
    assert!(offset_of!(Control, nested_paging) == 0x90);
    assert!(offset_of!(Control, nested_cr3) == 0xB0);
    assert!(offset_of!(Control, next_rip) == 0xC8);
    assert!(offset_of!(Vmcb, state) == 0x400);
    assert!(offset_of!(State, cpl) == 0xCB);
    assert!(offset_of!(State, efer) == 0xD0);
    assert!(offset_of!(State, cr4) == 0x148);
    assert!(offset_of!(State, rip) == 0x178);
    assert!(offset_of!(State, rsp) == 0x1D8);
    assert!(offset_of!(State, rax) == 0x1F8);
    assert!(offset_of!(State, g_pat) == 0x268);
    assert!(size_of::<Vmcb>() == 4096);
};

/// `tlb_control`: flush everything, of all address spaces (§15.16.1).
pub const TLB_FLUSH_ALL: u8 = 1;

/// `virtual_interrupts`: RFLAGS.IF of the guest does not mask interrupts of the host (§15.21.1).
pub const V_INTR_MASKING: u64 = 1 << 24;

/// `virtual_interrupts`: CR8, which is the upper half of TPR (§15.21.4).
pub const V_TPR: u64 = 0xF;
/// `virtual_interrupts`: an interrupt is pending. The CPU clears the bit when the guest takes it.
pub const V_IRQ: u64 = 1 << 8;

/// `virtual_interrupts` with CR8, and with an interrupt of this vector pending, or with none. The guest takes it
/// as soon as CR8, RFLAGS.IF and the interrupt shadow let it.
pub const fn offer(priority_class: u8, vector: Option<u8>) -> u64 {
    let interrupt = match vector {
        // V_INTR_PRIO, bits 19:16, and V_INTR_VECTOR, bits 39:32.
        Some(vector) => V_IRQ | (vector as u64 >> 4) << 16 | (vector as u64) << 32,
        None => 0,
    };
    V_INTR_MASKING | priority_class as u64 & V_TPR | interrupt
}

/// `interrupt_shadow`: the guest is behind STI or MOV SS, and takes no interrupt yet.
const SHADOW: u64 = 1 << 0;

/// RFLAGS: a debug exception follows each instruction; and none comes before the next one.
const RFLAGS_TF: u64 = 1 << 8;
const RFLAGS_RF: u64 = 1 << 16;

/// DR6: the debug exception is that of RFLAGS.TF.
const DR6_BS: u64 = 1 << 14;

/// `intercept_exceptions`: #DB and #AC, the delivery of which can cause the same again without end, and
/// #MC, which is the machine's.
pub const INTERCEPT_EXCEPTIONS: u32 = 1 << 1 | 1 << 17 | 1 << 18;

/// Intercepts of the first word (offset 0x0C). All of what a guest must not do to the machine, and
/// what has to bring the CPU back to the host.
///
/// Writes of CR4 are none of it: VMRUN and #VMEXIT switch the register, and what its bits permit is
/// either switched as well or intercepted by itself (RDPMC, XSETBV). PKRU is reset with a vCPU.
pub const INTERCEPT1: u32 = 1 << 0 // INTR
    | 1 << 1 // NMI
    | 1 << 2 // SMI
    | 1 << 3 // INIT
    | 1 << 5 // writes of CR0 that change more than TS and MP, such as one that leaves long mode
    | 1 << 15 // RDPMC
    | 1 << 18 // CPUID
    | 1 << 22 // INVD
    | 1 << 24 // HLT
    | 1 << 26 // INVLPGA
    | 1 << 27 // IN and OUT, by the permissions map
    | 1 << 28 // RDMSR and WRMSR, by the permissions map
    | 1 << 29 // task switch
    | 1 << 30 // FERR freeze
    | 1 << 31; // SHUTDOWN: a triple fault

/// Intercepts of the second word (offset 0x10).
pub const INTERCEPT2: u32 = 1 << 0 // VMRUN, which every guest must have intercepted
    | 1 << 1 // VMMCALL
    | 1 << 2 // VMLOAD
    | 1 << 3 // VMSAVE
    | 1 << 4 // STGI
    | 1 << 5 // CLGI
    | 1 << 6 // SKINIT
    | 1 << 7 // RDTSCP, since TSC_AUX is not the guest's
    | 1 << 9 // WBINVD
    | 1 << 10 // MONITOR
    | 1 << 11 // MWAIT
    | 1 << 12 // MWAIT of an armed monitor
    | 1 << 13 // XSETBV
    | 1 << 14; // RDPRU

/// CR4: the guest's tables have five levels.
const CR4_LA57: u64 = 1 << 12;
/// The attributes of CS: its code is that of 64 bits.
const LONG: u16 = 1 << 9;

impl State {
    /// Whether the guest is in 64-bit mode, with tables of four levels.
    pub fn is_64_bit(&self) -> bool {
        self.efer & LMA != 0 && self.cs.attributes & LONG != 0 && self.cr4 & CR4_LA57 == 0
    }
}

impl Vmcb {
    /// Ends an instruction that was carried out, with what comes with that: no interrupt shadow, no RFLAGS.RF, and
    /// the debug exception of RFLAGS.TF, which is returned (APM vol. 2 §13.1.4). The guest goes on at `next`.
    pub fn go_on_at(&mut self, next: u64) -> Option<Event> {
        let Self { control, state } = self;
        state.rip = next;
        control.interrupt_shadow &= !SHADOW;
        state.rflags &= !RFLAGS_RF;
        if state.rflags & RFLAGS_TF == 0 {
            return None;
        }
        state.dr6 |= DR6_BS;
        Some(Event::exception(event::DEBUG, None))
    }

    /// With nothing in it.
    #[cfg(test)]
    pub fn nothing() -> Box<Self> {
        let vmcb = Box::new(core::mem::MaybeUninit::<Self>::zeroed());
        // SAFETY: it has integers alone, for which all zeros are a value.
        unsafe { vmcb.assume_init() }
    }
}

impl Segment {
    /// A segment over everything, with these attributes.
    pub const fn flat(selector: u16, attributes: u16) -> Self {
        Self {
            selector,
            attributes,
            limit: u32::MAX,
            base: 0,
        }
    }

    /// 64-bit code: present, ring 0, readable, L.
    pub const CODE64: Self = Self::flat(0x08, 0x0A9B);
    /// Data: present, ring 0, writable.
    pub const DATA: Self = Self::flat(0x10, 0x0C93);
    /// A busy 64-bit task-state segment, as TR must have.
    pub const TASK: Self = Self {
        selector: 0,
        attributes: 0x008B,
        limit: 0xFFFF,
        base: 0,
    };
    /// A local descriptor table.
    pub const LDT: Self = Self {
        selector: 0,
        attributes: 0x0082,
        limit: 0xFFFF,
        base: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// STI's shadow is over with the instruction behind it, whoever carries that out.
    #[test]
    fn an_instruction_that_is_carried_out_ends_the_shadow_and_is_stepped_over() {
        let mut vmcb = Vmcb::nothing();
        vmcb.control.interrupt_shadow = 0b11;
        vmcb.state.rflags = 0x1_0202;
        assert_eq!(vmcb.go_on_at(0x1234), None);
        assert_eq!((vmcb.state.rip, vmcb.state.rflags), (0x1234, 0x202));
        // Bit 1 is the guest's RFLAGS.IF on some processors, and not the shadow.
        assert_eq!(vmcb.control.interrupt_shadow, 0b10);
        assert_eq!(vmcb.state.dr6, 0);
        vmcb.state.rflags = 0x1_0302;
        vmcb.state.dr6 = 0xFFFF_0FF0;
        let debug = Event::exception(event::DEBUG, None);
        assert_eq!(vmcb.go_on_at(0x1236), Some(debug));
        assert_eq!((vmcb.state.rflags, vmcb.state.dr6), (0x302, 0xFFFF_4FF0));
    }

    #[test]
    fn an_interrupt_is_offered_with_its_class_as_its_priority() {
        assert_eq!(offer(0, None), 0x100_0000);
        assert_eq!(offer(0xF, None), 0x100_000F);
        assert_eq!(offer(0x1F, None), 0x100_000F);
        assert_eq!(offer(2, Some(0x3C)), 0x3C_0103_0102);
        assert_eq!(offer(0, Some(0xFF)), 0xFF_010F_0100);
    }
}
