//! Conformance, x86_64: an exception that is delivered to a device is no access that the device answers; and the third
//! that comes of it ends the guest.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(deliver);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn deliver() {
    gkernel::println!("CASE x86-device-stack: FAILED there is no triple fault here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn deliver() {
    gkernel::arch::use_device_as_stack();
    gkernel::println!("CASE x86-device-stack: FAILED the guest runs on");
}
