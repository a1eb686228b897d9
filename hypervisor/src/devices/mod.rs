//! The devices that are emulated: at which guest-physical addresses, or I/O ports, each of them is, and how an
//! access gets there.
//!
//! A device is plain data. It sees the offset, the size and the value of an access, and the guest's
//! terminal; it knows no vCPU and no architecture, so all of them build on the host, where they are
//! tested.

mod fifo;
pub mod gicd;
pub mod ioapic;
pub mod pl011;
pub mod plic;
#[cfg(test)]
pub(crate) mod tests;
pub mod uart16550;

use alloc::{boxed::Box, rc::Rc, vec::Vec};
use core::{
    cell::RefCell,
    ops::{Range, RangeInclusive},
};

use crate::{
    error::Error,
    memory::addr::{Gpa, PAGE},
    vm::exit::{Access, Exit, Fault, Mmio, Port, Resume, Size, Transfer},
};

/// The guest's end of the console.
pub trait Terminal {
    /// Prints a byte.
    fn put(&mut self, byte: u8);

    /// Takes the next byte that was typed; none if there is none yet.
    fn get(&mut self) -> Option<u8>;
}

/// The line by which a device interrupts the guest.
pub trait Line {
    /// From now on it is high, or low. `awaits` says whether what is typed may make it high.
    fn set(&self, high: bool, awaits: bool);
}

/// The line of a device that nobody hears.
impl Line for () {
    fn set(&self, _high: bool, _awaits: bool) {}
}

/// An emulated device. An access lies inside its window, and `offset`, which counts bytes from the start of
/// the window, is a multiple of the size.
pub trait Device {
    /// What a load gives, in as many low bytes as it moves. None is a bus error.
    fn read(&mut self, offset: u64, size: Size, terminal: &mut dyn Terminal) -> Option<u64>;

    /// Does a store of as many low bytes of `value` as it moves; those above are zero. None is a bus error.
    fn write(
        &mut self,
        offset: u64,
        size: Size,
        value: u64,
        terminal: &mut dyn Terminal,
    ) -> Option<()>;

    /// Looks at the terminal, between the guest's turns and while it waits. Returns whether its line went high
    /// for what it found.
    fn poll(&mut self, _terminal: &mut dyn Terminal) -> bool {
        false
    }
}

/// A device that somebody else looks at too, between accesses.
impl<D: Device> Device for Rc<RefCell<D>> {
    fn read(&mut self, offset: u64, size: Size, terminal: &mut dyn Terminal) -> Option<u64> {
        self.borrow_mut().read(offset, size, terminal)
    }

    fn write(
        &mut self,
        offset: u64,
        size: Size,
        value: u64,
        terminal: &mut dyn Terminal,
    ) -> Option<()> {
        self.borrow_mut().write(offset, size, value, terminal)
    }

    fn poll(&mut self, terminal: &mut dyn Terminal) -> bool {
        self.borrow_mut().poll(terminal)
    }
}

/// The devices of a guest, by where they are.
#[derive(Default)]
pub struct Bus {
    windows: Vec<Window>,
    ports: Vec<Ports>,
}

struct Window {
    gpas: Range<Gpa>,
    device: Box<dyn Device>,
}

struct Ports {
    numbers: RangeInclusive<u16>,
    device: Box<dyn Device>,
}

impl Bus {
    /// Puts a device at `size` bytes from `gpa` on. It fails if that is not made of whole pages, or
    /// overlaps another device.
    pub fn add(&mut self, gpa: Gpa, size: u64, device: Box<dyn Device>) -> Result<(), Error> {
        let end = gpa
            .checked_add(size)
            .ok_or(Error::Layout("a device wraps around"))?;
        if size == 0 || !gpa.is_page_aligned() || !size.is_multiple_of(PAGE) {
            return Err(Error::Layout(
                "a device is empty or not made of whole pages",
            ));
        }
        let overlaps = |other: &Window| gpa < other.gpas.end && other.gpas.start < end;
        if self.windows.iter().any(overlaps) {
            return Err(Error::Layout("two devices overlap"));
        }
        let gpas = gpa..end;
        self.windows.push(Window { gpas, device });
        Ok(())
    }

    /// Puts a device at these I/O ports. It fails if there are none, or if there is one of another device among them.
    pub fn add_at_ports(
        &mut self,
        numbers: RangeInclusive<u16>,
        device: Box<dyn Device>,
    ) -> Result<(), Error> {
        if numbers.is_empty() {
            return Err(Error::Layout("a device has no ports"));
        }
        let overlaps = |other: &Ports| {
            numbers.start() <= other.numbers.end() && other.numbers.start() <= numbers.end()
        };
        if self.ports.iter().any(overlaps) {
            return Err(Error::Layout("two devices overlap"));
        }
        self.ports.push(Ports { numbers, device });
        Ok(())
    }

    /// Turns a fault at a device's address, by a load or a store of the guest's own, into an access to the device; and
    /// an access to a port that is no device's into its refusal. All
    /// other exits stay what they are: no device holds instructions, or the guest's page tables.
    pub fn claim(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Fault(Fault {
                gpa,
                access: Access::Read | Access::Write,
                during_walk: false,
                transfer,
            }) if self.windows.iter().any(|w| w.gpas.contains(&gpa)) => {
                Exit::Mmio(Mmio { gpa, transfer })
            }
            Exit::Port(Port {
                number, refused, ..
            }) if !self.ports.iter().any(|p| p.numbers.contains(&number)) => Exit::Refused(refused),
            exit => exit,
        }
    }

    /// Carries an access out. One that is not described, is not aligned to its size, or is not inside one
    /// device, is a bus error, and so is one that the device refuses.
    pub fn carry_out(&mut self, access: Mmio, terminal: &mut dyn Terminal) -> Resume {
        self.reach(access, terminal).unwrap_or(Resume::BusError)
    }

    /// The same for an access to a port that was claimed.
    pub fn carry_out_at_port(&mut self, access: Port, terminal: &mut dyn Terminal) -> Resume {
        self.reach_port(access, terminal)
            .unwrap_or(Resume::BusError)
    }

    /// Has each device look at the terminal. Returns whether the line of one went high.
    pub fn poll(&mut self, terminal: &mut dyn Terminal) -> bool {
        let in_memory = self.windows.iter_mut().map(|window| &mut window.device);
        let at_ports = self.ports.iter_mut().map(|ports| &mut ports.device);
        let poll = |rose, device: &mut Box<dyn Device>| device.poll(terminal) || rose;
        in_memory.chain(at_ports).fold(false, poll)
    }

    fn reach(&mut self, access: Mmio, terminal: &mut dyn Terminal) -> Option<Resume> {
        let Mmio { gpa, transfer } = access;
        let transfer = transfer?;
        let window = self.windows.iter_mut().find(|w| w.gpas.contains(&gpa))?;
        let offset = gpa.offset_from(window.gpas.start)?;
        // Windows are whole pages, so that an aligned access that begins inside also ends there.
        access_device(&mut *window.device, offset, transfer, terminal)
    }

    fn reach_port(&mut self, access: Port, terminal: &mut dyn Terminal) -> Option<Resume> {
        let Port {
            number, transfer, ..
        } = access;
        let ports = self
            .ports
            .iter_mut()
            .find(|p| p.numbers.contains(&number))?;
        let (first, last) = (*ports.numbers.start(), *ports.numbers.end());
        if u64::from(last - number) + 1 < transfer.size().bytes() {
            return None;
        }
        let offset = (number - first).into();
        access_device(&mut *ports.device, offset, transfer, terminal)
    }
}

/// Carries out an access that lies inside the device, if it is aligned to its size.
fn access_device(
    device: &mut dyn Device,
    offset: u64,
    transfer: Transfer,
    terminal: &mut dyn Terminal,
) -> Option<Resume> {
    if !offset.is_multiple_of(transfer.size().bytes()) {
        return None;
    }
    match transfer {
        Transfer::Load { size } => {
            let value = device.read(offset, size, terminal)?;
            Some(Resume::Read(size.cut(value)))
        }
        Transfer::Store { size, value } => {
            device.write(offset, size, size.cut(value), terminal)?;
            Some(Resume::Done)
        }
    }
}
