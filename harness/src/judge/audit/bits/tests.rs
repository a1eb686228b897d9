use super::*;

const REGISTERS: [&str; 30] = [
    "hgatp",
    "hstatus",
    "hedeleg",
    "hideleg",
    "hcounteren",
    "henvcfg",
    "hie",
    "hvip",
    "hstateen0",
    "hstateen1",
    "HCR_EL2",
    "VTTBR_EL2",
    "VTCR_EL2",
    "CPTR_EL2",
    "MDCR_EL2",
    "HSTR_EL2",
    "CNTHCTL_EL2",
    "HCRX_EL2",
    "intercept_cr",
    "intercept_dr",
    "intercept_exceptions",
    "intercept1",
    "intercept2",
    "intercept3",
    "asid",
    "tlb_control",
    "virtual_interrupts",
    "nested_paging",
    "virtualization",
    "n_cr3",
];

fn e2h(set: bool) -> BTreeMap<String, u64> {
    [("HCR_EL2".to_owned(), u64::from(set) << 34)].into()
}

#[test]
fn a_name_is_one_bit_and_a_bit_has_one_name_and_is_in_no_field() {
    for register in REGISTERS {
        for all in [e2h(false), e2h(true)] {
            let bits = bits_of(register, &all);
            for (nth, (at, name)) in bits.iter().enumerate() {
                assert_eq!(bit_of(register, name, &all), Some(*at), "{register}.{name}");
                let again = bits[nth + 1..].iter().any(|(other, _)| other <= at);
                assert!(!again, "{register}: {name} is out of order");
                let in_field = fields_of(register).iter().any(|field| field.has(*at));
                assert!(!in_field, "{register}.{name} is in a field");
            }
        }
    }
}

#[test]
fn the_bits_that_confine_are_where_the_manuals_have_them() {
    let wanted = [
        ("hstatus", "HU", 9),
        ("hstatus", "VTVM", 20),
        ("hstatus", "VTW", 21),
        ("hstatus", "VTSR", 22),
        ("henvcfg", "STCE", 63),
        ("hcounteren", "TM", 1),
        ("hedeleg", "LOAD_GUEST_PAGE_FAULT", 21),
        ("hideleg", "VSTI", 6),
        ("HCR_EL2", "VM", 0),
        ("HCR_EL2", "IMO", 4),
        ("HCR_EL2", "TSC", 19),
        ("HCR_EL2", "TGE", 27),
        ("HCR_EL2", "E2H", 34),
        ("MDCR_EL2", "TPM", 6),
        ("intercept_cr", "CR0_WRITE", 16),
        ("intercept_cr", "CR8_READ", 8),
        ("intercept_dr", "DR7_WRITE", 23),
        ("intercept_exceptions", "EXCEPTION_18", 18),
        ("intercept1", "HLT", 24),
        ("intercept1", "IOIO_PROT", 27),
        ("intercept1", "MSR_PROT", 28),
        ("intercept1", "SHUTDOWN", 31),
        ("intercept2", "VMRUN", 0),
        ("intercept2", "SKINIT", 6),
        ("intercept2", "XSETBV", 13),
        ("intercept2", "CR4_WRITE_AFTER", 20),
        ("intercept3", "INVLPGB", 0),
        ("virtual_interrupts", "V_INTR_MASKING", 24),
        ("virtualization", "VLS", 1),
    ];
    for (register, name, at) in wanted {
        assert_eq!(bit_of(register, name, &e2h(true)), Some(at), "{name}");
    }
    assert_eq!(bit_of("hstatus", "TGE", &e2h(true)), None);
    assert_eq!(bit_of("no-such", "TGE", &e2h(true)), None);
}

#[test]
fn what_the_bits_of_arms_traps_are_called_depends_on_e2h() {
    assert_eq!(bit_of("CPTR_EL2", "TFP", &e2h(false)), Some(10));
    assert_eq!(bit_of("CPTR_EL2", "TTA", &e2h(false)), Some(20));
    assert_eq!(bit_of("CPTR_EL2", "TTA", &e2h(true)), Some(28));
    assert_eq!(bit_of("CPTR_EL2", "TFP", &e2h(true)), None);
    assert_eq!(bit_of("CNTHCTL_EL2", "EL1PCEN", &e2h(false)), Some(1));
    assert_eq!(bit_of("CNTHCTL_EL2", "EL1PCTEN", &e2h(true)), Some(10));
}

#[test]
fn a_value_is_told_by_its_fields_and_bits() {
    let cases = [
        (
            "hgatp",
            8 << 60 | 7 << 44 | 0x80200,
            "MODE=8 VMID=7 PPN=0x80200",
        ),
        ("hstatus", 2 << 32 | 1 << 21 | 1 << 7, "VSXL=2 SPV VTW"),
        ("HCR_EL2", 1 << 31 | 1 | 1 << 63, "VM RW bit 63"),
        (
            "VTCR_EL2",
            25 | 1 << 6 | 2 << 16 | 1 << 31,
            "T0SZ=0x19 SL0=1 PS=2 RES1",
        ),
        ("intercept_cr", 1 << 16 | 1, "CR0_READ CR0_WRITE"),
        ("asid", 1, "ASID=1"),
        ("unheard-of", 5, "bit 0 bit 2"),
        ("hedeleg", 0, ""),
    ];
    for (register, value, wanted) in cases {
        let names = names_of(register, value, &BTreeMap::new());
        assert_eq!(names.join(" "), wanted, "{register}");
    }
    let parts = parts_of("hgatp", 1 << 60 | 3, &BTreeMap::new());
    assert_eq!(parts, ["MODE", "PPN"]);
}
