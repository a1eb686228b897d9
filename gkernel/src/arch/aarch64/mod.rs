//! aarch64: a bare program at EL1 with tables of its own, on HVC calls; or, in the simpler mode, at
//! EL0 without, on SVC calls.

mod accesses;
pub mod bench;
mod el0;
mod encode;
mod features;
pub mod gic;
pub mod mmio;
mod own;
mod probe;
pub mod process;
mod sgi;
mod start_state;
mod sweep;
pub mod switch;
mod tables;
pub mod timer;
mod uart;
mod user;

use core::{
    arch::{asm, global_asm},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{bare, fault, println};

/// The guest-physical address of the flash.
pub const FLASH: u64 = 0x0400_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = false;

/// The end of RAM.
pub const RAM_END: u64 = 0x4040_0000;

/// A run of RAM, by start and length, that holds nothing of the guest's.
pub const FREE_RAM: (u64, u64) = (0x4030_0000, 0x8_0000);

/// The windows, each by its first and its last byte: the flash, RAM, the stack.
pub const WINDOWS: &[(u64, u64)] = &[
    (FLASH, FLASH + (64 << 20) - 1),
    (0x4020_0000, RAM_END - 1),
    (0x4100_0000, 0x4100_7FFF),
];

/// The bits of a guest-physical address.
pub const PHYSICAL_MASK: u64 = u64::MAX;

/// Where nothing is declared, and the machine has a device.
pub const UNDECLARED: u64 = 0x0900_0000;

/// Where nothing is declared, and the machine has RAM, which is the host's.
pub const HOST_RAM: u64 = 0x4200_0000;

/// The error of a call that nobody defined.
pub const NOT_SUPPORTED: i64 = hv_abi::PSCI_NOT_SUPPORTED;

/// The start of the high half, 39 bits wide: physical address 0 is there.
#[doc(hidden)]
pub const OFFSET: u64 = 0xFFFF_FF80_0000_0000;

/// An alias of the last page of RAM (0x403F_F000), in a gigabyte that the tables leave out.
pub const DEMAND_PAGE: u64 = OFFSET + 0x8000_0000 + 0x003F_F000;

/// Device-nGnRE as attribute 0, normal write-back as attribute 1.
#[doc(hidden)]
pub const MAIR: u64 = 0x04 | 0xFF << 8;
/// Both halves 39 bits wide (T0SZ, T1SZ 25), 4 KiB, write-back walks, 48-bit output (IPS 5).
#[doc(hidden)]
pub const TCR: u64 =
    25 | 1 << 8 | 1 << 10 | 3 << 12 | 25 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30 | 5 << 32;
/// The same, with walks of the low half off (EPD0).
#[doc(hidden)]
pub const TCR_HIGH_ONLY: u64 = TCR | 1 << 7;
/// Translation and caches on: M, C, I, and the bits that are 1 by definition.
#[doc(hidden)]
pub const SCTLR: u64 = 0x30D0_0800 | 1 << 0 | 1 << 2 | 1 << 12;

/// The number from the run's parameters, set at the entry.
#[unsafe(export_name = "guest_argument")]
#[unsafe(link_section = ".data")]
static ARGUMENT: AtomicU64 = AtomicU64::new(0);

static AT_EL0: AtomicBool = AtomicBool::new(false);

/// Emits the entry of a guest at EL1.
#[doc(hidden)]
#[macro_export]
macro_rules! start_at_el1 {
    () => {
        ::core::arch::global_asm!(
            include_str!("../arch/aarch64/start.S"),
            mair = const $crate::arch::MAIR,
            tcr = const $crate::arch::TCR,
            tcr_high_only = const $crate::arch::TCR_HIGH_ONLY,
            sctlr = const $crate::arch::SCTLR,
            offset = const $crate::arch::OFFSET,
            exception = sym $crate::arch::exception,
        );
    };
}

/// Emits the entry of a guest at EL0. The hypervisor has set the stack pointer and zeroed all of RAM.
#[doc(hidden)]
#[macro_export]
macro_rules! start_at_el0 {
    () => {
        ::core::arch::global_asm!(
            ".section .text.boot, \"ax\"",
            ".global _start",
            "_start:",
            "bl     {note}",
            "bl     main",
            "brk    #1", // `main` shuts down
            note = sym $crate::arch::note_el0,
        );
    };
}

pub use crate::{start_at_el0, start_at_el1 as start};
pub use accesses::ACCESSES;
pub use bare::print;
pub use el0::EL0_ATTEMPTS;
pub use features::wrong_features;
pub use probe::{KERNEL_PROBES, try_in_kernel};
pub use sgi::{check as check_own_interrupts, fire_masked as fire_masked_beside_own};
pub use start_state::{leave_traces, start_state};
pub use sweep::sweep_registers;
pub use tables::{map_demand_page, map_physical, map_user, map_user_low, set_root};
pub use uart::{UART, get_byte, read_console};
pub use user::{USER_PROBES, try_in_aarch32, try_in_user};

/// Called first thing at EL0.
#[doc(hidden)]
pub extern "C" fn note_el0(_device_tree: u64, argument: u64) {
    AT_EL0.store(true, Ordering::Relaxed);
    ARGUMENT.store(argument, Ordering::Relaxed);
}

/// The number from the run's parameters.
pub fn argument() -> u64 {
    ARGUMENT.load(Ordering::Relaxed)
}

fn at_el0() -> bool {
    AT_EL0.load(Ordering::Relaxed)
}

/// Prints the banner and the platform lines.
pub fn greet() {
    bare::greet("aarch64", "aarch64-qemu-virt");
}

/// Where the guest reaches the flash: at EL1 our tables map it as a device, at EL0 there are none.
pub fn flash_address() -> u64 {
    if at_el0() { FLASH } else { OFFSET + FLASH }
}

/// What the vectors keep of an exception at the end of their frame, and go back by.
#[doc(hidden)]
#[repr(C)]
pub struct Frame {
    pc: u64,
    pstate: u64,
}

impl Frame {
    const FROM_EL1: u64 = 4;
    const FROM_EL0: u64 = 8;
    const FROM_AARCH32: u64 = 12;

    /// The number of the vector by which a synchronous exception comes from where this one was.
    fn vector(&self) -> u64 {
        match self.pstate & 0b1_1111 {
            0b0_0000 => Self::FROM_EL0,
            0b1_0000 => Self::FROM_AARCH32,
            _ => Self::FROM_EL1,
        }
    }
}

/// The vectors of interrupts.
const INTERRUPT_AT_EL1: u64 = 5;
const INTERRUPT_AT_EL0: u64 = 9;

/// PSTATE of the kernel: EL1 on SP_EL1, with D, A, I and F masked.
const SPSR_EL1H_MASKED: u64 = 0b1111 << 6 | 0b0101;

/// Called by the vectors with the number of the vector.
#[doc(hidden)]
pub extern "C" fn exception(vector: u64, frame: &mut Frame) {
    const INSTRUCTION: u64 = 4;
    const DATA_ABORT_AT_EL1: u64 = 0x25;
    if let INTERRUPT_AT_EL1 | INTERRUPT_AT_EL0 = vector {
        return gic::on_interrupt();
    }
    let (syndrome, address): (u64, u64);
    // SAFETY: reading these registers changes nothing.
    unsafe {
        asm!("mrs {}, esr_el1", out(reg) syndrome, options(nostack));
        asm!("mrs {}, far_el1", out(reg) address, options(nostack));
    }
    let data_abort = vector == Frame::FROM_EL1 && syndrome >> 26 == DATA_ABORT_AT_EL1;
    if data_abort && fault::handle(address) {
        return;
    }
    if vector == frame.vector() && probe::caught(syndrome) {
        match vector {
            Frame::FROM_EL0 | Frame::FROM_AARCH32 => user::back_from_el0(frame),
            _ => frame.pc += INSTRUCTION,
        }
        return;
    }
    if fault::is_expected() {
        frame.pc += INSTRUCTION;
        return;
    }
    let pc = frame.pc;
    println!("guest: exception {vector} syndrome {syndrome:#x} address {address:#x} pc {pc:#x}");
    give_up();
}

/// Ends the guest.
pub fn shutdown() -> ! {
    match at_el0() {
        true => svc(hv_abi::EXIT, 0),
        false => call(hv_abi::PSCI_SYSTEM_OFF, 0),
    };
    give_up()
}

/// Prints one byte.
pub fn putchar(byte: u8) {
    match at_el0() {
        true => svc(hv_abi::PUTCHAR, byte.into()),
        false => call(hv_abi::HVC_PUTCHAR, byte.into()),
    };
}

/// Ends the guest as one that has failed: by a call for which nobody waits, WFI with nothing to come.
pub fn give_up() -> ! {
    loop {
        // SAFETY: it waits, which the hypervisor takes as the end.
        unsafe { asm!("wfi", options(nostack)) };
    }
}

fn svc(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: the hypervisor changes no register but x0, and no memory of the guest.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") argument => result, options(nostack));
    }
    result
}

/// Makes a call by HVC and gives its answer.
pub fn call(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: as for `svc`.
    unsafe {
        asm!("hvc #0", inlateout("x0") number => result, in("x1") argument, options(nostack));
    }
    result
}

/// Makes a call by HVC, or by SMC, with up to three arguments.
pub fn call_with(number: u64, arguments: [u64; 3], by_smc: bool) -> u64 {
    let [first, second, third] = arguments;
    let mut result = number;
    // SAFETY: as for `svc`.
    unsafe {
        if by_smc {
            asm!("smc #0", inlateout("x0") result, in("x1") first, in("x2") second,
                in("x3") third, options(nostack));
        } else {
            asm!("hvc #0", inlateout("x0") result, in("x1") first, in("x2") second,
                in("x3") third, options(nostack));
        }
    }
    result
}

/// Reads a register of EL2.
pub fn touch_hypervisor_register() {
    // SAFETY: what it does to the guest is what the guest is for.
    unsafe { asm!("mrs {}, hcr_el2", out(reg) _) };
}

/// Reads the physical timer's control register, which the hypervisor traps (CNTHCTL_EL2).
pub fn touch_forbidden_register() {
    // SAFETY: as above.
    unsafe { asm!("mrs {}, cntp_ctl_el0", out(reg) _) };
}

/// Changes the system registers of its own that it does not need.
pub fn change_system_registers() {
    // SAFETY: the guest has nothing in these.
    unsafe {
        asm!(
            "msr tpidr_el0, {ones}",
            "msr tpidrro_el0, {ones}",
            "msr tpidr_el1, {ones}",
            "msr sp_el0, {ones}",
            "msr contextidr_el1, {ones}",
            "msr par_el1, {ones}",
            "msr far_el1, {ones}",
            "msr esr_el1, {ones}",
            "msr afsr0_el1, {ones}",
            "msr afsr1_el1, {ones}",
            "msr amair_el1, {ones}",
            "msr elr_el1, {ones}",
            "msr spsr_el1, {ones}",
            "msr csselr_el1, {ones}",
            "msr cntkctl_el1, {ones}",
            "msr cntv_cval_el0, {ones}",
            "msr cntv_ctl_el0, {timer}",
            "msr ttbr0_el1, {ones}",
            "isb",
            ones = in(reg) u64::MAX,
            timer = in(reg) 0b11_u64, // on, masked
        );
    }
}

/// The instruction that returns from a function.
pub const RETURN: &[u8] = &0xD65F_03C0_u32.to_le_bytes();

/// Has instructions that were just written be seen by fetches.
pub fn synchronize_code() {
    // SAFETY: it changes no meaning.
    unsafe { asm!("dsb ish", "ic iallu", "dsb ish", "isb", options(nostack)) };
}

/// A random instruction of the kind that a hypervisor has to mind, made of random bits.
pub fn privileged_instruction(random: u64) -> ([u8; 8], usize) {
    const SYSTEM: u32 = 0xD500_0000;
    let bits = random as u32;
    let word = match random >> 32 & 3 {
        // MRS, MSR, SYS and hints: any register of the system's, to and from x9.
        0 | 1 => SYSTEM | bits & 0x003F_FFE0 | 9,
        // SVC, HVC, SMC, BRK, ERET and their kin.
        2 => 0xD400_0000 | bits & 0x02E0_001F,
        _ => bits,
    };
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&word.to_le_bytes());
    (bytes, 4)
}

/// Has exceptions skipped from now on; here the vectors do that by themselves.
pub fn skip_exceptions() {}

global_asm!(include_str!("registers.S"));

unsafe extern "C" {
    fn guest_fill_registers_and_call(times: u64) -> u64;
    fn guest_fill_registers_and_spin(spin: *mut Spin) -> u64;
}

/// What `guest_fill_registers_and_spin` and its handler share.
#[repr(C)]
struct Spin {
    came: u64,
    wanted: u64,
    interval: u64,
    cpu_interface: u64,
}

/// Fills all registers, and runs code of every kind until that many timer interrupts came, `interval` ticks
/// apart. Gives 0, or the number of a register that has changed, as below; 64 is FPCR, 65 FPSR.
pub fn fill_registers_and_take_interrupts(wanted: u64, interval: u64) -> u64 {
    let mut spin = Spin {
        came: 0,
        wanted,
        interval,
        cpu_interface: gic::GICC,
    };
    timer::interrupts(false);
    timer::enable(true);
    timer::arm(timer::now() + interval);
    // SAFETY: it keeps to the calling convention, puts VBAR_EL1 back, and leaves interrupts off. The guest is
    // built without floating point, and has nothing in TPIDR_EL1.
    let changed = unsafe { guest_fill_registers_and_spin(&raw mut spin) };
    timer::disarm();
    changed
}

/// Fills all registers, makes that many calls, and looks at them again. Gives 0, or the number of one
/// that has changed: 1 to 30 for x1 to x30, 32 and on for v0 and on, 64 and on for system registers.
pub fn fill_registers_and_call(times: u64) -> u64 {
    // SAFETY: it keeps to the calling convention; the guest is built without floating point.
    own::kept_over(|| unsafe { guest_fill_registers_and_call(times) })
}
