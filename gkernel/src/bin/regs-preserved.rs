//! Conformance: all general and floating-point registers are as they were after many exits:
//! as many as the lower half of the guest's number says, or 10,000.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(registers);

#[cfg(target_os = "none")]
fn registers() {
    use gkernel::{arch, argument, case};

    let exits = match argument() as u32 {
        0 => 10_000,
        exits => exits.into(),
    };
    let changed = arch::fill_registers_and_call(exits);
    case!(
        "regs-preserved",
        changed == 0,
        "register {changed} was changed"
    );
}
