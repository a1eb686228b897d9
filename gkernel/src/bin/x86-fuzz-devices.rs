//! Conformance, x86_64: random instructions at emulated devices, in memory and at ports. The run's number is the seed.
//! Whatever the guest comes to, the host must not.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(fuzz);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn fuzz() {
    gkernel::println!("CASE x86-fuzz-devices: FAILED there are no such devices here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn fuzz() {
    use gkernel::{arch, argument, println};

    const STEPS: u32 = 200;

    println!("guest: seed {}", argument());
    let mut state = argument().wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    // Xorshift.
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    for _ in 0..STEPS {
        let (code, len) = arch::instruction_at_device(&mut random);
        arch::try_in_kernel(&code[..len]);
    }
    println!("guest: {STEPS} instructions");
}
