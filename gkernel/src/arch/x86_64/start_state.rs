//! The registers as the guest finds them at its first instruction.

use core::{
    arch::{asm, global_asm},
    cell::UnsafeCell,
};

use super::{RAM_END, keys};

global_asm!(include_str!("start_state.S"));

/// What the entry keeps, in the order of `start_state.S`, with what each holds at the start: RSP and RDI are
/// the hypervisor's to choose, the rest is the state of a CPU that was just put into long mode.
const NAMES: [(&str, u64); 37] = [
    ("rax", 0),
    ("rbx", 0),
    ("rcx", 0),
    ("rdx", 0),
    ("rsi", 0),
    (ARGUMENT, 0),
    ("rbp", 0),
    ("rsp", RAM_END),
    ("r8", 0),
    ("r9", 0),
    ("r10", 0),
    ("r11", 0),
    ("r12", 0),
    ("r13", 0),
    ("r14", 0),
    ("r15", 0),
    ("rflags", 2),
    ("cr0", 0x8001_0031), // PG, WP, NE, ET, PE
    ("cr2", 0),
    ("cr3", 0x1000),
    ("cr4", 0x620), // OSXMMEXCPT, OSFXSR, PAE
    ("cr8", 0),
    ("dr0", 0),
    ("dr1", 0),
    ("dr2", 0),
    ("dr3", 0),
    ("dr6", 0xFFFF_0FF0),
    ("dr7", 0x400),
    ("ds", 0x10),
    ("es", 0x10),
    ("fs", 0x10),
    ("gs", 0x10),
    ("ss", 0x10),
    ("tr", 0),
    ("ldtr", 0),
    ("gdtr.limit", 0),
    ("idtr.limit", 0),
];

/// RDI holds the number from the run's parameters.
const ARGUMENT: &str = "rdi";

/// MSRs that a guest has.
const MSRS: [(&str, u32, u64); 12] = [
    ("sysenter_cs", SYSENTER_CS, 0),
    ("sysenter_esp", 0x175, 0),
    ("sysenter_eip", 0x176, 0),
    ("pat", PAT, 0x0007_0406_0007_0406),
    ("efer", EFER, 0xD00), // NXE, LMA, LME
    ("star", 0xC000_0081, 0),
    ("lstar", 0xC000_0082, 0),
    ("cstar", 0xC000_0083, 0),
    ("sfmask", 0xC000_0084, 0),
    ("fs.base", 0xC000_0100, 0),
    ("gs.base", 0xC000_0101, 0),
    ("KernelGsBase", 0xC000_0102, 0),
];
const SYSENTER_CS: u32 = 0x174;
const PAT: u32 = 0x277;
const EFER: u32 = 0xC000_0080;

/// An FXSAVE area (APM vol. 2 §11.4.4) in words of 64 bits.
#[repr(C, align(16))]
struct Area(UnsafeCell<[u64; 64]>);

/// The words of [`NAMES`] and four for the environment of the x87 unit.
struct Found(UnsafeCell<[u64; NAMES.len() + 4]>);

// SAFETY: the entry writes it, on the only CPU; afterwards it is read.
unsafe impl Sync for Area {}
// SAFETY: as above.
unsafe impl Sync for Found {}

/// Not in .bss, so that the entry finds it wherever it is loaded.
#[unsafe(export_name = "guest_start_state")]
#[unsafe(link_section = ".data")]
static FOUND: Found = Found(UnsafeCell::new([0; NAMES.len() + 4]));
#[unsafe(export_name = "guest_start_fxsave")]
#[unsafe(link_section = ".data")]
static AREA: Area = Area(UnsafeCell::new([0; 64]));

/// Each register by name, what it held, and what it holds after a reset.
pub fn start_state() -> impl Iterator<Item = (&'static str, u64, u64)> {
    // SAFETY: the entry has written them, before any Rust code ran.
    let (found, area) = unsafe { (*FOUND.0.get(), *AREA.0.get()) };
    let named = NAMES.into_iter().zip(found).map(|((name, wanted), found)| {
        let wanted = if name == ARGUMENT {
            super::argument()
        } else {
            wanted
        };
        (name, found, wanted)
    });
    let msrs = MSRS.map(|(name, msr, wanted)| (name, read_msr(msr), wanted));
    let rights = keys::switch_on().then(|| ("pkru", keys::rights().into(), 0));
    named
        .chain(msrs)
        .chain(floating_point(&area, &found))
        .chain(rights)
}

/// What FXSAVE and FNSTENV wrote.
fn floating_point(area: &[u64; 64], found: &[u64]) -> [(&'static str, u64, u64); 9] {
    let any = |words: &[u64]| words.iter().fold(0, |all, word| all | word);
    let environment = &found[NAMES.len()..];
    [
        ("fcw, fsw, ftw", area[0], 0x037F),
        ("rip of fxsave", area[1], 0),
        ("rdp of fxsave", area[2], 0),
        // Its upper half is the mask of what may be set.
        ("mxcsr", area[3] & 0xFFFF_FFFF, 0x1F80),
        ("mmx", any(&area[4..20]), 0),
        ("xmm", any(&area[20..52]), 0),
        ("eip of fnstenv", environment[1] >> 32, 0),
        ("cs and opcode of fnstenv", environment[2] & 0xFFFF_FFFF, 0),
        ("data pointer of fnstenv", environment[2] >> 32, 0),
    ]
}

/// The upper halves of RAX and RDX are cleared (APM vol. 3, RDMSR); if they are not, the sum is wrong.
fn read_msr(msr: u32) -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: reading the guest's own MSRs changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") msr, out("rax") low, out("rdx") high, options(nomem, nostack));
    }
    high.rotate_left(32).wrapping_add(low)
}

/// The upper halves of RAX and RDX do not count (APM vol. 3, WRMSR): something is in them.
fn write_msr(msr: u32, value: u64) {
    const UPPER: u64 = 0xFFFF_FFFF << 32;
    // SAFETY: the guest does without what these MSRs are for.
    unsafe {
        asm!(
            "wrmsr",
            in("ecx") msr,
            in("rax") value | UPPER,
            in("rdx") value >> 32 | UPPER,
            options(nostack),
        );
    }
}

/// A canonical address, and what is left elsewhere too.
const TRACE: u64 = 0x0000_5A5A_5A5A_5A58;

/// What an MSR holds once it was changed, if it held `start` before.
fn changed(msr: u32, start: u64) -> u64 {
    match msr {
        PAT => start ^ 1 << 8, // WT becomes WP
        EFER => start | 1,     // SCE
        SYSENTER_CS => TRACE & 0xFFFF,
        _ => TRACE,
    }
}

/// Changes every MSR that the guest has.
pub(super) fn change_msrs() {
    for (_, msr, start) in MSRS {
        write_msr(msr, changed(msr, start));
    }
}

/// Whether all of them hold what they were changed to.
pub(super) fn msrs_are_changed() -> bool {
    MSRS.into_iter()
        .all(|(_, msr, start)| read_msr(msr) == changed(msr, start))
}

/// Leaves something in every register that a guest can write and do without.
pub fn leave_traces() {
    super::change_system_registers();
    super::fill_registers_and_call(1);
    // SAFETY: none of this is used by the guest. The breakpoints are at addresses that nothing has.
    unsafe {
        asm!(
            "mov {tmp}, cr4",
            "or {tmp}, 0x88", // PGE, DE
            "mov cr4, {tmp}",
            "mov {tmp:e}, 5",
            "mov cr8, {tmp}",
            "mov {tmp:e}, 0xFFFF4FFF", // DR6: BS and all breakpoints
            "mov dr6, {tmp}",
            "mov {tmp:e}, 0x455", // DR7: four breakpoints
            "mov dr7, {tmp}",
            "push {trace}",
            "fld qword ptr [rsp]",
            "fld qword ptr [rsp]",
            "fadd qword ptr [rsp]",
            "mov word ptr [rsp], 0x027F", // FCW: double precision
            "fldcw [rsp]",
            "mov dword ptr [rsp], 0x9F80", // MXCSR: denormals are zero
            "ldmxcsr [rsp]",
            "pop {trace}",
            tmp = out(reg) _,
            trace = inout(reg) TRACE => _,
        );
    }
}
