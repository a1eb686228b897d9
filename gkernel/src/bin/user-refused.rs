//! Conformance: what the guest's user mode may not do is its own kernel's business: no process ends the
//! guest.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(refuse);

#[cfg(target_os = "none")]
fn refuse() {
    use gkernel::{arch, case, probe};

    let wrong = probe::sweep(arch::USER_PROBES, arch::try_in_user);
    case!("user-refused", wrong == Some(0), "{wrong:?} probes");
}
