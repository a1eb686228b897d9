//! docs/devices.md says what there is: each address, call and register of its tables is one that the code knows, and
//! the page has all of those.

use std::{collections::BTreeSet, path::Path};

use hypervisor::{
    arch::{aarch64, riscv64, x86_64},
    devices::{gicd, ioapic, pl011, plic},
    memory::addr::Gpa,
    vm::{
        exit::Call,
        layout::{Flash, Layout},
    },
};

/// The rows of the tables below a heading and before the next one, without their heads.
fn rows(headings: [&str; 2]) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/devices.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut rest = page.as_str();
    for heading in headings {
        let (_, behind) = rest
            .split_once(&format!("\n{heading}"))
            .unwrap_or_else(|| panic!("the page has no {heading}"));
        rest = behind.split_once('\n').unwrap().1;
    }
    let section = rest.lines().take_while(|line| !line.starts_with('#'));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut in_body = false;
    for line in section {
        let Some(cells) = line.strip_prefix('|') else {
            in_body = false;
            continue;
        };
        if cells.starts_with("---") {
            in_body = true;
        } else if in_body {
            let cells = cells.split('|').map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
    }
    assert!(!rows.is_empty(), "{headings:?} has no table");
    rows
}

/// The numbers in a cell that are written with `0x`; `0x1 to 0x3` are all three.
fn numbers(cell: &str) -> BTreeSet<u64> {
    let number = |word: &str| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        u64::from_str_radix(digits.strip_prefix("0x")?, 16).ok()
    };
    let words: Vec<&str> = cell.split_whitespace().collect();
    let mut found = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        found.extend(number(word));
        if let (Some(from), Some(&"to"), Some(to)) = (
            number(word),
            words.get(at + 1),
            words.get(at + 2).and_then(|word| number(word)),
        ) {
            found.extend(from..=to);
        }
    }
    found
}

fn size(cell: &str) -> u64 {
    let (number, unit) = cell.split_once(' ').unwrap();
    let number: u64 = number.parse().unwrap();
    match unit {
        "KiB" => number << 10,
        "MiB" => number << 20,
        _ => panic!("{cell} has no unit"),
    }
}

fn windows(heading: &str) -> BTreeSet<(u64, u64)> {
    rows(["## The memory", heading])
        .iter()
        .map(|row| (numbers(&row[0]).pop_first().unwrap(), size(&row[1])))
        .collect()
}

fn given(layout: &Layout) -> BTreeSet<(u64, u64)> {
    let flash = match layout.flash {
        Flash::Device { gpa, size, .. } => (gpa.get(), size),
        Flash::Image { .. } => panic!("its size is that of a file"),
    };
    let ram = layout.ram.iter().map(|ram| (ram.gpa.get(), ram.size));
    ram.chain([flash]).collect()
}

#[test]
fn the_page_has_each_window() {
    use aarch64::layout::{CPU_INTERFACE, CPU_INTERFACE_SIZE, DISTRIBUTOR, LAYOUT, UART};
    let emulated = [
        (riscv64::layout::PLIC.get(), plic::WINDOW),
        (riscv64::layout::UART.get(), riscv64::layout::UART_WINDOW),
    ];
    let memory = given(&riscv64::layout::LAYOUT).into_iter();
    let all: BTreeSet<_> = memory.chain(emulated).collect();
    assert_eq!(windows("### riscv64"), all, "riscv64");
    let svm = x86_64::layout::layout(x86_64::layout::Mode::Svm);
    let emulated = [
        (x86_64::layout::IO_APIC.get(), ioapic::WINDOW),
        (x86_64::layout::LOCAL_APIC.get(), x86_64::apic::page::WINDOW),
    ];
    let all: BTreeSet<_> = given(&svm).into_iter().chain(emulated).collect();
    assert_eq!(windows("### x86_64"), all, "x86_64");
    let emulated = [
        (DISTRIBUTOR.get(), gicd::WINDOW),
        (CPU_INTERFACE.get(), CPU_INTERFACE_SIZE),
        (UART.get(), pl011::WINDOW),
    ];
    let all: BTreeSet<_> = given(&LAYOUT).into_iter().chain(emulated).collect();
    assert_eq!(windows("### aarch64"), all, "aarch64");
}

/// The calls in the first cells of a table.
fn calls(heading: &str) -> BTreeSet<u64> {
    let rows = rows(["## Calls", heading]);
    let cells = rows.iter().map(|row| numbers(&row[0]));
    cells.flatten().collect()
}

#[test]
fn the_page_has_each_extension_of_sbi() {
    let is_there = |extension: u64| {
        // BASE answers whether one is there.
        let mut x = [0; 32];
        (x[17], x[16], x[10]) = (0x10, 3, extension);
        let (call, _) = riscv64::calls::decode(&x, true);
        let Call::Settled { reply } = call else {
            panic!("{call:?}");
        };
        let mut x = [0; 32];
        riscv64::calls::encode(reply, riscv64::calls::Convention::Standard, &mut x);
        x[11] == 1
    };
    let page = calls("### riscv64");
    // Those of SBI 0.1 and BASE, and all that the standard names by four letters, three, or one more.
    let named = [
        0x4442_434E,
        0x5352_5354,
        0x5449_4D45,
        0x73_5049,
        0x5246_4E43,
        0x48_534D,
        0x50_4D55,
        0x5355_5350,
        0x4350_5043,
        0x4E41_434C,
        0x53_5441,
        0x5353_4500,
        0x4657_4654,
        0x4442_5452,
    ];
    let known = (0..0x100).chain(named).filter(|id| is_there(*id));
    assert_eq!(known.collect::<BTreeSet<_>>(), page);
}

#[test]
fn the_page_has_each_call_of_psci_and_smccc() {
    let is_known = |function: u64| {
        let mut x = [0; 31];
        x[0] = function;
        let call = aarch64::calls::decode(&x, 0).call;
        !matches!(call, Call::Unknown { .. })
    };
    // Each owner's first numbers, in both sizes (DEN0028, chapter 6).
    let bases = (0x80_u64..0x90).chain(0xC0..0xD0).map(|top| top << 24);
    let known = bases
        .flat_map(|base| base..base + 0x100)
        .filter(|function| is_known(*function));
    assert_eq!(known.collect::<BTreeSet<_>>(), calls("### aarch64"));
}

#[test]
fn the_page_has_each_msr() {
    let rows = rows(["## The processor", ""]);
    let page: BTreeSet<u64> = rows.iter().flat_map(|row| numbers(&row[0])).collect();
    let mut map = vec![0xFF; 0x2000];
    x86_64::msr::permit(&mut map);
    let ranges = [0, 0xC000_0000, 0xC001_0000];
    let open = ranges
        .iter()
        .zip(map.chunks(0x800))
        .flat_map(|(base, part)| {
            let is_open = |msr: &u64| part[*msr as usize / 4] >> (*msr % 4 * 2) & 3 == 0;
            (0..0x2000).filter(is_open).map(move |msr| base + msr)
        });
    let open: BTreeSet<u64> = open.collect();
    assert!(open.is_subset(&page), "{open:x?}");
    let emulated = x86_64::msr::Emulated { efer: 0, pat: 0 };
    let tsc = x86_64::apic::Tsc { origin: 0, khz: 1 };
    let now = x86_64::apic::Now { ns: 0, tsc: 0 };
    for msr in (0..0x2000).chain(0xC000_0000..0xC000_2000_u32) {
        let mut apic = x86_64::apic::LocalApic::new(x86_64::apic::Mode::X2Apic, tsc);
        let readable = emulated.read(msr).is_some() || apic.read(msr, now).is_some();
        let writable = apic.write(msr, 0, now);
        let has = readable || writable || open.contains(&msr.into());
        assert_eq!(has, page.contains(&msr.into()), "MSR {msr:#x}");
    }
}

#[test]
fn the_page_has_where_a_guest_starts() {
    let rows = rows(["## The start", ""]);
    let starts = [
        riscv64::layout::LAYOUT.entry,
        aarch64::layout::LAYOUT.entry,
        Gpa::new(x86_64::layout::ENTRY),
    ];
    let at = rows[0][1..=3].iter().map(|cell| numbers(cell));
    let expected = starts.map(|entry| BTreeSet::from([entry.get()]));
    assert_eq!(at.collect::<Vec<_>>(), expected);
    let stacks: Vec<_> = rows[2][1..=3].iter().map(|cell| numbers(cell)).collect();
    let aarch64 = BTreeSet::from([aarch64::layout::STACK_END.get()]);
    let x86_64 = BTreeSet::from([x86_64::layout::RAM_END]);
    assert_eq!(stacks, [BTreeSet::new(), aarch64, x86_64]);
}
