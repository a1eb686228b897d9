//! What the audit of the suite's scenarios allows a guest (tests/scenarios/base/audit.toml) is what the
//! hypervisor gives it: no less, or good runs would fail, and no more, or bad ones would pass. The two are
//! written down apart, so that a slip in one is no slip in the other.

use std::{collections::BTreeMap, path::Path};

use hypervisor::{
    arch::{aarch64, riscv64, x86_64},
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

fn audit(arch: &str) -> Audit {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("tests/scenarios/base/audit.toml")).unwrap();
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join(format!("configs/machines/{arch}.toml"));
    let machine: Machine = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
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
