//! Instructions of the kernel's that the hypervisor has to deal with.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{
    probe::{Fate, Probe},
    touch,
};

/// Tried by the guest's kernel.
pub const KERNEL_PROBES: &[Probe] = &[Probe {
    name: "mrs x9, hcr_el2",
    code: &0xD53C_1109_u32.to_le_bytes(),
    expect: UNDEFINED,
}];

/// What is expected of an instruction that is not there: EC 0, IL 1 (Arm ARM, ESR_ELx).
pub(super) const UNDEFINED: Fate = Fate::Trapped(1 << 25);

/// No attempt is under way; it is, and nothing has come yet. Neither is a syndrome: ESR_EL1's upper bits are
/// zero then.
const IDLE: u64 = u64::MAX;
const NOTHING: u64 = u64::MAX - 1;

static CAUGHT: AtomicU64 = AtomicU64::new(IDLE);

/// Called on each exception; says whether an attempt made it. Of several, the first counts.
pub(super) fn caught(syndrome: u64) -> bool {
    match CAUGHT.load(Ordering::Relaxed) {
        IDLE => return false,
        NOTHING => CAUGHT.store(syndrome, Ordering::Relaxed),
        _ => {}
    }
    true
}

/// Does `attempt`, and says what became of it.
pub(super) fn watch(attempt: impl FnOnce()) -> Fate {
    CAUGHT.store(NOTHING, Ordering::Relaxed);
    attempt();
    match CAUGHT.swap(IDLE, Ordering::Relaxed) {
        NOTHING => Fate::WentOn,
        syndrome => Fate::Trapped(syndrome),
    }
}

/// Runs `code` in the kernel. The cause of an exception is ESR_EL1.
pub fn try_in_kernel(code: &[u8]) -> Fate {
    watch(|| touch::run(code))
}
