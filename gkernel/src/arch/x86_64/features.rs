//! What CPUID says, and whether it is so.

use core::arch::x86_64::__cpuid_count;

use super::try_in_kernel;
use crate::{println, probe::Fate};

/// A register of CPUID's answer.
#[derive(Clone, Copy)]
enum Register {
    Ebx,
    Ecx,
    Edx,
}
use Register::{Ebx, Ecx, Edx};

/// A bit of CPUID, with an instruction that the feature brings. Each changes only what a function may.
type Usable = (&'static str, u32, Register, u32, &'static [u8]);

/// Sets a bit of CR4, as a feature that it switches on wants.
macro_rules! cr4 {
    ($($byte:literal)*) => { &[0x0F, 0x20, 0xE0, 0x0D, $($byte,)* 0x0F, 0x22, 0xE0] };
}

/// Features that a guest may be shown.
const USABLE: &[Usable] = &[
    ("SSE3", 1, Ecx, 0, b"\xF2\x0F\x7C\xC0"),
    ("PCLMULQDQ", 1, Ecx, 1, b"\x66\x0F\x3A\x44\xC0\0"),
    ("SSSE3", 1, Ecx, 9, b"\x66\x0F\x38\0\xC0"),
    ("CMPXCHG16B", 1, Ecx, 13, b"\x48\x0F\xC7\x4C\x24\xE8"),
    ("SSE4.1", 1, Ecx, 19, b"\x66\x0F\x38\x40\xC0"),
    ("SSE4.2", 1, Ecx, 20, b"\xF2\x0F\x38\xF1\xC0"),
    ("MOVBE", 1, Ecx, 22, b"\x0F\x38\xF0\x04\x24"),
    ("POPCNT", 1, Ecx, 23, b"\xF3\x0F\xB8\xC0"),
    ("AES", 1, Ecx, 25, b"\x66\x0F\x38\xDC\xC0"),
    ("RDRAND", 1, Ecx, 30, b"\x0F\xC7\xF0"),
    ("FPU", 1, Edx, 0, b"\xD9\xD0"),
    ("VME", 1, Edx, 1, cr4!(1 0 0 0)),
    ("DE", 1, Edx, 2, cr4!(8 0 0 0)),
    ("PSE", 1, Edx, 3, cr4!(0x10 0 0 0)),
    ("TSC", 1, Edx, 4, b"\x0F\x31"),
    ("MSR", 1, Edx, 5, b"\xB9\x80\0\0\xC0\x0F\x32"),
    ("CMPXCHG8B", 1, Edx, 8, b"\x0F\xC7\x4C\x24\xE8"),
    ("SYSENTER", 1, Edx, 11, b"\xB9\x74\x01\0\0\x0F\x32\x0F\x30"),
    ("PGE", 1, Edx, 13, cr4!(0x80 0 0 0)),
    ("CMOV", 1, Edx, 15, b"\x0F\x44\xC0"),
    ("PAT", 1, Edx, 16, b"\xB9\x77\x02\0\0\x0F\x32\x0F\x30"),
    ("CLFLUSH", 1, Edx, 19, b"\x0F\xAE\x7C\x24\xE8"),
    ("MMX", 1, Edx, 23, b"\x0F\x77"),
    ("SSE", 1, Edx, 25, b"\x0F\x58\xC0"),
    ("SSE2", 1, Edx, 26, b"\x66\x0F\xFE\xC0"),
    (
        "FSGSBASE",
        7,
        Ebx,
        0,
        b"\x0F\x20\xE0\x0D\0\0\x01\0\x0F\x22\xE0\xF3\x48\x0F\xAE\xC0",
    ),
    ("BMI1", 7, Ebx, 3, b"\xC4\xE2\x78\xF2\xC0"),
    ("SMEP", 7, Ebx, 7, cr4!(0 0 0x10 0)),
    ("BMI2", 7, Ebx, 8, b"\xC4\xE3\x7B\xF0\xC0\x01"),
    ("RDSEED", 7, Ebx, 18, b"\x0F\xC7\xF8"),
    ("ADX", 7, Ebx, 19, b"\x66\x0F\x38\xF6\xC0"),
    ("SMAP", 7, Ebx, 20, b"\x0F\x01\xCB"),
    ("CLFLUSHOPT", 7, Ebx, 23, b"\x66\x0F\xAE\x7C\x24\xE8"),
    ("CLWB", 7, Ebx, 24, b"\x66\x0F\xAE\x74\x24\xE8"),
    ("SHA", 7, Ebx, 29, b"\x0F\x38\xC8\xC0"),
    ("LAHF", 0x8000_0001, Ecx, 0, b"\x9F"),
    ("LZCNT", 0x8000_0001, Ecx, 5, b"\xF3\x0F\xBD\xC0"),
    ("SSE4A", 0x8000_0001, Ecx, 6, b"\x66\x0F\x78\xC0\0\0"),
    ("PREFETCHW", 0x8000_0001, Ecx, 8, b"\x0F\x0D\x0C\x24"),
    (
        "SYSCALL",
        0x8000_0001,
        Edx,
        11,
        b"\xB9\x80\0\0\xC0\x0F\x32\x83\xC8\x01\x0F\x30",
    ),
    (
        "CLZERO",
        0x8000_0008,
        Ebx,
        0,
        b"\x48\x8D\x44\x24\x80\x0F\x01\xFC",
    ),
];

/// Features that are intercepted, or that live in MSRs and devices which a guest has not got.
const HIDDEN: &[(&str, u32, Register, u32)] = &[
    ("MONITOR", 1, Ecx, 3),
    ("FMA", 1, Ecx, 12),
    ("x2APIC", 1, Ecx, 21),
    ("TSC deadline", 1, Ecx, 24),
    ("XSAVE", 1, Ecx, 26),
    ("OSXSAVE", 1, Ecx, 27),
    ("AVX", 1, Ecx, 28),
    ("F16C", 1, Ecx, 29),
    ("MCE", 1, Edx, 7),
    ("APIC", 1, Edx, 9),
    ("MTRR", 1, Edx, 12),
    ("MCA", 1, Edx, 14),
    ("HTT", 1, Edx, 28),
    ("TSC_ADJUST", 7, Ebx, 1),
    ("AVX2", 7, Ebx, 5),
    ("PKU", 7, Ecx, 3),
    ("RDPID", 7, Ecx, 22),
    ("SPEC_CTRL", 7, Edx, 26),
    ("SVM", 0x8000_0001, Ecx, 2),
    ("extended APIC", 0x8000_0001, Ecx, 3),
    ("IBS", 0x8000_0001, Ecx, 10),
    ("SKINIT", 0x8000_0001, Ecx, 12),
    ("topology", 0x8000_0001, Ecx, 22),
    ("counters", 0x8000_0001, Ecx, 23),
    ("MONITORX", 0x8000_0001, Ecx, 29),
    ("APIC, again", 0x8000_0001, Edx, 9),
    ("MTRR, again", 0x8000_0001, Edx, 12),
    ("RDTSCP", 0x8000_0001, Edx, 27),
    ("RDPRU", 0x8000_0008, Ebx, 4),
    ("IBPB", 0x8000_0008, Ebx, 12),
];

/// Leaves in which nothing is: behind the last one of each kind, and of what is not there.
const EMPTY: &[u32] = &[5, 6, 8, 0xB, 0xD, 0x4000_0001, 0x8000_000A, 0x8000_001F];

fn answer(leaf: u32) -> [u32; 4] {
    let answer = __cpuid_count(leaf, 0);
    [answer.eax, answer.ebx, answer.ecx, answer.edx]
}

fn has(leaf: u32, register: Register, bit: u32) -> bool {
    answer(leaf)[1 + register as usize] >> bit & 1 != 0
}

/// Compares what CPUID says with what there is; prints each difference, and gives their number and that
/// of the features that were tried.
pub fn check_features() -> (usize, usize) {
    let (mut wrong, mut tried) = (0, 0);
    let mut claim = |holds: bool, name: &str, what: &str| {
        if !holds {
            println!("guest: {name}: {what}");
            wrong += 1;
        }
    };
    for &(name, leaf, register, bit, code) in USABLE {
        if has(leaf, register, bit) {
            tried += 1;
            let fate = try_in_kernel(code);
            claim(fate == Fate::WentOn, name, "is shown and does not work");
        }
    }
    for &(name, leaf, register, bit) in HIDDEN {
        claim(
            !has(leaf, register, bit),
            name,
            "is shown and cannot be used",
        );
    }
    for &leaf in EMPTY {
        claim(
            answer(leaf) == [0; 4],
            "a leaf that is not there",
            "is not zero",
        );
    }
    claim(answer(0)[0] == 7, "the last leaf", "is not 7");
    claim(
        answer(1)[1] >> 16 == 1,
        "the topology",
        "is not one processor",
    );
    claim(has(1, Ecx, 31), "the hypervisor's bit", "is not set");
    let [last, ebx, ecx, edx] = answer(0x4000_0000);
    let name = [ebx, ecx, edx].map(u32::to_le_bytes);
    let known = last == 0x4000_0000 && name.as_flattened() == b"hv on ArceOS";
    claim(known, "the hypervisor", "does not say who it is");
    (wrong, tried)
}
