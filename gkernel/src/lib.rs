//! What the guests share: a console, the flash, a banner, the way out; over a small layer for each
//! architecture.
//!
//! A guest is a program of `src/bin/` with a `fn main()` that [`guest!`] makes its entry. On
//! riscv64 it is an ArceOS application; on aarch64 and x86_64 a bare program on the hypervisor's
//! calls (`hv-abi`).
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
mod bare;

/// The architecture's layer: for one guest program, the same names everywhere.
#[cfg(target_os = "none")]
pub use arch::{greet, read_flash, shutdown};

/// What was read from the flash.
#[derive(Clone, Copy, Debug)]
pub struct FlashRead {
    /// The address that the load used: virtual, where the guest has translation of its own.
    pub address: u64,
    /// The first four bytes, little-endian, as one load gave them.
    pub word: u32,
}

/// A number with `0x` before it. The consoles differ in the case of the digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex {
    /// The number.
    pub value: u32,
    /// Upper-case digits.
    pub upper: bool,
}

impl core::fmt::Display for Hex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.upper {
            true => write!(f, "{:#X}", self.value),
            false => write!(f, "{:#x}", self.value),
        }
    }
}

/// Makes a function the entry of the guest, and its return a clean shutdown.
#[macro_export]
macro_rules! guest {
    ($main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        fn main() {
            $main();
            $crate::shutdown();
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            eprintln!("this is a guest; `./x run --arch x86_64` runs it under the hypervisor");
            std::process::exit(2);
        }
    };
}

/// Prints a line on the guest's console.
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::arch::print(format_args!("{}\n", format_args!($($arg)*))) };
}
