//! A process: its address space, its registers, and why it ended.

use core::fmt;

use gkernel_abi::{SHARED, STACK_END, STACK_SIZE};

use super::{PAGE, Permits, elf, frames::Frame, space::Space};
use crate::arch::process::Context;

/// How an address was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Loaded from.
    Load,
    /// Stored to.
    Store,
    /// Jumped to.
    Fetch,
}

/// Why user mode was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call.
    Call,
    /// An access that the tables do not permit, or not yet.
    Fault {
        /// To this address.
        address: u64,
        /// In this way.
        access: Access,
    },
    /// An instruction that is not there, or is not for user mode.
    Instruction,
    /// The timer's interrupt.
    Timer,
    /// What the kernel does not expect, in the machine's terms.
    Other(u64),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Exited(i64),
    /// By the kernel: an instruction that it must not execute.
    Instruction,
    /// By the kernel: an access that it must not make.
    Access(Access),
    /// By the kernel: something else, in the machine's terms.
    Other(u64),
    /// By the kernel, which has no memory left.
    OutOfMemory,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Instruction => f.write_str("an instruction that it may not execute"),
            Self::Access(Access::Load) => f.write_str("a load that it may not make"),
            Self::Access(Access::Store) => f.write_str("a store that it may not make"),
            Self::Access(Access::Fetch) => f.write_str("a jump that it may not make"),
            Self::Other(cause) => write!(f, "an exception of cause {cause:#x}"),
            Self::OutOfMemory => f.write_str("there is no memory left"),
        }
    }
}

/// A process that has not ended.
pub struct Process {
    /// Its number.
    pub number: u64,
    /// Its registers.
    pub context: Context,
    /// Where its code begins.
    pub loaded_at: u64,
    /// Its first instruction.
    pub entry: u64,
    /// How often the timer has interrupted it.
    pub interrupted: u64,
    /// How many pages its stack has.
    pub stack_pages: u64,
    space: Space,
}

impl Process {
    /// A process that is to run a program; `None` if the program is none, or there is no memory left for it.
    pub fn new(number: u64, program: &[u8], argument: u64, shared: Frame) -> Option<Self> {
        let (entry, segments) = elf::parse(program)?;
        let mut space = Space::new()?;
        let mut loaded_at = u64::MAX;
        for segment in segments {
            load(&mut space, &segment)?;
            loaded_at = loaded_at.min(segment.address);
        }
        space.map(SHARED, shared.share(), Permits::DATA)?;
        Some(Self {
            number,
            context: Context::new(entry, STACK_END, [argument, number]),
            loaded_at,
            entry,
            interrupted: 0,
            stack_pages: 0,
            space,
        })
    }

    /// Runs it in user mode, until something leads to the kernel.
    pub fn run(&mut self) -> Event {
        let root = self.space.root();
        self.context.run(root)
    }

    /// Gives it the page of its stack that `address` is in. Returns whether it has not had that before: the kernel has
    /// memory, and the address is one of the stack's.
    pub fn grow_stack(&mut self, address: u64) -> bool {
        let is_stacks = (STACK_END - STACK_SIZE..STACK_END).contains(&address);
        if !is_stacks || self.space.find(address).is_some() {
            return false;
        }
        let page = Frame::take();
        let mapped = page.and_then(|page| self.space.map(address, page, Permits::DATA));
        self.stack_pages += u64::from(mapped.is_some());
        mapped.is_some()
    }

    /// Copies from its memory. Returns whether all of it is its own.
    pub fn read(&mut self, mut address: u64, mut bytes: &mut [u8]) -> bool {
        while !bytes.is_empty() {
            let Some(frame) = self.own(address) else {
                return false;
            };
            let offset = (address % PAGE) as usize;
            let length = bytes.len().min(PAGE as usize - offset);
            let (piece, rest) = bytes.split_at_mut(length);
            frame.read(offset, piece);
            (address, bytes) = (address + length as u64, rest);
        }
        true
    }

    /// Whether `length` bytes from `address` on are its own.
    pub fn owns(&mut self, address: u64, length: u64) -> bool {
        let Some(end) = address.checked_add(length).filter(|end| *end <= STACK_END) else {
            return false;
        };
        let mut page = address - address % PAGE;
        while page < end {
            if length != 0 && self.own(page).is_none() {
                return false;
            }
            page += PAGE;
        }
        true
    }

    /// The frame behind an address of its own; a page of its stack comes if it is touched so.
    fn own(&mut self, address: u64) -> Option<Frame> {
        self.grow_stack(address);
        self.space.find(address)
    }
}

/// Puts a segment into memory.
fn load(space: &mut Space, segment: &elf::Segment<'_>) -> Option<()> {
    let end = segment.address.checked_add(segment.size)?;
    let mut page = segment.address - segment.address % PAGE;
    while page < end {
        let frame = Frame::take()?;
        let from = page.max(segment.address);
        let rest = segment.bytes.get((from - segment.address) as usize..);
        let rest = rest.unwrap_or(&[]);
        let length = rest.len().min((page + PAGE - from) as usize);
        frame.write((from - page) as usize, &rest[..length]);
        space.map(page, frame, segment.permits)?;
        page += PAGE;
    }
    Some(())
}
