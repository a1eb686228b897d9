//! ArceOS platform of the aarch64 hypervisor: QEMU's `virt`, staying at EL2.
//!
//! ArceOS's own crate for this board drops to EL1 first thing, where there is no second stage. This
//! one stays at EL2 with the Virtualization Host Extensions: with HCR_EL2.E2H set, what is written
//! for `*_EL1` registers reaches their EL2 counterparts (Arm ARM, D8.9 and D17), and ArceOS runs
//! there unchanged. Where the machine starts at EL1, or the CPU lacks the extensions, it runs at
//! EL1 as usual, and the hypervisor says what is missing.
//!
//! The drivers are those of `axplat-aarch64-peripherals`.
#![no_std]

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod boot;
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod platform;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub use boot::host_is_at_el2;

/// The constants of `configs/axconfig/aarch64.toml`, as `AX_CONFIG_PATH` names it.
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
#[expect(
    missing_docs,
    reason = "generated from the platform file, which is commented"
)]
pub mod config {
    axconfig_macros::include_configs!(path_env = "AX_CONFIG_PATH");
    axplat::assert_str_eq!(
        PACKAGE,
        env!("CARGO_PKG_NAME"),
        "AX_CONFIG_PATH names the platform file of another platform"
    );
}
