//! The tables of what was measured.

use super::{digits, quantity};
use crate::arch::Arch;
use crate::tools::bench::kept::Kept;

/// What the harness costs: what it is called here, and by whom it was measured.
const HARNESS: [(&str, &str); 12] = [
    ("`./x run`, over QEMU alone", "./x run over QEMU"),
    ("`harness run`, over QEMU alone", "harness run over QEMU"),
    ("the audit, of a run", "a run with the audit"),
    (
        "the machine stands still for it, at most",
        "the longest standstill",
    ),
    ("QEMU's log of exits, of a run", "a run with QEMU's log"),
    (
        "from a forbidden line to the harness's end",
        "forbidden line to the end",
    ),
    (
        "from QEMU's death to the harness's end",
        "QEMU's death to the end",
    ),
    ("judging a recorded console", "judging a log"),
    (
        "finding that nothing has to be built",
        "nothing to build, by the stamps",
    ),
    ("the same by cargo", "nothing to build, by cargo"),
    ("making a disk image", "a disk image"),
    ("the harness's memory", "the harness's memory"),
];

/// What is measured on each architecture, in their order: the figure, and what it is there.
type Row = (&'static str, [Option<(&'static str, &'static str)>; 3]);

/// What the hypervisor costs its guests, in nanoseconds.
const EXITS: [Row; 7] = [
    ("floor: the switch alone (`reenter`)", same("floor entry")),
    (
        "floor: a trap inside the guest",
        [
            Some(("floor ebreak", "EBREAK")),
            Some(("floor svc", "SVC")),
            Some(("floor int", "INT")),
        ],
    ),
    ("a call that nobody defined", same("exit call")),
    (
        "a register, or an instruction, that is emulated",
        [
            Some(("exit instruction", "WRS.NTO")),
            Some(("exit register", "ID register")),
            Some(("exit register", "MSR")),
        ],
    ),
    ("CPUID", [None, None, Some(("exit cpuid", ""))]),
    (
        "a register of an emulated device",
        [
            None,
            Some(("exit mmio-gicd", "GICD")),
            Some(("exit mmio-ioapic", "I/O APIC")),
        ],
    ),
    (
        "an interrupt of the timer, from arming it to behind the handler",
        same("exit interrupt"),
    ),
];

/// How late its timer is, in nanoseconds: the median, and the latest.
const LATE: [(&str, &str, &str); 2] = [
    (
        "from a deadline to the handler, the guest computing: median, and the worst of 1,000",
        "late computing",
        "late computing, the latest",
    ),
    (
        "from a deadline to behind its wait: median, and the worst of 1,000",
        "late waiting",
        "late waiting, the latest",
    ),
];

const fn same(figure: &'static str) -> [Option<(&'static str, &'static str)>; 3] {
    [Some((figure, "")); 3]
}

fn row(label: &str, cells: [String; 3]) -> String {
    format!("| {label} | {} |\n", cells.join(" | "))
}

fn head() -> String {
    let names = Arch::ALL.map(|arch| arch.name().to_owned());
    row("", names).replace("|  |", "| |") + "|---|---|---|---|\n"
}

/// What the harness costs.
pub(super) fn harness(kept: &Kept) -> Option<String> {
    let mut out = head();
    for (label, name) in HARNESS {
        let cells = Arch::ALL.map(|arch| kept.figure(&format!("{arch}: {name}")).map(quantity));
        out += &row(label, all(cells)?);
    }
    Some(out)
}

/// What the hypervisor costs.
pub(super) fn hypervisor(kept: &Kept) -> Option<String> {
    let nanos = |arch: Arch, name: &str| {
        let figure = kept.figure(&format!("{arch}: {name}"))?;
        Some(digits(figure.median()))
    };
    let mut out = head();
    for (label, figures) in EXITS {
        let mut cells = [const { String::new() }; 3];
        for ((arch, figure), cell) in Arch::ALL.into_iter().zip(figures).zip(&mut cells) {
            let Some((name, what)) = figure else { continue };
            let value = nanos(arch, name)?;
            *cell = match what {
                "" => value,
                _ => format!("{value} ({what})"),
            };
        }
        out += &row(label, cells);
    }
    for (label, late, latest) in LATE {
        let cells =
            Arch::ALL.map(|arch| Some(format!("{}; {}", nanos(arch, late)?, nanos(arch, latest)?)));
        out += &row(label, all(cells)?);
    }
    let idle = Arch::ALL.map(|arch| kept.figure(&format!("{arch}: idle")).map(quantity));
    out += &row(
        "an idle guest: the host's share of a processor, QEMU's own timers included",
        all(idle)?,
    );
    Some(out)
}

/// How well many runs share the processors.
pub(super) fn matrix(kept: &Kept) -> Option<String> {
    let figure = |name: &str| kept.figure(&format!("matrix: {name}")).map(quantity);
    Some(format!(
        "| | |\n|---|---|\n\
         | the main scenario on three architectures, the whole program | {} |\n\
         | all cases | {} |\n\
         | the same, over their boots shared out to the processors without a gap | {} |\n\
         | the same, over boots that run one by one, shared out likewise | {} |\n",
        figure("the main scenario")?,
        figure("all cases")?,
        figure("all cases, over their boots")?,
        figure("all cases, over boots one by one")?,
    ))
}

fn all(cells: [Option<String>; 3]) -> Option<[String; 3]> {
    let [a, b, c] = cells;
    Some([a?, b?, c?])
}
