//! Conformance: every CSR, system register or MSR is the guest's own or refused. It tries each of them, one
//! after another, and goes on behind each refusal.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(sweep);

#[cfg(target_os = "none")]
fn sweep() {
    let found = gkernel::arch::sweep_registers();
    gkernel::case!("sysreg-sweep", found.is_clean(), "{found}");
}
