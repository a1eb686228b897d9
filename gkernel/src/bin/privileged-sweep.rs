//! Conformance: every instruction of a kernel's that an intercept or a trap bit turns into an exit is
//! answered by its manual.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(sweep);

#[cfg(target_os = "none")]
fn sweep() {
    use gkernel::{arch, case, probe};

    let wrong = probe::sweep(arch::KERNEL_PROBES, arch::try_in_kernel);
    case!("privileged-sweep", wrong == Some(0), "{wrong:?} probes");
}
