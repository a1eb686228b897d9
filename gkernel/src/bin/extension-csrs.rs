//! Conformance, riscv64: a CSR of an extension that the hart has is as after a reset at first, and then keeps what
//! the guest writes, over many exits.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn look() {
    gkernel::println!("CASE extension-csrs: FAILED this is for riscv64");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn look() {
    use gkernel::{arch, case};

    let found = arch::siselect();
    case!("reset", found == 0, "siselect holds {found:#x}");
    arch::set_siselect(0x35);
    let written = arch::siselect();
    for _ in 0..100 {
        let _ = arch::call(u64::MAX, 0);
    }
    let kept = arch::siselect();
    case!(
        "extension-csrs",
        written != 0 && kept == written,
        "siselect held {written:#x}, and holds {kept:#x}"
    );
}
