//! The guest's user mode, VU, and what it may not do.

use core::sync::atomic::{AtomicBool, Ordering};

use axhal::paging::MappingFlags;

use super::{
    FREE_RAM,
    encode::{csrr, csrw, join, word},
    probe::{BREAKPOINT, GOES_ON, ILLEGAL, attempt, place, probes},
};
use crate::probe::{Fate, Probe};

/// A page fault of the guest's own tables, of a load.
const PAGE_FAULT: Fate = Fate::Trapped(13);

/// Tried by the guest's user mode. Whatever the hart makes of one, the guest's kernel gets what a
/// machine without a hypervisor gives it.
pub const USER_PROBES: &[Probe] = probes! {
    "nop", word(0x13), GOES_ON;
    // The kernel's CSRs: virtual instructions.
    "csrr sstatus", csrr(0x100), ILLEGAL;
    "csrr sie", csrr(0x104), ILLEGAL;
    "csrr stvec", csrr(0x105), ILLEGAL;
    "csrr scounteren", csrr(0x106), ILLEGAL;
    "csrr senvcfg", csrr(0x10A), ILLEGAL;
    "csrr sscratch", csrr(0x140), ILLEGAL;
    "csrr sepc", csrr(0x141), ILLEGAL;
    "csrr scause", csrr(0x142), ILLEGAL;
    "csrr stval", csrr(0x143), ILLEGAL;
    "csrr sip", csrr(0x144), ILLEGAL;
    "csrr stimecmp", csrr(0x14D), ILLEGAL;
    "csrr satp", csrr(0x180), ILLEGAL;
    "csrw sstatus", csrw(0x100), ILLEGAL;
    "csrw sscratch", csrw(0x140), ILLEGAL;
    "csrw satp", csrw(0x180), ILLEGAL;
    // The hypervisor's, and its views of the kernel's.
    "csrr hstatus", csrr(0x600), ILLEGAL;
    "csrr hvip", csrr(0x645), ILLEGAL;
    "csrr hgatp", csrr(0x680), ILLEGAL;
    "csrr hgeip", csrr(0xE12), ILLEGAL;
    "csrw hgatp", csrw(0x680), ILLEGAL;
    "csrr vsstatus", csrr(0x200), ILLEGAL;
    "csrr vstimecmp", csrr(0x24D), ILLEGAL;
    "csrr vsatp", csrr(0x280), ILLEGAL;
    // Machine mode's.
    "csrr mstatus", csrr(0x300), ILLEGAL;
    "unimp", word(0xC000_1073), ILLEGAL;
    // The kernel's instructions.
    "sret", word(0x1020_0073), ILLEGAL;
    "wfi", word(0x1050_0073), ILLEGAL;
    "sfence.vma", word(0x1200_0073), ILLEGAL;
    "sinval.vma", word(0x1600_0073), ILLEGAL;
    // The hypervisor's.
    "hlv.b t0, (sp)", word(0x6001_42F3), ILLEGAL;
    "hlvx.wu t0, (sp)", word(0x6831_42F3), ILLEGAL;
    "hsv.d zero, (sp)", word(0x6E01_4073), ILLEGAL;
    "hfence.vvma", word(0x2200_0073), ILLEGAL;
    "hfence.gvma", word(0x6200_0073), ILLEGAL;
    "hinval.vvma", word(0x2600_0073), ILLEGAL;
    "hinval.gvma", word(0x6600_0073), ILLEGAL;
    // Counters: the kernel gives none (scounteren is 0), nor does the hypervisor but for `time`.
    "csrr cycle", csrr(0xC00), ILLEGAL;
    "csrr time", csrr(0xC01), ILLEGAL;
    "csrr instret", csrr(0xC02), ILLEGAL;
    "csrr hpmcounter3", csrr(0xC03), ILLEGAL;
    // Cache-block instructions, which neither senvcfg nor henvcfg gives.
    "cbo.inval (t1)", word(0x0003_200F), ILLEGAL;
    "cbo.flush (t1)", word(0x0023_200F), ILLEGAL;
    "cbo.zero (t1)", word(0x0043_200F), ILLEGAL;
    // What never was the hypervisor's business.
    "ebreak", word(0x0010_0073), BREAKPOINT;
    "ld t0, (zero)", word(0x0000_3283), PAGE_FAULT;
    // A wait that may end at any time, in user mode too.
    "wrs.nto", WRS_NTO, GOES_ON;
    "wrs.sto", word(0x01D0_0073), GOES_ON;
};

/// auipc t1, 0; lr.d t0, (t1); wrs.nto: without a reservation set it does not wait. Here it is the code.
const WRS_NTO: [u8; 12] = join([0x0000_0317, 0x1003_32AF, 0x00D0_0073]);

/// Where user mode has its page.
pub(super) const ADDRESS: u64 = 0xFFFF_FFC8_0000_0000;

/// What ends an attempt: a call to the kernel.
const ECALL: u32 = 0x73;
const ECALL_FROM_USER: u64 = 8;

/// Runs `code` in user mode. The cause of an exception is `scause`.
pub fn try_in_user(code: &[u8]) -> Fate {
    place(code, &ECALL.to_le_bytes());
    map_once();
    match attempt(ADDRESS, code, true) {
        Some(Fate::Trapped(ECALL_FROM_USER)) => Fate::WentOn,
        Some(fate) => fate,
        None => unreachable!("only a trap leads out of user mode"),
    }
}

/// Gives user mode the page of free RAM that the kernel writes the code to.
fn map_once() {
    static MAPPED: AtomicBool = AtomicBool::new(false);
    if MAPPED.swap(true, Ordering::Relaxed) {
        return;
    }
    let flags = MappingFlags::READ | MappingFlags::EXECUTE | MappingFlags::USER;
    let (at, page) = ((ADDRESS as usize).into(), (FREE_RAM.0 as usize).into());
    axmm::kernel_aspace()
        .lock()
        .map_linear(at, page, 0x1000, flags)
        .expect("the page is free");
    axhal::asm::flush_tlb(None);
}
