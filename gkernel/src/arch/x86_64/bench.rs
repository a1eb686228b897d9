//! What `harness bench --exits` measures on x86_64.

use core::arch::{global_asm, x86_64::__cpuid};

use super::{
    call, fill_idt, ioapic, set_gate,
    timer::{self, TSC_DEADLINE, write},
};
use crate::{
    bench::{self, Cause},
    interrupt,
};

/// Traps that do not leave the guest.
pub const FLOORS: &[(&str, Cause)] = &[("int", software_interrupts)];

/// Exits of each kind.
pub const EXITS: &[(&str, Cause)] = &[
    ("call", calls),
    ("register", registers),
    ("cpuid", cpuids),
    ("mmio-ioapic", io_apic),
    ("interrupt", interrupts),
];

global_asm!(
    ".section .text",
    ".globl guest_bench_return",
    "guest_bench_return:",
    "iretq",
);

unsafe extern "C" {
    fn guest_bench_return();
}

/// A trap to the guest's own handler and back.
fn software_interrupts(times: u64) {
    const VECTOR: usize = 0x3F;
    set_gate(VECTOR, guest_bench_return as *const () as u64, 0);
    for _ in 0..times {
        // SAFETY: the handler goes back at once; what it goes back by is pushed on the stack.
        unsafe { core::arch::asm!("int 0x3F") };
    }
    fill_idt();
}

/// Calls that nobody defined.
fn calls(times: u64) {
    for _ in 0..times {
        call(u64::MAX, 0);
    }
}

/// Reads of a register that is emulated: the priority of the local APIC's task.
fn registers(times: u64) {
    for _ in 0..times {
        timer::read(timer::TPR);
    }
}

/// Inquiries after the processor's name.
fn cpuids(times: u64) {
    for _ in 0..times {
        let _ = core::hint::black_box(__cpuid(0));
    }
}

/// Loads of an emulated device's register, whose instruction is looked at.
fn io_apic(times: u64) {
    for _ in 0..times {
        ioapic::selected();
    }
}

/// Interrupts of the timer, each from arming it for a time that has passed until the code goes on.
fn interrupts(times: u64) {
    interrupt::on_timer(|| {});
    timer::disarm();
    bench::interrupts(times, || write(TSC_DEADLINE, 1));
    interrupt::on_timer(timer::disarm);
}
