//! The SMC Calling Convention (Arm DEN0028) and PSCI (DEN0022) as a guest at EL1 sees them: how its
//! HVC and SMC calls are read.

use crate::vm::exit::{Call, Reply};

const PSCI_VERSION: u64 = 0x8400_0000;
const PSCI_FEATURES: u64 = 0x8400_000A;
const SMCCC_VERSION: u64 = 0x8000_0000;

/// Version 1.1, of both standards: the first in which `*_FEATURES` exists.
const VERSION_1_1: u64 = 0x1_0001;

/// Reads the call in the guest's registers: the function in w0, arguments from x1 on.
pub fn decode(x: &[u64; 31]) -> Call {
    let function = x[0] & 0xFFFF_FFFF;
    match function {
        hv_abi::HVC_PUTCHAR => Call::PutByte(x[1] as u8),
        hv_abi::PSCI_SYSTEM_OFF => Call::Shutdown {
            announce: None,
            failed: false,
        },
        PSCI_VERSION | SMCCC_VERSION => Call::Settled {
            reply: Reply::Value(VERSION_1_1),
        },
        PSCI_FEATURES if is_present(x[1] & 0xFFFF_FFFF) => Call::Settled {
            reply: Reply::Value(0),
        },
        id => Call::Unknown { id },
    }
}

fn is_present(function: u64) -> bool {
    [
        PSCI_VERSION,
        PSCI_FEATURES,
        SMCCC_VERSION,
        hv_abi::PSCI_SYSTEM_OFF,
    ]
    .contains(&function)
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
