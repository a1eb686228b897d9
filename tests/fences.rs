//! What no run can tell, looked at in the image. Fences that make no difference under QEMU's TCG, which flushes its
//! whole TLB whenever a guest is entered or left; and where the code lies that the audit waits for.

use harness::{
    Project,
    arch::Arch,
    boot::build::{Ask, Target, build},
    boot::cargo::Progress,
    config::recipe::Recipe,
};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
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

/// ISB; DSB ISHST; TLBI VMALLS12E1IS; DSB ISH (Arm ARM, C6.2 and C5.5).
const ISB: u32 = 0xD503_3FDF;
const DSB_ISHST: u32 = 0xD503_3A9F;
const TLBI_VMALLS12E1IS: u32 = 0xD50C_83DF;
const DSB_ISH: u32 = 0xD503_3B9F;

/// Behind the write of VTTBR_EL2: a new guest on aarch64 has the VMID of the one before.
#[test]
fn a_new_guest_on_aarch64_drops_the_translations_of_the_one_before() {
    let fences = [ISB, DSB_ISHST, TLBI_VMALLS12E1IS, DSB_ISH, ISB];
    assert!(has(Arch::Aarch64, &fences), "no TLBI behind another root");
}

/// An instruction that may trap is tried with a trap vector of its own (`attempt!`), which no interrupt must go
/// to. An interrupt in these few instructions is too rare to be seen in a run. The world switch too has a vector
/// of its own; its caller has interrupts off.
#[test]
fn interrupts_are_off_while_an_instruction_is_tried_on_riscv64() {
    /// From one to the other: the address of the vector.
    const FURTHEST: usize = 16;
    let (mut guarded, mut others) = (0, 0);
    for section in code(Arch::Riscv64) {
        let places = (0..section.len().saturating_sub(3)).step_by(2);
        for swap in places.filter(|at| swaps_stvec(word(&section, *at))) {
            let before = (swap.saturating_sub(FURTHEST)..swap).step_by(2);
            if before
                .into_iter()
                .any(|at| turns_interrupts_off(word(&section, at)))
            {
                guarded += 1;
            } else {
                others += 1;
            }
        }
    }
    assert!(
        guarded > 0 && others == 1,
        "{guarded} with interrupts off, {others} without"
    );
}

/// While a guest runs there is a breakpoint at the function that the audit waits for, and QEMU runs the code of a page
/// with a breakpoint an instruction at a time: a guest with 8,000 exits took a sixth longer when the switch was there.
#[test]
fn what_the_audit_waits_for_is_on_no_page_of_the_switch() {
    for arch in Arch::ALL {
        let elf = image(arch);
        let elf = object::File::parse(&*elf).expect("it is an ELF file");
        let page = |name: &str| {
            let symbol = elf.symbols().find(|symbol| symbol.name() == Ok(name));
            symbol.expect(name).address() / 4096
        };
        let switch = [page(&format!("hv_{arch}_enter")), page("hv_guest_entry")];
        assert!(!switch.contains(&page("hv_guest_release")), "{arch}");
    }
}

/// CSRRW of a register with stvec and back into it.
fn swaps_stvec(instruction: u32) -> bool {
    let (into, from) = (instruction >> 7 & 31, instruction >> 15 & 31);
    instruction & 0xFFF0_707F == 0x1050_1073 && into == from && into != 0
}

/// CSRRCI sstatus, 2 into any register.
fn turns_interrupts_off(instruction: u32) -> bool {
    instruction & !0xF80 == 0x1001_7073
}

fn word(section: &[u8], at: usize) -> u32 {
    let bytes = section[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(bytes)
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

/// The machine code of the hypervisor, a section each.
fn code(arch: Arch) -> Vec<Vec<u8>> {
    let elf = image(arch);
    let elf = object::File::parse(&*elf).expect("it is an ELF file");
    elf.sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .map(|section| section.data().expect("it is in the file").to_vec())
        .collect()
}

/// The hypervisor's ELF file, built if need be.
fn image(arch: Arch) -> Vec<u8> {
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
    std::fs::read(elf).expect("what was built can be read")
}
