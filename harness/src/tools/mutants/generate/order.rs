//! The order in which scenarios are tried on a mutant: first those that were made for what it breaks.

use super::site::{Kind, Site};
use crate::arch::Arch;

/// The tests of the hypervisor on the host, as the name of what kills a mutant.
pub const HOST_TESTS: &str = "host-tests";

/// Scenarios by the file that has the defect; those for a kind come after them.
const BY_FILE: &[(&str, &[&str])] = &[
    (
        "vmcb",
        &[
            HOST_TESTS,
            "privileged-sweep",
            "x86-ioport-serial",
            "x86-shutdown",
            "x86-exception-storm",
            "clean-start",
            "timer-once",
            "x86-x2apic",
            "x86-xapic",
            "wfi-input",
            "mmio-forms",
            "x86-fuzz-devices",
        ],
    ),
    ("fifo", &[HOST_TESTS]),
    (
        "msr",
        &[
            HOST_TESTS,
            "x86-permission-maps",
            "privileged-sweep",
            "sysreg-trap",
        ],
    ),
    ("cpuid", &[HOST_TESTS, "x86-cpuid"]),
    ("idregs", &["id-registers", HOST_TESTS]),
    (
        "sysregs",
        &[
            HOST_TESTS,
            "sysreg-trap",
            "own-breakpoint",
            "id-registers",
            "privileged-sweep",
        ],
    ),
    (
        "confine",
        &[
            "privileged-sweep",
            "sysreg-trap",
            "wfi-idle",
            "user-refused",
            "host-regs",
            "id-registers",
            "memory-tags",
            "refused-el0",
        ],
    ),
    (
        "load",
        &[
            "regs-reloaded",
            "clean-start",
            "timer-dead-guest",
            "host-regs",
            "two-vms",
            "state-enable",
            "extension-csrs",
        ],
    ),
    ("unswitched", &["regs-reloaded", "clean-start"]),
    (
        "regs",
        &[
            "privileged-sweep",
            "regs-reloaded",
            "clean-start",
            "host-regs",
            "two-vms",
            "x86-save-area",
            "npf-storm",
            "id-registers",
            "user-refused",
            "timer-dead-guest",
            "wfi-not-enabled",
            "wfi-input",
            "wfi-input-not-enabled",
            "console-input-ns16550a",
            "mmio-forms",
        ],
    ),
    (
        "cpu",
        &[
            "timer-not-there",
            "timer-rearm",
            "wfi-deadline",
            "timer-once",
            "console-input-ns16550a",
            "console-input-com1",
            "x86-com1",
            "x86-ioapic",
            "x86-xapic",
            "timer-xapic",
        ],
    ),
    (
        "clock",
        &[
            "timer-hog",
            "timer-latency",
            "timer-past",
            "wfi-deadline",
            "timer-sstc",
            "timer-storm",
        ],
    ),
    (
        "apic",
        &[HOST_TESTS, "x86-x2apic", "timer-once", "timer-past"],
    ),
    ("vectors", &[HOST_TESTS, "x86-x2apic"]),
    ("page", &[HOST_TESTS, "x86-xapic", "timer-xapic"]),
    (
        "interrupts",
        &[HOST_TESTS, "x86-ioapic", "timer-once", "wfi-input"],
    ),
    ("ioapic", &[HOST_TESTS, "x86-ioapic", "console-input-com1"]),
    (
        "fetch",
        &[
            HOST_TESTS,
            "mmio-forms",
            "x86-device-stack",
            "x86-fuzz-devices",
        ],
    ),
    (
        "access",
        &[
            HOST_TESTS,
            "mmio-forms",
            "x86-device-stack",
            "x86-com1",
            "x86-fuzz-devices",
        ],
    ),
    (
        "emulate",
        &[
            "x86-cpuid",
            "x86-permission-maps",
            "wfi-deadline",
            "x86-own-debug",
        ],
    ),
    ("gicd", &[HOST_TESTS, "timer-once", "guestvdev"]),
    ("plic", &[HOST_TESTS, "console-input-ns16550a", "wfi-input"]),
    (
        "gic",
        &[
            "timer-once",
            "irq-state-reloaded",
            "timer-latency-untidy",
            "timer-masked",
            "timer-past",
            "wfi-deadline",
            "irq-state",
            "timer-dead-guest-cntv",
            "guestvdev",
            "console-input-pl011",
            "irq-sgi",
            "irq-sgi-reloaded",
            "timer-latency",
            "wfi-not-taken",
            "clean-start",
        ],
    ),
    ("lists", &[HOST_TESTS, "timer-once", "console-input-pl011"]),
    (
        "timer",
        &[
            HOST_TESTS,
            "timer-once",
            "timer-past",
            "timer-infinite",
            "wfi-deadline",
            "timer-dead-guest",
            "timer-dead-guest-cntv",
        ],
    ),
    (
        "enter",
        &[
            "regs-preserved",
            "host-regs",
            "regs-reloaded",
            "user-refused",
            "guest-hog",
            HOST_TESTS,
        ],
    ),
    ("stage1", &["gkernel-el0", "refused-el0"]),
    (
        "vcpu",
        &[
            "regs-preserved",
            "clean-start",
            "x86-permission-maps",
            "regs-reloaded",
            "x86-own-debug",
            "x86-cpuid",
            "x86-interrupted-event",
            "user-refused",
            "host-regs",
            "wfi-timer",
            "guest-hog",
            "timer-once",
            "timer-masked",
            "wfi-deadline",
            "irq-state",
            "irq-state-reloaded",
            "irq-sgi-reloaded",
            "mmio-forms",
            "wfi-idle",
            "wfi-not-enabled",
            "wfi-not-taken",
            "wfi-not-armed",
            "wfi-input",
            "wfi-input-not-enabled",
            "wfi-input-not-asked",
            "console-input-ns16550a",
            "console-input-com1",
            "x86-com1",
            "x86-shutdown",
            "x86-device-stack",
        ],
    ),
    ("start", &[HOST_TESTS, "clean-start"]),
    ("format", &["npf-store-ro", "npf-exec-device", HOST_TESTS]),
    ("stage2", &[HOST_TESTS, "npf-high-39", "npf-many"]),
    (
        "guest_memory",
        &[
            HOST_TESTS,
            "npf-last-page-edge",
            "npf-outside",
            "npf-store-ro",
            "dbcn-bad-addr",
        ],
    ),
    ("pages", &[HOST_TESTS, "two-vms", "clean-start"]),
    (
        "budget",
        &[
            HOST_TESTS,
            "guest-hog",
            "budget-total-bytes",
            "budget-unknown-call",
            "npf-storm",
        ],
    ),
    ("run", &[HOST_TESTS, "npf-storm", "wfi-idle"]),
    ("mod", &[HOST_TESTS, "dbcn-bad-addr", "budget-empty-write"]),
    ("addr", &[HOST_TESTS, "dbcn-bad-addr"]),
    ("copy", &[HOST_TESTS]),
    ("disk", &["image-bad-truncated", "image-bad-not-fat"]),
];

const BY_KIND: [(Kind, &[&str]); 5] = [
    (Kind::Bit, &["privileged-sweep", "clean-start"]),
    (Kind::Row, &["privileged-sweep"]),
    (Kind::Bound, &["npf-outside", "dbcn-bad-addr", "guest-hog"]),
    (Kind::Step, &["two-vms", "clean-start", "host-regs"]),
    (
        Kind::Register,
        &[
            "regs-preserved",
            "regs-reloaded",
            "host-regs",
            "clean-start",
        ],
    ),
];

/// The order for a mutant, out of the scenarios of an architecture; and how many of them, at the beginning, were
/// made for what it breaks. `killers` come before them.
pub fn order(
    site: &Site,
    arch: Arch,
    scenarios: &[(String, Vec<Arch>)],
    killers: &[&str],
) -> (Vec<String>, usize) {
    let file = BY_FILE.iter().find(|(stem, _)| *stem == site.stem());
    let kind = BY_KIND.iter().find(|(kind, _)| *kind == site.kind);
    let first = killers.iter().copied().chain(["gkernel"]);
    let first = first.chain(
        file.into_iter()
            .flat_map(|(_, names)| names.iter().copied()),
    );
    let first = first.chain(
        kind.into_iter()
            .flat_map(|(_, names)| names.iter().copied()),
    );
    let here = scenarios
        .iter()
        .filter(|(_, arches)| arches.contains(&arch));
    let here: Vec<_> = here.map(|(name, _)| name.as_str()).collect();
    let mut order: Vec<String> = Vec::new();
    let mut take = |name: &str| {
        let known = name == HOST_TESTS || here.contains(&name);
        if known && !order.iter().any(|there| there == name) {
            order.push(name.to_owned());
        }
        order.len()
    };
    let made_for_it = first.map(&mut take).last().unwrap_or(0);
    for name in here.iter().copied().chain([HOST_TESTS]) {
        take(name);
    }
    (order, made_for_it)
}

#[cfg(test)]
mod tests {
    use super::super::site::{Found, Items, named};
    use super::*;
    use std::path::Path;

    #[test]
    fn a_file_is_there_once() {
        let mut stems: Vec<_> = BY_FILE.iter().map(|(stem, _)| stem).collect();
        stems.sort_unstable();
        assert!(stems.windows(2).all(|pair| pair[0] != pair[1]), "{stems:?}");
    }

    #[test]
    fn what_was_made_for_a_defect_comes_first_and_nothing_twice_or_elsewhere() {
        let found = Found {
            kind: Kind::Register,
            range: 0..0,
            replacement: String::new(),
            what: String::new(),
        };
        let file = Path::new("hypervisor/src/arch/x86_64/enter.S");
        let site = named(file, "", &Items::default(), vec![found]).remove(0);
        let all = vec![Arch::X86_64];
        let scenario = |name: &str, arches: &[Arch]| (name.to_owned(), arches.to_vec());
        let scenarios = [
            scenario("a", &all),
            scenario("clean-start", &all),
            scenario("gkernel", &all),
            scenario("host-regs", &[Arch::Riscv64]),
            scenario("regs-preserved", &all),
        ];
        let (tried, made_for_it) = order(&site, Arch::X86_64, &scenarios, &[]);
        let made = ["gkernel", "regs-preserved", HOST_TESTS, "clean-start"];
        assert_eq!(tried, [&made[..], &["a"]].concat());
        assert_eq!(made_for_it, 4);
        // What killed it before, if that is there still.
        let killers = [HOST_TESTS, "gone", "clean-start"];
        let (tried, made_for_it) = order(&site, Arch::X86_64, &scenarios, &killers);
        assert_eq!(
            tried,
            [HOST_TESTS, "clean-start", "gkernel", "regs-preserved", "a"]
        );
        assert_eq!(made_for_it, 4);
    }
}
