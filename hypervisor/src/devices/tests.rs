use super::*;
use alloc::collections::VecDeque;
use core::cell::Cell;
use std::string::String;

/// The guest's end of the console: what was printed, and what is still to be read.
#[derive(Default)]
pub struct Typed(pub String, pub VecDeque<u8>);

impl Terminal for Typed {
    fn put(&mut self, byte: u8) {
        self.0.push(byte.into());
    }

    fn get(&mut self) -> Option<u8> {
        self.1.pop_front()
    }
}

/// A line: whether it is high, and whether what is typed may make it so.
#[derive(Clone, Default)]
pub struct Wire(pub Rc<Cell<(bool, bool)>>);

impl Line for Wire {
    fn set(&self, high: bool, awaits: bool) {
        self.0.set((high, awaits));
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

    fn write(&mut self, offset: u64, size: Size, value: u64, _: &mut dyn Terminal) -> Option<()> {
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
    bus.carry_out(Mmio { gpa, transfer }, &mut Typed::default())
}

fn store(bus: &mut Bus, gpa: u64, size: Size, value: u64) -> Resume {
    let transfer = Some(Transfer::Store { size, value });
    let gpa = Gpa::new(gpa);
    bus.carry_out(Mmio { gpa, transfer }, &mut Typed::default())
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
    assert_eq!(
        bus.carry_out(unknown, &mut Typed::default()),
        Resume::BusError
    );
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
