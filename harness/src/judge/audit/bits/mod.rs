//! The names that the manuals have for the bits of the registers that confine.

mod aarch64;
mod riscv64;
mod x86_64;

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bits with a name each, such as `(27, "TGE")`.
type Named = &'static [(u8, &'static str)];

/// The named bits of a register, lowest first; empty if the register is not known.
///
/// The layout of some registers of Arm's depends on HCR_EL2.E2H, so `registers` has those that were read
/// along with it.
pub fn bits_of(register: &str, registers: &BTreeMap<String, u64>) -> Vec<(u8, Cow<'static, str>)> {
    let plain = riscv64::bits(register)
        .or_else(|| aarch64::bits(register, aarch64::is_e2h(registers)))
        .or_else(|| x86_64::bits(register));
    match plain {
        Some(bits) => bits.iter().map(|&(at, name)| (at, name.into())).collect(),
        None => x86_64::numbered(register),
    }
}

/// Which bit of a register has a name.
pub fn bit_of(register: &str, name: &str, registers: &BTreeMap<String, u64>) -> Option<u8> {
    let bits = bits_of(register, registers);
    let found = bits.iter().find(|(_, of)| of == name);
    found.map(|(at, _)| *at)
}

/// The names of the bits that are set in a value, such as `VTW`, and of its fields that are not zero, such as
/// `MODE=8`. A bit that has no name is `bit 63`.
pub fn names_of(register: &str, value: u64, registers: &BTreeMap<String, u64>) -> Vec<String> {
    named(register, value, registers, |field, number| match number {
        1..10 => format!("{}={number}", field.name),
        _ => format!("{}={number:#x}", field.name),
    })
}

/// As [`names_of`], the fields without their numbers: what a mask is of.
pub fn parts_of(register: &str, mask: u64, registers: &BTreeMap<String, u64>) -> Vec<String> {
    named(register, mask, registers, |field, _| field.name.into())
}

fn named(
    register: &str,
    value: u64,
    registers: &BTreeMap<String, u64>,
    show: fn(&Field, u64) -> String,
) -> Vec<String> {
    let bits = bits_of(register, registers);
    let fields = fields_of(register);
    let numbers = fields.iter().map(|field| (field, field.of(value)));
    let some = numbers.filter(|(_, number)| *number != 0);
    let mut names: Vec<String> = some.map(|(field, number)| show(field, number)).collect();
    let in_a_field = |at: u8| fields.iter().any(|field| field.has(at));
    let set = (0..64).filter(|&at| value >> at & 1 == 1 && !in_a_field(at));
    names.extend(set.map(|at| {
        let named = bits.iter().find(|(of, _)| *of == at);
        named.map_or_else(|| format!("bit {at}"), |(_, name)| name.to_string())
    }));
    names
}

/// Neighbouring bits that are one number.
#[derive(Debug, Clone, Copy)]
struct Field {
    low: u8,
    size: u8,
    name: &'static str,
}

impl Field {
    fn has(&self, at: u8) -> bool {
        (self.low..self.low + self.size).contains(&at)
    }

    fn of(&self, value: u64) -> u64 {
        value >> self.low & (u64::MAX >> (64 - self.size))
    }
}

fn fields_of(register: &str) -> &'static [Field] {
    const fn field(low: u8, size: u8, name: &'static str) -> Field {
        Field { low, size, name }
    }
    const HGATP: &[Field] = &[
        field(60, 4, "MODE"),
        field(44, 14, "VMID"),
        field(0, 44, "PPN"),
    ];
    const HSTATUS: &[Field] = &[
        field(12, 6, "VGEIN"),
        field(32, 2, "VSXL"),
        field(48, 2, "HUPMM"),
    ];
    const HENVCFG: &[Field] = &[field(4, 2, "CBIE"), field(32, 2, "PMM")];
    const VTTBR: &[Field] = &[field(48, 16, "VMID"), field(1, 47, "BADDR")];
    const VTCR: &[Field] = &[
        field(0, 6, "T0SZ"),
        field(6, 2, "SL0"),
        field(8, 2, "IRGN0"),
        field(10, 2, "ORGN0"),
        field(12, 2, "SH0"),
        field(14, 2, "TG0"),
        field(16, 3, "PS"),
    ];
    const MDCR: &[Field] = &[
        field(0, 5, "HPMN"),
        field(12, 2, "E2PB"),
        field(24, 2, "E2TB"),
    ];
    const CNTHCTL: &[Field] = &[field(4, 4, "EVNTI")];
    const ADDRESS: &[Field] = &[field(0, 64, "HPA")];
    const ASID: &[Field] = &[field(0, 32, "ASID")];
    const TLB: &[Field] = &[field(0, 8, "TLB_CONTROL")];
    const V_INTR: &[Field] = &[
        field(0, 8, "V_TPR"),
        field(16, 4, "V_INTR_PRIO"),
        field(32, 8, "V_INTR_VECTOR"),
    ];
    match register {
        "hgatp" => HGATP,
        "hstatus" => HSTATUS,
        "henvcfg" => HENVCFG,
        "VTTBR_EL2" => VTTBR,
        "VTCR_EL2" => VTCR,
        "MDCR_EL2" => MDCR,
        "CNTHCTL_EL2" => CNTHCTL,
        "iopm_base" | "msrpm_base" | "n_cr3" => ADDRESS,
        "asid" => ASID,
        "tlb_control" => TLB,
        "virtual_interrupts" => V_INTR,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
