//! Instructions of the kernel's that the hypervisor has to deal with, and how one is tried.

use core::arch::global_asm;

use super::{
    FREE_RAM, RETURN,
    encode::{csrr, csrsi, csrw, join, word},
    map_physical, synchronize_code,
};
use crate::{
    println,
    probe::{Fate, Probe},
};

/// The cause that an instruction leads to which is not there, or not for this level.
pub(super) const ILLEGAL: Fate = Fate::Trapped(2);
/// A breakpoint.
pub(super) const BREAKPOINT: Fate = Fate::Trapped(3);
/// An instruction that is carried out.
pub(super) const GOES_ON: Fate = Fate::WentOn;

/// A table of probes, a line each: name, code, fate.
macro_rules! probes {
    ($($name:literal, $code:expr, $expect:ident;)*) => {
        &[$(Probe { name: $name, code: &$code, expect: $expect },)*]
    };
}
pub(super) use probes;

/// Tried by the guest's kernel, with `refused=inject`.
pub const KERNEL_PROBES: &[Probe] = probes! {
    // The hypervisor's CSRs, which HS-mode may read: virtual instructions.
    "csrr hstatus", csrr(0x600), ILLEGAL;
    "csrr hedeleg", csrr(0x602), ILLEGAL;
    "csrr hideleg", csrr(0x603), ILLEGAL;
    "csrr hie", csrr(0x604), ILLEGAL;
    "csrr htimedelta", csrr(0x605), ILLEGAL;
    "csrr hcounteren", csrr(0x606), ILLEGAL;
    "csrr hgeie", csrr(0x607), ILLEGAL;
    "csrr henvcfg", csrr(0x60A), ILLEGAL;
    "csrr htval", csrr(0x643), ILLEGAL;
    "csrr hip", csrr(0x644), ILLEGAL;
    "csrr hvip", csrr(0x645), ILLEGAL;
    "csrr htinst", csrr(0x64A), ILLEGAL;
    "csrr hgatp", csrr(0x680), ILLEGAL;
    "csrr hgeip", csrr(0xE12), ILLEGAL;
    "csrw hstatus", csrw(0x600), ILLEGAL;
    "csrw hideleg", csrw(0x603), ILLEGAL;
    "csrsi hcounteren, 31", csrsi(0x606), ILLEGAL;
    "csrsi henvcfg, 31", csrsi(0x60A), ILLEGAL;
    "csrsi hvip, 31", csrsi(0x645), ILLEGAL;
    "csrw hgatp", csrw(0x680), ILLEGAL;
    "csrr hstatus, with vectored traps", VECTORED_AND_HSTATUS, ILLEGAL;
    // Its views of the guest's.
    "csrr vsstatus", csrr(0x200), ILLEGAL;
    "csrr vsie", csrr(0x204), ILLEGAL;
    "csrr vstvec", csrr(0x205), ILLEGAL;
    "csrr vsscratch", csrr(0x240), ILLEGAL;
    "csrr vsepc", csrr(0x241), ILLEGAL;
    "csrr vscause", csrr(0x242), ILLEGAL;
    "csrr vstval", csrr(0x243), ILLEGAL;
    "csrr vsip", csrr(0x244), ILLEGAL;
    "csrr vstimecmp", csrr(0x24D), ILLEGAL;
    "csrr vsatp", csrr(0x280), ILLEGAL;
    "csrw vstvec", csrw(0x205), ILLEGAL;
    "csrw vsatp", csrw(0x280), ILLEGAL;
    // Machine mode's, and what is nowhere: illegal without a visit to the hypervisor.
    "csrr mstatus", csrr(0x300), ILLEGAL;
    "csrr mhartid", csrr(0xF14), ILLEGAL;
    "csrr cycleh", csrr(0xC80), ILLEGAL;
    "csrw cycle", csrw(0xC00), ILLEGAL;
    "csrr sstateen0", csrr(0x10C), ILLEGAL;
    "csrr seed", csrr(0x015), ILLEGAL;
    "csrr vl", csrr(0xC20), ILLEGAL;
    "unimp", word(0xC000_1073), ILLEGAL;
    // The vector unit is off in the hypervisor's sstatus, whatever the guest's own says.
    "vsetvli t0, zero, e8", VECTOR_ON_AND_USED, ILLEGAL;
    // hcounteren has TM alone.
    "csrr cycle", csrr(0xC00), ILLEGAL;
    "csrr time", csrr(0xC01), GOES_ON;
    "csrr instret", csrr(0xC02), ILLEGAL;
    "csrr hpmcounter3", csrr(0xC03), ILLEGAL;
    "csrr hpmcounter31", csrr(0xC1F), ILLEGAL;
    // henvcfg is 0: no Sstc, no cache-block instructions.
    "csrr stimecmp", csrr(0x14D), ILLEGAL;
    "csrsi stimecmp, 31", csrsi(0x14D), ILLEGAL;
    "cbo.inval (sp)", word(0x0001_200F), ILLEGAL;
    "cbo.clean (sp)", word(0x0011_200F), ILLEGAL;
    "cbo.flush (sp)", word(0x0021_200F), ILLEGAL;
    "cbo.zero (sp)", word(0x0041_200F), ILLEGAL;
    // The hypervisor's instructions.
    "hlv.b t0, (sp)", word(0x6001_42F3), ILLEGAL;
    "hlv.d t0, (sp)", word(0x6C01_42F3), ILLEGAL;
    "hlvx.hu t0, (sp)", word(0x6431_42F3), ILLEGAL;
    "hlvx.wu t0, (sp)", word(0x6831_42F3), ILLEGAL;
    "hsv.b zero, (sp)", word(0x6201_4073), ILLEGAL;
    "hsv.d zero, (sp)", word(0x6E01_4073), ILLEGAL;
    "hfence.vvma", word(0x2200_0073), ILLEGAL;
    "hfence.gvma", word(0x6200_0073), ILLEGAL;
    "hinval.vvma", word(0x2600_0073), ILLEGAL;
    "hinval.gvma", word(0x6600_0073), ILLEGAL;
    // VTVM and VTSR are off, and these are the guest's own.
    "csrr satp", csrr(0x180), GOES_ON;
    "csrr sstatus", csrr(0x100), GOES_ON;
    "csrr senvcfg", csrr(0x10A), GOES_ON;
    "csrr scounteren", csrr(0x106), GOES_ON;
    "csrr sip", csrr(0x144), GOES_ON;
    "sfence.vma", word(0x1200_0073), GOES_ON;
    "sret", SRET_BEHIND_ITSELF, GOES_ON;
    "ebreak", word(0x0010_0073), BREAKPOINT;
    // VTW is on. A wait for a reservation set may end at any time; one for an interrupt, at once if
    // one is pending and enabled by itself, here SSIP.
    "wrs.nto", WRS_NTO, GOES_ON;
    "wrs.sto", word(0x01D0_0073), GOES_ON;
    "wfi", WFI_WITH_SSIP, GOES_ON;
};

/// csrsi stvec, 1; csrr t0, hstatus: an exception goes to the base of the vectors.
const VECTORED_AND_HSTATUS: [u8; 8] = join([0x1050_E073, 0x6000_22F3]);

/// li t0, 0x600 (sstatus.VS); csrs sstatus, t0; vsetvli t0, zero, e8.
const VECTOR_ON_AND_USED: [u8; 12] = join([0x6000_0293, 0x1002_A073, 0x0000_72D7]);

/// li t1, 0x100; csrs sstatus, t1; auipc t0, 0; addi t0, t0, 16; csrw sepc, t0; sret.
const SRET_BEHIND_ITSELF: [u8; 24] = join([
    0x1000_0313,
    0x1003_2073,
    0x0000_0297,
    0x0102_8293,
    0x1412_9073,
    0x1020_0073,
]);

/// lr.d t0, (sp); wrs.nto: without a reservation set it does not wait.
const WRS_NTO: [u8; 8] = join([0x1001_32AF, 0x00D0_0073]);

/// csrsi sie, 2; csrsi sip, 2; wfi; csrci sip, 2; csrci sie, 2.
const WFI_WITH_SSIP: [u8; 20] = join([
    0x1041_6073,
    0x1441_6073,
    0x1050_0073,
    0x1441_7073,
    0x1041_7073,
]);

global_asm!(include_str!("probe.S"));

unsafe extern "C" {
    fn guest_attempt(code: u64, in_user_mode: u64, trap: *mut Trap);
}

/// A trap, as `probe.S` writes it.
#[repr(C)]
struct Trap {
    scause: u64,
    sepc: u64,
    stval: u64,
    sstatus: u64,
}

/// Runs `code` in the kernel. The cause of an exception is `scause`.
pub fn try_in_kernel(code: &[u8]) -> Fate {
    let address = place(code, RETURN);
    attempt(address, code, false).unwrap_or(Fate::WentOn)
}

/// Writes `code` and `end` into free RAM; the kernel's address of it.
pub(super) fn place(code: &[u8], end: &[u8]) -> u64 {
    let address = map_physical(FREE_RAM.0);
    for (at, byte) in code.iter().chain(end).enumerate() {
        // SAFETY: it is free RAM, which the guest's own tables map there.
        unsafe { (address as *mut u8).add(at).write_volatile(*byte) };
    }
    synchronize_code();
    address
}

/// Goes to `address`, where `code` is. Gives the trap that came of it, if there was one. What else a trap
/// leaves must be right too: `stval` is the instruction that is illegal, and `sstatus` says which mode it
/// was in and that interrupts were on in user mode and are off now.
pub(super) fn attempt(address: u64, code: &[u8], in_user_mode: bool) -> Option<Fate> {
    const SIE: u64 = 1 << 1;
    const SPIE: u64 = 1 << 5;
    const SPP: u64 = 1 << 8;
    const NONE: u64 = u64::MAX;
    let mut trap = Trap {
        scause: NONE,
        sepc: 0,
        stval: 0,
        sstatus: 0,
    };
    // SAFETY: the code ends with a return or a call to the kernel, or comes to a trap before; each leads
    // back. Of the registers it changes none that a function keeps.
    unsafe { guest_attempt(address, u64::from(in_user_mode), &raw mut trap) };
    let scause = trap.scause;
    if scause == NONE {
        return None;
    }
    let offset = trap.sepc.wrapping_sub(address);
    let instruction = code
        .get(offset as usize..)
        .and_then(|rest| rest.first_chunk())
        .map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    let stval_is_right = Fate::Trapped(scause) != ILLEGAL || instruction == Some(trap.stval);
    let wanted = if in_user_mode { SPIE } else { SPP };
    let status_is_right = trap.sstatus & (SIE | SPIE | SPP) == wanted;
    if stval_is_right && status_is_right {
        return Some(Fate::Trapped(scause));
    }
    println!(
        "guest: a trap {scause:#x} at code+{offset:#x} left stval {:#x} and sstatus {:#x}",
        trap.stval, trap.sstatus
    );
    Some(Fate::Trapped(NONE))
}
