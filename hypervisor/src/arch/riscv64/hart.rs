//! SBI's calls about harts, of which the guest has one, number 0: its timer (TIME, and `set_timer` of SBI
//! 0.1), interrupts from hart to hart (IPI), remote fences (RFENCE), and the harts' states (HSM).
//!
//! What such a call does to the guest's hart is an [`Effect`]; its vCPU carries that out, as no one else
//! has a hart.

use sbi_spec::{hsm, legacy, rfnc, spi, time};

use super::calls::{A0, A1, A6, A7};
use crate::vm::exit::{Call, Reply};

/// What a call does to the hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Arms its timer for a time, in ticks of the counter `time`; or disarms it (`None`).
    Timer(Option<u64>),
    /// Makes its software interrupt pending.
    SoftwareInterrupt,
    /// Orders its fetches behind earlier stores.
    FenceInstructions,
    /// Drops all translations of its own tables.
    FenceTranslations,
}

/// The extensions that are there. The timer is, if the guest was given one that is called.
pub fn is_present(extension: usize, timer: bool) -> bool {
    match extension {
        time::EID_TIME | legacy::LEGACY_SET_TIMER => timer,
        spi::EID_SPI | rfnc::EID_RFNC | hsm::EID_HSM => true,
        _ => false,
    }
}

/// Reads a call from the guest's registers; none if it is not about harts, or not there.
pub fn decode(x: &[u64; 32], timer: bool) -> Option<(Call, Option<Effect>)> {
    let (extension, function) = (x[A7] as usize, x[A6] as usize);
    if !is_present(extension, timer) {
        return None;
    }
    let done = Some(Reply::Value(0));
    let (reply, effect) = match (extension, function) {
        (time::EID_TIME, time::SET_TIMER) | (legacy::LEGACY_SET_TIMER, _) => {
            // All ones are infinitely far away (chapter 6).
            let deadline = Some(x[A0]).filter(|ticks| *ticks != u64::MAX);
            (done, Some(Effect::Timer(deadline)))
        }
        (spi::EID_SPI, spi::SEND_IPI) => to_harts(x[A0], x[A1], Effect::SoftwareInterrupt),
        (rfnc::EID_RFNC, rfnc::REMOTE_FENCE_I) => to_harts(x[A0], x[A1], Effect::FenceInstructions),
        // More is dropped than the range and the ASID say, which is always right.
        (rfnc::EID_RFNC, rfnc::REMOTE_SFENCE_VMA | rfnc::REMOTE_SFENCE_VMA_ASID) => {
            to_harts(x[A0], x[A1], Effect::FenceTranslations)
        }
        (hsm::EID_HSM, hsm::HART_START) => match x[A0] {
            0 => (Some(Reply::Already), None),
            _ => (Some(Reply::InvalidParameter), None),
        },
        // Nobody would start it again.
        (hsm::EID_HSM, hsm::HART_STOP) => {
            let end = Call::Shutdown {
                announce: Some("SBI HSM hart_stop of its only hart"),
                failed: false,
            };
            return Some((end, None));
        }
        (hsm::EID_HSM, hsm::HART_GET_STATUS) => match x[A0] {
            0 => (Some(Reply::Value(STARTED)), None),
            _ => (Some(Reply::InvalidParameter), None),
        },
        (hsm::EID_HSM, hsm::HART_SUSPEND) => (Some(suspend(x[A0] as u32)), None),
        _ => (None, None),
    };
    let call = match reply {
        Some(reply) => Call::Settled { reply },
        None => Call::Unknown { id: x[A7] },
    };
    Some((call, effect))
}

/// The state of a hart that runs (chapter 9).
const STARTED: u64 = 0;

/// An effect on the harts of a mask whose bit 0 is hart `base`; all ones for a base are all harts
/// (chapter 3).
fn to_harts(mask: u64, base: u64, effect: Effect) -> (Option<Reply>, Option<Effect>) {
    let done = Some(Reply::Value(0));
    match (mask, base) {
        (_, u64::MAX) | (1, 0) => (done, Some(effect)),
        (0, _) => (done, None),
        _ => (Some(Reply::InvalidParameter), None),
    }
}

/// No state to suspend to is offered: WFI is. The two that the specification names are not supported, and
/// all others reserved or a platform's own.
fn suspend(kind: u32) -> Reply {
    const RETENTIVE: u32 = 0;
    const NON_RETENTIVE: u32 = 1 << 31;
    match kind {
        RETENTIVE | NON_RETENTIVE => Reply::NotSupported,
        _ => Reply::InvalidParameter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(
        extension: u64,
        function: u64,
        arguments: [u64; 2],
        timer: bool,
    ) -> Option<(Call, Option<Effect>)> {
        let mut x = [0; 32];
        [x[A0], x[A1]] = arguments;
        (x[A6], x[A7]) = (function, extension);
        decode(&x, timer)
    }

    fn settled(reply: Reply, effect: Option<Effect>) -> Option<(Call, Option<Effect>)> {
        Some((Call::Settled { reply }, effect))
    }

    const DONE: Reply = Reply::Value(0);
    const TIME: u64 = 0x5449_4D45;
    const IPI: u64 = 0x73_5049;
    const RFENCE: u64 = 0x5246_4E43;
    const HSM: u64 = 0x48_534D;

    #[test]
    fn a_timer_is_armed_and_all_ones_disarm_it() {
        for (extension, function) in [(TIME, 0), (0, 0), (0, 77)] {
            for (ticks, armed) in [
                (0, Some(0)),
                (123, Some(123)),
                (u64::MAX - 1, Some(u64::MAX - 1)),
                (u64::MAX, None),
            ] {
                let answer = settled(DONE, Some(Effect::Timer(armed)));
                assert_eq!(call(extension, function, [ticks, 0], true), answer);
            }
            assert_eq!(call(extension, function, [1, 0], false), None);
        }
        let unknown = Some((Call::Unknown { id: TIME }, None));
        assert_eq!(call(TIME, 1, [1, 0], true), unknown);
    }

    #[test]
    fn what_is_for_hart_0_is_for_the_guest() {
        for (extension, function, effect) in [
            (IPI, 0, Effect::SoftwareInterrupt),
            (RFENCE, 0, Effect::FenceInstructions),
            (RFENCE, 1, Effect::FenceTranslations),
            (RFENCE, 2, Effect::FenceTranslations),
        ] {
            let ask = |mask, base| call(extension, function, [mask, base], false);
            assert_eq!(ask(1, 0), settled(DONE, Some(effect)));
            assert_eq!(ask(0, u64::MAX), settled(DONE, Some(effect)), "all harts");
            assert_eq!(ask(0, 0), settled(DONE, None), "none");
            for (mask, base) in [(2, 0), (3, 0), (1, 1), (1, 64), (u64::MAX, 0)] {
                let refused = settled(Reply::InvalidParameter, None);
                assert_eq!(ask(mask, base), refused, "{mask:#x} {base:#x}");
            }
        }
        // Fences of guests' guests: the hart has no H-extension.
        for function in [3, 4, 5, 6, 7] {
            let unknown = Some((Call::Unknown { id: RFENCE }, None));
            assert_eq!(call(RFENCE, function, [1, 0], false), unknown);
        }
    }

    #[test]
    fn the_only_hart_is_started_and_there_is_no_other() {
        let ask = |function, hart| call(HSM, function, [hart, 0x8020_0000], false);
        assert_eq!(ask(0, 0), settled(Reply::Already, None));
        assert_eq!(ask(0, 1), settled(Reply::InvalidParameter, None));
        assert_eq!(ask(2, 0), settled(Reply::Value(0), None));
        assert_eq!(ask(2, 1), settled(Reply::InvalidParameter, None));
        for kind in [0, 1 << 31] {
            assert_eq!(ask(3, kind), settled(Reply::NotSupported, None));
        }
        for kind in [1, 0x1000_0000, 0x8000_0001, 0xFFFF_FFFF] {
            assert_eq!(ask(3, kind), settled(Reply::InvalidParameter, None));
        }
        let Some((Call::Shutdown { announce, failed }, None)) = ask(1, 0) else {
            panic!("{:?}", ask(1, 0));
        };
        assert_eq!(announce, Some("SBI HSM hart_stop of its only hart"));
        assert!(!failed);
        let unknown = Some((Call::Unknown { id: HSM }, None));
        assert_eq!(ask(4, 0), unknown);
    }
}
