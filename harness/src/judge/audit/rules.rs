//! What holds for the guest of any hypervisor, without being declared.

use super::x86_64::VM_HSAVE_PA;
use super::{Breach, Isa, bit_of};
use std::collections::BTreeMap;

/// A bit that has to be set, or clear, and why.
struct Rule {
    register: &'static str,
    bit: &'static str,
    set: bool,
    why: &'static str,
}

const fn set(register: &'static str, bit: &'static str, why: &'static str) -> Rule {
    Rule {
        register,
        bit,
        set: true,
        why,
    }
}

const fn clear(register: &'static str, bit: &'static str, why: &'static str) -> Rule {
    Rule {
        register,
        bit,
        set: false,
        why,
    }
}

const RISCV64: &[Rule] = &[clear(
    "hstatus",
    "HU",
    "the guest's user programs may use the hypervisor's load and store instructions",
)];

const AARCH64: &[Rule] = &[
    set(
        "HCR_EL2",
        "VM",
        "the guest's addresses do not go through stage 2",
    ),
    clear(
        "HCR_EL2",
        "TGE",
        "the guest's user programs run as the hypervisor's",
    ),
];

const X86_64: &[Rule] = &[
    set(
        "nested_paging",
        "NP_ENABLE",
        "the guest's addresses do not go through nested tables",
    ),
    set(
        "intercept1",
        "INTR",
        "an interrupt of the host's goes to the guest",
    ),
    set(
        "intercept1",
        "IOIO_PROT",
        "the guest may use every I/O port",
    ),
    set(
        "intercept1",
        "MSR_PROT",
        "the guest may use every model-specific register",
    ),
    set("intercept2", "VMRUN", "the guest may start a guest"),
    set(
        "intercept2",
        "STGI",
        "the guest may let the host's interrupts through",
    ),
    set(
        "intercept2",
        "CLGI",
        "the guest may hold the host's interrupts back",
    ),
    set(
        "intercept2",
        "SKINIT",
        "the guest may restart the processor",
    ),
    set(
        "virtual_interrupts",
        "V_INTR_MASKING",
        "the guest may hold the host's interrupts back with RFLAGS.IF",
    ),
];

/// Unless VLS has them take guest-physical addresses (APM vol. 2, 15.33.1).
const X86_64_WITHOUT_VLS: &[Rule] = &[
    set(
        "intercept2",
        "VMLOAD",
        "the guest may read the machine's memory by VMLOAD",
    ),
    set(
        "intercept2",
        "VMSAVE",
        "the guest may write to the machine's memory by VMSAVE",
    ),
];

/// What of these registers leaves a guest unconfined.
pub(super) fn breaches(isa: Isa, registers: &BTreeMap<String, u64>) -> Vec<Breach> {
    let mut rules: Vec<&Rule> = match isa {
        Isa::Riscv64 => RISCV64.iter().collect(),
        Isa::Aarch64 => AARCH64.iter().collect(),
        Isa::X86_64 => X86_64.iter().collect(),
    };
    let is_set = |register, bit| is_set(registers, register, bit);
    if isa == Isa::X86_64 && is_set("virtualization", "VLS") != Some(true) {
        rules.extend(X86_64_WITHOUT_VLS);
    }
    let mut found: Vec<_> = rules
        .into_iter()
        .filter_map(|rule| match is_set(rule.register, rule.bit) {
            Some(set) if set == rule.set => None,
            Some(set) => Some(Breach::Bit {
                register: rule.register.into(),
                bit: rule.bit.into(),
                set,
                why: rule.why.into(),
            }),
            None => Some(Breach::Gap {
                why: format!("{} was not read", rule.register),
            }),
        })
        .collect();
    if isa == Isa::X86_64 && registers.get("asid") == Some(&0) {
        found.push(Breach::HostAsid);
    }
    if registers.get(VM_HSAVE_PA) == Some(&0) {
        found.push(Breach::NoHostSaveArea);
    }
    found
}

/// The bits of a register that the entry into the guest clears, so that they say nothing while it runs: SRET
/// takes the guest's virtualization mode from hstatus.SPV and clears that (RISC-V Privileged Architecture,
/// "Trap Return"). ERET and VMRUN change nothing that confines.
pub(super) fn used_up_by_the_entry(register: &str) -> u64 {
    const SPV: u64 = 1 << 7;
    match register {
        "hstatus" => SPV,
        _ => 0,
    }
}

fn is_set(registers: &BTreeMap<String, u64>, register: &str, bit: &str) -> Option<bool> {
    let value = registers.get(register)?;
    let at = bit_of(register, bit, registers)?;
    Some(value >> at & 1 == 1)
}
