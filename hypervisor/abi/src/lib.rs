//! The calls a guest makes to the hypervisor, defined once for both sides.
//!
//! riscv64 guests speak SBI (numbers from `sbi-spec`) and need nothing from here. The aarch64 and
//! x86_64 guests use the calls below; how the numbers travel is said at each constant.
//!
//! A guest starts at the first byte of its image, with a number from the run's parameters in a2
//! (riscv64), x1 (aarch64) or RDI (x86_64).
#![no_std]

/// Prints one byte. aarch64 at EL0: `svc #0` with `x8` = this and `x0` = the byte. x86_64: `vmmcall`
/// with `rax` = this and `rdi` = the byte. Returns 0.
pub const PUTCHAR: u64 = 1;

/// Prints one byte, for aarch64 guests at EL1: `hvc #0` with `w0` = this and `x1` = the byte. A fast
/// call of the vendor-specific hypervisor service (Arm DEN0028, §2.5). Returns 0.
pub const HVC_PUTCHAR: u64 = 0x8600_0001;

/// Ends the guest as it should end. aarch64 at EL0 only: `svc #0` with `x8` = this.
pub const EXIT: u64 = 2;

/// PSCI `SYSTEM_OFF` (Arm DEN0022, §5.9), SMC32 numbering. aarch64 at EL1: `hvc #0`
/// or `smc #0` with `w0` = this. x86_64: `vmmcall` with `rax` = this.
pub const PSCI_SYSTEM_OFF: u64 = 0x8400_0008;

/// PSCI `NOT_SUPPORTED` (Arm DEN0022, §5.2.2): the answer to every call nobody defined.
pub const PSCI_NOT_SUPPORTED: i64 = -1;

/// PSCI `ALREADY_ON` (Arm DEN0022, §5.2.2).
pub const PSCI_ALREADY_ON: i64 = -4;

/// PSCI `INVALID_PARAMETERS` (Arm DEN0022, §5.2.2).
pub const PSCI_INVALID_PARAMETERS: i64 = -2;
