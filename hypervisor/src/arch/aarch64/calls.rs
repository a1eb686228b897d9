//! The SMC Calling Convention (Arm DEN0028) and PSCI (DEN0022) as a guest at EL1 sees them, on its HVC and
//! SMC calls: version 1.1 of both, the first in which `*_FEATURES` exists, with what those make mandatory.
//!
//! The function is in w0, arguments from x1 on. An SMC32 call (bit 30 clear) has arguments of 32 bits. Errors
//! are negative numbers in all of x0, which suits both conventions.

use crate::vm::exit::{Call, Reply};

const SMCCC_VERSION: u64 = 0x8000_0000;
const SMCCC_ARCH_FEATURES: u64 = 0x8000_0001;
const PSCI_VERSION: u64 = 0x8400_0000;
const PSCI_CPU_SUSPEND: u64 = 0x8400_0001;
const PSCI_CPU_OFF: u64 = 0x8400_0002;
const PSCI_CPU_ON: u64 = 0x8400_0003;
const PSCI_AFFINITY_INFO: u64 = 0x8400_0004;
const PSCI_MIGRATE_INFO_TYPE: u64 = 0x8400_0006;
const PSCI_SYSTEM_RESET: u64 = 0x8400_0009;
const PSCI_FEATURES: u64 = 0x8400_000A;

const VERSION_1_1: u64 = 0x1_0001;

/// Bit 30 of a function: arguments of 64 bits.
const SMC64: u64 = 1 << 30;
const PSCI_CPU_SUSPEND_64: u64 = PSCI_CPU_SUSPEND | SMC64;
const PSCI_CPU_ON_64: u64 = PSCI_CPU_ON | SMC64;
const PSCI_AFFINITY_INFO_64: u64 = PSCI_AFFINITY_INFO | SMC64;

/// MPIDR_EL1 of the guest's only CPU: affinity 0.0.0.0, and the bit that is always 1.
pub const MPIDR: u64 = 1 << 31;

/// The affinity fields of an MPIDR: Aff3, and Aff2 to Aff0.
const AFFINITY: u64 = 0xFF_00FF_FFFF;

/// A guest's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The call.
    pub call: Call,
    /// Whether it waits for an interrupt before it goes on with the answer (CPU_SUSPEND).
    pub suspend: bool,
}

impl From<Call> for Request {
    fn from(call: Call) -> Self {
        Self {
            call,
            suspend: false,
        }
    }
}

/// Reads the call in the guest's registers. `immediate` is that of the instruction: the standard's calls
/// have 0 (DEN0028, §2.9).
pub fn decode(x: &[u64; 31], immediate: u64) -> Request {
    let function = x[0] & 0xFFFF_FFFF;
    let narrow = |value: u64| match function & SMC64 {
        0 => value & 0xFFFF_FFFF,
        _ => value,
    };
    let (first, second) = (narrow(x[1]), narrow(x[2]));
    let settled = |reply| Call::Settled { reply };
    if immediate != 0 {
        return Call::Unknown { id: function }.into();
    }
    let call = match function {
        hv_abi::HVC_PUTCHAR => Call::PutByte(x[1] as u8),
        hv_abi::PSCI_SYSTEM_OFF => Call::Shutdown {
            announce: None,
            failed: false,
        },
        PSCI_SYSTEM_RESET => Call::Shutdown {
            announce: Some("PSCI SYSTEM_RESET"),
            failed: false,
        },
        PSCI_VERSION | SMCCC_VERSION => settled(Reply::Value(VERSION_1_1)),
        PSCI_FEATURES => settled(psci_features(first)),
        SMCCC_ARCH_FEATURES => settled(arch_features(first)),
        PSCI_CPU_SUSPEND | PSCI_CPU_SUSPEND_64 if is_power_state(first) => {
            return Request {
                call: settled(Reply::Value(0)),
                suspend: true,
            };
        }
        PSCI_CPU_SUSPEND | PSCI_CPU_SUSPEND_64 => settled(Reply::InvalidParameter),
        // It was the last one, and nobody can turn it on again.
        PSCI_CPU_OFF => Call::Shutdown {
            announce: Some("PSCI CPU_OFF of its only CPU"),
            failed: false,
        },
        PSCI_CPU_ON | PSCI_CPU_ON_64 => settled(match is_own(first, 0) {
            true => Reply::Already,
            false => Reply::InvalidParameter,
        }),
        PSCI_AFFINITY_INFO | PSCI_AFFINITY_INFO_64 => settled(affinity_info(first, second)),
        // There is no trusted OS to migrate.
        PSCI_MIGRATE_INFO_TYPE => settled(Reply::Value(2)),
        id => Call::Unknown { id },
    };
    call.into()
}

/// PSCI_FEATURES (§5.15): 0 for what is there, as none of it has an option. CPU_SUSPEND's 0 says: the
/// original format of power states, and no OS-initiated mode.
fn psci_features(function: u64) -> Reply {
    match function {
        PSCI_VERSION
        | PSCI_CPU_SUSPEND
        | PSCI_CPU_SUSPEND_64
        | PSCI_CPU_OFF
        | PSCI_CPU_ON
        | PSCI_CPU_ON_64
        | PSCI_AFFINITY_INFO
        | PSCI_AFFINITY_INFO_64
        | PSCI_MIGRATE_INFO_TYPE
        | hv_abi::PSCI_SYSTEM_OFF
        | PSCI_SYSTEM_RESET
        | PSCI_FEATURES
        | SMCCC_VERSION => Reply::Value(0),
        _ => Reply::NotSupported,
    }
}

/// SMCCC_ARCH_FEATURES (DEN0028, §7.3): the two that are mandatory. No workaround is offered.
fn arch_features(function: u64) -> Reply {
    match function {
        SMCCC_VERSION | SMCCC_ARCH_FEATURES => Reply::Value(0),
        _ => Reply::NotSupported,
    }
}

/// AFFINITY_INFO (§5.7): 0, on, for what the guest's CPU is part of; nothing else exists.
fn affinity_info(target: u64, level: u64) -> Reply {
    match level <= 3 && is_own(target, level) {
        true => Reply::Value(0),
        false => Reply::InvalidParameter,
    }
}

/// Whether `target` is the affinity of the guest's CPU, from `level` on upwards.
fn is_own(target: u64, level: u64) -> bool {
    let ignored = match level {
        3 => 0xFF_FFFF,
        _ => (1 << (8 * level)) - 1,
    };
    target & !AFFINITY == 0 && (target ^ MPIDR) & AFFINITY & !ignored == 0
}

/// The original format of a power state (§5.4.2): bits 31 to 26 and 23 to 17 are zero. A power-down state
/// (bit 16) is entered as a standby state, which §5.4.3 allows.
fn is_power_state(state: u64) -> bool {
    state & !0x0301_FFFF == 0
}

/// What x0 holds after a call.
pub fn encode(reply: Reply) -> u64 {
    match reply {
        Reply::Value(value) => value,
        Reply::NotSupported => hv_abi::PSCI_NOT_SUPPORTED as u64,
        Reply::InvalidParameter => hv_abi::PSCI_INVALID_PARAMETERS as u64,
        Reply::Already => hv_abi::PSCI_ALREADY_ON as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[u64]) -> Request {
        let mut x = [0; 31];
        x[..arguments.len()].copy_from_slice(arguments);
        decode(&x, 0)
    }

    /// What x0 holds after a call that its standard settles.
    fn answer(arguments: &[u64]) -> i64 {
        match request(arguments).call {
            Call::Settled { reply } => encode(reply) as i64,
            Call::Unknown { .. } => encode(Reply::NotSupported) as i64,
            other => panic!("{other:?}"),
        }
    }

    const BIT_64: u64 = 1 << 30;

    #[test]
    fn versions_and_features() {
        assert_eq!(answer(&[0x8400_0000]), 0x1_0001);
        assert_eq!(answer(&[0x8000_0000]), 0x1_0001);
        assert_eq!(answer(&[0xFFFF_FFFF_8400_0000]), 0x1_0001, "w0, not x0");
        for there in [0, 1, 2, 3, 4, 6, 8, 9, 0xA] {
            assert_eq!(answer(&[0x8400_000A, 0x8400_0000 + there]), 0, "{there}");
        }
        for there in [1, 3, 4] {
            assert_eq!(answer(&[0x8400_000A, 0xC400_0000 + there]), 0, "{there}");
        }
        for absent in [
            0x8400_0005,
            0x8400_0007,
            0xC400_0002,
            0xC400_0012,
            0,
            0x8600_0001,
        ] {
            assert_eq!(answer(&[0x8400_000A, absent]), -1, "{absent:#x}");
        }
        assert_eq!(answer(&[0x8400_000A, 0x8000_0000]), 0, "SMCCC_VERSION");
        assert_eq!(answer(&[0x8000_0001, 0x8000_0000]), 0);
        assert_eq!(answer(&[0x8000_0001, 0x8000_0001]), 0);
        assert_eq!(answer(&[0x8000_0001, 0x8000_8000]), -1, "ARCH_WORKAROUND_1");
        assert_eq!(answer(&[0x8400_0006]), 2, "MIGRATE_INFO_TYPE");
    }

    #[test]
    fn the_only_cpu_is_on_and_there_is_no_other() {
        for function in [0x8400_0003, 0x8400_0003 | BIT_64] {
            assert_eq!(answer(&[function, 0]), -4);
            for other in [1, 0x100, 0x1_0000, 1 << 31, 1 << 24] {
                assert_eq!(answer(&[function, other]), -2, "{other:#x}");
            }
        }
        assert_eq!(answer(&[0x8400_0003, 1 << 32]), -4, "SMC32: w1");
        assert_eq!(answer(&[0x8400_0003 | BIT_64, 1 << 32]), -2, "Aff3");
        for function in [0x8400_0004, 0x8400_0004 | BIT_64] {
            assert_eq!(answer(&[function, 0, 0]), 0);
            assert_eq!(answer(&[function, 1, 0]), -2);
            assert_eq!(answer(&[function, 1, 1]), 0, "level 1: Aff0 is ignored");
            assert_eq!(answer(&[function, 0x1_0000, 2]), -2);
            assert_eq!(answer(&[function, 0xFF_FFFF, 3]), 0);
            assert_eq!(answer(&[function, 0, 4]), -2);
        }
    }

    #[test]
    fn a_suspended_cpu_waits() {
        for state in [0, 1, 0x1_0000, 0x300_FFFF] {
            assert!(request(&[0x8400_0001, state]).suspend);
            assert!(request(&[0xC400_0001, state]).suspend);
            assert_eq!(answer(&[0x8400_0001, state]), 0);
        }
        for state in [1 << 17, 1 << 26, 1 << 31] {
            assert_eq!(answer(&[0x8400_0001, state]), -2);
        }
        assert!(!request(&[0x8400_0000]).suspend);
    }

    #[test]
    fn the_ends_are_told_apart() {
        let announced = |arguments: &[u64]| match request(arguments).call {
            Call::Shutdown { announce, .. } => announce,
            other => panic!("{other:?}"),
        };
        assert_eq!(announced(&[0x8400_0008]), None);
        assert_eq!(announced(&[0x8400_0009]), Some("PSCI SYSTEM_RESET"));
        let off = Some("PSCI CPU_OFF of its only CPU");
        assert_eq!(announced(&[0x8400_0002]), off);
    }

    #[test]
    fn what_nobody_defined_is_not_supported_in_all_of_x0() {
        for unknown in [
            0x8400_0012,
            0xC400_0008,
            0xC400_0000,
            0xC600_1234,
            0x0200_0000,
        ] {
            assert_eq!(answer(&[unknown]), -1, "{unknown:#x}");
        }
        let mut x = [0; 31];
        x[0] = 0x8400_0000;
        let not_the_standards = Call::Unknown { id: x[0] };
        assert_eq!(decode(&x, 1).call, not_the_standards);
    }
}
