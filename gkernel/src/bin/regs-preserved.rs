//! Conformance: all general and floating-point registers are as they were after 10,000 exits.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(registers);

#[cfg(target_os = "none")]
fn registers() {
    use gkernel::{arch, case};

    let changed = arch::fill_registers_and_call(10_000);
    case!(
        "regs-preserved",
        changed == 0,
        "register {changed} was changed"
    );
}
