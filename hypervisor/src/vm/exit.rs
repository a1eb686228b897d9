//! What a guest did that ended its turn on the CPU: plain data, the same for every architecture.
//!
//! An architecture's `decode.rs` turns its registers into an [`Exit`]; the run loop and the policy
//! act on it. Nothing here imports anything but addresses.

use crate::memory::addr::{Gpa, Gva};

/// Why the CPU came back from the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The second stage of translation refused an access.
    Fault(Fault),
    /// The guest asked the hypervisor for something.
    Call(Call),
    /// An interrupt for the host came; the architecture has already let the host take it.
    HostInterrupt,
    /// The guest waits for an interrupt (WFI, HLT), and none is pending.
    Idle,
    /// The guest executed what it has no right to, or what does not exist for it: an instruction or a
    /// register that an intercept or a trap bit keeps from it.
    Refused(Refused),
    /// As [`Refused`](Self::Refused), where the instruction was that of a [`Call`](Self::Call), and the
    /// guest's user mode has no right to it. It counts as a call: the machine sees no difference.
    RefusedCall(Refused),
    /// The architecture has carried an instruction out by itself, from its tables of what a guest
    /// sees (CPUID, an ID register, WFI with an interrupt pending), and moved past it.
    Emulated,
    /// Anything else. The guest does not survive it.
    Other(Other),
}

/// An instruction that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it was.
    pub what: Other,
    /// Whether the guest's user mode executed it (VU-mode, EL0, CPL above 0). That is its own
    /// kernel's business.
    pub from_user: bool,
    /// What the guest's kernel gets on a machine that does not have the instruction.
    pub exception: GuestException,
}

/// An exception of the guest's own that the hypervisor raises in it, in the architecture's terms: its
/// decoder chooses it, its vCPU raises it, and nothing between them looks inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestException {
    /// Which one: `scause`, ESR_EL1, or an EVENTINJ word.
    pub code: u64,
    /// What comes with it: `stval` or FAR_EL1.
    pub value: u64,
}

/// A nested page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub gpa: Gpa,
    /// What the guest tried there.
    pub access: Access,
    /// True if the CPU itself made the access while it walked the guest's own page tables.
    pub during_walk: bool,
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
    /// The word for it on the console and in event lines.
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
    /// Put what was typed, `len` bytes at most, at `gpa` in the guest's RAM.
    Read {
        /// The first byte.
        gpa: Gpa,
        /// Number of bytes, as the guest gave it: any value at all.
        len: u64,
    },
    /// End the guest.
    Shutdown {
        /// The line to print, for calls that have a name of their own (`SBI SRST shutdown`).
        announce: Option<&'static str>,
        /// True if the guest gives a failure as its reason.
        failed: bool,
    },
    /// A call that its standard answers by itself, whatever the hypervisor thinks of it: a question
    /// about the interface (SBI's base extension, PSCI_FEATURES), or arguments out of range.
    Settled {
        /// What the standard answers.
        reply: Reply,
    },
    /// A call nobody defined.
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
    /// What is asked for is so already (SBI -6, PSCI -4).
    Already,
}

/// What the guest is resumed with. It travels into the next turn, so that an answer can be neither
/// forgotten nor given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a guest that is not resumed with its answer makes the same exit for ever"]
pub enum Resume {
    /// Nothing: at its first instruction, or at the one that faulted.
    Go,
    /// The answer to its [`Call`], behind the call.
    Reply(Reply),
    /// An exception of its own, taken at the instruction that was [`Refused`].
    Inject(GuestException),
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
    /// As it should: it asked for it.
    Shutdown,
    /// The hypervisor ended it.
    Killed {
        /// What for.
        reason: Reason,
        /// The guest's program counter.
        pc: Gva,
    },
}

/// What a guest was killed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A fault that no declared window allows.
    Fault(Fault, Refusal),
    /// It waits, and nothing can wake it.
    Idle,
    /// It went over a budget.
    Overrun(Overrun),
    /// It shut down and gave a failure as its reason.
    ReportedFailure,
    /// An exit that no policy handles.
    Other(Other),
}

/// A budget that a guest went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The word of `/boot/cmdline` that sets it.
    pub budget: &'static str,
    /// Its value.
    pub limit: u64,
}

/// Why the guest's memory map refused a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No window is declared at the address.
    Undeclared,
    /// The named window does not permit the access.
    Forbidden(&'static str),
    /// The page is mapped with this access already, and the guest faults all the same.
    NoProgress(&'static str),
    /// The hypervisor has no memory left to map it. Not the guest's fault.
    OutOfMemory,
}
