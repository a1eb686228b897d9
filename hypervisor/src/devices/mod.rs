//! The devices that are emulated: at which guest-physical addresses each of them is, and how an access
//! gets there.
//!
//! A device is plain data. It sees the offset, the size and the value of an access, and the guest's
//! terminal; it knows no vCPU and no architecture, so all of them build on the host, where they are
//! tested.

#[cfg(test)]
mod ends;
pub mod gicd;
pub mod pl011;
pub mod plic;
pub mod uart16550;

use alloc::{boxed::Box, rc::Rc, vec::Vec};
use core::{cell::RefCell, ops::Range};

use crate::{
    error::Error,
    memory::addr::{Gpa, PAGE},
    vm::exit::{Access, Exit, Fault, Mmio, Resume, Size, Transfer},
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
}

struct Window {
    gpas: Range<Gpa>,
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

    /// Turns a fault at a device's address, by a load or a store of the guest's own, into an access to the device. All
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
            exit => exit,
        }
    }

    /// Carries an access out. One that is not described, is not aligned to its size, or is not inside one
    /// device, is a bus error, and so is one that the device refuses.
    pub fn carry_out(&mut self, access: Mmio, terminal: &mut dyn Terminal) -> Resume {
        self.reach(access, terminal).unwrap_or(Resume::BusError)
    }

    /// Has each device look at the terminal. Returns whether the line of one went high.
    pub fn poll(&mut self, terminal: &mut dyn Terminal) -> bool {
        let poll = |rose, window: &mut Window| window.device.poll(terminal) || rose;
        self.windows.iter_mut().fold(false, poll)
    }

    fn reach(&mut self, access: Mmio, terminal: &mut dyn Terminal) -> Option<Resume> {
        let Mmio { gpa, transfer } = access;
        let transfer = transfer?;
        let size = transfer.size();
        let window = self.windows.iter_mut().find(|w| w.gpas.contains(&gpa))?;
        let offset = gpa.offset_from(window.gpas.start)?;
        // Windows are whole pages, so that an aligned access that begins inside also ends there.
        if !offset.is_multiple_of(size.bytes()) {
            return None;
        }
        match transfer {
            Transfer::Load { size } => {
                let value = window.device.read(offset, size, terminal)?;
                Some(Resume::Read(size.cut(value)))
            }
            Transfer::Store { size, value } => {
                let value = size.cut(value);
                window.device.write(offset, size, value, terminal)?;
                Some(Resume::Done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Terminal for Silent {
        fn put(&mut self, _byte: u8) {}

        fn get(&mut self) -> Option<u8> {
            None
        }
    }

    /// Remembers its accesses, and gives all ones.
    #[derive(Default)]
    struct Recorder(Vec<(u64, Size, Option<u64>)>);

    impl Device for Recorder {
        fn read(&mut self, offset: u64, size: Size, _: &mut dyn Terminal) -> Option<u64> {
            self.0.push((offset, size, None));
            (size != Size::Half).then_some(u64::MAX)
        }

        fn write(
            &mut self,
            offset: u64,
            size: Size,
            value: u64,
            _: &mut dyn Terminal,
        ) -> Option<()> {
            self.0.push((offset, size, Some(value)));
            (size != Size::Half).then_some(())
        }
    }

    const AT: u64 = 0x0800_0000;

    fn bus() -> (Bus, Rc<RefCell<Recorder>>) {
        let mut bus = Bus::default();
        let device = Rc::new(RefCell::new(Recorder::default()));
        bus.add(Gpa::new(AT), PAGE, Box::new(device.clone()))
            .unwrap();
        (bus, device)
    }

    fn load(bus: &mut Bus, gpa: u64, size: Size) -> Resume {
        let transfer = Some(Transfer::Load { size });
        let gpa = Gpa::new(gpa);
        bus.carry_out(Mmio { gpa, transfer }, &mut Silent)
    }

    fn store(bus: &mut Bus, gpa: u64, size: Size, value: u64) -> Resume {
        let transfer = Some(Transfer::Store { size, value });
        let gpa = Gpa::new(gpa);
        bus.carry_out(Mmio { gpa, transfer }, &mut Silent)
    }

    #[test]
    fn a_device_sees_offset_size_and_as_many_bytes_as_are_moved() {
        let (mut bus, device) = bus();
        assert_eq!(load(&mut bus, AT + 7, Size::Byte), Resume::Read(0xFF));
        let word = load(&mut bus, AT + 0xFFC, Size::Word);
        assert_eq!(word, Resume::Read(0xFFFF_FFFF));
        let double = load(&mut bus, AT + 8, Size::Double);
        assert_eq!(double, Resume::Read(u64::MAX));
        assert_eq!(store(&mut bus, AT, Size::Byte, 0x1234), Resume::Done);
        let seen = [
            (7, Size::Byte, None),
            (0xFFC, Size::Word, None),
            (8, Size::Double, None),
            (0, Size::Byte, Some(0x34)),
        ];
        assert_eq!(device.borrow().0, seen);
    }

    #[test]
    fn what_cannot_be_carried_out_is_a_bus_error_and_never_comes_to_the_device() {
        let (mut bus, device) = bus();
        let gpa = Gpa::new(AT);
        let unknown = Mmio {
            gpa,
            transfer: None,
        };
        assert_eq!(bus.carry_out(unknown, &mut Silent), Resume::BusError);
        for (gpa, size) in [
            (AT + 1, Size::Half),
            (AT + 2, Size::Word),
            (AT + 4, Size::Double),
            (AT + PAGE - 1, Size::Word),
            (AT - 1, Size::Byte),
            (AT + PAGE, Size::Byte),
            (u64::MAX, Size::Double),
        ] {
            assert_eq!(load(&mut bus, gpa, size), Resume::BusError, "{gpa:#x}");
            assert_eq!(store(&mut bus, gpa, size, 1), Resume::BusError, "{gpa:#x}");
        }
        assert!(device.borrow().0.is_empty());
        // The device itself may refuse.
        assert_eq!(load(&mut bus, AT, Size::Half), Resume::BusError);
        assert_eq!(store(&mut bus, AT, Size::Half, 1), Resume::BusError);
    }

    #[test]
    fn only_a_load_or_a_store_at_a_device_is_claimed() {
        let (bus, _) = bus();
        let transfer = Some(Transfer::Load { size: Size::Word });
        let fault = |gpa, access, during_walk| {
            Exit::Fault(Fault {
                gpa: Gpa::new(gpa),
                access,
                during_walk,
                transfer,
            })
        };
        for gpa in [AT, AT + PAGE - 1] {
            for access in [Access::Read, Access::Write] {
                let gpa = Gpa::new(gpa);
                let claimed = bus.claim(fault(gpa.get(), access, false));
                assert_eq!(claimed, Exit::Mmio(Mmio { gpa, transfer }));
            }
        }
        for other in [
            fault(AT - 1, Access::Read, false),
            fault(AT + PAGE, Access::Write, false),
            fault(AT, Access::Execute, false),
            fault(AT, Access::Read, true),
            Exit::Idle,
        ] {
            assert_eq!(bus.claim(other), other);
        }
    }

    #[test]
    fn devices_are_whole_pages_and_apart() {
        let (mut bus, device) = bus();
        let mut add = |gpa, size| {
            let device = Box::new(device.clone());
            bus.add(Gpa::new(gpa), size, device).is_ok()
        };
        assert!(!add(AT, PAGE), "taken");
        assert!(!add(AT - PAGE, 2 * PAGE), "taken in part");
        assert!(!add(AT + PAGE, 0));
        assert!(!add(AT + PAGE, 8));
        assert!(!add(AT + PAGE + 8, PAGE));
        assert!(!add(u64::MAX - PAGE + 1, 2 * PAGE), "it wraps around");
        assert!(add(AT + PAGE, PAGE));
        assert!(add(AT - PAGE, PAGE));
    }
}
