//! The CPU features that a guest sees (CPUID, APM vol. 3 appendix E): those that it can use, and no
//! others.
//!
//! A feature is shown if it is on a list here and the host has it. A feature on no list is hidden, so
//! that a feature of a later CPU stays hidden until somebody has thought about it. Hidden are: whatever
//! an intercept refuses (SVM, MONITOR, XSETBV and so XSAVE and AVX, performance counters), whatever
//! lives in MSRs that a guest does not have (machine checks, MTRRs, TSC_AUX and so RDTSCP, speculation
//! controls). The local APIC is the hypervisor's own: it is shown to a guest that has one, whatever the host has.

/// The four registers of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

/// The first leaf that belongs to hypervisors.
const HYPERVISOR: u32 = 0x4000_0000;
/// The leaf in which hypervisors tell the frequencies of clocks, by common consent (VMware's, and Linux's).
const FREQUENCIES: u32 = 0x4000_0010;
/// Who we are, in EBX, ECX and EDX of that leaf.
const SIGNATURE: [u8; 12] = *b"hv on ArceOS";

/// The last standard leaf that is answered.
const LARGEST: u32 = 7;
/// The first extended leaf, and the last that is answered.
const EXTENDED: u32 = 0x8000_0000;
const LARGEST_EXTENDED: u32 = 0x8000_0008;

/// The answer to CPUID with `function` in EAX and `index` in ECX; `host` executes it. `apic` is there if the guest
/// has a local APIC. A leaf beyond the last one is all zeros, as on AMD's processors.
pub fn answer(
    function: u32,
    index: u32,
    apic: Option<ShownApic>,
    host: impl Fn(u32, u32) -> Leaf,
) -> Leaf {
    match function {
        HYPERVISOR => return signature(apic.is_some()),
        FREQUENCIES => return apic.map_or(Leaf::default(), frequencies),
        _ => {}
    }
    let (first, last) = match function {
        0..HYPERVISOR => (0, LARGEST),
        EXTENDED.. => (EXTENDED, LARGEST_EXTENDED),
        _ => return Leaf::default(),
    };
    let greeting = host(first, 0);
    let largest = greeting.eax.min(last);
    if function == first {
        return Leaf {
            eax: largest,
            ..greeting
        };
    }
    if function > largest {
        return Leaf::default();
    }
    let mut leaf = shown(function, index, host(function, index));
    if let Some(apic) = apic {
        show_apic(function, apic, &mut leaf);
    }
    leaf
}

/// Shows the local APIC, the deadline of its timer, and x2APIC if it is in that mode.
fn show_apic(function: u32, apic: ShownApic, leaf: &mut Leaf) {
    const APIC: u32 = 1 << 9;
    const X2APIC: u32 = 1 << 21;
    const TSC_DEADLINE: u32 = 1 << 24;
    match function {
        1 => {
            leaf.ecx |= TSC_DEADLINE;
            if apic.is_x2apic {
                leaf.ecx |= X2APIC;
            }
            leaf.edx |= APIC;
        }
        0x8000_0001 => leaf.edx |= APIC,
        _ => {}
    }
}

/// What a guest is told of its local APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownApic {
    /// It is in x2APIC mode.
    pub is_x2apic: bool,
    /// The frequency of the time-stamp counter, in kHz.
    pub tsc_khz: u32,
    /// That of the counter of the APIC's timer, undivided.
    pub timer_khz: u32,
}

fn frequencies(apic: ShownApic) -> Leaf {
    Leaf {
        eax: apic.tsc_khz,
        ebx: apic.timer_khz,
        ..Leaf::default()
    }
}

/// The part of the host's answer that a guest sees.
fn shown(function: u32, index: u32, host: Leaf) -> Leaf {
    let mut leaf = host;
    match (function, index) {
        (1, _) => {
            // The brand and the size of a cache line; one logical processor, whose APIC ID is 0.
            leaf.ebx = host.ebx & 0xFFFF | 1 << 16;
            leaf.ecx = host.ecx & LEAF_1_ECX | UNDER_A_HYPERVISOR;
            leaf.edx = host.edx & LEAF_1_EDX;
        }
        (7, 0) => {
            leaf.eax = 0;
            leaf.ebx = host.ebx & LEAF_7_EBX;
            leaf.ecx = host.ecx & LEAF_7_ECX;
            leaf.edx = host.edx & LEAF_7_EDX;
        }
        (0x8000_0001, _) => {
            leaf.ecx = host.ecx & EXTENDED_1_ECX;
            leaf.edx = host.edx & EXTENDED_1_EDX;
        }
        // The name, and the caches and TLBs.
        (0x8000_0002..=0x8000_0006, _) => {}
        (0x8000_0007, _) => {
            leaf = Leaf {
                edx: host.edx & INVARIANT_TSC,
                ..Leaf::default()
            };
        }
        (0x8000_0008, _) => {
            leaf = Leaf {
                eax: address_sizes(host.eax),
                ebx: host.ebx & CLZERO,
                ..Leaf::default()
            };
        }
        _ => leaf = Leaf::default(),
    }
    leaf
}

/// Physical and linear address sizes in bits. Neither exceeds what four levels of nested tables, or of
/// the guest's own, can translate.
fn address_sizes(eax: u32) -> u32 {
    const FOUR_LEVELS: u32 = 48;
    let physical = (eax & 0xFF).min(FOUR_LEVELS);
    let linear = (eax >> 8 & 0xFF).min(FOUR_LEVELS);
    linear << 8 | physical
}

/// Our first leaf. EAX is the last one.
fn signature(has_apic: bool) -> Leaf {
    let word = |at: usize| {
        let bytes = [0, 1, 2, 3].map(|byte| SIGNATURE[at + byte]);
        u32::from_le_bytes(bytes)
    };
    Leaf {
        eax: if has_apic { FREQUENCIES } else { HYPERVISOR },
        ebx: word(0),
        ecx: word(4),
        edx: word(8),
    }
}

/// The bit reserved for hypervisors.
const UNDER_A_HYPERVISOR: u32 = 1 << 31;

const LEAF_1_ECX: u32 = 1 << 0 // SSE3
    | 1 << 1 // PCLMULQDQ
    | 1 << 9 // SSSE3
    | 1 << 13 // CMPXCHG16B
    | 1 << 17 // PCID
    | 1 << 19 // SSE4.1
    | 1 << 20 // SSE4.2
    | 1 << 22 // MOVBE
    | 1 << 23 // POPCNT
    | 1 << 25 // AES
    | 1 << 30; // RDRAND

const LEAF_1_EDX: u32 = 1 << 0 // FPU
    | 1 << 1 // VME
    | 1 << 2 // DE
    | 1 << 3 // PSE
    | 1 << 4 // TSC
    | 1 << 5 // MSR
    | 1 << 6 // PAE
    | 1 << 8 // CMPXCHG8B
    | 1 << 11 // SYSENTER
    | 1 << 13 // PGE
    | 1 << 15 // CMOV
    | 1 << 16 // PAT
    | 1 << 17 // PSE-36
    | 1 << 19 // CLFLUSH
    | 1 << 23 // MMX
    | 1 << 24 // FXSAVE
    | 1 << 25 // SSE
    | 1 << 26; // SSE2

const LEAF_7_EBX: u32 = 1 << 0 // FSGSBASE
    | 1 << 3 // BMI1
    | 1 << 7 // SMEP
    | 1 << 8 // BMI2
    | 1 << 9 // fast REP MOVSB
    | 1 << 10 // INVPCID
    | 1 << 18 // RDSEED
    | 1 << 19 // ADX
    | 1 << 20 // SMAP
    | 1 << 23 // CLFLUSHOPT
    | 1 << 24 // CLWB
    | 1 << 29; // SHA
const LEAF_7_ECX: u32 = 1 << 2; // UMIP
const LEAF_7_EDX: u32 = 1 << 4; // fast short REP MOVSB

const EXTENDED_1_ECX: u32 = 1 << 0 // LAHF in long mode
    | 1 << 4 // CR8 by LOCK MOV CR0
    | 1 << 5 // LZCNT
    | 1 << 6 // SSE4A
    | 1 << 7 // misaligned SSE
    | 1 << 8; // PREFETCH

/// Bits 9:0, 17:12 and 24:23 repeat those of leaf 1.
const EXTENDED_1_EDX: u32 = LEAF_1_EDX & 0x0183_F3FF
    | 1 << 11 // SYSCALL
    | 1 << 20 // NX
    | 1 << 22 // AMD's extensions of MMX
    | 1 << 26 // pages of 1 GiB
    | 1 << 29 // long mode
    | 1 << 30 // extensions of 3DNow!
    | 1 << 31; // 3DNow!

const INVARIANT_TSC: u32 = 1 << 8;
const CLZERO: u32 = 1 << 0;

#[cfg(test)]
mod tests;
