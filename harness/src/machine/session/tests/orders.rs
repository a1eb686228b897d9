//! In whatever order things come, and however long the harness is stopped meanwhile.

use super::*;
use crate::judge::verdict::Clock;
use proptest::prelude::*;

/// A script in which all of `pieces` come in order, with pauses and stops in between.
fn interleaved(cuts: Vec<(usize, u64, u64)>, text: &str, tail: &[Act]) -> Vec<Act> {
    let mut script = Vec::new();
    let mut rest = text;
    for (cut, pause, stop) in cuts {
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        script.push(say(piece));
        script.extend([Wait(pause), Stop(stop)]);
        rest = after;
    }
    script.push(say(rest));
    script.extend_from_slice(tail);
    script
}

fn cuts() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    let stop = prop_oneof![Just(0), 1..200_u64, 2000..100_000_u64];
    prop::collection::vec((0..12_usize, 0..150_u64, stop), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A machine that tells its story within its time passes, however its output is cut, whichever
    /// connection brings the end first, and however long the harness is stopped.
    #[test]
    fn no_order_and_no_stop_changes_a_pass(cuts in cuts(), early in any::<bool>(), logged in 0..4_u32) {
        let tail = match early {
            true => vec![Off, Exits(logged), Die(0)],
            false => vec![Exits(logged), Off, Wait(20), Die(0)],
        };
        let script = interleaved(cuts, ALL, &tail);
        let ran = run(script.clone());
        prop_assert_eq!(ran.verdict, Verdict::Pass, "{:?}", script);
    }

    /// A machine that hangs somewhere in its story times out: never is what has come so far judged
    /// to be what it is not.
    #[test]
    fn wherever_it_hangs_it_is_a_timeout(cuts in cuts(), at in 0..ALL.len()) {
        let script = interleaved(cuts, &ALL[..at], &[]);
        let ran = run(script.clone());
        prop_assert!(matches!(ran.verdict, Verdict::Timeout { clock: Clock::Run, .. }), "{:?}: {:?}", ran.verdict, script);
    }
}
