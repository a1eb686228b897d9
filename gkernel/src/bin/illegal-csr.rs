//! Conformance: a privileged register of the hypervisor's, or an instruction that does not exist, goes
//! to the guest's own handler, or ends the guest; never the host.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(illegal);

#[cfg(target_os = "none")]
fn illegal() {
    use gkernel::{arch, fault, println};

    fault::expect_exception(|| {
        println!("CASE illegal-csr: ok");
        gkernel::shutdown();
    });
    println!("guest: touching what is the hypervisor's");
    arch::touch_hypervisor_register();
    println!("CASE illegal-csr: FAILED the guest runs on");
}
