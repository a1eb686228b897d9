//! Conformance, aarch64: a process that gets into AArch32, which no guest is shown, harms neither the host
//! nor its kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(run);

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
fn run() {
    gkernel::println!("CASE user-32-bit: FAILED this is for aarch64");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn run() {
    use gkernel::{arch, case, probe::Fate};

    // mov r0, #0x4000000; subs r0, r0, #1; bne the line before: long enough for the host's tick.
    const LOOP: [u32; 3] = [0xE3A0_0301, 0xE250_0001, 0x1AFF_FFFD];
    // wfi, which HCR_EL2.TWI traps; and what its kernel gets.
    const WFI: u32 = 0xE320_F003;
    const UNDEFINED: Fate = Fate::Trapped(1 << 25);

    let mut code = [0; 12];
    for (bytes, word) in code.chunks_mut(4).zip(LOOP) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let looped = arch::try_in_aarch32(&code);
    let trapped = arch::try_in_aarch32(&WFI.to_le_bytes());
    let fates = (looped, trapped);
    case!(
        "user-32-bit",
        fates == (Fate::WentOn, UNDEFINED),
        "{fates:x?}"
    );
}
