//! The timer of the local APIC, by deadlines of the time-stamp counter; and its interrupt. The APIC is reached by
//! the MSRs of x2APIC, or by the registers in memory where CPUID shows no x2APIC.
//!
//! What is pending in an APIC stays so until it is taken, whatever becomes of the timer. For the cases to mean the
//! same on all architectures, [`arm`] and [`disarm`] take it and drop it.

use core::{
    arch::{
        asm,
        x86_64::{__cpuid, _rdtsc},
    },
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use super::mmio;
use crate::interrupt;

/// The vector of the interrupt.
pub const VECTOR: u8 = 0x2C;

/// MSRs of x2APIC (APM vol. 2 §16.11), for its registers.
pub(super) const TPR: u32 = 0x808;
pub(super) const EOI: u32 = 0x80B;
pub(super) const SVR: u32 = 0x80F;
pub(super) const ISR: u32 = 0x810;
pub(super) const IRR: u32 = 0x820;
pub(super) const LVT_TIMER: u32 = 0x832;
pub(super) const SELF_IPI: u32 = 0x83F;
/// The deadline.
pub(super) const TSC_DEADLINE: u32 = 0x6E0;

/// Where the registers are in memory: the guest's tables map the last of the low four gigabytes, uncached, at the end
/// of the high half.
pub(super) const LOCAL_APIC: u64 = super::FLASH_OFFSET + 0xFEE0_0000;
/// ICR: to the processor itself.
const TO_ITSELF: u32 = 1 << 18;

/// SVR: on; and the vector of spurious interrupts.
const ON: u64 = 0x1FF;
/// LVT_TIMER: by deadlines, and after a reset.
const BY_DEADLINE: u64 = 1 << 18;
const RESET: u64 = 1 << 16;

/// What the handler does with an interrupt.
static HANDLING: AtomicU8 = AtomicU8::new(COUNT);
const COUNT: u8 = 0;
const DROP: u8 = 1;
const WAKE: u8 = 2;

/// An interrupt has ended a wait with interrupts off. It counts as pending until the timer is armed anew.
static HAS_WOKEN: AtomicBool = AtomicBool::new(false);

/// The counter's ticks in a second, as the hypervisor tells them.
pub fn frequency() -> u64 {
    u64::from(__cpuid(0x4000_0010).eax) * 1000
}

/// The counter.
pub fn now() -> u64 {
    // SAFETY: reading it changes nothing.
    unsafe { _rdtsc() }
}

/// Has the timer's interrupt pending from the time on when the counter comes to `ticks`.
pub fn arm(ticks: u64) {
    disarm();
    // 0 is no deadline.
    write(TSC_DEADLINE, ticks.max(1));
}

/// Has no interrupt of the timer pending, nor to come.
pub fn disarm() {
    write(SVR, ON);
    write(LVT_TIMER, BY_DEADLINE | u64::from(VECTOR));
    write(TSC_DEADLINE, 0);
    HAS_WOKEN.store(false, Ordering::Relaxed);
    if is_requested() {
        let (were_on, priority) = (interrupts_are_on(), read(TPR));
        write(TPR, 0);
        let before = HANDLING.swap(DROP, Ordering::Relaxed);
        interrupts(true);
        interrupts(false);
        HANDLING.store(before, Ordering::Relaxed);
        write(TPR, priority);
        interrupts(were_on);
    }
}

/// Enables the timer's interrupt by itself, or not: the task's priority is above all, or below. By the MSR: QEMU
/// 10.0 aborts at a MOV to CR8 while a virtual interrupt is pending that CR8 lets through.
pub fn enable(on: bool) {
    write(TPR, if on { 0 } else { 0xFF });
}

/// Turns interrupts as such on or off. One that is pending is taken before this returns.
pub fn interrupts(on: bool) {
    // SAFETY: they lead to a handler.
    unsafe {
        if on {
            // None is taken before the instruction behind STI.
            asm!("sti", "nop", options(nostack));
        } else {
            asm!("cli", options(nostack));
        }
    }
}

/// Whether the timer's interrupt is pending.
pub fn is_pending() -> bool {
    is_requested() || HAS_WOKEN.load(Ordering::Relaxed)
}

/// Whether the timer has fired.
pub fn has_fired() -> bool {
    is_pending()
}

/// What of the timer a guest finds: what is armed, pending or in service. 0 is as after a reset.
pub fn control() -> u64 {
    let words = (ISR..ISR + 8).chain(IRR..IRR + 8);
    let interrupts = words.map(read).fold(0, |all, word| all | word);
    interrupts | read(TSC_DEADLINE) | read(LVT_TIMER) ^ RESET
}

/// Waits for an interrupt, or until one is pending: HLT ends only with one that is taken, so with interrupts off
/// they are on meanwhile.
pub fn wait() {
    if interrupts_are_on() {
        // SAFETY: it waits.
        unsafe { asm!("hlt", options(nostack)) };
        return;
    }
    if HAS_WOKEN.load(Ordering::Relaxed) {
        write(SELF_IPI, VECTOR.into());
    }
    HANDLING.store(WAKE, Ordering::Relaxed);
    // SAFETY: it leads to a handler; none is taken before HLT.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
    HANDLING.store(COUNT, Ordering::Relaxed);
}

/// Says that an interrupt was handled.
pub(super) fn end_interrupt() {
    write(EOI, 0);
}

/// Called on an interrupt with [`VECTOR`], with interrupts off.
pub(super) fn on_interrupt() {
    interrupt::timer_came();
    end_interrupt();
    match HANDLING.load(Ordering::Relaxed) {
        DROP => {}
        WAKE => HAS_WOKEN.store(true, Ordering::Relaxed),
        _ => interrupt::timer(),
    }
}

/// Whether the timer's interrupt waits in the APIC.
fn is_requested() -> bool {
    read(IRR + u32::from(VECTOR) / 32) >> (VECTOR % 32) & 1 != 0
}

fn interrupts_are_on() -> bool {
    const IF: u64 = 1 << 9;
    let flags: u64;
    // SAFETY: it only reads them.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    flags & IF != 0
}

/// Whether the APIC is in x2APIC mode.
pub(super) fn is_x2apic() -> bool {
    const SHOWN: u32 = 1 << 21;
    const NOT: u8 = 1;
    const YES: u8 = 2;
    static IS: AtomicU8 = AtomicU8::new(0);
    if IS.load(Ordering::Relaxed) == 0 {
        let shown = __cpuid(1).ecx & SHOWN != 0;
        IS.store(if shown { YES } else { NOT }, Ordering::Relaxed);
    }
    IS.load(Ordering::Relaxed) == YES
}

/// Where a register is in memory, by the number of its MSR; none if it is an MSR.
pub(super) fn in_memory(msr: u32) -> Option<u64> {
    let is_of_x2apic = (0x800..0x900).contains(&msr);
    (is_of_x2apic && !is_x2apic()).then(|| LOCAL_APIC + 16 * u64::from(msr - 0x800))
}

/// Reads a register of the APIC, by the number of its MSR.
pub(super) fn read(msr: u32) -> u64 {
    if let Some(address) = in_memory(msr) {
        // SAFETY: a register of a device, at an address that the kernel's tables map.
        return unsafe { mmio::load(address) }.into();
    }
    let (low, high): (u32, u32);
    // SAFETY: reading one changes nothing.
    unsafe { asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a register of the APIC, by the number of its MSR.
pub(super) fn write(msr: u32, value: u64) {
    if let Some(address) = in_memory(msr) {
        // In memory it is a command that sends an interrupt to the processor itself.
        let (address, value) = match msr {
            SELF_IPI => (LOCAL_APIC + 0x300, TO_ITSELF | value as u32),
            _ => (address, value as u32),
        };
        // SAFETY: as above; what comes of it leads to a handler.
        unsafe { mmio::store(address, value) };
        return;
    }
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: what comes of it leads to a handler.
    unsafe { asm!("wrmsr", in("ecx") msr, in("eax") low, in("edx") high, options(nostack)) };
}
