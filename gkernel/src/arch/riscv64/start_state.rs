//! The registers as the guest finds them at its first instruction.

/// Each register by name, what it held, and what it holds after a reset.
pub fn start_state() -> impl Iterator<Item = (&'static str, u64, u64)> {
    core::iter::empty()
}

/// Leaves something in every register that a guest can write and do without.
pub fn leave_traces() {
    super::change_system_registers();
    super::fill_registers_and_call(1);
}
