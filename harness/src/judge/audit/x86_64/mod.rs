//! AMD's SVM (APM vol. 2, chapter 15): the VMCB, the nested tables, the permission maps.

mod hostsave;
mod maps;
mod nested;
mod vmcb;

use super::walk;
use super::{Hint, Machine, Root, Stands, Unreadable, Walked};
pub(super) use hostsave::VM_HSAVE_PA;
use vmcb::{Vmcb, v};

/// Bits of the host's registers.
mod host {
    pub const CR4_LA57: u64 = 1 << 12;
    pub const EFER_LMA: u64 = 1 << 10;
    pub const EFER_NXE: u64 = 1 << 11;
}

/// Whether the processor stands in the guest is not to be had from it: none of its registers tells guest from
/// host, and the state that VMRUN saves in memory is the same while the guest runs and after it.
pub(super) fn take(machine: &mut dyn Machine, hint: &Hint) -> Result<Walked, Unreadable> {
    let mut walked = Walked::default();
    if hint.stands.confines() {
        walked.stands = hint.stands;
    }
    match hint.vmcb {
        Some(hpa) => of_vmcb(machine, hint, hpa, &mut walked)?,
        None if hint.stands.confines() => {
            let gap = "where the VMCB lies is not known";
            walked.gaps.push(gap.into());
        }
        None if hint.stands == Stands::Releasing => walked.root = hint.root,
        None => {}
    }
    if let Some(Root::X86_64 { n_cr3, levels, nx }) = walked.root {
        walked.format = Some(format!("nested paging, {levels} levels"));
        let nested = nested::Nested { nx };
        walked.keep(walk::walk(machine, &nested, nested::root(n_cr3, levels)));
    }
    Ok(walked)
}

/// What the VMCB says, and the maps that it names. Where nobody knows whether the guest still runs, one that VMRUN
/// refuses is none any more: its memory was given back.
fn of_vmcb(
    machine: &mut dyn Machine,
    hint: &Hint,
    hpa: u64,
    walked: &mut Walked,
) -> Result<(), Unreadable> {
    let mut page = vec![0; vmcb::SIZE];
    if let Err(why) = machine.read(hpa, &mut page) {
        let gap = format!("the VMCB at HPA {hpa:#x} cannot be read: {why}");
        walked.gaps.push(gap);
        return Ok(());
    }
    let vmcb = Vmcb(page);
    if !hint.stands.confines() && vmcb.is_refused() {
        return Ok(());
    }
    let mut tables = vec![(hpa, vmcb::SIZE as u64)];
    walked.registers = vmcb.registers();
    if hint.stands == Stands::Entering
        && let Some(value) = hostsave::not_set(machine)?
    {
        walked.registers.insert(VM_HSAVE_PA.to_owned(), value);
    }
    walked.open_ports = maps::ports(machine, &vmcb, &mut tables, &mut walked.gaps);
    walked.open_msrs = maps::msrs(machine, &vmcb, &mut tables, &mut walked.gaps);
    walked.tables = walk::joined(tables);
    if vmcb.get(v::NESTED_PAGING) & v::SEV != 0 {
        let gap = "the guest's memory is encrypted (SEV), which the audit cannot read";
        walked.gaps.push(gap.into());
    }
    if vmcb.get(v::NESTED_PAGING) & v::NP_ENABLE != 0 {
        walked.root = root(machine, hint, vmcb.get(v::N_CR3), &mut walked.gaps)?;
    }
    Ok(())
}

/// The nested tables are walked in the mode that the host was in at VMRUN (APM vol. 2, 15.25.3).
///
/// Elsewhere its registers cannot be had: what an earlier snapshot found is taken then, else 4 levels with
/// NX, which is what hosts have. If one has 5, its tables are taken for the guest's memory, and that is
/// a breach.
fn root(
    machine: &mut dyn Machine,
    hint: &Hint,
    n_cr3: u64,
    gaps: &mut Vec<String>,
) -> Result<Option<Root>, Unreadable> {
    if hint.stands == Stands::Entering {
        let (Some(cr4), Some(efer)) = (machine.register("cr4")?, machine.register("efer")?) else {
            gaps.push("the machine has no registers cr4 and efer".into());
            return Ok(None);
        };
        if efer & host::EFER_LMA == 0 {
            gaps.push("the host is not in long mode, whose nested tables alone are walked".into());
            return Ok(None);
        }
        let levels = if cr4 & host::CR4_LA57 != 0 { 5 } else { 4 };
        let nx = efer & host::EFER_NXE != 0;
        return Ok(Some(Root::X86_64 { n_cr3, levels, nx }));
    }
    let (levels, nx) = match hint.root {
        Some(Root::X86_64 { levels, nx, .. }) => (levels, nx),
        _ => (4, true),
    };
    Ok(Some(Root::X86_64 { n_cr3, levels, nx }))
}

#[cfg(test)]
mod tests;
