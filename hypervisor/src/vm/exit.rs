//! Why a guest's turn on the CPU ended: plain data, the same for every architecture.
//!
//! An architecture's `decode.rs` turns its registers into an [`Exit`]; the run loop and the policy act
//! on it. This module imports only addresses.

use crate::memory::addr::{Gpa, Gva};

/// Why the CPU came back from the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The second stage of translation refused an access.
    Fault(Fault),
    /// The guest made an access to a device that is emulated: a fault at the device's address
    /// ([`crate::devices::Bus::claim`] tells them apart).
    Mmio(Mmio),
    /// The guest made an access to an I/O port. Without an emulated device there it is refused
    /// ([`crate::devices::Bus::claim`] tells them apart).
    Port(Port),
    /// The guest asked the hypervisor for something.
    Call(Call),
    /// An interrupt for the host came; the architecture has already let the host handle it.
    HostInterrupt,
    /// The guest waits for an interrupt (WFI, HLT); none is pending, and nothing can raise one.
    Idle,
    /// The guest waits for an interrupt, and its own timer will raise one, or a device when something is typed. The
    /// architecture has already moved it past the instruction.
    Waits {
        /// When that is at the latest, in nanoseconds on the host's monotonic clock.
        until_ns: u64,
    },
    /// The guest executed something that it has no right to, or that does not exist for it: an
    /// instruction or a register that an intercept or a trap bit withholds.
    Refused(Refused),
    /// Like [`Refused`](Self::Refused), for the instruction of a [`Call`](Self::Call) that the guest's
    /// user mode has no right to. It counts as a call, because QEMU's log shows no difference.
    RefusedCall(Refused),
    /// The architecture has already carried an instruction out, using its tables of what a guest sees
    /// (CPUID, an ID register, WFI with an interrupt pending), and has moved past it.
    Emulated,
    /// Anything else. The guest does not survive it.
    Other(Other),
}

/// An instruction that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The instruction.
    pub what: Other,
    /// Whether the guest's user mode executed it (VU-mode, EL0, CPL above 0). Then it is the business
    /// of the guest's kernel.
    pub from_user: bool,
    /// The exception that the guest's kernel gets on a machine without this instruction.
    pub exception: GuestException,
}

/// An exception that the hypervisor raises in the guest, in the architecture's terms: its decoder
/// chooses it, its vCPU raises it, and nothing between them looks inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestException {
    /// Which exception: `scause`, ESR_EL1, or an EVENTINJ word.
    pub code: u64,
    /// The value that comes with it: `stval` or FAR_EL1.
    pub value: u64,
}

/// A nested page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The guest-physical address.
    pub gpa: Gpa,
    /// The access that the guest tried.
    pub access: Access,
    /// Whether the CPU made the access itself while it walked the guest's own page tables.
    pub during_walk: bool,
    /// What the access was to move, if the CPU describes the instruction, as it does for a plain load or
    /// store of one register.
    pub transfer: Option<Transfer>,
}

/// An access to a device that is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmio {
    /// The guest-physical address of its first byte.
    pub gpa: Gpa,
    /// What it moves; none if that is not known, so that it cannot be carried out.
    pub transfer: Option<Transfer>,
}

/// An access to an I/O port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The number of its first byte.
    pub number: u16,
    /// What it moves.
    pub transfer: Transfer,
    /// What it is where no device is.
    pub refused: Refused,
}

/// What an access moves between a register of the guest's and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// A load.
    Load {
        /// How much.
        size: Size,
    },
    /// A store.
    Store {
        /// How much.
        size: Size,
        /// What: the low bytes of the register, and zeros above them.
        value: u64,
    },
}

impl Transfer {
    /// How much it moves.
    pub const fn size(self) -> Size {
        match self {
            Self::Load { size } | Self::Store { size, .. } => size,
        }
    }
}

/// The size of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// 1 byte.
    Byte,
    /// 2 bytes.
    Half,
    /// 4 bytes.
    Word,
    /// 8 bytes.
    Double,
}

impl Size {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        1 << self as u64
    }

    /// The low bytes of `value`, as many as this has.
    pub const fn cut(self, value: u64) -> u64 {
        value & u64::MAX >> (64 - 8 * self.bytes())
    }

    /// The low bytes of `value`, as many as this has, with their sign in all bits above.
    pub const fn extended(self, value: u64) -> u64 {
        let above = 64 - 8 * self.bytes();
        ((value << above) as i64 >> above) as u64
    }
}

/// The kind of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

impl Access {
    /// Its word on the console and in event lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execute",
        }
    }
}

/// A hypercall, decoded from the architecture's calling convention (SBI, SVC, VMMCALL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Print one byte.
    PutByte(u8),
    /// Print `len` bytes that start at `gpa` in the guest's RAM.
    Write {
        /// The first byte.
        gpa: Gpa,
        /// Number of bytes, as the guest gave it: any value at all.
        len: u64,
    },
    /// Give the next byte of typed input, or all ones if there is none.
    GetByte,
    /// Put typed input, at most `len` bytes, at `gpa` in the guest's RAM.
    Read {
        /// The first byte.
        gpa: Gpa,
        /// Number of bytes, as the guest gave it: any value at all.
        len: u64,
    },
    /// Suspend the guest's only CPU until an interrupt comes; then the call has succeeded.
    Suspend {
        /// When that is at the latest, in nanoseconds on the host's monotonic clock.
        until_ns: u64,
    },
    /// End the guest.
    Shutdown {
        /// The line to print, for calls that have a name of their own (`SBI SRST shutdown`).
        announce: Option<&'static str>,
        /// Whether the guest gives a failure as its reason.
        failed: bool,
    },
    /// A call whose answer its standard fixes, whatever the hypervisor's policy: a question about the
    /// interface (SBI's base extension, PSCI_FEATURES), or arguments out of range.
    Settled {
        /// The standard's answer.
        reply: Reply,
    },
    /// A call that nobody defined.
    Unknown {
        /// Its number, as the guest gave it.
        id: u64,
    },
}

/// The answer to a [`Call`]; each architecture writes it in its own convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a guest whose call is not answered makes the same call for ever"]
pub enum Reply {
    /// Success, with a value.
    Value(u64),
    /// No such call (SBI -2, PSCI -1).
    NotSupported,
    /// The arguments are out of range (SBI -3, PSCI -2).
    InvalidParameter,
    /// What was asked for is already so (SBI -6, PSCI -4).
    Already,
}

/// How the guest is resumed. This value travels into the next turn, so an answer can be neither
/// forgotten nor given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a guest that is not resumed with its answer makes the same exit for ever"]
pub enum Resume {
    /// Nothing special: it goes on at its first instruction, or at the one that faulted.
    Go,
    /// The answer to its [`Call`]; it goes on after the call.
    Reply(Reply),
    /// An exception, taken at the instruction that was [`Refused`].
    Inject(GuestException),
    /// What its load from an emulated device ([`Mmio`], [`Port`]) gives: as many low bytes as it moves. It goes on
    /// after the load.
    Read(u64),
    /// Its store to an emulated device is done; it goes on after the store.
    Done,
    /// Its access to an emulated device cannot be carried out: it takes the exception that a bus error
    /// is on this architecture.
    BusError,
}

/// An exit that no policy handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// The class, in the words of the architecture's manual.
    pub class: &'static str,
    /// The architecture's number for it (scause, ESR.EC, VMEXIT code).
    pub code: u64,
    /// More about it (stval, ESR.ISS, EXITINFO1).
    pub info: u64,
}

/// How the guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an outcome that is not reported looks like success"]
pub enum Outcome {
    /// As it should: the guest asked for it.
    Shutdown,
    /// The hypervisor ended it.
    Killed {
        /// Why.
        reason: Reason,
        /// The guest's program counter.
        pc: Gva,
    },
}

/// Why a guest was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A fault that no declared window allows.
    Fault(Fault, Refusal),
    /// It waits, and nothing can wake it.
    Idle,
    /// It exceeded a budget.
    Overrun(Overrun),
    /// It shut down and gave a failure as its reason.
    ReportedFailure,
    /// An exit that no policy handles.
    Other(Other),
}

/// A budget that a guest exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The word of `/boot/cmdline` that sets it.
    pub budget: &'static str,
    /// Its value.
    pub limit: u64,
}

/// Why the guest's memory map did not resolve a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No window is declared at the address.
    Undeclared,
    /// The named window does not permit the access.
    Forbidden(&'static str),
    /// The page is already mapped with this access, and the guest still faults.
    NoProgress(&'static str),
    /// The hypervisor has no memory left to map it. This is not the guest's fault.
    OutOfMemory,
}
