//! The formats of QEMU's log, and what each of them tells.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The formats of QEMU's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `-trace riscv_trap`
    RiscvTrap,
    /// `-d int` of qemu-system-aarch64
    Aarch64Int,
    /// `vmrun!` and `vmexit(…)!` of qemu-system-x86_64
    X86Svm,
    /// The same with `-d int`: it has the interrupts, too
    X86SvmInt,
}

impl Format {
    /// Whether the log tells the guest's other exits from the traps of others. RISC-V's log does not
    /// say where a trap came from or went to; only some causes are certainly a guest's.
    pub(in crate::judge) fn tells_others(self) -> bool {
        self != Self::RiscvTrap
    }

    /// Whether the log has a class at all. SVM's has the entries and exits of a guest, but neither the
    /// interrupts nor the system calls of a kernel; with `-d int` it tells the virtual interrupts from others, and the
    /// INT n of user mode.
    pub fn tells(self, class: Class) -> bool {
        match self {
            Self::RiscvTrap | Self::Aarch64Int => true,
            Self::X86Svm => !matches!(class, Class::Timer | Class::GuestTimer | Class::UserCall),
            Self::X86SvmInt => class != Class::Timer,
        }
    }

    /// How the lines of a class look.
    pub(in crate::judge) fn hint(self, class: Class) -> &'static str {
        match (self, class) {
            (Self::RiscvTrap, Class::Npf) => "cause:20, cause:21, cause:23",
            (Self::RiscvTrap, Class::Hypercall) => "cause:10",
            (Self::RiscvTrap, Class::Other) => "cause:22",
            (Self::Aarch64Int, Class::Npf) => "to EL2, ESR 0x24 or 0x20",
            (Self::Aarch64Int, Class::Hypercall) => "to EL2, ESR 0x15, 0x16 or 0x17",
            (Self::Aarch64Int, Class::Other) => "from EL0 or EL1 to EL2",
            (Self::X86Svm | Self::X86SvmInt, Class::Npf) => "vmexit(00000400",
            (Self::X86Svm | Self::X86SvmInt, Class::Hypercall) => "vmexit(00000081",
            (Self::X86Svm | Self::X86SvmInt, Class::Other) => "vmexit(",
            (Self::X86SvmInt, Class::GuestTimer) => "Servicing virtual hardware INT",
            (Self::X86SvmInt, Class::UserCall) => "i=1 cpl=3",
            (Self::RiscvTrap, Class::Timer) => "async:1, cause:5 or cause:6",
            (Self::RiscvTrap, Class::GuestTimer) => "async:1, cause:6",
            (Self::RiscvTrap, Class::UserCall) => "async:0, cause:8",
            (Self::Aarch64Int, Class::Timer) => "[IRQ] or [Virtual IRQ] to EL1",
            (Self::Aarch64Int, Class::GuestTimer) => "[Virtual IRQ] to EL1",
            (Self::Aarch64Int, Class::UserCall) => "[SVC] from EL0 to EL1",
            (Self::X86Svm, Class::Timer | Class::GuestTimer | Class::UserCall)
            | (Self::X86SvmInt, Class::Timer) => "nothing: it has none",
        }
    }
}

/// The classes of a guest's exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A nested page fault.
    Npf,
    /// A call to the hypervisor.
    Hypercall,
    /// Anything else that the guest causes. The host's own interrupts are not counted.
    Other,
    /// A timer interrupt, whoever took it. It is not an exit, and counted separately.
    Timer,
    /// One of these that a guest took: the hypervisor made it pending, or the guest's own timer. It is not an
    /// exit either.
    GuestTimer,
    /// A call from a user program to its kernel. It is not an exit, and counted separately.
    UserCall,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Npf => "npf",
            Self::Hypercall => "hypercall",
            Self::Other => "other",
            Self::Timer => "timer",
            Self::GuestTimer => "guest-timer",
            Self::UserCall => "user-call",
        })
    }
}
