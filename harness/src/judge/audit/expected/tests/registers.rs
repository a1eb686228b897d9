//! What registers, ports and model-specific registers may hold.

use super::*;

#[test]
fn registers_hold_what_was_declared() {
    let mut expected = expected(Isa::Riscv64);
    let rule = |is, set: &[&str], clear: &[&str]| RegisterRule {
        is,
        set: set.iter().map(|name| (*name).to_owned()).collect(),
        clear: clear.iter().map(|name| (*name).to_owned()).collect(),
    };
    let rules = [
        ("hcounteren", rule(Some(0), &[], &[])),
        ("hedeleg", rule(Some(0xb1fb), &[], &[])),
        (
            "hstatus",
            rule(None, &["VTVM", "VTW", "TGE"], &["VTW", "VTSR"]),
        ),
    ];
    expected.registers = rules.map(|(name, rule)| (name.to_owned(), rule)).into();
    assert_eq!(
        told(&expected, &on_riscv64()),
        [
            "hcounteren is declared, and could not be read",
            "hedeleg is 0xb1ff, and is declared to be 0xb1fb: they differ in ILLEGAL_INSTRUCTION",
            "hstatus.VTVM is clear: it is declared set",
            "hstatus.TGE is declared, and could not be read",
            "hstatus.VTW is set: it is declared clear",
        ]
    );
}

/// SRET has cleared hstatus.SPV by then; all else is as at the entry.
#[test]
fn in_the_guest_what_the_entry_uses_up_says_nothing() {
    let mut expected = expected(Isa::Riscv64);
    let is = RegisterRule {
        is: Some(1 << 7 | 1 << 21),
        set: vec!["SPV".into(), "VTW".into()],
        clear: Vec::new(),
    };
    expected.registers = [("hstatus".to_owned(), is)].into();
    let in_guest = |hstatus| Snapshot {
        in_guest: true,
        ..confined(&[("hstatus", hstatus)])
    };
    assert_eq!(told(&expected, &in_guest(1 << 21)), [""; 0]);
    assert_eq!(told(&expected, &in_guest(1 << 7 | 1 << 21)), [""; 0]);
    assert_eq!(
        told(&expected, &in_guest(1 << 20)),
        [
            "hstatus is 0x100000, and is declared to be 0x200080: they differ in VTVM and VTW",
            "hstatus.VTW is clear: it is declared set",
        ]
    );
    assert_eq!(told(&expected, &confined(&[("hstatus", 1 << 21)])).len(), 2);
}

#[test]
fn a_guest_on_arm_goes_through_stage_2_and_not_through_the_hosts_el0() {
    let expected = expected(Isa::Aarch64);
    assert_eq!(told(&expected, &confined(&[("HCR_EL2", 1)])), [""; 0]);
    assert_eq!(
        told(&expected, &confined(&[("HCR_EL2", 1 << 27)])),
        [
            "HCR_EL2.VM is clear: the guest's addresses do not go through stage 2",
            "HCR_EL2.TGE is set: the guest's user programs run as the hypervisor's",
        ]
    );
    assert_eq!(
        told(&expected, &confined(&[])),
        [
            "could not be audited: HCR_EL2 was not read",
            "could not be audited: HCR_EL2 was not read",
        ]
    );
}

fn on_x86_64() -> [(&'static str, u64); 6] {
    [
        ("nested_paging", 1),
        ("intercept1", 1 << 27 | 1 << 28 | 1),
        ("intercept2", 0b111_1101),
        ("virtual_interrupts", 1 << 24),
        ("asid", 1),
        ("virtualization", 0),
    ]
}

#[test]
fn a_guest_on_amd_has_the_intercepts_without_which_it_is_the_host() {
    let expected = expected(Isa::X86_64);
    assert_eq!(told(&expected, &confined(&on_x86_64())), [""; 0]);
    let all = confined(&on_x86_64().map(|(name, _)| (name, 0)));
    assert_eq!(
        told(&expected, &all),
        [
            "nested_paging.NP_ENABLE is clear: the guest's addresses do not go through nested tables",
            "intercept1.INTR is clear: an interrupt of the host's goes to the guest",
            "intercept1.IOIO_PROT is clear: the guest may use every I/O port",
            "intercept1.MSR_PROT is clear: the guest may use every model-specific register",
            "intercept2.VMRUN is clear: the guest may start a guest",
            "intercept2.STGI is clear: the guest may let the host's interrupts through",
            "intercept2.CLGI is clear: the guest may hold the host's interrupts back",
            "intercept2.SKINIT is clear: the guest may restart the processor",
            "virtual_interrupts.V_INTR_MASKING is clear: the guest may hold the host's interrupts back with RFLAGS.IF",
            "intercept2.VMLOAD is clear: the guest may read the machine's memory by VMLOAD",
            "intercept2.VMSAVE is clear: the guest may write to the machine's memory by VMSAVE",
            "asid is 0: that is the host's, so the TLB does not tell the guest's addresses from the host's",
        ]
    );
    let mut without_area = confined(&on_x86_64());
    without_area.registers.insert("vm_hsave_pa".into(), 0);
    assert_eq!(
        told(&expected, &without_area),
        [
            "vm_hsave_pa is 0: nobody set it, so VMRUN overwrites the machine's first page with the host's state",
        ]
    );
    let mut with_vls = on_x86_64();
    with_vls[2].1 = 0b111_0001;
    with_vls[5].1 = 0b10;
    assert_eq!(told(&expected, &confined(&with_vls)), [""; 0]);
}

#[test]
fn open_ports_and_registers_are_among_the_declared() {
    let mut snapshot = confined(&on_x86_64());
    let open = |start, size, letters| OpenMsrs {
        span: Span::new(start, size),
        access: access(letters),
    };
    snapshot.open_ports = vec![Span::new(0x7f, 3), Span::new(0x3f8, 8)];
    snapshot.open_msrs = vec![
        open(0x10, 1, "r"),
        open(0xc000_0080, 1, "r"),
        open(0xc000_0081, 1, "rw"),
        open(0xc000_0082, 4, "r"),
    ];
    assert_eq!(
        told(&expected(Isa::X86_64), &snapshot),
        [
            "I/O ports 0x7f..0x80 are open to the guest, and not declared",
            "I/O ports 0x81..0x82 are open to the guest, and not declared",
            "I/O ports 0x3f8..0x400 are open to the guest, and not declared",
            "MSRs 0x10..0x11 are open to the guest (read), and not declared",
            "MSRs 0xc0000081..0xc0000082 are open to the guest (read-write), and not declared",
            "MSRs 0xc0000084..0xc0000086 are open to the guest (read), and not declared",
        ]
    );
}
