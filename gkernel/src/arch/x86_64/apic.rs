//! What a local APIC does, by the MSRs of x2APIC or by its registers in memory.

use core::{
    arch::{asm, x86_64::__cpuid},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    probe::{PROTECTION, probe},
    timer::{
        self, EOI, IRR, ISR, LVT_TIMER, SELF_IPI, SVR, TPR, TSC_DEADLINE, interrupts, read, write,
    },
    try_in_kernel,
};
use crate::{
    println,
    probe::{self, Fate, Probe},
};

const PPR: u32 = 0x80A;
const ESR: u32 = 0x828;
const TMICT: u32 = 0x838;
const TMCCT: u32 = 0x839;
const TDCR: u32 = 0x83E;

/// Two vectors of other classes than the timer's, one below and one above.
const LOW: u8 = 0x21;
const HIGH: u8 = 0x3E;

/// The vectors that came, the last one in the lowest byte.
static CAME: AtomicU64 = AtomicU64::new(0);

/// Called on an interrupt that is not the timer's, with interrupts off. While the first of [`LOW`] is served, both
/// are sent again; and its handler notes the priority, too.
pub(super) fn on_interrupt(vector: u64) {
    let is_first = came() == 0;
    note(vector);
    if vector == LOW.into() && is_first {
        write(SELF_IPI, LOW.into());
        write(SELF_IPI, HIGH.into());
        interrupts(true);
        interrupts(false);
        note(read(PPR));
    }
    write(EOI, 0);
}

fn note(byte: u64) {
    CAME.store(came() << 8 | byte, Ordering::Relaxed);
}

/// MSRs that a guest with a local APIC has, with values that they take or not, and what it has not.
const PROBES: &[Probe] = &[
    probe("rdmsr APIC_BASE", b"\xB9\x1B\0\0\0\x0F\x32", Fate::WentOn),
    probe(
        "wrmsr APIC_BASE, as read",
        b"\xB9\x1B\0\0\0\x0F\x32\x0F\x30",
        Fate::WentOn,
    ),
    probe(
        "wrmsr APIC_BASE, off",
        b"\xB9\x1B\0\0\0\x0F\x32\x80\xE4\xF3\x0F\x30",
        PROTECTION,
    ),
    probe("rdmsr ID", b"\xB9\x02\x08\0\0\x0F\x32", Fate::WentOn),
    probe(
        "wrmsr ID",
        b"\xB9\x02\x08\0\0\x31\xC0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe("rdmsr EOI", b"\xB9\x0B\x08\0\0\x0F\x32", PROTECTION),
    probe(
        "wrmsr EOI, not 0",
        b"\xB9\x0B\x08\0\0\xB8\x01\0\0\0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr TPR, 0x100",
        b"\xB9\x08\x08\0\0\xB8\0\x01\0\0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr LVT_TIMER, a mode that does not exist",
        b"\xB9\x32\x08\0\0\xB8\0\0\x07\0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe(
        "wrmsr TMCCT",
        b"\xB9\x39\x08\0\0\x31\xC0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe("rdmsr ICR", b"\xB9\x30\x08\0\0\x0F\x32", PROTECTION),
    probe("rdmsr LINT0", b"\xB9\x35\x08\0\0\x0F\x32", PROTECTION),
];

/// The same where the registers are in memory, at 0xFFFFFFFFFEE00000.
const PROBES_IN_MEMORY: &[Probe] = &[
    probe("rdmsr APIC_BASE", b"\xB9\x1B\0\0\0\x0F\x32", Fate::WentOn),
    probe(
        "wrmsr APIC_BASE, as read",
        b"\xB9\x1B\0\0\0\x0F\x32\x0F\x30",
        Fate::WentOn,
    ),
    probe(
        "wrmsr APIC_BASE, x2APIC",
        b"\xB9\x1B\0\0\0\x0F\x32\x80\xCC\x04\x0F\x30",
        PROTECTION,
    ),
    probe("rdmsr ID", b"\xB9\x02\x08\0\0\x0F\x32", PROTECTION),
    probe(
        "wrmsr EOI",
        b"\xB9\x0B\x08\0\0\x31\xC0\x31\xD2\x0F\x30",
        PROTECTION,
    ),
    probe("mov eax, [ID]", b"\x8B\x04\x25\x20\0\xE0\xFE", Fate::WentOn),
    probe("mov al, [ID]", b"\x8A\x04\x25\x20\0\xE0\xFE", PROTECTION),
    probe(
        "mov rax, [ID]",
        b"\x48\x8B\x04\x25\x20\0\xE0\xFE",
        PROTECTION,
    ),
    probe(
        "mov eax, [ID + 4]",
        b"\x8B\x04\x25\x24\0\xE0\xFE",
        PROTECTION,
    ),
];

/// What is only there in memory: a register that there is not, bits that there are not, and commands.
fn check_memory() -> bool {
    const ILLEGAL: u64 = 1 << 7;
    const ICR: u32 = 0x830;
    const ICR_UPPER: u32 = 0x831;
    const LINT0: u32 = 0x835;
    let esr = || {
        write(ESR, u64::MAX);
        read(ESR)
    };
    let start = esr() == 0;
    let unknown = read(LINT0) == 0 && esr() == ILLEGAL && esr() == 0;
    write(LINT0, 0);
    let unknown = unknown && esr() == ILLEGAL;
    write(SVR, u64::MAX);
    write(TDCR, u64::MAX);
    let bits = read(SVR) == 0x3FF && read(TDCR) == 0b1011;
    write(SVR, 0x1FF);
    let mut sent = true;
    // To itself, by its ID, as one of the first group, to all; and to others alone.
    for (upper, command, is_ours) in [
        (9, 1 << 18, true),
        (0, 0, true),
        (1, 1 << 11, true),
        (9, 2 << 18, true),
        (9, 3 << 18, false),
        (9, 0, false),
        (2, 1 << 11, false),
        (0, 4 << 8, false),
    ] {
        CAME.store(0, Ordering::Relaxed);
        write(ICR_UPPER, upper << 24);
        write(ICR, command | u64::from(HIGH));
        sent &= read(ICR_UPPER) == upper << 24 && read(ICR) == command | u64::from(HIGH);
        interrupts(true);
        interrupts(false);
        sent &= came() == if is_ours { HIGH.into() } else { 0 };
    }
    start && unknown && bits && sent
}

/// Something that has to be so, with its name.
type Check = (&'static str, fn() -> bool);

/// Tries what there is, and gives how much of it went wrong.
pub fn check() -> usize {
    let checks: [Check; 9] = [
        ("CPUID and the state at the start", start),
        ("priorities", priorities),
        ("TPR", task_priority),
        ("what is pending stays so", pending),
        ("the last deadline", deadline),
        ("one-shot", one_shot),
        ("periodic", periodic),
        ("the count", count),
        ("what is masked", masked),
    ];
    let wrong = checks.iter().filter(|(name, check)| {
        CAME.store(0, Ordering::Relaxed);
        let well = check();
        if !well {
            println!("guest: {name}: not so, {:#x}", CAME.load(Ordering::Relaxed));
        }
        interrupts(false);
        write(TPR, 0);
        timer::disarm();
        !well
    });
    let wrong = wrong.count();
    if timer::is_x2apic() {
        return wrong + probe::sweep(PROBES, try_in_kernel).unwrap_or(1);
    }
    let swept = probe::sweep(PROBES_IN_MEMORY, try_in_kernel).unwrap_or(1);
    let registers = check_memory();
    if !registers {
        println!("guest: registers in memory: not so");
    }
    wrong + swept + usize::from(!registers)
}

fn came() -> u64 {
    CAME.load(Ordering::Relaxed)
}

fn start() -> bool {
    let one = __cpuid(1);
    let shown = one.edx >> 9 & 1 == 1 && one.ecx >> 24 & 1 == 1;
    let base = if timer::is_x2apic() {
        0xFEE0_0D00
    } else {
        0xFEE0_0900
    };
    let state = [0x1B, 0x802, SVR, LVT_TIMER].map(read);
    let frequencies = __cpuid(0x4000_0010);
    write(SVR, 0x1FF);
    shown
        && state == [base, 0, 0xFF, 0x1_0000]
        && frequencies.eax != 0
        && frequencies.ebx == 1_000_000
}

/// The higher one comes while the lower one is served; the same one only at its end.
fn priorities() -> bool {
    write(SELF_IPI, LOW.into());
    let requested = read(IRR + 1) == 1 << (LOW - 32);
    interrupts(true);
    let served = (ISR..ISR + 8).map(read).any(|word| word != 0);
    requested && !served && came() == 0x213E_2021
}

/// TPR, whose upper half is CR8, holds back what is below it. QEMU 10.0 differs: it does not hold back what is of
/// the same class, and aborts at a MOV to CR8 that lets a virtual interrupt through.
fn task_priority() -> bool {
    let class: u64;
    // SAFETY: nothing is pending.
    unsafe { asm!("mov cr8, {}", in(reg) 6_u64, options(nostack)) };
    let is_cr8 = read(TPR) == 0x60;
    interrupts(true);
    write(TPR, 0x4A);
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mov {}, cr8", out(reg) class, options(nomem, nostack)) };
    write(SELF_IPI, HIGH.into());
    let held = came() == 0 && read(PPR) == 0x4A;
    write(TPR, 0x2B);
    let taken = came() == HIGH.into();
    is_cr8 && class == 4 && held && taken && read(TPR) == 0x2B
}

/// A new deadline takes nothing back: that is the handler's business.
fn pending() -> bool {
    write(LVT_TIMER, 1 << 18 | u64::from(HIGH));
    write(TSC_DEADLINE, 1);
    let at_once = read(IRR + 1) == 1 << (HIGH - 32);
    write(TSC_DEADLINE, u64::MAX);
    write(TSC_DEADLINE, 0);
    let still = read(IRR + 1) == 1 << (HIGH - 32);
    interrupts(true);
    at_once && still && came() == HIGH.into()
}

/// A deadline takes the place of the one before, whichever is earlier.
fn deadline() -> bool {
    write(LVT_TIMER, 1 << 18 | u64::from(HIGH));
    let begin = timer::now();
    write(TSC_DEADLINE, begin + milliseconds(60_000));
    write(TSC_DEADLINE, begin + milliseconds(2));
    interrupts(true);
    while came() == 0 && timer::now() - begin < milliseconds(2000) {
        core::hint::spin_loop();
    }
    came() == HIGH.into() && timer::now() - begin >= milliseconds(2)
}

fn milliseconds(count: u64) -> u64 {
    timer::frequency() / 1000 * count
}

fn nanos(ticks: u64) -> u64 {
    ticks * 1_000_000 / milliseconds(1)
}

fn spin(ticks: u64) {
    let begin = timer::now();
    while timer::now() - begin < ticks {
        core::hint::spin_loop();
    }
}

/// A count of five milliseconds, divided by 16, from which one interrupt comes, not early.
fn one_shot() -> bool {
    write(LVT_TIMER, HIGH.into());
    write(TDCR, 0b0011);
    let begin = timer::now();
    write(TMICT, 5_000_000 / 16);
    interrupts(true);
    while came() == 0 && timer::now() - begin < milliseconds(2000) {
        core::hint::spin_loop();
    }
    let took = timer::now() - begin;
    spin(milliseconds(30));
    came() == HIGH.into() && took >= milliseconds(5) && read(TMCCT) == 0
}

/// Each period an interrupt, until it is stopped.
fn periodic() -> bool {
    write(LVT_TIMER, 1 << 17 | u64::from(HIGH));
    write(TDCR, 0b1011);
    let begin = timer::now();
    write(TMICT, 3_000_000);
    interrupts(true);
    while came() >> 56 == 0 && timer::now() - begin < milliseconds(4000) {
        core::hint::spin_loop();
    }
    let took = timer::now() - begin;
    write(TMICT, 0);
    CAME.store(0, Ordering::Relaxed);
    spin(milliseconds(20));
    came() == 0 && took >= milliseconds(8 * 3)
}

/// It counts down with 1 GHz.
fn count() -> bool {
    write(LVT_TIMER, 1 << 16);
    write(TDCR, 0b1011);
    write(TMICT, 4_000_000_000);
    // Reading the count takes a while, too.
    let outer = timer::now();
    let first = read(TMCCT);
    let inner = timer::now();
    spin(milliseconds(10));
    let inner = nanos(timer::now() - inner);
    let counted = first - read(TMCCT);
    let outer = nanos(timer::now() - outer);
    write(TMICT, 0);
    first <= 4_000_000_000 && inner <= counted + 1 && counted <= outer + 1
}

/// A timer that is masked by itself leaves nothing behind.
fn masked() -> bool {
    write(LVT_TIMER, 1 << 16 | u64::from(HIGH));
    write(TDCR, 0b1011);
    write(TMICT, 1_000_000);
    interrupts(true);
    spin(milliseconds(5));
    write(LVT_TIMER, HIGH.into());
    spin(milliseconds(5));
    came() == 0
}
