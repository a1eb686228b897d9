//! riscv64: an ArceOS application. ArceOS prints the banner and the platform lines, maps the flash
//! into its high half, and speaks SBI through its platform crate.

use axhal::{
    mem::phys_to_virt,
    paging::MappingFlags,
    trap::{PAGE_FAULT, PageFaultFlags, register_trap_handler},
};

use crate::{FlashRead, fault};

// Linked for their runtime: boot code, allocator, panic handler; and the platform.
use axplat_riscv64_guest as _;
use axstd as _;

/// The guest-physical address of the flash.
pub const FLASH: u64 = 0x2200_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = true;

/// A page of ArceOS's kernel space that nothing maps.
pub const DEMAND_PAGE: u64 = 0xFFFF_FFC0_F000_0000;

/// Prints text.
pub fn print(text: core::fmt::Arguments<'_>) {
    axstd::print!("{text}");
}

/// Nothing: ArceOS has said it all.
pub fn greet() {}

/// Loads the flash's first word, through both stages of translation.
pub fn read_flash() -> FlashRead {
    let address = phys_to_virt((FLASH as usize).into());
    // SAFETY: the platform file declares the flash as a device, so ArceOS has mapped it; a flash
    // may be read at any time.
    let word = unsafe { address.as_ptr_of::<u32>().read_volatile() };
    FlashRead {
        address: address.as_usize() as u64,
        word,
    }
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

#[register_trap_handler(PAGE_FAULT)]
fn on_page_fault(address: axhal::mem::VirtAddr, _access: PageFaultFlags) -> bool {
    fault::handle(address.as_usize() as u64)
}

/// Ends the guest: SBI's system reset.
pub fn shutdown() -> ! {
    axhal::power::system_off()
}
