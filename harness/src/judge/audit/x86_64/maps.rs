//! The permission maps: of I/O ports (APM vol. 2, 15.10) and of model-specific registers (15.11).

use super::super::{Access, Machine, OpenMsrs, Span};
use super::vmcb::{Field, Vmcb, v};

/// How many bytes the map of ports has: a bit for each port, and some for accesses that go past the last.
const IOPM_SIZE: usize = 12 * 1024;

/// How many ports there are.
const PORTS: u64 = 1 << 16;

/// How many bytes the map of registers has.
const MSRPM_SIZE: usize = 8 * 1024;

/// The registers that the map knows, by the offset in it: 8,192 of them each, two bits a register. The
/// others exit always.
const MSR_RANGES: [(usize, u64); 3] = [(0x000, 0), (0x800, 0xc000_0000), (0x1000, 0xc001_0000)];

/// How many registers are in each range.
const MSRS_IN_A_RANGE: u64 = 0x2000;

/// The most runs of ports, and of registers, that are kept.
const RUNS_KEPT: usize = 1024;

/// The ports that do not exit. An access of several bytes exits if one of its ports does.
pub fn ports(
    machine: &mut dyn Machine,
    vmcb: &Vmcb,
    tables: &mut Vec<(u64, u64)>,
    gaps: &mut Vec<String>,
) -> Vec<Span> {
    if vmcb.get(v::INTERCEPT1) & v::IOIO_PROT == 0 {
        return vec![Span::new(0, PORTS)];
    }
    let name = "the I/O permissions map";
    let Some(map) = read(machine, vmcb, (v::IOPM_BASE, IOPM_SIZE, name), tables, gaps) else {
        return Vec::new();
    };
    let open = |port: &u64| map[(port / 8) as usize] >> (port % 8) & 1 == 0;
    let mut spans: Vec<Span> = Vec::new();
    for port in (0..PORTS).filter(open) {
        let full = spans.len() == RUNS_KEPT;
        match spans.last_mut() {
            Some(last) if last.end() == port => last.size += 1,
            _ if full => {
                gaps.push(more("ports", port));
                break;
            }
            _ => spans.push(Span::new(port, 1)),
        }
    }
    spans
}

fn more(what: &str, from: u64) -> String {
    format!(
        "there are more than {RUNS_KEPT} runs of open {what}; those from {from:#x} on were not kept"
    )
}

/// The model-specific registers that do not exit.
pub fn msrs(
    machine: &mut dyn Machine,
    vmcb: &Vmcb,
    tables: &mut Vec<(u64, u64)>,
    gaps: &mut Vec<String>,
) -> Vec<OpenMsrs> {
    if vmcb.get(v::INTERCEPT1) & v::MSR_PROT == 0 {
        return vec![OpenMsrs {
            span: Span::new(0, 1 << 32),
            access: Access::new(true, true, false),
        }];
    }
    let name = "the MSR permissions map";
    let Some(map) = read(
        machine,
        vmcb,
        (v::MSRPM_BASE, MSRPM_SIZE, name),
        tables,
        gaps,
    ) else {
        return Vec::new();
    };
    let mut open: Vec<OpenMsrs> = Vec::new();
    for (offset, first) in MSR_RANGES {
        for nth in 0..MSRS_IN_A_RANGE {
            let bits = map[offset + (nth / 4) as usize] >> (2 * (nth % 4)) & 3;
            let access = Access::new(bits & 1 == 0, bits & 2 == 0, false);
            if !add(&mut open, first + nth, access) {
                gaps.push(more("MSRs", first + nth));
                return open;
            }
        }
    }
    open
}

/// Adds a register to the last run or as one of its own; false if there is no room for that.
fn add(open: &mut Vec<OpenMsrs>, msr: u64, access: Access) -> bool {
    if access == Access::NONE {
        return true;
    }
    let full = open.len() == RUNS_KEPT;
    match open.last_mut() {
        Some(last) if last.span.end() == msr && last.access == access => last.span.size += 1,
        _ if full => return false,
        _ => open.push(OpenMsrs {
            span: Span::new(msr, 1),
            access,
        }),
    }
    true
}

/// A map that the VMCB names; none if that is a gap. Whatever is in it, it is one of the tables.
fn read(
    machine: &mut dyn Machine,
    vmcb: &Vmcb,
    (base, size, name): (Field, usize, &str),
    tables: &mut Vec<(u64, u64)>,
    gaps: &mut Vec<String>,
) -> Option<Vec<u8>> {
    // The low 12 bits of the base are ignored.
    let hpa = vmcb.get(base) & !0xfff;
    tables.push((hpa, size as u64));
    let mut map = vec![0; size];
    match machine.read(hpa, &mut map) {
        Ok(()) => Some(map),
        Err(why) => {
            gaps.push(format!("{name} at HPA {hpa:#x} cannot be read: {why}"));
            None
        }
    }
}
