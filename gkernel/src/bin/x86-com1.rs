//! Conformance, x86_64: the first UART of a PC answers at its ports, and nothing beside it does.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn look() {
    gkernel::println!("CASE x86-com1: FAILED there are no ports here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn look() {
    let wrong = gkernel::arch::check_uart();
    gkernel::case!("x86-com1", wrong == 0, "{wrong} things");
}
