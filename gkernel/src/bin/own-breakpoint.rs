//! Conformance, aarch64: BRK is the guest's own business, in its kernel and in its user mode.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(breakpoint);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn breakpoint() {
    gkernel::println!("CASE own-breakpoint: FAILED this is for aarch64");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn breakpoint() {
    use gkernel::{arch, case, probe::Fate};

    /// BRK #0x1234, and its syndrome: EC 0x3C, IL, the immediate.
    const BRK: u32 = 0xD420_0000 | 0x1234 << 5;
    const SYNDROME: u64 = 0x3C << 26 | 1 << 25 | 0x1234;

    let code = BRK.to_le_bytes();
    let fates = [arch::try_in_kernel(&code), arch::try_in_user(&code)];
    let wanted = [Fate::Trapped(SYNDROME); 2];
    case!("own-breakpoint", fates == wanted, "{fates:x?}");
}
