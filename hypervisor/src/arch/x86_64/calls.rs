//! The hypercalls of x86_64: VMMCALL, modelled on PSCI.

use crate::vm::exit::{Call, Reply};

/// Reads a call: the number is in RAX, the argument in RDI.
pub fn decode(number: u64, argument: u64) -> Call {
    match number {
        hv_abi::PUTCHAR => Call::PutByte(argument as u8),
        hv_abi::PSCI_SYSTEM_OFF => Call::Shutdown {
            announce: None,
            failed: false,
        },
        id => Call::Unknown { id },
    }
}

/// What RAX holds after a call.
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

    #[test]
    fn a_call_is_told_by_its_number_alone() {
        assert_eq!(decode(hv_abi::PUTCHAR, 0x141), Call::PutByte(b'A'));
        assert_eq!(decode(u64::MAX, 0), Call::Unknown { id: u64::MAX });
        assert_eq!(encode(Reply::NotSupported), u64::MAX);
    }

    #[test]
    fn the_end_has_no_line_of_its_own_and_no_failure() {
        let end = Call::Shutdown {
            announce: None,
            failed: false,
        };
        assert_eq!(decode(hv_abi::PSCI_SYSTEM_OFF, u64::MAX), end);
        // The number is all of RAX.
        let id = 1 << 32 | hv_abi::PSCI_SYSTEM_OFF;
        assert_eq!(decode(id, 0), Call::Unknown { id });
    }

    #[test]
    fn answers_are_pscis_in_all_of_rax() {
        for (reply, rax) in [
            (Reply::Value(0), 0),
            (Reply::Value(u64::MAX >> 1), i64::MAX),
            (Reply::NotSupported, -1),
            (Reply::InvalidParameter, -2),
            (Reply::Already, -4),
        ] {
            assert_eq!(encode(reply) as i64, rax);
        }
    }
}
