//! Instructions of the kernel's that the hypervisor has to deal with.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{Frame, task::KERNEL_CODE, user};
use crate::{
    probe::{Fate, Probe},
    touch,
};

/// Exceptions that instructions end with (APM vol. 2 §8.2).
pub(super) const DEBUG: Fate = Fate::Trapped(1);
pub(super) const UNDEFINED: Fate = Fate::Trapped(6);
pub(super) const PROTECTION: Fate = Fate::Trapped(13);

pub(super) const fn probe(name: &'static str, code: &'static [u8], expect: Fate) -> Probe {
    Probe { name, code, expect }
}

/// Tried by the guest's kernel. Two are missing that QEMU's TCG (10.0) does not do by the manual: RDTSCP,
/// whose intercept it does not look at, and a write of CR4 with a bit that does not exist, which it lets
/// pass. EAX, ECX and EDX are set where the instruction reads them.
pub const KERNEL_PROBES: &[Probe] = &[
    // Control and debug registers: what VMRUN switches is the guest's.
    probe(
        "mov cr4, PGE on",
        b"\x0F\x20\xE0\x0D\x80\0\0\0\x0F\x22\xE0",
        Fate::WentOn,
    ),
    probe(
        "mov cr0, TS on; clts",
        b"\x0F\x20\xC0\x83\xC8\x08\x0F\x22\xC0\x0F\x06",
        Fate::WentOn,
    ),
    probe(
        "mov cr0, WP off",
        b"\x0F\x20\xC0\x25\xFF\xFF\xFE\xFF\x0F\x22\xC0",
        PROTECTION,
    ),
    probe(
        "mov cr0, PG off",
        b"\x0F\x20\xC0\x25\xFF\xFF\xFF\x7F\x0F\x22\xC0",
        PROTECTION,
    ),
    probe("mov cr8", b"\x31\xC0\x44\x0F\x22\xC0", Fate::WentOn),
    probe("mov dr7", b"\xB8\0\x04\0\0\x0F\x23\xF8", Fate::WentOn),
    // Ports.
    probe("in al, dx", b"\xBA\xF8\x03\0\0\xEC", PROTECTION),
    probe("out dx, al", b"\xBA\xF8\x03\0\0\x31\xC0\xEE", PROTECTION),
    probe("in eax, imm8", b"\xE5\x80", PROTECTION),
    probe("out imm8, ax", b"\x66\xE7\x80", PROTECTION),
    probe(
        "out dx, eax at 0xcf8",
        b"\xBA\xF8\x0C\0\0\x31\xC0\xEF",
        PROTECTION,
    ),
    probe("outsb", b"\xBA\xF8\x03\0\0\x48\x89\xE6\x6E", PROTECTION),
    probe(
        "insb",
        b"\xBA\xF8\x03\0\0\x48\x8D\x7C\x24\xF8\x6C",
        PROTECTION,
    ),
    // MSRs: those that are switched are the guest's, and no others.
    probe("rdmsr EFER", b"\xB9\x80\0\0\xC0\x0F\x32", Fate::WentOn),
    probe(
        "wrmsr EFER, as read",
        b"\xB9\x80\0\0\xC0\x0F\x32\x0F\x30",
        Fate::WentOn,
    ),
    probe(
        "wrmsr EFER, SVME on",
        b"\xB9\x80\0\0\xC0\x0F\x32\x0D\0\x10\0\0\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr EFER, LME off",
        b"\xB9\x80\0\0\xC0\x0F\x32\x25\xFF\xFE\xFF\xFF\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr PAT, as read",
        b"\xB9\x77\x02\0\0\x0F\x32\x0F\x30",
        Fate::WentOn,
    ),
    probe(
        "wrmsr PAT, a type that does not exist",
        b"\xB9\x77\x02\0\0\x0F\x32\xB0\x02\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr LSTAR",
        b"\xB9\x82\0\0\xC0\x31\xC0\x31\xD2\x0F\x30",
        Fate::WentOn,
    ),
    probe("rdmsr APIC_BASE", b"\xB9\x1B\0\0\0\x0F\x32", PROTECTION),
    probe("rdmsr TSC_AUX", b"\xB9\x03\x01\0\xC0\x0F\x32", PROTECTION),
    probe("rdmsr MTRRcap", b"\xB9\xFE\0\0\0\x0F\x32", PROTECTION),
    probe(
        "rdmsr VM_HSAVE_PA",
        b"\xB9\x17\x01\x01\xC0\x0F\x32",
        PROTECTION,
    ),
    probe(
        "wrmsr VM_HSAVE_PA",
        b"\xB9\x17\x01\x01\xC0\x31\xC0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr DebugCtl",
        b"\xB9\xD9\x01\0\0\x31\xC0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe("rdmsr 0x40000000", b"\xB9\0\0\0\x40\x0F\x32", PROTECTION),
    // Caches, counters, and what CPUID does not show.
    probe("invd", b"\x0F\x08", Fate::WentOn),
    probe("wbinvd", b"\x0F\x09", Fate::WentOn),
    probe("rdpmc", b"\x31\xC9\x0F\x33", PROTECTION),
    probe("rdtsc", b"\x0F\x31", Fate::WentOn),
    probe(
        "monitor",
        b"\x48\x89\xE0\x31\xC9\x31\xD2\x0F\x01\xC8",
        UNDEFINED,
    ),
    probe("mwait", b"\x31\xC0\x31\xC9\x0F\x01\xC9", UNDEFINED),
    // Were it not intercepted, CR4.OSXSAVE would permit it.
    probe(
        "mov cr4, OSXSAVE on; xsetbv",
        b"\x0F\x20\xE0\x0D\0\0\x04\0\x0F\x22\xE0\x31\xC9\x31\xD2\x31\xC0\xFF\xC0\x0F\x01\xD1",
        UNDEFINED,
    ),
    probe("rsm", b"\x0F\xAA", UNDEFINED),
    probe("pause", b"\xF3\x90", Fate::WentOn),
    probe("invlpg", b"\x0F\x01\x3C\x24", Fate::WentOn),
    // SVM: there is none.
    probe("vmrun", b"\xB8\0\x10\0\0\x0F\x01\xD8", UNDEFINED),
    probe("vmload", b"\xB8\0\x10\0\0\x0F\x01\xDA", UNDEFINED),
    probe("vmsave", b"\xB8\0\x10\0\0\x0F\x01\xDB", UNDEFINED),
    probe("stgi", b"\x0F\x01\xDC", UNDEFINED),
    probe("clgi", b"\x0F\x01\xDD", UNDEFINED),
    probe("skinit", b"\x31\xC0\x0F\x01\xDE", UNDEFINED),
    probe("invlpga", b"\x31\xC0\x31\xC9\x0F\x01\xDF", UNDEFINED),
    // Debug exceptions come to the hypervisor and go back; and one follows an instruction that the
    // hypervisor carries out as it follows any other.
    probe("int1", b"\xF1", DEBUG),
    probe("int3", b"\xCC", Fate::Trapped(3)),
    probe(
        "rdmsr EFER with RFLAGS.TF; ud2",
        b"\xB9\x80\0\0\xC0\x9C\x81\x0C\x24\0\x01\0\0\x9D\x0F\x32\x0F\x0B",
        DEBUG,
    ),
];

/// No attempt is under way; it is, and nothing has come yet. Neither is a vector.
const IDLE: u64 = u64::MAX;
const NOTHING: u64 = u64::MAX - 1;

static CAUGHT: AtomicU64 = AtomicU64::new(IDLE);
/// Where the exception came.
static CAUGHT_AT: AtomicU64 = AtomicU64::new(0);

/// Called on each exception; says whether an attempt made it, which then goes on behind its code. Of
/// several exceptions the first counts.
pub(super) fn caught(frame: &mut Frame) -> bool {
    /// RFLAGS: a debug exception follows each instruction.
    const TRAP_FLAG: u64 = 1 << 8;
    match CAUGHT.load(Ordering::Relaxed) {
        IDLE => return false,
        NOTHING => {
            CAUGHT.store(frame.vector, Ordering::Relaxed);
            CAUGHT_AT.store(frame.pc, Ordering::Relaxed);
        }
        _ => {}
    }
    frame.flags &= !TRAP_FLAG;
    if frame.cs == KERNEL_CODE {
        frame.pc = touch::behind_code();
    } else {
        user::back_from_ring_3(frame);
    }
    true
}

/// Does `attempt`, and gives the vector of the exception that came of it, and where.
pub(super) fn watch(attempt: impl FnOnce()) -> Option<(u64, u64)> {
    CAUGHT.store(NOTHING, Ordering::Relaxed);
    attempt();
    match CAUGHT.swap(IDLE, Ordering::Relaxed) {
        NOTHING => None,
        vector => Some((vector, CAUGHT_AT.load(Ordering::Relaxed))),
    }
}

/// Runs `code` in the kernel. The cause of an exception is its vector.
pub fn try_in_kernel(code: &[u8]) -> Fate {
    match watch(|| touch::run(code)) {
        None => Fate::WentOn,
        Some((vector, _)) => Fate::Trapped(vector),
    }
}
