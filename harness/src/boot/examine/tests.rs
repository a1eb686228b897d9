use super::*;

/// The header of an ELF file without segments.
fn elf_header(class: u8, machine: u16, of_type: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
    bytes[16..18].copy_from_slice(&of_type.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    let (size, entry) = if class == 2 { (52, 54) } else { (40, 42) };
    bytes[size] = if class == 2 { 64 } else { 52 };
    bytes[entry] = if class == 2 { 56 } else { 32 };
    bytes
}

/// The same, with one segment of a type, which is the header itself.
fn elf_with_segment(machine: u16, of_type: u32) -> Vec<u8> {
    let mut bytes = elf_header(2, machine, elf::ET_EXEC);
    bytes[32] = 64; // e_phoff
    bytes[56] = 1; // e_phnum
    let mut segment = [0; 56];
    segment[..4].copy_from_slice(&of_type.to_le_bytes());
    segment[32] = 64; // p_filesz
    segment[40] = 64; // p_memsz
    bytes.extend(segment);
    bytes
}

fn with(mark: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[at..at + mark.len()].copy_from_slice(mark);
    bytes
}

fn kind(bytes: &[u8]) -> Kind {
    Kind::of(bytes).unwrap()
}

fn machine(arch: Arch) -> Machine {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Machine::load(root, arch).unwrap()
}

#[test]
fn each_kind_is_known_by_its_mark() {
    let mut bzimage = with(b"HdrS", 0x202);
    bzimage[0x1fe..0x200].copy_from_slice(b"\x55\xaa");
    bzimage[..2].copy_from_slice(b"MZ");
    let mut multiboot = vec![0x90; 64];
    for (at, word) in [0x1bad_b002_u32, 3, 0u32.wrapping_sub(0x1bad_b002 + 3)]
        .iter()
        .enumerate()
    {
        multiboot[16 + 4 * at..20 + 4 * at].copy_from_slice(&word.to_le_bytes());
    }
    let text = "Ein Text, \u{e4}hnlich wie dieser.".repeat(1000);
    for (bytes, expected) in [
        (&b""[..], Kind::Empty),
        (b"#!/bin/sh\n", Kind::Script),
        (b"hello\n", Kind::Text),
        (text.as_bytes(), Kind::Text),
        (b"\xeb\xfe", Kind::Flat),
        (b"contents", Kind::Flat),
        (&[0; 4096], Kind::Flat),
        (b"\x1f\x8b\x08\0", Kind::Other("gzip-compressed data")),
        (b"MZ\x90\0", Kind::Other("a program for Windows or EFI")),
        (&with(b"ustar", 257), Kind::Other("a tar archive")),
        (&with(b"ARM\x64", 56), Kind::Linux(Arch::Aarch64)),
        (&with(b"RSC\x05", 56), Kind::Linux(Arch::Riscv64)),
        (&bzimage, Kind::Linux(Arch::X86_64)),
        (&multiboot, Kind::Multiboot),
    ] {
        assert_eq!(kind(bytes), expected, "{:?}", &bytes[..bytes.len().min(16)]);
    }
}

#[test]
fn another_architecture_is_named_with_what_was_wanted() {
    let x86 = kind(&elf_with_segment(elf::EM_X86_64, elf::PT_LOAD));
    for (objection, wanted) in [
        (
            x86.objection_as_guest(Arch::Riscv64),
            "it is an ELF file, of 64 bits, for x86_64; a guest for riscv64 is an ELF file for riscv64, \
             or a flat binary",
        ),
        (
            x86.objection_as_kernel(&machine(Arch::Aarch64)),
            "it is an ELF file, of 64 bits, for x86_64; a kernel for aarch64 is an ELF file for \
             aarch64, a Linux kernel's image, or a flat binary",
        ),
        (
            Kind::Script.objection_as_kernel(&machine(Arch::X86_64)),
            "it is a script; a kernel for x86_64 is an ELF file for x86_64, a Linux kernel's image, \
             or a Multiboot kernel",
        ),
    ] {
        assert_eq!(objection.as_deref(), Some(wanted));
    }
    assert_eq!(x86.objection_as_guest(Arch::X86_64), None);
    assert_eq!(x86.objection_as_kernel(&machine(Arch::X86_64)), None);
}

#[test]
fn kernels_that_a_machine_can_start_are_accepted() {
    for arch in Arch::ALL {
        let machine = machine(arch);
        assert_eq!(Kind::Linux(arch).objection_as_kernel(&machine), None);
        let flat = Kind::Flat.objection_as_kernel(&machine);
        let is_flat = arch != Arch::X86_64;
        assert_eq!(flat.is_none(), is_flat, "{arch}");
        let others = Arch::ALL.into_iter().filter(|other| *other != arch);
        for other in others {
            assert!(Kind::Linux(other).objection_as_kernel(&machine).is_some());
        }
    }
    let small = Kind::Elf {
        machine: elf::EM_386,
        bits: 32,
        of_type: elf::ET_EXEC,
        hosted: false,
    };
    assert_eq!(small.objection_as_kernel(&machine(Arch::X86_64)), None);
    assert!(small.objection_as_guest(Arch::X86_64).is_some());
    assert!(small.objection_as_kernel(&machine(Arch::Riscv64)).is_some());
}

#[test]
fn programs_that_no_bare_machine_runs_are_refused() {
    let object = kind(&elf_header(2, elf::EM_RISCV, elf::ET_REL));
    let why = object.objection_as_guest(Arch::Riscv64).unwrap();
    assert!(why.contains("an object file that is not linked"), "{why}");
    let exe = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let here = Arch::ALL
        .into_iter()
        .find(|arch| arch.name() == std::env::consts::ARCH);
    if let Some(here) = here {
        let why = kind(&exe).objection_as_guest(here).unwrap();
        assert!(why.contains("a program for an operating system"), "{why}");
    }
}

#[test]
fn an_elf_file_that_is_cut_anywhere_is_refused() {
    let whole = elf_with_segment(elf::EM_RISCV, elf::PT_LOAD);
    assert!(Kind::of(&whole).is_ok());
    for length in 4..whole.len() {
        assert!(Kind::of(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    let without = elf_with_segment(elf::EM_RISCV, elf::PT_NOTE);
    assert!(
        Kind::of(&without)
            .unwrap_err()
            .contains("without a segment")
    );
}

/// As QEMU loads it, an ELF file goes where it says, unless it says where a kernel maps itself.
#[test]
fn a_kernel_that_is_linked_for_where_it_maps_itself_is_no_elf_file_for_qemu() {
    let mut file = elf_with_segment(elf::EM_RISCV, elf::PT_LOAD);
    // The header's e_entry, and the segment's p_paddr and p_memsz.
    for (entry, at, length, expected) in [
        (0x8020_0000_u64, 0x8020_0000_u64, 0x1000_u64, true),
        (0x8020_0ffe, 0x8020_0000, 0x1000, true),
        (0x8020_1000, 0x8020_0000, 0x1000, false),
        (0x801f_ffff, 0x8020_0000, 0x1000, false),
        (0xffff_ffc0_8020_0000, 0x8020_0000, 0x1000, false),
        (0xffff_ffc0_8020_0000, 0xffff_ffc0_8020_0000, 0x1000, false),
    ] {
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        file[64 + 24..64 + 32].copy_from_slice(&at.to_le_bytes());
        file[64 + 40..64 + 48].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            is_loaded_where_it_says(&file),
            expected,
            "{entry:#x} in {at:#x}"
        );
    }
    assert!(!is_loaded_where_it_says(b"flat"));
}

#[test]
fn a_machine_file_may_say_in_which_form_a_kernel_is_given_to_qemu() {
    let mut machine = machine(Arch::X86_64);
    assert!(Kind::Flat.objection_as_kernel(&machine).is_some());
    machine.kernel_format = KernelFormat::Flat;
    assert_eq!(Kind::Flat.objection_as_kernel(&machine), None);
}
