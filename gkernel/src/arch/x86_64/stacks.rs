//! Exceptions whose stack is a device.

use super::{fill_idt, ioapic::IO_APIC, probe::PROTECTION, set_gate, stub, task, try_in_kernel};
use crate::println;

const UNDEFINED: usize = 6;
const DOUBLE_FAULT: usize = 8;
const PROTECTION_FAULT: usize = 13;

/// UD2.
const UD2: &[u8] = b"\x0F\x0B";

/// Has an exception delivered to a device, which takes no such stores: so it is a general-protection fault instead,
/// on the stack of now. Then there is no other stack for this one either, nor for the double fault that it is then,
/// and the processor shuts down. Returns only if something was otherwise.
pub fn use_device_as_stack() {
    task::load(IO_APIC + 0x100);
    on_device(UNDEFINED);
    let fate = try_in_kernel(UD2);
    println!("guest: with a stack for the second: {}", fate == PROTECTION);
    on_device(PROTECTION_FAULT);
    on_device(DOUBLE_FAULT);
    try_in_kernel(UD2);
    fill_idt();
}

/// Has the exception come on the stack that is the device.
fn on_device(vector: usize) {
    set_gate(vector, stub(vector), 1);
}
