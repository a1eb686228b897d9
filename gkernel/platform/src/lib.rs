//! ArceOS platform of a riscv64 guest.
//!
//! The platform crate for QEMU's `virt` drives the UART itself. No UART is declared for a guest, so an
//! access to one would end it. So this platform uses SBI for the console and for power, and has nothing
//! else. It maps the flash window as a device.
#![no_std]

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
mod boot;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
mod platform;

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
pub use boot::{CSRS, FLOATS, GENERAL, argument, start_state};

/// The constants of `configs/axconfig/riscv64-guest.toml`, as `AX_CONFIG_PATH` names it.
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
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
