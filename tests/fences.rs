//! Fences that make no difference under QEMU's TCG, so that no run can tell whether they are there: TCG
//! flushes its whole TLB whenever a guest is entered or left. So this looks for them in the image.

use harness::{
    Project,
    arch::Arch,
    boot::build::{Ask, Target, build},
    boot::cargo::Progress,
    config::recipe::Recipe,
};
use object::{Object, ObjectSection, SectionKind};
use std::path::Path;

/// HFENCE.GVMA and HFENCE.VVMA with x0, x0 (RISC-V Privileged, "Hypervisor Memory-Management Fence
/// Instructions").
const HFENCE_GVMA: u32 = 0x6200_0073;
const HFENCE_VVMA: u32 = 0x2200_0073;

/// CSRRW x0, hgatp, x0.
const HGATP_OFF: u32 = 0x6800_1073;

/// A new guest on riscv64 has the VMID and the ASIDs of the one before. HFENCE.GVMA alone may keep what
/// the TLBs know of the earlier guest's own tables.
#[test]
fn a_new_guest_on_riscv64_drops_the_translations_of_both_stages() {
    assert!(
        has(Arch::Riscv64, &[HFENCE_GVMA, HFENCE_VVMA]),
        "no HFENCE.GVMA with an HFENCE.VVMA behind it"
    );
}

/// The memory of its tables is given back, and used for something else.
#[test]
fn the_end_of_a_guest_on_riscv64_switches_its_tables_off() {
    assert!(
        has(Arch::Riscv64, &[HGATP_OFF, HFENCE_GVMA]),
        "nothing switches hgatp off, with an HFENCE.GVMA behind it"
    );
}

/// Whether the hypervisor has these instructions somewhere, one after another.
fn has(arch: Arch, instructions: &[u32]) -> bool {
    let wanted: Vec<u8> = instructions.iter().flat_map(|i| i.to_le_bytes()).collect();
    // Instructions are at multiples of 2.
    let holds = |section: &Vec<u8>| {
        section
            .windows(wanted.len())
            .step_by(2)
            .any(|at| at == wanted)
    };
    code(arch).iter().any(holds)
}

/// The machine code of the hypervisor, built if need be, a section each.
fn code(arch: Arch) -> Vec<Vec<u8>> {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let recipe = Recipe::load(&project, arch).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let built = runtime.block_on(build(
        &project,
        &recipe,
        &[Target::Hypervisor],
        Ask::IfChanged,
        &Progress::nobody(),
    ));
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
