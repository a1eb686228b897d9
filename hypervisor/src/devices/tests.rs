use super::*;
use crate::vm::exit::{GuestException, Other, Refused};
use alloc::collections::VecDeque;
use core::{cell::Cell, marker::PhantomData};
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

/// A UART, by the size of its registers, with both of its ends.
pub struct Bench<D, T> {
    pub uart: D,
    pub terminal: Typed,
    pub wire: Wire,
    size: Size,
    register: PhantomData<T>,
}

impl<D: Device, T: Into<u64> + TryFrom<u64>> Bench<D, T> {
    /// With what was typed, which `make` gets the line for.
    pub fn new(typed: &str, size: Size, make: impl FnOnce(Box<dyn Line>) -> D) -> Self {
        let wire = Wire::default();
        Self {
            uart: make(Box::new(wire.clone())),
            terminal: Typed(String::new(), typed.bytes().collect()),
            wire,
            size,
            register: PhantomData,
        }
    }

    pub fn read(&mut self, offset: u64) -> T {
        let read = self.uart.read(offset, self.size, &mut self.terminal);
        T::try_from(read.expect("it is read")).unwrap_or_else(|_| panic!("it has that size"))
    }

    pub fn write(&mut self, offset: u64, value: T) {
        let value = value.into();
        let written = self
            .uart
            .write(offset, self.size, value, &mut self.terminal);
        written.expect("it is written");
    }

    pub fn poll(&mut self) -> bool {
        self.uart.poll(&mut self.terminal)
    }

    pub fn is_high(&self) -> bool {
        self.wire.0.get().0
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

/// Where an access to a port ends that no device answers.
const REFUSED: Refused = Refused {
    what: Other {
        class: "port",
        code: 1,
        info: 2,
    },
    from_user: false,
    exception: GuestException { code: 3, value: 4 },
};

const PORTS: u16 = 0x3F8;

fn at_port(number: u16, transfer: Transfer) -> Port {
    Port {
        number,
        transfer,
        refused: REFUSED,
    }
}

fn ports() -> (Bus, Rc<RefCell<Recorder>>) {
    let (mut bus, _) = bus();
    let device = Rc::new(RefCell::new(Recorder::default()));
    bus.add_at_ports(PORTS..=PORTS + 7, Box::new(device.clone()))
        .unwrap();
    (bus, device)
}

#[test]
fn a_device_at_ports_answers_there() {
    let (mut bus, device) = ports();
    let load = |size| Transfer::Load { size };
    let (size, value) = (Size::Byte, 0x1234);
    for (number, transfer, resume) in [
        (PORTS, load(Size::Byte), Resume::Read(0xFF)),
        (PORTS + 4, load(Size::Word), Resume::Read(0xFFFF_FFFF)),
        (PORTS + 7, Transfer::Store { size, value }, Resume::Done),
    ] {
        let access = at_port(number, transfer);
        assert_eq!(bus.claim(Exit::Port(access)), Exit::Port(access));
        assert_eq!(bus.carry_out_at_port(access, &mut Typed::default()), resume);
    }
    let seen = [
        (0, Size::Byte, None),
        (4, Size::Word, None),
        (7, Size::Byte, Some(0x34)),
    ];
    assert_eq!(device.borrow().0, seen);
}

#[test]
fn a_port_of_no_device_is_refused() {
    let (bus, _) = ports();
    let size = Size::Word;
    for number in [0, PORTS - 1, PORTS + 8, 0x800, u16::MAX] {
        let access = at_port(number, Transfer::Load { size });
        assert_eq!(bus.claim(Exit::Port(access)), Exit::Refused(REFUSED));
    }
}

#[test]
fn what_no_device_can_answer_at_its_ports_is_a_bus_error() {
    let (mut bus, _) = bus();
    let device = Rc::new(RefCell::new(Recorder::default()));
    bus.add_at_ports(2..=6, Box::new(device.clone())).unwrap();
    for (number, size) in [
        (3, Size::Half),
        (4, Size::Word),
        (6, Size::Half),
        (7, Size::Byte),
    ] {
        let access = at_port(number, Transfer::Load { size });
        let resume = bus.carry_out_at_port(access, &mut Typed::default());
        assert_eq!(resume, Resume::BusError, "{number}");
    }
    assert!(device.borrow().0.is_empty());
    let refused = at_port(2, Transfer::Load { size: Size::Half });
    let resume = bus.carry_out_at_port(refused, &mut Typed::default());
    assert_eq!(resume, Resume::BusError, "the device refuses it");
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "it is what has to be refused")]
fn devices_at_ports_are_apart() {
    let (mut bus, device) = ports();
    let mut add = |numbers| bus.add_at_ports(numbers, Box::new(device.clone())).is_ok();
    for taken in [
        PORTS..=PORTS,
        PORTS + 7..=PORTS + 8,
        0..=PORTS,
        0..=u16::MAX,
    ] {
        assert!(!add(taken));
    }
    assert!(!add(5..=4), "there are none");
    assert!(add(PORTS + 8..=PORTS + 8));
    assert!(add(0..=PORTS - 1));
    assert!(add(u16::MAX..=u16::MAX));
}

/// Its line goes high at the first look.
struct Rising;

impl Device for Rising {
    fn read(&mut self, _: u64, _: Size, _: &mut dyn Terminal) -> Option<u64> {
        None
    }

    fn write(&mut self, _: u64, _: Size, _: u64, _: &mut dyn Terminal) -> Option<()> {
        None
    }

    fn poll(&mut self, _: &mut dyn Terminal) -> bool {
        true
    }
}

#[test]
fn devices_everywhere_are_polled() {
    let (mut bus, _) = ports();
    assert!(!bus.poll(&mut Typed::default()));
    bus.add_at_ports(0..=0, Box::new(Rising)).unwrap();
    assert!(bus.poll(&mut Typed::default()));
    let (mut bus, _) = ports();
    bus.add(Gpa::new(0), PAGE, Box::new(Rising)).unwrap();
    assert!(bus.poll(&mut Typed::default()));
}
