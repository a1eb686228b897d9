//! The architectures, by name. What else is to be known of one is in its machine files.

use std::fmt;

/// An architecture that a machine file describes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Arch {
    /// RISC-V 64 with the H-extension.
    Riscv64,
    /// Arm 64.
    Aarch64,
    /// x86-64 with AMD SVM.
    #[serde(rename = "x86_64")]
    #[value(name = "x86_64")]
    X86_64,
}

impl Arch {
    /// Every architecture, in the order in which they are listed and run.
    pub const ALL: [Arch; 3] = [Arch::Riscv64, Arch::Aarch64, Arch::X86_64];

    /// The name used on the command line, in files and in folders.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Riscv64 => "riscv64",
            Arch::Aarch64 => "aarch64",
            Arch::X86_64 => "x86_64",
        }
    }

    /// Whether a kernel for it tells QEMU by its own headers how it is loaded (Multiboot, PVH, the Linux
    /// boot protocol), so that its file is never to be taken apart.
    pub fn takes_elf(self) -> bool {
        self == Arch::X86_64
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
