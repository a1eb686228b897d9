//! What the audit of the suite's scenarios allows a guest (tests/scenarios/base/audit.toml) is what the
//! hypervisor gives it: no less, or good runs would fail, and no more, or bad ones would pass. The two are
//! written down apart, so that a slip in one is no slip in the other.

use std::{collections::BTreeMap, path::Path};

use hypervisor::{
    arch::{aarch64, riscv64, x86_64},
    devices::{gicd, ioapic, pl011, plic},
    vm::layout::{Flash, Layout},
};
use serde::Deserialize;

/// The part of an architecture's audit that is about memory.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Audit {
    guest_at: String,
    window: Vec<Window>,
}

#[derive(Deserialize)]
struct Window {
    name: String,
    gpa: String,
    size: String,
    access: String,
    hpa: Option<String>,
}

/// A window as both sides have it: where, how large, what may be done, and where it leads if that is said.
type Declared = BTreeMap<String, (u64, u64, String, Option<u64>)>;

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(file)).unwrap()
}

fn audit(arch: &str) -> Audit {
    let text = read("tests/scenarios/base/audit.toml");
    let mut tables: BTreeMap<String, Audit> = toml::from_str(&text).unwrap();
    tables.remove(arch).unwrap()
}

/// `0x22000000`, `{pflash}`, `32M`
fn number(text: &str, pflash: u64) -> u64 {
    if text == "{pflash}" {
        return pflash;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).unwrap();
    }
    let (digits, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => panic!("{text} has no unit"),
    };
    digits.parse::<u64>().unwrap() * unit
}

/// The machine's flash, as its file has it.
fn pflash(arch: &str) -> u64 {
    #[derive(Deserialize)]
    struct Machine {
        values: BTreeMap<String, String>,
    }
    let text = read(&format!("configs/machines/{arch}.toml"));
    let machine: Machine = toml::from_str(&text).unwrap();
    number(&machine.values["pflash"], 0)
}

fn allowed(arch: &str, audit: &Audit) -> Declared {
    let pflash = pflash(arch);
    let window = |window: &Window| {
        let number = |text: &String| number(text, pflash);
        let hpa = window.hpa.as_ref().map(number);
        let (gpa, size) = (number(&window.gpa), number(&window.size));
        (window.name.clone(), (gpa, size, window.access.clone(), hpa))
    };
    audit.window.iter().map(window).collect()
}

fn given(layout: &Layout) -> Declared {
    let ram = layout.ram.iter().map(|ram| {
        let window = (ram.gpa.get(), ram.size, "rwx".to_owned(), None);
        (ram.name.to_owned(), window)
    });
    let flash = match layout.flash {
        Flash::Device { gpa, size, hpa } => (gpa.get(), size, "r".to_owned(), Some(hpa.get())),
        Flash::Image { .. } => panic!("its size is that of a file"),
    };
    ram.chain([("pflash".to_owned(), flash)]).collect()
}

#[test]
fn the_audit_allows_what_the_hypervisor_gives_and_no_more() {
    for (arch, layout) in [
        ("riscv64", riscv64::layout::LAYOUT),
        ("aarch64", aarch64::layout::LAYOUT),
        ("x86_64", x86_64::layout::layout(x86_64::layout::Mode::Svm)),
    ] {
        let audit = audit(arch);
        assert_eq!(allowed(arch, &audit), given(&layout), "{arch}");
        assert_eq!(number(&audit.guest_at, 0), layout.entry.get(), "{arch}");
    }
}

/// What a guest of aarch64 gets besides with a timer: the audit allows the window onto the CPU interface, and nothing
/// that is emulated is a window too.
#[test]
fn a_guest_with_a_timer_gets_the_cpu_interface_for_guests_and_no_more() {
    #[derive(Deserialize)]
    struct Timer {
        aarch64: Windows,
    }
    #[derive(Deserialize)]
    struct Windows {
        window: Vec<Window>,
    }
    #[derive(Deserialize)]
    struct Platform {
        devices: BTreeMap<String, toml::Value>,
    }
    use aarch64::layout::{CPU_INTERFACE, CPU_INTERFACE_SIZE, DISTRIBUTOR, UART};
    let timer: Timer = toml::from_str(&read("tests/scenarios/base/timer.toml")).unwrap();
    let platform: Platform = toml::from_str(&read("configs/axconfig/aarch64.toml")).unwrap();
    let [window] = &timer.aarch64.window[..] else {
        panic!("one window");
    };
    let hpa = platform.devices["gicv-paddr"].as_integer().unwrap() as u64;
    assert_eq!(number(&window.gpa, 0), CPU_INTERFACE.get());
    assert_eq!(number(&window.size, 0), CPU_INTERFACE_SIZE);
    assert_eq!(window.hpa.as_ref().map(|hpa| number(hpa, 0)), Some(hpa));
    assert_eq!(window.access, "rw");

    let devices = [
        (CPU_INTERFACE.get(), CPU_INTERFACE_SIZE),
        (DISTRIBUTOR.get(), gicd::WINDOW),
        (UART.get(), pl011::WINDOW),
    ];
    are_apart(&aarch64::layout::LAYOUT, &devices);
}

/// Nothing that is emulated for a guest of riscv64 lies over what is mapped for it.
#[test]
fn a_guest_with_a_uart_has_it_and_its_interrupts_beside_its_memory() {
    use riscv64::layout::{LAYOUT, PLIC, UART, UART_WINDOW};
    let devices = [(PLIC.get(), plic::WINDOW), (UART.get(), UART_WINDOW)];
    are_apart(&LAYOUT, &devices);
}

fn are_apart(layout: &Layout, devices: &[(u64, u64)]) {
    let windows = given(layout).into_values();
    let mut taken: Vec<_> = windows.map(|(gpa, size, ..)| (gpa, size)).collect();
    taken.extend(devices);
    taken.sort();
    for pair in taken.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{taken:x?}");
    }
}

/// No device that is emulated on x86_64 is in a window, or in another one.
#[test]
fn what_is_emulated_is_apart_from_what_is_mapped() {
    use x86_64::{
        apic::page,
        layout::{IO_APIC, LOCAL_APIC, Mode, layout},
    };
    let mut taken: Vec<_> = given(&layout(Mode::Svm))
        .into_values()
        .map(|(gpa, size, ..)| (gpa, size))
        .collect();
    taken.push((IO_APIC.get(), ioapic::WINDOW));
    taken.push((LOCAL_APIC.get(), page::WINDOW));
    taken.sort();
    for pair in taken.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{taken:x?}");
    }
}
