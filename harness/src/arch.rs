//! The architectures, by name. Everything else about them is in the machine files.

use crate::suggest;
use std::fmt;
use std::str::FromStr;

/// An architecture that a machine file describes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// RISC-V 64 with the H-extension.
    Riscv64,
    /// Arm 64.
    Aarch64,
    /// x86-64 with AMD SVM.
    #[serde(rename = "x86_64")]
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

    /// Whether a kernel's own headers tell QEMU how to load it (Multiboot, PVH, the Linux boot
    /// protocol), so that its file must never be taken apart.
    pub fn takes_elf(self) -> bool {
        self == Arch::X86_64
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error for a name that is not an architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no architecture `{name}`; {}", suggest::instead(name, &Arch::ALL.map(Arch::name)))]
pub struct UnknownArch {
    name: String,
}

impl FromStr for Arch {
    type Err = UnknownArch;

    /// Parses an architecture's [name](Arch::name).
    fn from_str(name: &str) -> Result<Self, UnknownArch> {
        let known = Arch::ALL.into_iter().find(|arch| arch.name() == name);
        known.ok_or_else(|| UnknownArch { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_its_name_and_a_name_that_is_like_one_is_told() {
        for arch in Arch::ALL {
            assert_eq!(arch.to_string().parse(), Ok(arch));
        }
        let error = "x86-64".parse::<Arch>().unwrap_err().to_string();
        let expected =
            "no architecture `x86-64`; did you mean `x86_64`? there are: riscv64, aarch64, x86_64";
        assert_eq!(error, expected);
        let error = "m68k".parse::<Arch>().unwrap_err().to_string();
        assert!(
            error.starts_with("no architecture `m68k`; there are: riscv64"),
            "{error}"
        );
    }
}
