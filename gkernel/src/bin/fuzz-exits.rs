//! Conformance: a random sequence of accesses, calls and privileged instructions. The run's number is the
//! seed, so that each sequence can be played again. Whatever the guest comes to, the host must not.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(fuzz);

#[cfg(target_os = "none")]
fn fuzz() {
    use gkernel::{arch, argument, fault, println};

    const STEPS: u32 = 48;

    println!("guest: seed {}", argument());
    fault::expect_exception(|| ());
    arch::skip_exceptions();
    let mut random = Random(argument().wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..STEPS {
        step(&mut random);
    }
}

#[cfg(target_os = "none")]
fn step(random: &mut Random) {
    use gkernel::{arch, touch};

    match random.below(8) {
        0 => drop(touch::load(random.address())),
        1 if random.below(4) == 0 => touch::store(random.address(), random.next() as u8),
        2 if random.below(4) == 0 => touch::execute(random.address()),
        3 | 4 => {
            let number = random.next() >> random.below(64);
            arch::call(number, random.next() >> random.below(64));
        }
        _ => {
            let (code, len) = arch::privileged_instruction(random.next());
            touch::run(&code[..len]);
        }
    }
}

/// Xorshift: enough, and the same everywhere.
#[cfg(target_os = "none")]
struct Random(u64);

#[cfg(target_os = "none")]
impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 32) % limit
    }

    /// A guest-physical address: more often than not a place that means something.
    fn address(&mut self) -> u64 {
        use gkernel::arch;

        let offset = self.next() & 0xFFFF;
        match self.below(6) {
            0 | 1 => arch::FLASH + offset,
            2 => arch::FREE_RAM.0 + (offset & 0xFFF),
            3 => arch::RAM_END - 0x8000 + offset,
            4 => 1 << self.below(40),
            _ => self.next() >> (24 + self.below(30)),
        }
    }
}
