//! What a nested page fault leads to: a page, or the end of the guest.

use super::*;

#[test]
fn a_fault_maps_the_one_page_it_needs() {
    let played = play(&[fault(FLASH + 0x1abc, Access::Read), SHUTDOWN]);
    assert_eq!(played.mapped, [(FLASH + 0x1000, FLASH + 0x1000, 0x1000)]);
}

#[test]
fn an_undeclared_address_ends_the_guest() {
    for gpa in [
        0,
        FLASH - 1,
        FLASH + FLASH_SIZE,
        RAM + RAM_SIZE,
        1 << 39,
        u64::MAX,
    ] {
        let played = play(&[fault(gpa, Access::Read)]);
        let Reason::Fault(seen, Refusal::Undeclared) = killed(played.outcome) else {
            panic!("{gpa:#x}: {:?}", played.outcome);
        };
        assert_eq!(seen.gpa, Gpa::new(gpa));
        assert_eq!(played.mapped, [], "nothing is mapped for it");
        assert!(!played.console.contains("Hypervisor ok!"));
    }
}

#[test]
fn a_flash_is_neither_written_nor_executed() {
    for access in [Access::Write, Access::Execute] {
        let played = play(&[fault(FLASH, access)]);
        let reason = killed(played.outcome);
        assert!(
            matches!(reason, Reason::Fault(_, Refusal::Forbidden("pflash"))),
            "{reason:?}"
        );
        assert_eq!(played.mapped, []);
    }
}

#[test]
fn a_fault_on_a_mapped_page_is_no_progress() {
    let again = fault(FLASH + 8, Access::Read);
    let reason = killed(play(&[fault(FLASH, Access::Read), again]).outcome);
    assert!(
        matches!(reason, Reason::Fault(_, Refusal::NoProgress("pflash"))),
        "{reason:?}"
    );
    let reason = killed(play(&[fault(RAM, Access::Write)]).outcome);
    assert!(
        matches!(reason, Reason::Fault(_, Refusal::NoProgress("ram"))),
        "{reason:?}"
    );
}
