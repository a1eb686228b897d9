//! riscv64: an ArceOS application. ArceOS prints the banner and the platform lines, maps the flash
//! into its high half, and speaks SBI through its platform crate.

mod accesses;
pub mod bench;
mod encode;
pub mod mmio;
mod own;
pub mod plic;
mod probe;
pub mod process;
mod start_state;
mod sweep;
pub mod switch;
pub mod timer;
pub mod uart;
mod user;

use core::{
    arch::{asm, global_asm},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use axhal::{
    paging::MappingFlags,
    trap::{PAGE_FAULT, PageFaultFlags, register_trap_handler},
};

use crate::fault;

pub use accesses::ACCESSES;
pub use probe::{KERNEL_PROBES, try_in_kernel};
pub use start_state::{leave_traces, start_state};
pub use sweep::sweep_registers;
pub use user::{USER_PROBES, try_in_user};

// Linked for their runtime: boot code, allocator, panic handler; and the platform.
use axplat_riscv64_guest as _;
use axstd as _;

/// The guest-physical address of the flash.
pub const FLASH: u64 = 0x2200_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = true;

/// The end of RAM.
pub const RAM_END: u64 = 0x8100_0000;

/// A run of RAM, by start and length, that ArceOS's allocator has not come to.
pub const FREE_RAM: (u64, u64) = (0x80E0_0000, 0x8_0000);

/// The windows, each by its first and its last byte: the flash, RAM.
pub const WINDOWS: &[(u64, u64)] = &[(FLASH, FLASH + (32 << 20) - 1), (0x8000_0000, RAM_END - 1)];

/// The bits of a guest-physical address.
pub const PHYSICAL_MASK: u64 = u64::MAX;

/// Where nothing is declared, and the machine has a device.
pub const UNDECLARED: u64 = 0x1000_0000;

/// Where nothing is declared, and the machine has RAM, which is the host's.
pub const HOST_RAM: u64 = 0x8400_0000;

/// The error of a call that nobody defined.
pub const NOT_SUPPORTED: i64 = -2;

/// A page of ArceOS's kernel space that nothing maps.
pub const DEMAND_PAGE: u64 = 0xFFFF_FFC0_F000_0000;

/// Prints text.
pub fn print(text: core::fmt::Arguments<'_>) {
    axstd::print!("{text}");
}

/// Nothing: ArceOS has said it all.
pub fn greet() {}

/// Where the guest reaches the flash. ArceOS would map it at an offset that the kernel has to itself (so
/// that no address of the kernel's text is one of the hypervisor's); the story's line has this one.
pub fn flash_address() -> u64 {
    const ADDRESS: u64 = 0xFFFF_FFC0_2200_0000;
    const SIZE: usize = 32 << 20;
    static MAPPED: AtomicBool = AtomicBool::new(false);
    if !MAPPED.swap(true, Ordering::Relaxed) {
        let (at, flash) = ((ADDRESS as usize).into(), (FLASH as usize).into());
        let device = MappingFlags::READ | MappingFlags::DEVICE;
        axmm::kernel_aspace()
            .lock()
            .map_linear(at, flash, SIZE, device)
            .expect("nothing else is mapped there");
        axhal::asm::flush_tlb(None);
    }
    ADDRESS
}

/// Where the kernel has devices: each at its guest-physical address from here on.
const DEVICES: u64 = 0xFFFF_FFC0_0000_0000;

/// Maps a device there.
fn map_device(physical: u64, size: usize) {
    let (at, physical) = ((DEVICES + physical) as usize, physical as usize);
    let device = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::DEVICE;
    axmm::kernel_aspace()
        .lock()
        .map_linear(at.into(), physical.into(), size, device)
        .expect("nothing else is mapped there");
    axhal::asm::flush_tlb(None);
}

/// Maps a new page at `address`, if that is the demand page.
pub fn map_demand_page(address: u64) -> bool {
    if address & !0xFFF != DEMAND_PAGE {
        return false;
    }
    let rw = MappingFlags::READ | MappingFlags::WRITE;
    let page = (DEMAND_PAGE as usize).into();
    let mapped = axmm::kernel_aspace()
        .lock()
        .map_alloc(page, 0x1000, rw, true)
        .is_ok();
    axhal::asm::flush_tlb(Some(page));
    mapped
}

/// An address at which `physical` can be loaded, stored and executed. Each page is mapped anew, unless
/// it is the one of the last call.
pub fn map_physical(physical: u64) -> u64 {
    static LAST: (AtomicU64, AtomicU64) = (AtomicU64::new(u64::MAX), AtomicU64::new(FIRST));
    const FIRST: u64 = 0xFFFF_FFD0_0000_0000;
    // Two pages, for an access across the edge between them.
    const SIZE: u64 = 0x2000;
    let (page, offset) = (physical & !0xFFF, physical & 0xFFF);
    if LAST.0.swap(page, Ordering::Relaxed) != page {
        let address = LAST.1.fetch_add(SIZE, Ordering::Relaxed) + SIZE;
        let all = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::EXECUTE;
        let (at, page) = ((address as usize).into(), (page as usize).into());
        let mut space = axmm::kernel_aspace().lock();
        space
            .map_linear(at, page, SIZE as usize, all)
            .expect("the pages are free");
        axhal::asm::flush_tlb(None);
    }
    LAST.1.load(Ordering::Relaxed) + offset
}

/// Points the guest's own tables to a root at `physical`, and goes on from there.
pub fn set_root(physical: u64) {
    // SAFETY: this is what the guest is for; with a root outside RAM nothing comes back.
    unsafe { axhal::asm::write_kernel_page_table((physical as usize).into()) };
    axhal::asm::flush_tlb(None);
}

/// The number from the run's parameters.
pub fn argument() -> u64 {
    axplat_riscv64_guest::argument()
}

/// Makes an SBI call: extension, function and two arguments. Gives its error and its value.
pub fn sbi_call(extension: u64, function: u64, arguments: [u64; 3]) -> (i64, u64) {
    let (error, value);
    // SAFETY: the hypervisor changes no register but a0 and a1, and no memory of the guest.
    unsafe {
        asm!(
            "ecall",
            in("a7") extension,
            in("a6") function,
            inlateout("a0") arguments[0] => error,
            inlateout("a1") arguments[1] => value,
            in("a2") arguments[2],
            options(nostack),
        );
    }
    (error, value)
}

/// Makes a call and gives its answer: for a call that nobody defined, the error.
pub fn call(number: u64, argument: u64) -> u64 {
    sbi_call(number, 0, [argument, 0, 0]).0 as u64
}

/// Whether the guest is to listen to its UART: the run's number says so.
fn has_uart() -> bool {
    argument() != 0
}

/// The next byte that was typed, by the UART if it is given one, and else by SBI 0.1's call.
pub fn get_byte() -> Option<u8> {
    if has_uart() {
        return uart::get_byte();
    }
    let (byte, _) = sbi_call(2, 0, [0; 3]);
    u8::try_from(byte).ok()
}

/// Reads what was typed into `bytes`, by the UART's interrupt or SBI's debug console, and gives how many bytes that is.
pub fn read_console(bytes: &mut [u8]) -> usize {
    if has_uart() {
        return uart::read_console(bytes);
    }
    const DBCN: u64 = 0x4442_434E;
    let address = bytes.as_mut_ptr() as usize;
    let physical = axhal::mem::virt_to_phys(address.into()).as_usize() as u64;
    let (error, count) = sbi_call(DBCN, 1, [bytes.len() as u64, physical, 0]);
    if error == 0 { count as usize } else { 0 }
}

/// Has its software interrupt pending (sip.SSIP).
pub fn raise_software_interrupt() {
    // SAFETY: sstatus.SIE is off, so nothing is interrupted.
    unsafe { asm!("csrsi sip, 2", options(nostack)) };
}

/// Whether its software interrupt was pending; it is not any more.
pub fn take_software_interrupt() -> bool {
    const SSIP: u64 = 1 << 1;
    let pending: u64;
    // SAFETY: sstatus.SIE is off, so nothing is interrupted.
    unsafe { asm!("csrrc {}, sip, {}", out(reg) pending, in(reg) SSIP, options(nostack)) };
    pending & SSIP != 0
}

/// Enables its software interrupt by itself (sie.SSIE), or not.
pub fn enable_software_interrupt(on: bool) {
    const SSIE: u64 = 1 << 1;
    // SAFETY: as above.
    unsafe {
        if on {
            asm!("csrs sie, {}", in(reg) SSIE, options(nostack));
        } else {
            asm!("csrc sie, {}", in(reg) SSIE, options(nostack));
        }
    }
}

/// Waits for an interrupt.
pub fn wait() {
    // SAFETY: sstatus.SIE is off, so it goes on behind the instruction, if it does.
    unsafe { asm!("wfi", options(nostack)) };
}

/// Ends the guest as one that has failed: it waits, and nothing is there to wake it.
pub fn give_up() -> ! {
    // The hypervisor takes the wait as the end.
    loop {
        wait();
    }
}

#[register_trap_handler(PAGE_FAULT)]
fn on_page_fault(address: axhal::mem::VirtAddr, _access: PageFaultFlags) -> bool {
    fault::handle(address.as_usize() as u64)
}

/// Ends the guest: SBI's system reset.
pub fn shutdown() -> ! {
    axhal::power::system_off()
}

/// Reads a register of the hypervisor extension.
pub fn touch_hypervisor_register() {
    // SAFETY: what it does to the guest is what the guest is for.
    unsafe { asm!("csrr {}, hstatus", out(reg) _) };
}

/// Reads `stimecmp`, which the hypervisor hides (henvcfg.STCE).
pub fn touch_forbidden_register() {
    // SAFETY: as above.
    unsafe { asm!("csrr {}, 0x14D", out(reg) _) };
}

/// Changes the CSRs of its own that it does not need.
pub fn change_system_registers() {
    // SAFETY: ArceOS keeps nothing in these while it does not trap, and has no user mode.
    unsafe {
        asm!(
            "csrw sscratch, {ones}",
            "csrw scounteren, {ones}",
            "csrw senvcfg, {ones}",
            "csrw sepc, {ones}",
            "csrw scause, {ones}",
            "csrw stval, {ones}",
            ones = in(reg) u64::MAX,
        );
    }
}

/// `siselect`, which only a hart with Ssaia (or Sscsrind) has.
pub fn siselect() -> u64 {
    let value;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("csrr {}, 0x150", out(reg) value, options(nostack)) };
    value
}

/// Sets `siselect`.
pub fn set_siselect(value: u64) {
    // SAFETY: nobody uses what it selects.
    unsafe { asm!("csrw 0x150, {}", in(reg) value, options(nostack)) };
}

/// The instruction that returns from a function.
pub const RETURN: &[u8] = &0x8067_u32.to_le_bytes();

/// Has instructions that were just written be seen by fetches.
pub fn synchronize_code() {
    // SAFETY: it changes no meaning.
    unsafe { asm!("fence.i", options(nostack)) };
}

/// A random instruction of the kind that a hypervisor has to mind, made of random bits.
pub fn privileged_instruction(random: u64) -> ([u8; 8], usize) {
    const SYSTEM: u32 = 0x73;
    let bits = random as u32;
    let word = match random >> 32 & 3 {
        // A CSR instruction: any CSR, operation and registers that no one needs (x5, x6).
        0 => SYSTEM | 5 << 7 | (1 + bits % 3) << 12 | 6 << 15 | (bits >> 20) << 20,
        // The same with a CSR of the hypervisor's (0x6xx) or of VS-mode's (0x2xx), of which few exist.
        1 => {
            let csr = [0x200, 0x204, 0x205, 0x280, 0x600, 0x602, 0x606, 0x680];
            let csr = csr[(bits >> 20) as usize % csr.len()];
            SYSTEM | 5 << 7 | (1 + bits % 3) << 12 | 6 << 15 | csr << 20
        }
        // ECALL, WFI, SRET, HFENCE, HLV and their kin.
        2 => SYSTEM | (bits & 0x7FF) << 20 | (bits >> 11 & 1) << 14 | 6 << 15,
        _ => bits,
    };
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&word.to_le_bytes());
    (bytes, 4)
}

/// Has exceptions skipped from now on, and ArceOS's handlers with them.
pub fn skip_exceptions() {
    // SAFETY: the vector is a whole handler, aligned to 4.
    unsafe { asm!("csrw stvec, {}", in(reg) guest_skip_instruction as *const () as u64) };
}

global_asm!(include_str!("registers.S"));

unsafe extern "C" {
    fn guest_skip_instruction();
    fn guest_fill_registers_and_call(times: u64) -> u64;
    fn guest_fill_registers_and_spin(spin: *mut Spin) -> u64;
}

/// What `guest_fill_registers_and_spin` and its handler share.
#[repr(C)]
struct Spin {
    came: u64,
    wanted: u64,
    is_called: u64,
    interval: u64,
    room: [u64; 5],
}

/// Fills all registers, and runs code of every kind until that many timer interrupts came, `interval` ticks
/// apart. Gives 0, or the number of a register that has changed, as below; 64 is fcsr.
pub fn fill_registers_and_take_interrupts(wanted: u64, interval: u64) -> u64 {
    let mut spin = Spin {
        came: 0,
        wanted,
        is_called: timer::is_called().into(),
        interval,
        room: [0; 5],
    };
    timer::interrupts(false);
    timer::enable(true);
    timer::arm(timer::now() + interval);
    // SAFETY: as below; it puts stvec and sscratch back, and leaves interrupts off.
    let changed = unsafe { guest_fill_registers_and_spin(&raw mut spin) };
    timer::disarm();
    changed
}

/// Fills all registers, makes that many calls, and looks at them again. Gives 0, or the number of one
/// that has changed: 1 to 31 for x1 to x31, 32 and on for f0 and on, 64 and on for CSRs.
pub fn fill_registers_and_call(times: u64) -> u64 {
    // SAFETY: it keeps to the calling convention, and gp and tp are put back.
    own::kept_over(|| unsafe { guest_fill_registers_and_call(times) })
}
