//! The guest's own translation (APM vol. 2 §5.3), for an instruction of its that is looked at.

use super::{
    access::{Access, GeneralRegisters},
    decode,
    event::Event,
    format::NestedPaging,
    instruction::{self, LONGEST},
    vmcb::Vmcb,
};
use crate::memory::{
    addr::{Gpa, Gva, PAGE},
    guest_memory::Ram,
};

/// The access at `gpa` that the instruction at RIP made before this exit, a nested page fault, if it is one that can be
/// carried out. None is where an event was being delivered, as then it is the processor's own; or where the guest was
/// not in 64-bit mode, as its instructions mean something else there.
pub fn access(vmcb: &Vmcb, registers: GeneralRegisters, gpa: Gpa, ram: &dyn Ram) -> Option<Access> {
    let Vmcb { control, state } = vmcb;
    if Event::was_under_way(control.exit_int_info) || !state.is_64_bit() {
        return None;
    }
    let (bytes, there) = fetch(state.cr3, Gva::new(state.rip), ram);
    let is_write = decode::is_write(control.exit_info1);
    let state = instruction::State {
        registers,
        rip: state.rip,
        fs_base: state.fs.base,
        gs_base: state.gs.base,
    };
    instruction::made(&bytes[..there], &state, gpa, is_write)
}

/// Copies what is at `pc`, as far as it is in the guest's RAM, up to the longest instruction. `cr3` leads to tables of
/// four levels. Returns the bytes, and how many of them there are.
///
/// No permission is looked at, because the processor has done so when it fetched the instruction. What the guest has
/// made of it meanwhile is its own business.
pub fn fetch(cr3: u64, pc: Gva, ram: &dyn Ram) -> ([u8; LONGEST], usize) {
    let mut bytes = [0; LONGEST];
    let in_page = (PAGE - pc.offset_in_page()).min(LONGEST as u64) as usize;
    let mut copy = |from: usize, to: usize| {
        let at = translate(cr3, pc.checked_add(from as u64)?, ram)?;
        ram.read(at, &mut bytes[from..to]).ok()
    };
    let there = match copy(0, in_page) {
        None => 0,
        Some(()) if in_page < LONGEST && copy(in_page, LONGEST).is_some() => LONGEST,
        Some(()) => in_page,
    };
    (bytes, there)
}

/// Where an address of the guest's leads by its tables; none if they have no entry for it that is present, or are not
/// in RAM.
fn translate(cr3: u64, address: Gva, ram: &dyn Ram) -> Option<Gpa> {
    const ENTRIES: u64 = 512;
    let mut table = cr3 & NestedPaging::ADDRESS;
    // From the bits of the root's index down to those of the last table's.
    for shift in [39, 30, 21, 12] {
        let index = address.get() >> shift & (ENTRIES - 1);
        let mut entry = [0; 8];
        ram.read(Gpa::new(table + 8 * index), &mut entry).ok()?;
        let entry = u64::from_le_bytes(entry);
        if entry & NestedPaging::P == 0 {
            return None;
        }
        let is_page = match shift {
            39 => false,
            12 => true,
            _ => entry & NestedPaging::PS != 0,
        };
        if is_page {
            let offsets = (1 << shift) - 1;
            let start = entry & NestedPaging::ADDRESS & !offsets;
            return Some(Gpa::new(start | address.get() & offsets));
        }
        table = entry & NestedPaging::ADDRESS;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::guest_memory::NotRam,
        vm::exit::{Size, Transfer},
    };

    /// RAM of 64 KiB from 0 on.
    struct Memory(Vec<u8>);

    impl Ram for Memory {
        fn read(&self, gpa: Gpa, bytes: &mut [u8]) -> Result<(), NotRam> {
            let start = usize::try_from(gpa.get()).map_err(|_| NotRam)?;
            let end = start.checked_add(bytes.len()).ok_or(NotRam)?;
            bytes.copy_from_slice(self.0.get(start..end).ok_or(NotRam)?);
            Ok(())
        }
    }

    const CR3: u64 = 0x1000;
    const PRESENT: u64 = 1;
    const BLOCK: u64 = 1 << 7;
    const NX: u64 = 1 << 63;

    impl Memory {
        fn new() -> Self {
            Self((0..0x1_0000_u32).map(|at| (at / 7) as u8).collect())
        }

        fn put(&mut self, at: u64, entry: u64) {
            self.0[at as usize..at as usize + 8].copy_from_slice(&entry.to_le_bytes());
        }

        /// With tables that lead from `address` through all levels to a page.
        fn with_page(address: u64, page: u64) -> Self {
            let mut memory = Self::new();
            for (level, shift) in [39, 30, 21, 12].into_iter().enumerate() {
                let table = CR3 + 0x1000 * level as u64;
                memory.0[table as usize..table as usize + 0x1000].fill(0);
                let next = if shift == 12 { page } else { table + 0x1000 };
                memory.put(table + 8 * (address >> shift & 511), next | PRESENT);
            }
            memory
        }

        /// The entry on the way to `address` at a level from the root, 0, on.
        fn change(&mut self, address: u64, level: usize, entry: u64) {
            let table = CR3 + 0x1000 * level as u64;
            self.put(table + 8 * (address >> (39 - 9 * level) & 511), entry);
        }
    }

    /// Every index is another one.
    const AT: u64 = 0xFFFF_8000_0000_0000 | 0x83 << 39 | 0x55 << 30 | 0xAA << 21 | 0x13 << 12;

    #[test]
    fn four_levels_lead_to_a_page_and_fewer_to_a_block() {
        let lead =
            |memory: &Memory, address| translate(CR3, Gva::new(address), memory).map(Gpa::get);
        let mut memory = Memory::with_page(AT, 0x7000);
        assert_eq!(lead(&memory, AT + 0x123), Some(0x7123));
        assert_eq!(lead(&memory, AT + 0x1000), None);
        assert_eq!(lead(&memory, AT ^ 1 << 39), None);
        // All other bits of an entry are for others to look at.
        memory.change(AT, 3, 0x7000 | NX | 0xFFF);
        assert_eq!(lead(&memory, AT + 0xFFF), Some(0x7FFF));
        // Of a block, bit 12 is no part of the address (PAT).
        memory.change(AT, 2, 0x4020_0000 | 0x1000 | PRESENT | BLOCK);
        assert_eq!(lead(&memory, AT), Some(0x4020_0000 + 0x1_3000));
        assert_eq!(lead(&memory, AT + 0x1000), Some(0x4020_0000 + 0x1_4000));
        memory.change(AT, 1, 0x8000_0000 | PRESENT | BLOCK);
        assert_eq!(lead(&memory, AT), Some(0x8000_0000 + 0x1541_3000));
        // The root has no blocks.
        memory.change(AT, 0, 0x2000 | PRESENT | BLOCK);
        assert_eq!(lead(&memory, AT), Some(0x8000_0000 + 0x1541_3000));
    }

    #[test]
    fn what_is_not_present_or_not_in_ram_leads_nowhere() {
        for level in 0..4 {
            for entry in [0, 0x7000, 0x10_0000 | PRESENT] {
                let mut memory = Memory::with_page(AT, 0x7000);
                memory.change(AT, level, entry);
                let (_, there) = fetch(CR3, Gva::new(AT), &memory);
                assert_eq!(there, 0, "{level} {entry:#x}");
            }
        }
        let memory = Memory::with_page(AT, 0x7000);
        assert_eq!(fetch(0x10_0000, Gva::new(AT), &memory).1, 0);
        assert_eq!(fetch(u64::MAX, Gva::new(AT), &memory).1, 0);
        // The low bits of CR3 are no part of the address.
        assert_eq!(fetch(CR3 | 0x18, Gva::new(AT), &memory).1, LONGEST);
    }

    /// `mov [rax], ecx`, in 64-bit mode and with 32 bits.
    const STORE: [u8; 2] = [0x89, 0x08];
    const DEVICE: u64 = 0xFEC0_0010;

    /// A guest that has just stored at the device, which was a nested page fault.
    fn stored() -> (Box<Vmcb>, GeneralRegisters, Memory) {
        let mut memory = Memory::with_page(AT, 0x7000);
        memory.0[0x7000..0x7002].copy_from_slice(&STORE);
        let mut vmcb = Vmcb::nothing();
        vmcb.control.exit_info1 = 1 << 1;
        vmcb.state.cr3 = CR3;
        vmcb.state.rip = AT;
        vmcb.state.efer = 1 << 10;
        vmcb.state.cs.attributes = 1 << 9;
        let mut registers = [0; 16];
        (registers[0], registers[1]) = (DEVICE, 7);
        (vmcb, registers, memory)
    }

    #[test]
    fn the_instruction_at_rip_made_the_access() {
        let (mut vmcb, registers, memory) = stored();
        let made = |vmcb: &Vmcb| access(vmcb, registers, Gpa::new(DEVICE), &memory);
        let size = Size::Word;
        let access = made(&vmcb).unwrap();
        assert_eq!(access.transfer, Transfer::Store { size, value: 7 });
        assert_eq!(access.next, AT + 2);
        vmcb.control.exit_info1 = 0;
        assert_eq!(made(&vmcb), None, "it was a load");
    }

    /// An interrupt may push what it interrupts just where the next instruction would store.
    #[test]
    fn what_an_event_stores_is_no_access_of_the_instruction() {
        let (mut vmcb, registers, memory) = stored();
        vmcb.control.exit_int_info = 1 << 31 | 0x40;
        assert_eq!(access(&vmcb, registers, Gpa::new(DEVICE), &memory), None);
    }

    #[test]
    fn the_instructions_of_other_modes_are_not_read_as_those_of_64_bits() {
        let (mut vmcb, registers, memory) = stored();
        vmcb.state.cs.attributes = 0;
        assert_eq!(access(&vmcb, registers, Gpa::new(DEVICE), &memory), None);
    }

    #[test]
    fn an_instruction_may_go_on_in_the_next_page() {
        let mut memory = Memory::with_page(AT, 0x7000);
        let pc = Gva::new(AT + 0xFFB);
        let (bytes, there) = fetch(CR3, pc, &memory);
        assert_eq!((&bytes[..5], there), (&memory.0[0x7FFB..0x8000], 5));
        memory.change(AT + 0x1000, 3, 0x9000 | PRESENT);
        let (bytes, there) = fetch(CR3, pc, &memory);
        assert_eq!((&bytes[..5], there), (&memory.0[0x7FFB..0x8000], LONGEST));
        assert_eq!(bytes[5..], memory.0[0x9000..0x900A]);
        let (bytes, there) = fetch(CR3, Gva::new(AT + 0xFF1), &memory);
        assert_eq!((&bytes[..], there), (&memory.0[0x7FF1..0x8000], LONGEST));
    }

    #[test]
    fn the_last_page_has_none_behind_it() {
        let last = u64::MAX - 2;
        let memory = Memory::with_page(last, 0x7000);
        assert_eq!(fetch(CR3, Gva::new(last), &memory).1, 3);
    }
}
