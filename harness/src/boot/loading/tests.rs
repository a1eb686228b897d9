use super::*;
use crate::boot::examine;
use crate::config::scenario::{Definition, With};
use crate::project::Project;
use std::path::Path;

fn project() -> Project {
    Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
}

fn machine(text: &str) -> Machine {
    Machine::from_text(&project(), Path::new("m4.toml"), text.into()).unwrap()
}

fn scenario(machine: &Machine, more: &str) -> Scenario {
    let text = format!(
        "{more}\nend = 'shutdown'\n[hv]\nlines = false\n[[step]]\nname = 'a'\npattern = 'a'\n"
    );
    let with = With {
        foreign: true,
        ..With::default()
    };
    let definition = Definition::from_text("s", text);
    definition.resolve(&project(), machine, &with).unwrap()
}

/// The machine that a newcomer wrote, and what is said of it.
#[test]
fn a_machine_that_would_boot_nothing_is_refused_before_qemu_starts() {
    let text = "arch = 'x86_64'\n[qemu]\nprogram = 'q'\nmachine = [\"-display\", \"none\", \"-m\", \"64M\"]\n";
    let machine = machine(text);
    let error = examine::check(&machine, &scenario(&machine, ""), None, None).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = error.to_string();
    let expected = "m4.toml:4: none of QEMU's arguments names {kernel}: nothing would be booted; add \
                    \"-kernel\", \"{kernel}\"";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn what_may_carry_the_kernel_is_let_through_and_what_the_harness_makes_without_it_is_not() {
    let nothing = |args: &str, tables: &str, more: &str| {
        let text = format!("arch = 'riscv64'\n[qemu]\nprogram = 'q'\nmachine = [{args}]\n{tables}");
        let machine = machine(&text);
        nothing_booted(&machine, &scenario(&machine, more)).is_some()
    };
    let disk = "'-drive', 'file={disk},if=none'";
    let flash = "'-drive', 'if=pflash,file={pflash}'";
    for (args, tables, more) in [
        ("'-kernel', '{kernel}'", "", ""),
        ("'-device', 'loader,file={kernel}'", "", ""),
        ("'-kernel', '/my/own'", "", ""),
        ("'-bios', 'my.bin'", "", ""),
        ("'-machine', 'virt,pflash0=mine'", "", ""),
        (disk, "[disk]\nimage = 'i'\n", ""),
        (
            disk,
            "[disk]\nsize = '1M'\n[[disk.file]]\npath = '/k'\nfrom = 'k'\n",
            "",
        ),
        (disk, "", "disk = { image = 'i' }"),
        (flash, "[flash]\nsize = '1M'\ncontent = 'c'\n", ""),
        (flash, "[flash]\nsize = '1M'\n", "flash = 'f'"),
        (
            "'-bios', '{firmware}'",
            "[firmware]\ncandidates = ['/my/rom']\n",
            "",
        ),
    ] {
        assert!(!nothing(args, tables, more), "{args} {tables} {more}");
    }
    for (args, tables) in [
        ("", ""),
        ("'-machine', 'virt', '-bios', 'default'", ""),
        ("'-append', 'kernel'", ""),
        (disk, "[disk]\nsize = '1M'\n"),
        (flash, "[flash]\nsize = '1M'\ntext = 'pfld'\n"),
        (
            "'-bios', '{firmware}'",
            "[firmware]\ncandidates = ['bios-256k.bin']\n",
        ),
    ] {
        assert!(nothing(args, tables, ""), "{args} {tables}");
    }
}

/// An ELF file with a segment at an address, and behind that a note of a type, if there is one.
fn elf(machine: u16, bits: u8, at: u64, contents: &[u8], note: Option<u32>) -> Vec<u8> {
    let wide = bits == 64;
    let (header, entry) = if wide { (64_u64, 56) } else { (52, 32) };
    let count = 1 + u64::from(note.is_some());
    let start = header + count * entry;
    let number = |value: u64| match wide {
        true => value.to_le_bytes().to_vec(),
        false => (value as u32).to_le_bytes().to_vec(),
    };
    let half = |value: u64| (value as u16).to_le_bytes().to_vec();
    let word = |value: u32| value.to_le_bytes().to_vec();
    let segment = |of_type: u32, offset: u64, at: u64, size: u64| {
        let places = [offset, at, at, size, size].map(number).concat();
        match wide {
            true => [word(of_type), word(5), places, number(4)].concat(),
            false => [word(of_type), places, word(5), number(4)].concat(),
        }
    };
    let class = if wide { 2 } else { 1 };
    let mut file = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
    file.resize(16, 0);
    file.extend([half(2), half(machine.into()), word(1)].concat());
    file.extend([at, header, 0].map(number).concat());
    file.extend([word(0), half(header), half(entry), half(count), half(0)].concat());
    file.extend([half(0), half(0)].concat());
    file.extend(segment(elf::PT_LOAD, start, at, contents.len() as u64));
    let notes = note.map(|note| {
        [
            word(4),
            word(4),
            word(note),
            b"Xen\0".to_vec(),
            word(at as u32),
        ]
        .concat()
    });
    if let Some(note) = &notes {
        let behind = start + contents.len() as u64;
        file.extend(segment(elf::PT_NOTE, behind, 0, note.len() as u64));
    }
    [file, contents.to_vec(), notes.unwrap_or_default()].concat()
}

fn multiboot(flags: u32) -> Vec<u8> {
    let header = [MULTIBOOT, flags, 0_u32.wrapping_sub(MULTIBOOT + flags), 0];
    header.map(u32::to_le_bytes).concat()
}

/// What QEMU 10.0 was seen to take, and not to take, each with what it said.
#[test]
fn an_x86_kernel_that_qemu_does_not_load_is_told_what_it_lacks() {
    let machine = Machine::load(&project(), Arch::X86_64).unwrap();
    let said = |bytes: &[u8]| objection(&machine, bytes);
    let (small, large) = (elf::EM_386, elf::EM_X86_64);
    let at = 0x10_0000;
    for good in [
        elf(large, 64, at, &[0xeb, 0xfe, 0, 0], Some(PVH)),
        elf(small, 32, at, &[0xeb, 0xfe, 0, 0], Some(PVH)),
        elf(small, 32, at, &multiboot(0), None),
        elf(large, 64, at, &multiboot(HAS_ADDRESSES), None),
        // As ArceOS is: linked for where it maps itself.
        elf(
            large,
            64,
            0xffff_8000_0020_0000,
            &multiboot(HAS_ADDRESSES),
            None,
        ),
        multiboot(HAS_ADDRESSES),
    ] {
        assert_eq!(said(&good), None);
    }
    // Error loading uncompressed kernel without PVH ELF Note
    let plain = "QEMU's -kernel takes an x86_64 ELF only with a PVH note (.note.Xen, type 18), or as Multiboot, a \
                 32-bit ELF (objcopy -O elf32-i386); it has neither";
    let bare = elf(large, 64, at, &[0xeb, 0xfe, 0, 0], None);
    assert_eq!(said(&bare).as_deref(), Some(plain));
    let other_note = elf(large, 64, at, &[0xeb, 0xfe, 0, 0], Some(PVH + 1));
    assert_eq!(said(&other_note).as_deref(), Some(plain));
    let sum = 0_u32.wrapping_sub(MULTIBOOT_2 + 16);
    let second = [MULTIBOOT_2, 0, 16, sum].map(u32::to_le_bytes).concat();
    let why = said(&elf(large, 64, at, &second, None)).unwrap();
    assert!(
        why.starts_with(plain) && why.contains("Multiboot 2"),
        "{why}"
    );
    let why = said(&elf(small, 32, at, &[0xeb, 0xfe, 0, 0], None)).unwrap();
    assert!(
        why.contains("a 32-bit ELF only with a Multiboot header"),
        "{why}"
    );
    // Cannot load x86-64 image, give a 32bit one.
    let why = said(&elf(large, 64, at, &multiboot(0), None)).unwrap();
    assert!(why.contains("objcopy -O elf32-i386"), "{why}");
    // Error while loading elf kernel
    let why = said(&multiboot(0)).unwrap();
    assert!(why.contains("flag bit 16"), "{why}");
}

/// A machine that loads the kernel by other means, or as a flat binary, may have any file.
#[test]
fn where_qemu_does_not_load_the_file_itself_it_may_have_any_form() {
    let bare = elf(elf::EM_X86_64, 64, 0x9020_0000, &[0xeb, 0xfe, 0, 0], None);
    for text in [
        "extends = 'x86_64'\nkernel-format = 'flat'\n",
        "arch = 'x86_64'\n[qemu]\nprogram = 'q'\nmachine = ['-m', '64M', '-device', 'loader,file={kernel}']\n",
    ] {
        assert_eq!(objection(&machine(text), &bare), None, "{text}");
    }
}

#[test]
fn a_kernel_outside_the_machines_memory_is_told_where_that_is() {
    let of = |arch, at| {
        let machine = Machine::load(&project(), arch).unwrap();
        let (number, note) = match arch {
            Arch::Riscv64 => (elf::EM_RISCV, None),
            Arch::Aarch64 => (elf::EM_AARCH64, None),
            Arch::X86_64 => (elf::EM_X86_64, Some(PVH)),
        };
        objection(&machine, &elf(number, 64, at, &[0; 16], note))
    };
    for (arch, inside) in [
        (Arch::Riscv64, 0x8020_0000),
        (Arch::Aarch64, 0x4020_0000),
        (Arch::X86_64, 0x10_0000),
    ] {
        assert_eq!(of(arch, inside), None, "{arch}");
        let why = of(arch, 0x9020_0000).unwrap();
        assert!(
            why.starts_with("it lies outside the machine's memory"),
            "{why}"
        );
        assert!(why.contains("0x90200000") && why.contains("(-m)"), "{why}");
    }
    // The last byte of it, and the first one behind it.
    assert_eq!(of(Arch::Riscv64, 0x8800_0000 - 16), None);
    assert!(of(Arch::Riscv64, 0x8800_0000 - 15).is_some());
    // More memory is enough; and of a board that is not known, nothing is said.
    let far = elf(elf::EM_RISCV, 64, 0x9020_0000, &[0; 16], None);
    let args = |board: &str, size: &str| {
        let args = format!("'-machine', '{board}', '-m', '{size}', '-kernel', '{{kernel}}'");
        machine(&format!(
            "arch = 'riscv64'\n[qemu]\nprogram = 'q'\nmachine = [{args}]\n"
        ))
    };
    assert_eq!(objection(&args("virt", "1G"), &far), None);
    assert_eq!(objection(&args("sifive_u", "128M"), &far), None);
    assert!(objection(&args("virt,aclint=on", "128M"), &far).is_some());
    // A kernel that is linked for where it maps itself is started as a flat binary.
    let mut high = far;
    high[24..32].copy_from_slice(&0xffff_ffc0_8020_0000_u64.to_le_bytes());
    assert_eq!(objection(&args("virt", "128M"), &high), None);
}
