//! Page faults of the guest's own tables. They are its own business: no exit, no hypervisor.

use core::{
    mem,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

/// Takes the address that faulted. Returns whether the access can be tried again.
pub type Handler = fn(address: u64) -> bool;

static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Sets the handler. Without one, a fault ends the guest.
pub fn set_handler(handler: Handler) {
    HANDLER.store(handler as *mut (), Ordering::Relaxed);
}

/// The number of faults so far.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

static EXPECTED: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// From now on an exception that is no page fault is what the guest is for: `then` is called, and if it
/// comes back, the guest goes on behind the instruction, or, where its length is not known, behind the
/// code of [`crate::touch::run`].
pub fn expect_exception(then: fn()) {
    EXPECTED.store(then as *mut (), Ordering::Relaxed);
}

/// The architecture calls this on each exception that it does not handle. Returns whether to go on.
#[cfg_attr(
    target_arch = "riscv64",
    expect(dead_code, reason = "ArceOS has the vectors there")
)]
pub(crate) fn is_expected() -> bool {
    let then = EXPECTED.load(Ordering::Relaxed);
    if !then.is_null() {
        // SAFETY: only `expect_exception` stores there, and what it stores is such a function.
        let then = unsafe { mem::transmute::<*mut (), fn()>(then) };
        then();
    }
    !then.is_null()
}

/// The architecture calls this on a page fault.
pub(crate) fn handle(address: u64) -> bool {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let handler = HANDLER.load(Ordering::Relaxed);
    if handler.is_null() {
        return false;
    }
    // SAFETY: only `set_handler` stores there, and what it stores is a `Handler`.
    let handler = unsafe { mem::transmute::<*mut (), Handler>(handler) };
    handler(address)
}
