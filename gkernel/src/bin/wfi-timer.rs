//! Conformance, aarch64: WFI goes on when the virtual timer has fired, and comes back for one that will.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(wait);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn wait() {
    gkernel::println!("CASE wfi-timer: FAILED there is no timer here");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn wait() {
    use gkernel::{arch, arch::timer, case};

    /// CPU_SUSPEND, to a standby state.
    const CPU_SUSPEND: u64 = 0x8400_0001;

    timer::arm(timer::now());
    timer::wait();
    let suspended = arch::call_with(CPU_SUSPEND, [0; 3], false);

    // Longer than what it may compute without progress: waiting is not computing.
    let (begin, delay) = (timer::now(), timer::frequency() / 2);
    timer::arm(begin + delay);
    let mut waits = 0;
    while !timer::has_fired() {
        timer::wait();
        waits += 1;
    }
    let waited = timer::now() - begin;

    // CPU_SUSPEND waits as well.
    timer::arm(timer::now() + timer::frequency() / 4);
    let mut suspends = 0;
    while !timer::has_fired() {
        arch::call_with(CPU_SUSPEND, [0; 3], false);
        suspends += 1;
    }
    // The host's tick ends a wait, every 10 ms.
    let well = suspended == 0 && waited >= delay && waits < 1000 && suspends < 500;
    case!(
        "wfi-timer",
        well,
        "{waits} waits, {waited} of {delay} ticks, CPU_SUSPEND {suspended:#x}, {suspends} times"
    );
}
