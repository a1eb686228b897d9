//! Instructions that QEMU's TCG makes no difference by, so that no run can tell whether they are there:
//! it flushes all of its TLB whenever a guest is entered or left. So they are looked for in the image.

use harness::{
    arch::Arch,
    boot::build::{Target, build},
    config::machine::Machine,
};
use object::{Object, ObjectSection, SectionKind};
use std::path::Path;

/// HFENCE.GVMA and HFENCE.VVMA with x0, x0 (RISC-V Privileged, "Hypervisor Memory-Management Fence
/// Instructions").
const HFENCE_GVMA: u32 = 0x6200_0073;
const HFENCE_VVMA: u32 = 0x2200_0073;

/// A new guest on riscv64 has the VMID and the ASIDs of the one before. HFENCE.GVMA alone may keep what
/// the TLBs know of the earlier guest's own tables.
#[test]
fn a_new_guest_on_riscv64_drops_the_translations_of_both_stages() {
    let both = [HFENCE_GVMA, HFENCE_VVMA].map(u32::to_le_bytes).concat();
    // Instructions are at multiples of 2.
    let found = code(Arch::Riscv64)
        .iter()
        .any(|section| section.windows(both.len()).step_by(2).any(|at| at == both));
    assert!(found, "no HFENCE.GVMA with an HFENCE.VVMA behind it");
}

/// The machine code of the hypervisor, built if need be, a section each.
fn code(arch: Arch) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let machine = Machine::load(&root, arch).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let built = runtime.block_on(build(&root, &machine, &[Target::Hypervisor]));
    let [elf] = &built.unwrap_or_else(|error| panic!("{error}"))[..] else {
        panic!("one target has one ELF file");
    };
    let elf = std::fs::read(elf).expect("what was built can be read");
    let elf = object::File::parse(&*elf).expect("it is an ELF file");
    elf.sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .map(|section| section.data().expect("it is in the file").to_vec())
        .collect()
}
