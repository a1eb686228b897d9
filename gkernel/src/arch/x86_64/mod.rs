//! x86_64: a bare program in long mode with tables of its own, on the hypervisor's VMMCALL calls.

mod accesses;
mod apic;
pub mod bench;
mod com1;
mod debug;
mod features;
mod ioapic;
mod keys;
mod maps;
pub mod mmio;
mod paging;
mod probe;
pub mod process;
mod stacks;
mod start_state;
mod storm;
mod sweep;
pub mod switch;
mod task;
pub mod timer;
mod user;

use core::arch::{asm, global_asm};

use crate::{bare, fault, println, touch};

/// The guest-physical address of the flash.
pub const FLASH: u64 = 0xFFC0_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = false;

/// The end of RAM.
pub const RAM_END: u64 = 0x20_0000;

/// A run of RAM, by start and length, that holds nothing of the guest's.
pub const FREE_RAM: (u64, u64) = (0x10_0000, 0x8_0000);

/// The windows, each by its first and its last byte: the flash, RAM, and the flash where it is a copy of its image.
pub const WINDOWS: &[(u64, u64)] = &[
    (FLASH, FLASH + (3840 << 10) - 1),
    (0, RAM_END - 1),
    (FLASH, FLASH + (64 << 10) - 1),
];

/// The bits of a guest-physical address that the processor has.
pub const PHYSICAL_MASK: u64 = (1 << 40) - 1;

/// Where nothing is declared, and the machine has a device.
pub const UNDECLARED: u64 = 0xFEE0_0000;

/// Where nothing is declared, and the machine has RAM, which is the host's.
pub const HOST_RAM: u64 = 0x20_1000;

/// The error of a call that nobody defined.
pub const NOT_SUPPORTED: i64 = hv_abi::PSCI_NOT_SUPPORTED;

/// Where physical address 0 is in the high half. The compiler's code model wants the last 2 GiB.
#[doc(hidden)]
pub const OFFSET: u64 = 0xFFFF_FFFF_8000_0000;

/// Where gigabyte 3, with the flash, is.
const FLASH_OFFSET: u64 = 0xFFFF_FFFF_0000_0000;

/// An alias of a free page of RAM (0x18_0000), in a gigabyte that the tables leave out.
pub const DEMAND_PAGE: u64 = 0xFFFF_FFFF_4000_0000 + 0x18_0000;

/// Emits the guest's entry. The hypervisor has set the stack pointer and zeroed all of RAM.
#[doc(hidden)]
#[macro_export]
macro_rules! start_in_long_mode {
    () => {
        ::core::arch::global_asm!(
            include_str!("../arch/x86_64/start.S"),
            offset = const $crate::arch::OFFSET,
            fill_idt = sym $crate::arch::fill_idt,
            exception = sym $crate::arch::exception,
        );
    };
}

pub use crate::start_in_long_mode as start;
pub use accesses::ACCESSES;
pub use apic::check as check_apic;
pub use bare::print;
pub use com1::{check_uart, get_byte, read_console};
pub use debug::debug_exceptions;
pub use features::check_features;
pub use ioapic::check_io_apic;
pub use maps::try_permission_maps;
pub use mmio::instruction_at_device;
pub use paging::{map_demand_page, map_physical, map_user, set_root};
pub use probe::{KERNEL_PROBES, try_in_kernel};
pub use stacks::use_device_as_stack;
pub use start_state::{leave_traces, start_state};
pub use storm::exception_storm;
pub use sweep::{sweep_ports, sweep_registers};
pub use user::{USER_PROBES, try_in_user};

unsafe extern "C" {
    static mut guest_idt: [[u64; 2]; 64];
    static mut guest_pdpt: [u64; 512];
    static guest_argument: u64;
    static guest_exception_stubs: [[u8; 16]; 64];
}

/// Points each exception and each interrupt to its stub.
#[doc(hidden)]
pub extern "C" fn fill_idt() {
    for vector in 0..64 {
        set_gate(vector, stub(vector), 0);
    }
}

/// Where a vector's stub is.
fn stub(vector: usize) -> u64 {
    &raw const guest_exception_stubs as u64 + 16 * vector as u64
}

/// Points a vector to `handler`, on the stack of the task-state segment with that number, or on the
/// current one (0).
pub(crate) fn set_gate(vector: usize, handler: u64, stack: u64) {
    /// Present, ring 0, 64-bit interrupt gate, code segment 0x08.
    const GATE: u64 = 0x8E << 40 | 0x08 << 16;
    let low = GATE | stack << 32 | handler & 0xFFFF | (handler >> 16 & 0xFFFF) << 48;
    // SAFETY: interrupts are off, and nothing else refers to the table.
    unsafe { (&raw mut guest_idt[vector]).write([low, handler >> 32]) };
}

/// Prints the banner and the platform lines.
pub fn greet() {
    bare::greet("x86_64", "x86-pc");
}

/// Where the guest reaches the flash: our tables map it, uncached.
pub fn flash_address() -> u64 {
    FLASH_OFFSET + FLASH
}

/// The number from the run's parameters.
pub fn argument() -> u64 {
    // SAFETY: it is written once, at the entry.
    unsafe { guest_argument }
}

/// What a stub and the CPU leave on the stack, and what the guest goes back by.
#[doc(hidden)]
#[repr(C)]
pub struct Frame {
    vector: u64,
    _code: u64,
    pc: u64,
    cs: u64,
    flags: u64,
    sp: u64,
    ss: u64,
}

/// How many vectors are those of exceptions.
const EXCEPTIONS: u64 = 32;

/// The vector of a page fault (APM vol. 2 §8.2).
const PAGE_FAULT: u64 = 14;

/// Called on each exception and each interrupt.
#[doc(hidden)]
pub extern "C" fn exception(frame: &mut Frame) {
    let (vector, pc) = (frame.vector, frame.pc);
    if vector == timer::VECTOR.into() {
        return timer::on_interrupt();
    }
    if vector == com1::VECTOR.into() {
        return com1::on_interrupt();
    }
    if vector == ioapic::VECTOR.into() {
        return ioapic::on_interrupt();
    }
    if vector >= EXCEPTIONS {
        return apic::on_interrupt(vector);
    }
    let address = faulting_address();
    if vector == PAGE_FAULT && fault::handle(address) || probe::caught(frame) {
        return;
    }
    if vector == PAGE_FAULT {
        println!("guest: page fault at {address:#x}, pc {pc:#x}");
        give_up();
    }
    if fault::is_expected() {
        frame.pc = touch::behind_code();
        return;
    }
    println!("guest: exception {vector}, pc {pc:#x}");
    give_up()
}

fn faulting_address() -> u64 {
    let address;
    // SAFETY: reading CR2 changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    address
}

/// Has exceptions skipped from now on; here the handlers do that by themselves.
pub fn skip_exceptions() {}

/// Ends the guest.
pub fn shutdown() -> ! {
    call(hv_abi::PSCI_SYSTEM_OFF, 0);
    give_up()
}

/// Prints one byte.
pub fn putchar(byte: u8) {
    call(hv_abi::PUTCHAR, byte.into());
}

/// Ends the guest as one that has failed: it waits, and nothing is there to wake it.
pub fn give_up() -> ! {
    loop {
        // SAFETY: it waits, which the hypervisor takes as the end.
        unsafe { asm!("hlt", options(nostack)) };
    }
}

/// Makes a call and gives its answer.
pub fn call(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: the hypervisor changes no register but rax, and no memory of the guest.
    unsafe {
        asm!("vmmcall", inlateout("rax") number => result, in("rdi") argument, options(nostack));
    }
    result
}

/// Executes an instruction that does not exist.
pub fn touch_hypervisor_register() {
    // SAFETY: what it does to the guest is what the guest is for.
    unsafe { asm!("ud2") };
}

/// Reads an MSR of the machine's, the base of the local APIC.
pub fn touch_forbidden_register() {
    // SAFETY: as above.
    unsafe { asm!("rdmsr", in("ecx") 0x1B, out("eax") _, out("edx") _) };
}

/// Changes the registers of its own that it does not need.
pub fn change_system_registers() {
    // SAFETY: the guest has nothing in these; 0x10 is its data segment.
    unsafe {
        asm!(
            "mov fs, {data:x}",
            "mov gs, {data:x}",
            "mov cr2, {ones}",
            "mov dr0, {ones}",
            "mov dr1, {ones}",
            "mov dr2, {ones}",
            "mov dr3, {ones}",
            "mov dr7, {breakpoints}",
            "swapgs",
            data = in(reg) 0x10,
            ones = in(reg) u64::MAX,
            // All four are enabled, where no instruction is.
            breakpoints = in(reg) 0x4FF_u64,
        );
    }
    start_state::change_msrs();
}

/// The instruction that returns from a function.
pub const RETURN: &[u8] = &[0xC3];

/// Has instructions that were just written be seen by fetches.
pub fn synchronize_code() {
    // Stores are seen by later fetches at the jump (APM vol. 2 §7.6.1).
}

/// A random instruction of the kind that a hypervisor has to mind, made of random bits.
pub fn privileged_instruction(random: u64) -> ([u8; 8], usize) {
    // In front of the instruction: the number of an MSR, or of a port, in ECX and DX.
    const OPCODES: [&[u8]; 24] = [
        &[0x0F, 0x30],             // wrmsr
        &[0x0F, 0x32],             // rdmsr
        &[0x0F, 0x33],             // rdpmc
        &[0x0F, 0xA2],             // cpuid
        &[0x0F, 0x09],             // wbinvd
        &[0x0F, 0x08],             // invd
        &[0x0F, 0x01, 0xD8],       // vmrun
        &[0x0F, 0x01, 0xD9],       // vmmcall
        &[0x0F, 0x01, 0xDA],       // vmload
        &[0x0F, 0x01, 0xDC],       // stgi
        &[0x0F, 0x01, 0xDD],       // clgi
        &[0x0F, 0x01, 0xDF],       // invlpga
        &[0x0F, 0x01, 0xD1],       // xsetbv
        &[0x0F, 0x01, 0xC8],       // monitor
        &[0x0F, 0x22, 0xC0],       // mov cr0
        &[0x0F, 0x22, 0xE0],       // mov cr4
        &[0x44, 0x0F, 0x22, 0xC0], // mov cr8
        &[0x0F, 0x23, 0xF8],       // mov dr7
        &[0x0F, 0x06],             // clts
        &[0xEC],                   // in
        &[0xEE],                   // out
        &[0xF4],                   // hlt
        &[0xFB],                   // sti
        &[0xCD, 0x2E],             // int
    ];
    let opcode = match random >> 32 & 3 {
        3 => &(random as u32).to_le_bytes()[..],
        _ => OPCODES[(random >> 34) as usize % OPCODES.len()],
    };
    let mut bytes = [0; 8];
    bytes[..opcode.len()].copy_from_slice(opcode);
    (bytes, opcode.len())
}

global_asm!(include_str!("registers.S"));

unsafe extern "C" {
    fn guest_fill_registers_and_call(times: u64) -> u64;
    fn guest_fill_registers_and_spin(spin: *mut Spin) -> u64;
    fn guest_count_interrupt();
    static mut guest_spin: *mut Spin;
}

/// What `guest_fill_registers_and_spin` and its handler share.
#[repr(C)]
struct Spin {
    came: u64,
    wanted: u64,
    interval: u64,
}

/// Fills all registers, and runs code of every kind until that many timer interrupts came, `interval` ticks
/// apart. Gives 0, or the number of a register that has changed, as below; 54 is RFLAGS.
pub fn fill_registers_and_take_interrupts(wanted: u64, interval: u64) -> u64 {
    let mut spin = Spin {
        came: 0,
        wanted,
        interval,
    };
    timer::interrupts(false);
    timer::enable(true);
    // SAFETY: interrupts are off; the handler keeps what it uses, and `spin` is there until it is done.
    let changed = unsafe {
        guest_spin = &raw mut spin;
        set_gate(
            timer::VECTOR.into(),
            guest_count_interrupt as *const () as u64,
            0,
        );
        timer::arm(timer::now() + interval);
        guest_fill_registers_and_spin(&raw mut spin)
    };
    fill_idt();
    timer::disarm();
    changed
}

/// Fills all registers, makes that many calls, and looks at them again. Gives 0, or the number of one
/// that has changed: 1 and on for RCX, RDX, RSI, RDI, RBX, RBP, R8 and on; 32 and on for XMM0 and on; 48 for
/// PKRU, where the CPU has it; 49 and on for DR0 to DR3; 53 for any of the MSRs.
pub fn fill_registers_and_call(times: u64) -> u64 {
    const PKRU: u64 = 48;
    const DR0: u64 = 49;
    const MSRS: u64 = 53;
    const RIGHTS: u32 = 0x5A5A_5A58;
    let has_keys = keys::switch_on();
    if has_keys {
        keys::set_rights(RIGHTS);
    }
    start_state::change_msrs();
    let breakpoints = [1, 2, 3, 4].map(|n| 0x1234_5678_9000 + n);
    debug::set_breakpoints(breakpoints);
    // SAFETY: it keeps to the calling convention; the guest is built without floating point.
    let changed = unsafe { guest_fill_registers_and_call(times) };
    let found = debug::breakpoints();
    if changed != 0 {
        changed
    } else if has_keys && keys::rights() != RIGHTS {
        PKRU
    } else if let Some(at) = (0..4).find(|&at| found[at] != breakpoints[at]) {
        DR0 + at as u64
    } else if !start_state::msrs_are_changed() {
        MSRS
    } else {
        0
    }
}
