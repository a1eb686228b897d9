//! What a user program and its kernel (`gkernel`, `kernel/`) agree on: the calls, the address space, and what a
//! program may not do.
//!
//! Numbers and errors are those of Linux's generic table. A call's number is in a7 (riscv64), x8 (aarch64) or
//! RAX (x86_64), its arguments in a0 to a2, x0 to x2, or RDI, RSI and RDX; the answer, negative for an error, is in
//! a0, x0 or RAX. All other registers stay as they are.

#![no_std]

/// Writes bytes: file (only [`CONSOLE`]), address, length. The answer is the length.
pub const WRITE: u64 = 64;
/// Ends the process: exit code.
pub const EXIT: u64 = 93;
/// Lets the other processes run first.
pub const YIELD: u64 = 124;
/// The answer is the process's number.
pub const PID: u64 = 172;

/// There is no such file.
pub const EBADF: i64 = -9;
/// Some of these addresses are not the process's.
pub const EFAULT: i64 = -14;
/// There is no such call.
pub const ENOSYS: i64 = -38;

/// The only file.
pub const CONSOLE: u64 = 1;

/// A page that all processes of a run have, to read and to write.
pub const SHARED: u64 = 0x2000_0000;

/// The end of the stack, which is also the end of a process's addresses. Pages below it come when they are touched.
pub const STACK_END: u64 = 0x40_0000_0000;
/// The most that a stack can hold, in bytes.
pub const STACK_SIZE: u64 = 64 << 10;

/// The exit code of a program that has panicked.
pub const PANICKED: i64 = 101;

/// What a program may not do. It is a program's argument by its place in [`OFFENCES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// An instruction of the kernel's.
    Privileged,
    /// An instruction of the hypervisor's.
    Hypervisors,
    /// A call of the hypervisor's, to switch the machine off.
    Hypercall,
    /// A load from the kernel.
    LoadKernel,
    /// A store to the kernel.
    StoreKernel,
    /// A jump into the kernel.
    JumpKernel,
    /// A store to its own code.
    StoreCode,
    /// A store to its own constants.
    StoreConstants,
    /// A jump into its own stack.
    JumpStack,
    /// A store below its stack.
    BelowStack,
    /// A load where nothing is.
    LoadNowhere,
}

/// All of them.
pub const OFFENCES: [Offence; 11] = [
    Offence::Privileged,
    Offence::Hypervisors,
    Offence::Hypercall,
    Offence::LoadKernel,
    Offence::StoreKernel,
    Offence::JumpKernel,
    Offence::StoreCode,
    Offence::StoreConstants,
    Offence::JumpStack,
    Offence::BelowStack,
    Offence::LoadNowhere,
];
