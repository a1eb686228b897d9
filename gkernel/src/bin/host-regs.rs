//! Conformance: a guest that changes every register it can leaves the host's as they were. The
//! hypervisor compares its own around each turn of the guest (`check=host`).
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(clobber);

#[cfg(target_os = "none")]
fn clobber() {
    use gkernel::{arch, case};

    arch::change_system_registers();
    let changed = arch::fill_registers_and_call(100);
    case!("host-regs", changed == 0, "register {changed} was changed");
}
