//! A guest's exceptions, a shape at a time.

mod el0;
mod stage2;

use super::*;
use crate::vm::exit::Reply;

const EL0: u64 = 0;
const EL1: u64 = 0x3C5;
const AARCH32: u64 = 0x10;
const NOTHING: Wake = Wake::Never;
const UNTIL: u64 = 1_000_000;
const TIMER: Wake = Wake::At(UNTIL);

fn synchronous(class: u64, iss: u64) -> Syndrome {
    Syndrome {
        esr: class << 26 | 1 << 25 | iss,
        ..Syndrome::default()
    }
}

fn decode(syndrome: &Syndrome, x0: u64, pstate: u64, wake: Wake) -> Trapped {
    let mut x = [0; 31];
    x[0] = x0;
    // As the vCPU does it.
    let wake = match syndrome.may_wait(&x) {
        true => wake,
        false => NOTHING,
    };
    let guest = Guest {
        x: &x,
        pstate,
        wake,
        ids: &IdRegisters::new(|_, _| 0x1111_1111_1111_1111),
    };
    decode_el1(syndrome, &guest, |_| None)
}

fn refused(trapped: Trapped) -> Refused {
    match trapped {
        Trapped::Exit {
            exit: Exit::Refused(refused),
            ..
        } => refused,
        other => panic!("{other:?}"),
    }
}

fn emulated(trapped: Trapped) -> Emulation {
    match trapped {
        Trapped::Emulated(emulation) => emulation,
        other => panic!("{other:?}"),
    }
}

/// The ISS of an access to a system register by x5.
fn access((op0, op1, crn, crm, op2): (u64, u64, u64, u64, u64), read: bool) -> u64 {
    op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 5 << 5 | crm << 1 | u64::from(read)
}

const CNTP_CTL: (u64, u64, u64, u64, u64) = (3, 3, 14, 2, 1);
const ISAR0: (u64, u64, u64, u64, u64) = (3, 0, 0, 6, 0);
const MDSCR: (u64, u64, u64, u64, u64) = (2, 0, 0, 2, 2);

#[test]
fn only_what_may_wait_is_asked_what_would_end_it() {
    const CPU_SUSPEND: u64 = 0x8400_0001;
    let mut x = [0; 31];
    let irq = Syndrome {
        vector: IRQ,
        ..synchronous(EC_WFX, 0)
    };
    for (syndrome, x0, may) in [
        (synchronous(EC_WFX, 0), 0, true),
        (synchronous(EC_HVC64, 0), CPU_SUSPEND, true),
        (synchronous(EC_SMC64, 0), CPU_SUSPEND | 1 << 30, true),
        (synchronous(EC_HVC64, 1), CPU_SUSPEND, false),
        (synchronous(EC_HVC64, 0), CPU_SUSPEND - 1, false),
        (synchronous(EC_SYSREG, 0), CPU_SUSPEND, false),
        (synchronous(EC_DATA_ABORT, 0), CPU_SUSPEND, false),
        (irq, CPU_SUSPEND, false),
    ] {
        x[0] = x0;
        assert_eq!(syndrome.may_wait(&x), may, "{syndrome:?}");
        let is_hvc = syndrome.class() == EC_HVC64;
        assert_eq!(syndrome.is_hvc(), is_hvc);
    }
}

#[test]
fn what_is_not_there_is_undefined_at_the_guests_el1() {
    let cntp = synchronous(EC_SYSREG, access(CNTP_CTL, true));
    for (pstate, from_user) in [(EL0, true), (EL1, false), (0x3C4, false)] {
        let Refused {
            what,
            from_user: user,
            exception,
        } = refused(decode(&cntp, 0, pstate, NOTHING));
        assert_eq!(user, from_user);
        assert_eq!((what.class, what.code), ("system-register", 0x18));
        assert_eq!((exception.code, exception.value), (1 << 25, 0));
    }
    for class in [
        EC_UNKNOWN,
        EC_PAC,
        EC_SVE,
        EC_SME,
        EC_LS64,
        EC_ERET,
        EC_SYSREG_128,
    ] {
        assert!(refused(decode(&synchronous(class, 0), 0, EL0, NOTHING)).from_user);
    }
}

#[test]
fn whatever_traps_in_aarch32_is_undefined_with_its_own_length() {
    for class in [EC_WFX, EC_CP14_32, EC_CP15_64, EC_CP10, EC_SYSREG] {
        let short = Syndrome {
            esr: class << 26,
            ..Syndrome::default()
        };
        let Refused {
            from_user,
            exception,
            ..
        } = refused(decode(&short, 0, AARCH32, NOTHING));
        assert!(from_user);
        assert_eq!(exception.code, 0, "IL is clear");
    }
}

#[test]
fn registers_are_read_by_the_tables_and_writes_are_passed_over() {
    let read = emulated(decode(
        &synchronous(EC_SYSREG, access(ISAR0, true)),
        0,
        EL1,
        NOTHING,
    ));
    assert_eq!(read.write, Some((5, 0x1111_1111_1011_1110)));
    assert_eq!(read.length, 4);
    let write = synchronous(EC_SYSREG, access(MDSCR, false));
    assert_eq!(emulated(decode(&write, 0, EL1, NOTHING)).write, None);
}

const GOES_ON: Trapped = Trapped::Emulated(Emulation {
    write: None,
    length: 4,
});
const WAITS: Trapped = Trapped::Exit {
    exit: Exit::Waits { until_ns: UNTIL },
    length: 4,
};

#[test]
fn the_kernels_wfi_waits_for_its_timer_and_for_nothing_else() {
    let wfi = synchronous(EC_WFX, 0);
    let idle = Trapped::exit(Exit::Idle);
    for (wake, wanted) in [(NOTHING, idle), (TIMER, WAITS), (Wake::Now, GOES_ON)] {
        assert_eq!(decode(&wfi, 0, EL1, wake), wanted);
    }
}

#[test]
fn a_process_may_wait_and_ends_nothing() {
    let wfi = synchronous(EC_WFX, 0);
    for (wake, wanted) in [(NOTHING, GOES_ON), (TIMER, WAITS), (Wake::Now, GOES_ON)] {
        assert_eq!(decode(&wfi, 0, EL0, wake), wanted);
    }
}

#[test]
fn wfe_and_what_has_a_timeout_go_on() {
    for kind in [1, 2, 3] {
        for pstate in [EL0, EL1] {
            for wake in [NOTHING, TIMER, Wake::Now] {
                let decoded = decode(&synchronous(EC_WFX, kind), 0, pstate, wake);
                assert_eq!(decoded, GOES_ON);
            }
        }
    }
}

#[test]
fn a_timer_is_armed_that_is_on_and_not_masked() {
    for (control, armed) in [
        (0, false),
        (0b001, true),
        (0b010, false),
        (0b011, false),
        (0b100, false),
        (0b101, true),
        (0b111, false),
    ] {
        assert_eq!(is_armed(control), armed, "{control:#b}");
    }
}

#[test]
fn calls_come_by_hvc_and_smc_and_only_with_immediate_0() {
    let call =
        |class, immediate, x0, wake| match decode(&synchronous(class, immediate), x0, EL1, wake) {
            Trapped::Exit {
                exit: Exit::Call(call),
                length,
            } => (call, length),
            other => panic!("{other:?}"),
        };
    let settled = |value| Call::Settled {
        reply: Reply::Value(value),
    };
    let version = settled(0x1_0001);
    let id = 0x8400_0000;
    assert_eq!(call(EC_HVC64, 0, id, NOTHING), (version, 0));
    assert_eq!(call(EC_SMC64, 0, id, TIMER), (version, 4));
    assert_eq!(call(EC_HVC64, 1, id, NOTHING).0, Call::Unknown { id });
    let suspended = Call::Suspend { until_ns: UNTIL };
    for (wake, wanted) in [
        (NOTHING, settled(0)),
        (TIMER, suspended),
        (Wake::Now, settled(0)),
    ] {
        assert_eq!(call(EC_SMC64, 0, 0xC400_0001, wake), (wanted, 4));
    }
}

#[test]
fn interrupts_are_the_hosts_whatever_the_syndrome_says() {
    for vector in [IRQ, FIQ] {
        let syndrome = Syndrome {
            vector,
            ..synchronous(EC_HVC64, 0)
        };
        let exit = Trapped::exit(Exit::HostInterrupt);
        assert_eq!(decode(&syndrome, 0, AARCH32, NOTHING), exit);
    }
}

fn at(gpa: u64, access: Access, during_walk: bool) -> Exit {
    Exit::Fault(Fault {
        gpa: Gpa::new(gpa),
        access,
        during_walk,
        transfer: None,
    })
}

/// DFSC and IFSC: address size, translation, access flag; each with its level in the low bits.
const BY_HPFAR: [u64; 9] = [0, 1, 3, 4, 5, 7, 9, 10, 11];
/// Permission.
const PERMISSION: [u64; 3] = [0b00_1101, 0b00_1110, 0b00_1111];

#[test]
fn an_serror_is_nobodys_exception() {
    let syndrome = Syndrome {
        vector: 3,
        ..synchronous(0x2F, 0x11)
    };
    let wanted = Exit::Other(Other {
        class: "serror",
        code: 3,
        info: syndrome.esr,
    });
    assert_eq!(decode(&syndrome, 0, EL0, NOTHING), Trapped::exit(wanted));
    assert_eq!(decode_el0(&syndrome, &[0; 31]), wanted);
}

#[test]
fn what_no_guest_should_cause_has_a_class() {
    for (code, class) in [
        (0x22, "pc-alignment"),
        (0x26, "sp-alignment"),
        (0x3C, "breakpoint"),
        (0x15, "unexpected-exception"),
        (0x3F, "unexpected-exception"),
    ] {
        let info = 0x155;
        let wanted = Exit::Other(Other { class, code, info });
        let found = decode(&synchronous(code, info), 0, EL1, NOTHING);
        assert_eq!(found, Trapped::exit(wanted), "{code:#x}");
    }
}
