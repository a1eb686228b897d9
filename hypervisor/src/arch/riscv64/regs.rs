//! CSRs of the hypervisor extension, and the registers that a world switch saves.

use core::arch::asm;

use super::decode::Trap;
use crate::{
    memory::addr::Gva,
    vm::{exit::GuestException, hostcheck::Registers},
};

/// Reads a CSR by name.
macro_rules! csr_read {
    ($csr:literal) => {{
        let value: u64;
        // SAFETY: reading these CSRs has no effect on memory or control flow.
        unsafe { ::core::arch::asm!(concat!("csrr {}, ", $csr), out(reg) value, options(nostack)) };
        value
    }};
}

/// Writes a CSR by name. The caller says in a SAFETY argument why the value is right.
macro_rules! csr_write {
    ($csr:literal, $value:expr) => {
        ::core::arch::asm!(concat!("csrw ", $csr, ", {}"), in(reg) $value, options(nostack))
    };
}

/// Tries an instruction that may trap, with a register `{operand}` that holds `$value`. Returns what
/// the register holds afterwards, or none if it trapped. The trap comes to us: meanwhile `stvec` points
/// after the instruction.
macro_rules! attempt {
    ($instruction:expr, $value:expr) => {{
        let (done, operand): (u64, u64);
        // SAFETY: interrupts are off while `stvec` leads to the local label, so the only trap that
        // can go there is that of the one instruction; it overwrites sepc, scause, stval and
        // sstatus.SPP and SPIE, which hold nothing across here, and SIE, which is put back at the end.
        // The label is aligned to 4, as stvec demands. Of the instructions, each reads or writes a CSR
        // that does not affect HS-mode, or loads from the guest's memory as the guest does.
        unsafe {
            ::core::arch::asm!(
                "csrrci {status}, sstatus, 2",
                "la     {tmp}, 1f",
                "csrrw  {tmp}, stvec, {tmp}",
                $instruction,
                "li     {done}, 1",
                ".p2align 2",
                "1:",
                "csrw   stvec, {tmp}",
                "andi   {status}, {status}, 2",
                "csrs   sstatus, {status}",
                status = out(reg) _,
                tmp = out(reg) _,
                operand = inout(reg) $value => operand,
                done = inout(reg) 0_u64 => done,
                options(nostack),
            );
        }
        (done == 1).then_some(operand)
    }};
}

pub(super) use {attempt, csr_read, csr_write};

/// `sstatus.SPP`: the previous mode was S, so `sret` goes there. (SIE does not matter to a guest: the host's
/// interrupts interrupt whatever is less privileged.)
pub const SSTATUS_SPP: u64 = 1 << 8;
/// `sstatus.SIE`.
pub const SSTATUS_SIE: u64 = 1 << 1;
/// `sstatus.SPIE`.
pub const SSTATUS_SPIE: u64 = 1 << 5;
/// `sstatus.FS` = Initial: the guest has floating point. The host is built without it.
pub const SSTATUS_FS_INITIAL: u64 = 1 << 13;
/// `sstatus.FS`, all its bits.
pub const SSTATUS_FS: u64 = 3 << 13;
/// `vsstatus.UXL` / `hstatus.VSXL` = 64 bits.
pub const XL_64: u64 = 2 << 32;

/// `hstatus.SPV`: `sret` enters the guest.
pub const HSTATUS_SPV: u64 = 1 << 7;
/// `hstatus.SPVP`: HLV and HSV act as VS.
pub const HSTATUS_SPVP: u64 = 1 << 8;
/// `hstatus.VTW`: WFI in VS-mode comes to us after a while instead of waiting.
pub const HSTATUS_VTW: u64 = 1 << 21;

/// `hgatp.MODE` = Sv39x4.
pub const HGATP_SV39X4: u64 = 8 << 60;
/// `hgatp.VMID` of the guest. There is one at a time; 0 is left alone. A hart without VMIDs reads 0.
pub const HGATP_VMID: u64 = 1 << 44;

// mutants: clear bits 0, 2
/// `hcounteren.TM`: the guest may read `time`.
pub const HCOUNTEREN_TM: u64 = 1 << 1;

// mutants: clear bits 4, 6, 7, 62, 63
/// `henvcfg`: nothing. So the guest has no `vstimecmp` (STCE), no cache-block instructions (CBIE,
/// CBCFE, CBZE) and no page-based memory types (PBMTE): each is a virtual-instruction exception.
pub const HENVCFG: u64 = 0;

/// `henvcfg.STCE`: the guest's `stimecmp` is `vstimecmp`, for a guest that was given that timer.
pub const HENVCFG_STCE: u64 = 1 << 63;

/// `hvip.VSSIP`, `hvip.VSTIP`, `hvip.VSEIP`: the guest's software, timer and external interrupts.
const HVIP_VSSIP: u64 = 1 << 2;
const HVIP_VSTIP: u64 = 1 << 6;
const HVIP_VSEIP: u64 = 1 << 10;

/// `vsie.STIE`.
const VSIE_STIE: u64 = 1 << 5;
/// `vsie.SEIE`.
const VSIE_SEIE: u64 = 1 << 9;

// mutants: clear bits 1, 5, 7
/// Exceptions that are the guest's own business: misaligned fetch (0), illegal instruction (2),
/// breakpoint (3), misaligned load and store (4, 6), a call from its user mode (8), and the page
/// faults of its own tables (12, 13, 15). Also a software check (18), which a guest can turn on for its
/// user mode where there is Zicfilp. Everything else comes here.
pub const HEDELEG: u64 =
    1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 12 | 1 << 13 | 1 << 15 | 1 << 18;

/// The guest's software, timer and external interrupts go to the guest.
pub const HIDELEG: u64 = 1 << 2 | 1 << 6 | 1 << 10;

/// Orders the guest's walks behind earlier writes to its tables, and drops what the TLBs know of
/// them, for all guests (HFENCE.GVMA with x0, x0).
pub fn fence_guest_translations() {
    // SAFETY: a fence; it changes no meaning.
    unsafe {
        asm!(
            ".option push",
            ".option arch, +h",
            "hfence.gvma",
            ".option pop",
            options(nostack)
        );
    }
}

/// Drops what the TLBs know of earlier guests, of both stages. HFENCE.GVMA alone may keep what leads
/// from guest-virtual to guest-physical addresses, and a new guest has the VMID and the ASIDs of the
/// one before. HFENCE.VVMA is for the VMID that is in `hgatp`; on a hart without VMIDs, for all.
pub fn forget_guests() {
    // SAFETY: fences; they change no meaning.
    unsafe {
        asm!(
            ".option push",
            ".option arch, +h",
            "hfence.gvma",
            "hfence.vvma",
            ".option pop",
            options(nostack)
        );
    }
}

/// Has the loaded guest's timer interrupt pending, or not. Call it with interrupts off.
pub fn set_guest_timer_interrupt(pending: bool) {
    set_guest_interrupt(HVIP_VSTIP, pending);
}

/// Has an interrupt of the loaded guest's devices pending, or not. Call it with interrupts off.
pub fn set_guest_external_interrupt(pending: bool) {
    set_guest_interrupt(HVIP_VSEIP, pending);
}

fn set_guest_interrupt(interrupt: u64, pending: bool) {
    // SAFETY: the interrupt is delegated to the guest.
    unsafe {
        if pending {
            asm!("csrs hvip, {}", in(reg) interrupt, options(nostack));
        } else {
            asm!("csrc hvip, {}", in(reg) interrupt, options(nostack));
        }
    }
}

/// Has the loaded guest's software interrupt pending. The guest itself takes it away (`sip.SSIP`).
pub fn raise_guest_software_interrupt() {
    // SAFETY: as above.
    unsafe { asm!("csrs hvip, {}", in(reg) HVIP_VSSIP, options(nostack)) };
}

/// Whether the loaded guest has its timer interrupt enabled by itself.
pub fn guest_timer_is_enabled() -> bool {
    csr_read!("vsie") & VSIE_STIE != 0
}

/// Whether the loaded guest has the interrupt of its devices enabled by itself.
pub fn guest_external_is_enabled() -> bool {
    csr_read!("vsie") & VSIE_SEIE != 0
}

/// `vstimecmp` of the loaded guest; none if it holds all ones, with which it is not armed, or if the hart
/// has none.
pub fn guest_timecmp() -> Option<u64> {
    attempt!("csrr {operand}, 0x24D", 0u64).filter(|ticks| *ticks != u64::MAX)
}

/// Whether this hart has Sstc and the firmware gives it to us.
pub fn has_sstc() -> bool {
    attempt!("csrr {operand}, 0x24D", 0u64).is_some()
}

/// Orders this hart's fetches behind earlier stores.
pub fn fence_instructions() {
    // SAFETY: a fence; it changes no meaning.
    unsafe { asm!("fence.i", options(nostack)) };
}

/// CSRs for which VS-mode has no copies of its own: the host would find what the guest writes there. So
/// they are switched by hand.
#[derive(Clone, Copy, Default)]
pub struct SharedCsrs {
    scounteren: u64,
    senvcfg: u64,
}

impl SharedCsrs {
    /// Puts these values into the CPU, and returns the ones before.
    #[must_use = "what was there has to be put back"]
    pub fn swap_in(self) -> Self {
        let before = Self {
            scounteren: csr_read!("scounteren"),
            senvcfg: csr_read!("senvcfg"),
        };
        // SAFETY: they govern user mode only, and the host has none.
        unsafe {
            csr_write!("scounteren", self.scounteren);
            csr_write!("senvcfg", self.senvcfg);
        }
        before
    }
}

/// The registers that a world switch saves and restores; `enter.S` addresses them by offset.
#[repr(C)]
#[derive(Default)]
pub struct Context {
    /// The guest's x0 to x31; x0 is unused.
    pub guest_x: [u64; 32],
    /// The guest's program counter.
    pub guest_sepc: u64,
    /// `sstatus` while the guest runs.
    pub guest_sstatus: u64,
    /// `hstatus` while the guest runs.
    pub guest_hstatus: u64,
    /// The host's ra, sp, gp, tp, s0 to s11.
    pub host_saved: [u64; 16],
    /// The host's `sstatus`.
    pub host_sstatus: u64,
    /// The host's `hstatus`.
    pub host_hstatus: u64,
    /// The host's `stvec`.
    pub host_stvec: u64,
    /// The host's `sscratch`.
    pub host_sscratch: u64,
}

/// The number of [`host_registers`].
pub const HOST_REGISTERS: usize = 15;

/// The host's registers that a world switch must preserve.
pub fn host_registers() -> Registers<HOST_REGISTERS> {
    macro_rules! general {
        ($name:literal) => {{
            let value: u64;
            // SAFETY: copying a register changes nothing.
            unsafe { asm!(concat!("mv {}, ", $name), out(reg) value, options(nostack)) };
            value
        }};
    }
    [
        ("gp", general!("gp")),
        ("tp", general!("tp")),
        ("stvec", csr_read!("stvec")),
        ("sscratch", csr_read!("sscratch")),
        // SPIE and SPP may differ; SIE, FS, SUM and MXR may not.
        (
            "sstatus",
            csr_read!("sstatus") & (SSTATUS_SIE | SSTATUS_FS | 1 << 18 | 1 << 19),
        ),
        ("hstatus", csr_read!("hstatus")),
        ("hedeleg", csr_read!("hedeleg")),
        ("hideleg", csr_read!("hideleg")),
        ("hcounteren", csr_read!("hcounteren")),
        ("henvcfg", csr_read!("henvcfg")),
        ("hgatp", csr_read!("hgatp")),
        ("satp", csr_read!("satp")),
        ("sie", csr_read!("sie")),
        ("scounteren", csr_read!("scounteren")),
        ("senvcfg", csr_read!("senvcfg")),
    ]
}

/// Whether this hart has the H-extension: `misa` cannot be read from here, so `hstatus` is.
pub fn has_hypervisor_extension() -> bool {
    attempt!("csrr {operand}, hstatus", 0u64).is_some()
}

/// Reads the trap CSRs. Call it before interrupts are on again, because each trap overwrites them.
/// `sstatus` is as the trap left it.
pub fn read_trap(sstatus: u64) -> Trap {
    Trap {
        scause: csr_read!("scause"),
        stval: csr_read!("stval"),
        htval: csr_read!("htval"),
        htinst: csr_read!("htinst"),
        fetched: None,
        from_user: sstatus & SSTATUS_SPP == 0,
        awake: csr_read!("vsip") & csr_read!("vsie"),
        wakes_at: None,
        sbi_timer: false,
    }
}

/// The instruction at `pc`, loaded as the guest fetches it (HLVX); none if the guest no longer maps it.
/// Call it with interrupts off, after [`read_trap`], because it may overwrite those CSRs.
pub fn guest_instruction(pc: Gva, from_user: bool) -> Option<u64> {
    let host = csr_read!("hstatus");
    let level = if from_user { 0 } else { HSTATUS_SPVP };
    // SAFETY: SPVP is the level at which HLVX acts, and matters to nothing else here.
    unsafe { csr_write!("hstatus", host & !HSTATUS_SPVP | level) };
    // Half by half, as it may begin at the end of a page.
    let halves = [pc.get(), pc.get().wrapping_add(2)].map(|address| {
        attempt!(
            ".option push\n.option arch, +h\nhlvx.hu {operand}, ({operand})\n.option pop",
            address
        )
    });
    // SAFETY: it holds again what it held.
    unsafe { csr_write!("hstatus", host) };
    match halves {
        [Some(low), _] if low & 3 != 3 => Some(low),
        [Some(low), Some(high)] => Some(high << 16 | low),
        _ => None,
    }
}

/// Fills in the guest's own trap CSRs as if it had trapped at `pc`, and returns the address of its
/// handler.
pub fn trap_guest(exception: &GuestException, pc: u64, from_supervisor: bool) -> u64 {
    let status = csr_read!("vsstatus");
    let interrupts_were_on = status & SSTATUS_SIE != 0;
    let mut trapped = status & !(SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP);
    if interrupts_were_on {
        trapped |= SSTATUS_SPIE;
    }
    if from_supervisor {
        trapped |= SSTATUS_SPP;
    }
    // SAFETY: these CSRs govern the guest alone.
    unsafe {
        csr_write!("vsepc", pc);
        csr_write!("vscause", exception.code);
        csr_write!("vstval", exception.value);
        csr_write!("vsstatus", trapped);
    }
    // An exception goes to the base also where interrupts are vectored (stvec.MODE).
    csr_read!("vstvec") & !3
}
