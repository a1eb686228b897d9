//! x86_64: a bare program in long mode with tables of its own, on the hypervisor's VMMCALL calls.

mod probe;
mod start_state;
mod user;

use core::arch::{asm, global_asm};

use crate::{FlashRead, bare, fault, println, touch};

/// The guest-physical address of the flash.
pub const FLASH: u64 = 0xFFC0_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = false;

/// The end of RAM.
pub const RAM_END: u64 = 0x20_0000;

/// A run of RAM, by start and length, that holds nothing of the guest's.
pub const FREE_RAM: (u64, u64) = (0x10_0000, 0x8_0000);

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
            page_fault = sym $crate::arch::page_fault,
            other_exception = sym $crate::arch::other_exception,
        );
    };
}

pub use crate::start_in_long_mode as start;
pub use bare::print;
pub use probe::{KERNEL_PROBES, try_in_kernel};
pub use start_state::{leave_traces, start_state};
pub use user::{USER_PROBES, try_in_user};

unsafe extern "C" {
    static mut guest_idt: [[u64; 2]; 32];
    static mut guest_pdpt: [u64; 512];
    static guest_argument: u64;
    fn guest_page_fault();
    fn guest_other_exception();
    fn guest_exception_with_code();
}

/// Points the page fault (14) to its handler and everything else to the end.
#[doc(hidden)]
pub extern "C" fn fill_idt() {
    /// Present, ring 0, 64-bit interrupt gate, code segment 0x08.
    const GATE: u64 = 0x8E << 40 | 0x08 << 16;
    const PAGE_FAULT: usize = 14;
    /// #DF, #TS, #NP, #SS, #GP, #AC, #CP (APM vol. 2 §8.2).
    const WITH_ERROR_CODE: [usize; 7] = [8, 10, 11, 12, 13, 17, 21];
    let gate = |handler: unsafe extern "C" fn()| {
        let address = handler as *const () as u64;
        [
            GATE | address & 0xFFFF | (address >> 16 & 0xFFFF) << 48,
            address >> 32,
        ]
    };
    let mut gates = [gate(guest_other_exception); 32];
    for vector in WITH_ERROR_CODE {
        gates[vector] = gate(guest_exception_with_code);
    }
    gates[PAGE_FAULT] = gate(guest_page_fault);
    // SAFETY: interrupts are off and no exception has come; nothing else refers to the table.
    unsafe { guest_idt = gates };
}

/// Prints the banner and the platform lines.
pub fn greet() {
    bare::greet("x86_64", "x86-pc");
}

/// Loads the flash's first word.
pub fn read_flash() -> FlashRead {
    let address = FLASH_OFFSET + FLASH;
    // SAFETY: the hypervisor declares a flash there, which may be read at any time, and our tables
    // map it, uncached.
    let word = unsafe { (address as *const u32).read_volatile() };
    FlashRead { address, word }
}

/// Maps the gigabyte of the demand page, as an alias of RAM.
pub fn map_demand_page(address: u64) -> bool {
    const GIGABYTE: u64 = 1 << 30;
    if address / GIGABYTE != DEMAND_PAGE / GIGABYTE {
        return false;
    }
    map_gigabyte((address >> 30) as usize % 512, 0);
    true
}

/// An address at which `physical` can be loaded, stored and executed. One at a time: each call takes
/// the place of the last.
pub fn map_physical(physical: u64) -> u64 {
    const GIGABYTE: u64 = 1 << 30;
    const INDEX: usize = 508;
    map_gigabyte(INDEX, physical - physical % GIGABYTE);
    0xFFFF_FFFF_0000_0000 + physical % GIGABYTE
}

fn map_gigabyte(index: usize, physical: u64) {
    // SAFETY: the entries that are written map nothing that Rust has references to; loading CR3 drops
    // what the TLB knew of the last mapping there.
    unsafe {
        (&raw mut guest_pdpt[index]).write_volatile(physical | 0x83);
        asm!("mov {tmp}, cr3", "mov cr3, {tmp}", tmp = out(reg) _, options(nostack));
    }
}

/// Points the guest's own tables to a root at `physical`, and goes on from there.
pub fn set_root(physical: u64) {
    // SAFETY: this is what the guest is for; with a root outside RAM nothing comes back.
    unsafe { asm!("mov cr3, {}", in(reg) physical) };
}

/// The number from the run's parameters.
pub fn argument() -> u64 {
    // SAFETY: it is written once, at the entry.
    unsafe { guest_argument }
}

/// Called on a page fault; comes back if the access can be tried again.
#[doc(hidden)]
pub extern "C" fn page_fault(address: u64, pc: u64) {
    if !fault::handle(address) {
        println!("guest: page fault at {address:#x}, pc {pc:#x}");
        give_up();
    }
}

/// Called on any other exception with the program counter; gives the one to go on at.
#[doc(hidden)]
pub extern "C" fn other_exception(pc: u64) -> u64 {
    if fault::is_expected() {
        return touch::behind_code();
    }
    println!("guest: exception, pc {pc:#x}");
    give_up()
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
            "swapgs",
            data = in(reg) 0x10,
            ones = in(reg) u64::MAX,
        );
    }
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
}

/// Fills all registers, makes that many calls, and looks at them again. Gives 0, or the number of one
/// that has changed: 1 and on for RCX, RDX, RSI, RDI, RBX, RBP, R8 and on; 32 and on for XMM0 and on.
pub fn fill_registers_and_call(times: u64) -> u64 {
    // SAFETY: it keeps to the calling convention; the guest is built without floating point.
    unsafe { guest_fill_registers_and_call(times) }
}
