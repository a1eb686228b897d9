//! Conformance, x86_64: CPUID shows what the guest can use, and nothing else.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn look() {
    gkernel::println!("CASE x86-cpuid: FAILED there is no CPUID here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn look() {
    let (wrong, tried) = gkernel::arch::check_features();
    gkernel::case!(
        "x86-cpuid",
        wrong == 0 && tried > 0,
        "{wrong} claims, {tried} features tried"
    );
}
