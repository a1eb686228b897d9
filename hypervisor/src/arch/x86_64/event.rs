//! Events that a guest takes on its next entry: what was interrupted, what is raised, and what becomes
//! of the two together (APM vol. 2 §15.20, and §8.2.9 for the double fault).

use crate::vm::exit::GuestException;

/// #DB: a debug exception.
pub const DEBUG: u8 = 1;
/// #UD: an undefined instruction.
pub const UNDEFINED: u8 = 6;
/// #DF: a fault while an exception was delivered.
pub const DOUBLE_FAULT: u8 = 8;
/// #GP: an instruction that is not allowed.
pub const GENERAL_PROTECTION: u8 = 13;
/// #PF: a page fault.
pub const PAGE_FAULT: u8 = 14;
/// #AC: an access that is not aligned.
pub const ALIGNMENT: u8 = 17;

/// An event in the format that EVENTINJ and EXITINTINFO share (§15.20): the vector in bits 7:0, the type
/// in bits 10:8, whether there is an error code in bit 11, whether there is an event at all in bit 31, the
/// error code in bits 63:32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(u64);

const WITH_CODE: u64 = 1 << 11;
const VALID: u64 = 1 << 31;

/// The type of an interrupt from outside the processor.
const INTERRUPT: u64 = 0;
/// The type of an exception, be it a fault or a trap.
const EXCEPTION: u64 = 3;
/// The type of a software interrupt (INTn).
const SOFTWARE: u64 = 4;

/// How many vectors are those of exceptions.
const EXCEPTIONS: u8 = 32;

impl Event {
    /// An exception. `code` is its error code, if its vector has one (§8.2).
    pub const fn exception(vector: u8, code: Option<u32>) -> Self {
        let event = VALID | EXCEPTION << 8 | vector as u64;
        match code {
            None => Self(event),
            Some(code) => Self(event | WITH_CODE | (code as u64) << 32),
        }
    }

    /// #UD, as for an instruction that the machine does not have.
    pub const UNDEFINED: Self = Self::exception(UNDEFINED, None);
    /// #GP(0), as for an instruction or an operand that is not allowed.
    pub const PROTECTION: Self = Self::exception(GENERAL_PROTECTION, Some(0));

    /// What EXITINTINFO says was being delivered when the exit came, as far as it has to be delivered
    /// again by EVENTINJ. INTn, INT3 and INTO are not: RIP is still on them, and they are executed again. Nor
    /// is an [interrupt](Self::is_interrupt): the local APIC still has it.
    pub fn interrupted(exit_int_info: u64) -> Option<Self> {
        let event = Self(exit_int_info);
        let software = event.kind() == SOFTWARE
            || event.kind() == EXCEPTION && matches!(event.vector(), 3 | 4);
        let other = !software && !Self::is_interrupt(exit_int_info);
        (exit_int_info & VALID != 0 && other).then_some(event)
    }

    /// Whether EXITINTINFO says that an interrupt of the local APIC's was being delivered when the exit came.
    /// QEMU's TCG (10.0) says so by an exception with a vector that no exception has.
    pub fn is_interrupt(exit_int_info: u64) -> bool {
        let event = Self(exit_int_info);
        let is_interrupt = match event.kind() {
            INTERRUPT => true,
            EXCEPTION => event.vector() >= EXCEPTIONS,
            _ => false,
        };
        exit_int_info & VALID != 0 && is_interrupt
    }

    /// Whether EXITINTINFO says that anything was being delivered, so that the exit is not of an instruction.
    pub const fn was_under_way(exit_int_info: u64) -> bool {
        exit_int_info & VALID != 0
    }

    /// The word for EVENTINJ.
    pub const fn word(self) -> u64 {
        self.0
    }

    const fn vector(self) -> u8 {
        self.0 as u8
    }

    const fn kind(self) -> u64 {
        self.0 >> 8 & 7
    }

    /// How it counts when exceptions meet (§8.2.9, table 8-7).
    fn class(self) -> Class {
        if self.kind() != EXCEPTION {
            return Class::Benign;
        }
        match self.vector() {
            0 | 10..=13 => Class::Contributory,
            PAGE_FAULT => Class::PageFault,
            DOUBLE_FAULT => Class::DoubleFault,
            _ => Class::Benign,
        }
    }
}

impl From<Event> for GuestException {
    fn from(event: Event) -> Self {
        Self {
            code: event.0,
            value: 0,
        }
    }
}

impl From<GuestException> for Event {
    fn from(exception: GuestException) -> Self {
        Self(exception.code)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Benign,
    Contributory,
    PageFault,
    DoubleFault,
}

/// A fault while a double fault was being delivered: the processor shuts down (§8.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown;

/// What the guest gets on its next entry, if an exit came while `interrupted` was being delivered and
/// `raised` is to be delivered now.
///
/// Where both are there and make no double fault, `raised` comes first, as on a CPU; an interrupted
/// exception comes again when its instruction does.
pub fn meet(interrupted: Option<Event>, raised: Option<Event>) -> Result<Option<Event>, Shutdown> {
    let (Some(first), Some(second)) = (interrupted, raised) else {
        return Ok(raised.or(interrupted));
    };
    let faults = matches!(second.class(), Class::Contributory | Class::PageFault);
    match (first.class(), second.class()) {
        (Class::DoubleFault, _) if faults => Err(Shutdown),
        (Class::PageFault, _) if faults => Ok(Some(DOUBLE)),
        (Class::Contributory, Class::Contributory) => Ok(Some(DOUBLE)),
        _ => Ok(raised),
    }
}

/// The double fault; its error code is always 0.
pub const DOUBLE: Event = Event::exception(DOUBLE_FAULT, Some(0));

#[cfg(test)]
mod tests {
    use super::*;

    const DIVIDE: Event = Event::exception(0, None);
    const PAGE: Event = Event::exception(PAGE_FAULT, Some(2));
    const DB: Event = Event::exception(DEBUG, None);

    #[test]
    fn words_are_those_of_the_manual() {
        assert_eq!(Event::UNDEFINED.word(), 0x8000_0306);
        assert_eq!(Event::PROTECTION.word(), 0x8000_0B0D);
        assert_eq!(PAGE.word(), 0x2_8000_0B0E);
        assert_eq!(GuestException::from(PAGE).code, PAGE.word());
    }

    #[test]
    fn what_was_interrupted_is_delivered_again() {
        assert_eq!(Event::interrupted(PAGE.word()), Some(PAGE));
        // QEMU leaves the rest of an event that was delivered.
        assert_eq!(Event::interrupted(PAGE.word() & !VALID), None);
        assert_eq!(Event::interrupted(0), None);
        assert!(Event::was_under_way(PAGE.word()));
        assert!(!Event::was_under_way(PAGE.word() & !VALID));
        let nmi = VALID | 2 << 8 | 2;
        assert_eq!(Event::interrupted(nmi), Some(Event(nmi)));
    }

    #[test]
    fn an_interrupt_is_still_the_apics() {
        // As the manual has it, and as QEMU does.
        for event in [VALID | 0x20, VALID | 13, VALID | EXCEPTION << 8 | 0x20] {
            assert!(Event::is_interrupt(event), "{event:#x}");
            assert_eq!(Event::interrupted(event), None, "{event:#x}");
            assert!(!Event::is_interrupt(event & !VALID), "it was delivered");
        }
        let nmi = VALID | 2 << 8 | 2;
        let software = VALID | SOFTWARE << 8 | 0x80;
        let last = Event::exception(31, None).word();
        for event in [PAGE.word(), nmi, software, last] {
            assert!(!Event::is_interrupt(event), "{event:#x}");
        }
    }

    #[test]
    fn what_the_guest_executes_again_is_not() {
        for event in [
            VALID | SOFTWARE << 8 | 0x80,
            Event::exception(3, None).word(),
            Event::exception(4, None).word(),
        ] {
            assert_eq!(Event::interrupted(event), None, "{event:#x}");
        }
    }

    #[test]
    fn one_event_is_itself() {
        assert_eq!(meet(None, None), Ok(None));
        assert_eq!(meet(Some(PAGE), None), Ok(Some(PAGE)));
        assert_eq!(meet(None, Some(DB)), Ok(Some(DB)));
    }

    #[test]
    fn two_events_meet_as_in_table_8_7() {
        let protection = Event::PROTECTION;
        assert_eq!(meet(Some(DIVIDE), Some(protection)), Ok(Some(DOUBLE)));
        assert_eq!(meet(Some(PAGE), Some(protection)), Ok(Some(DOUBLE)));
        assert_eq!(meet(Some(PAGE), Some(PAGE)), Ok(Some(DOUBLE)));
        assert_eq!(meet(Some(DIVIDE), Some(PAGE)), Ok(Some(PAGE)));
        assert_eq!(meet(Some(PAGE), Some(DB)), Ok(Some(DB)));
        assert_eq!(meet(Some(DB), Some(DB)), Ok(Some(DB)));
        assert_eq!(meet(Some(DOUBLE), Some(protection)), Err(Shutdown));
        assert_eq!(meet(Some(DOUBLE), Some(PAGE)), Err(Shutdown));
        assert_eq!(meet(Some(DOUBLE), Some(DB)), Ok(Some(DB)));
    }

    #[test]
    fn an_nmi_is_no_fault() {
        let nmi = Event(VALID | 2 << 8 | 13);
        assert_eq!(
            meet(Some(nmi), Some(Event::PROTECTION)),
            Ok(Some(Event::PROTECTION))
        );
    }
}
