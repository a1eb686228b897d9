//! From `scause` and its companions to an [`Exit`].

use super::calls;
use crate::vm::exit::{Access, Exit, Fault, GuestException, Other, Refused};

/// The trap CSRs, as the guest's trap left them, and what else a decision needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trap {
    /// Why: the interrupt bit and the cause.
    pub scause: u64,
    /// A guest-virtual address, or the instruction.
    pub stval: u64,
    /// A guest-physical address, shifted right by two; or zero.
    pub htval: u64,
    /// The trapping instruction, transformed; a pseudo-instruction; or zero.
    pub htinst: u64,
    /// Whether the guest was in VU-mode.
    pub from_user: bool,
    /// The guest's interrupts that are pending and enabled each by itself: `vsip & vsie`.
    pub awake: u64,
}

impl Trap {
    /// Whether the instruction that trapped is wanted, and the hart has not told it. It need not: QEMU
    /// tells CSR instructions and WFI, but not CBO or WRS.NTO.
    pub fn lacks_instruction(&self) -> bool {
        self.scause == VIRTUAL_INSTRUCTION && self.stval == 0
    }
}

const INTERRUPT: u64 = 1 << 63;
const FETCH_ACCESS_FAULT: u64 = 1;
const ILLEGAL_INSTRUCTION: u64 = 2;
const LOAD_ACCESS_FAULT: u64 = 5;
const STORE_ACCESS_FAULT: u64 = 7;
const ECALL_FROM_VS: u64 = 10;
const HARDWARE_ERROR: u64 = 19;
const FETCH_GUEST_PAGE_FAULT: u64 = 20;
const LOAD_GUEST_PAGE_FAULT: u64 = 21;
const VIRTUAL_INSTRUCTION: u64 = 22;
const STORE_GUEST_PAGE_FAULT: u64 = 23;

const WFI: u64 = 0x1050_0073;
const WRS_NTO: u64 = 0x00D0_0073;

/// What the trap means, and, for a call, by which convention it wants its answer.
pub fn decode(trap: &Trap, x: &[u64; 32]) -> (Exit, calls::Convention) {
    let exit = match trap.scause {
        ECALL_FROM_VS => {
            let (call, convention) = calls::decode(x);
            return (Exit::Call(call), convention);
        }
        FETCH_GUEST_PAGE_FAULT => fault(trap, Access::Execute),
        LOAD_GUEST_PAGE_FAULT => fault(trap, Access::Read),
        STORE_GUEST_PAGE_FAULT => fault(trap, Access::Write),
        VIRTUAL_INSTRUCTION => virtual_instruction(trap),
        // The address is one that we mapped, and the machine refuses the kind of access there: an
        // atomic on a device, say. It is not delegated, so that a mapping of ours that leads nowhere
        // is reported; without a hypervisor the guest's kernel would get the same exception.
        FETCH_ACCESS_FAULT | LOAD_ACCESS_FAULT | STORE_ACCESS_FAULT => refused(trap, trap.scause),
        cause if cause & INTERRUPT != 0 => Exit::HostInterrupt,
        _ => Exit::Other(other(trap)),
    };
    (exit, calls::Convention::Standard)
}

/// A virtual-instruction exception: what the guest's level has on a machine without a hypervisor, or
/// what only the hypervisor's has (RISC-V Privileged, "Virtual Instruction Exception"). `stval` holds the
/// instruction; or zero, if the hart does not tell and the guest has it mapped no more.
fn virtual_instruction(trap: &Trap) -> Exit {
    match trap.stval {
        // A hart may end this stall at any time, in user mode too (Zawrs).
        WRS_NTO => Exit::Emulated,
        // It goes on if an interrupt is pending that is enabled by itself, whatever sstatus.SIE says
        // ("Wait for Interrupt"). User mode has no WFI.
        WFI if !trap.from_user && trap.awake != 0 => Exit::Emulated,
        WFI if !trap.from_user => Exit::Idle,
        _ => refused(trap, ILLEGAL_INSTRUCTION),
    }
}

/// An instruction that the guest's kernel gets `cause` for. `stval` is right as it is: for a
/// virtual instruction it is what an illegal one leaves there.
fn refused(trap: &Trap, cause: u64) -> Exit {
    Exit::Refused(Refused {
        what: other(trap),
        from_user: trap.from_user,
        exception: GuestException {
            code: cause,
            value: trap.stval,
        },
    })
}

/// A guest page fault. `htval` is the guest-physical address shifted right by two. Its two low bits are
/// those of the virtual address in `stval`, which of a misaligned access is the part that faulted; those
/// of an entry of the guest's own tables are zero.
///
/// A hart may also leave `htval` zero. Then the address would have to be found by a walk of the guest's
/// tables, which is not done: the guest ends, with a class that says so. QEMU always writes it.
fn fault(trap: &Trap, access: Access) -> Exit {
    let walk = access_of_walk(trap.htinst);
    // Both stages map whole pages, so an address that is really 0 has the offset in its page that
    // the virtual address has.
    if trap.htval == 0 && walk.is_none() && trap.stval & 0xFFC != 0 {
        return Exit::Other(Other {
            class: "guest-page-fault-without-htval",
            ..other(trap)
        });
    }
    let low = if walk.is_some() { 0 } else { trap.stval & 3 };
    Exit::Fault(Fault {
        gpa: trap.htval << 2 | low,
        access: walk.unwrap_or(access),
        during_walk: walk.is_some(),
    })
}

/// What the CPU did in the guest's own tables, if `htinst` is one of the pseudo-instructions that say
/// so (RISC-V Privileged, "Transformed Instruction or Pseudoinstruction for mtinst or htinst"): a read
/// of an entry, or a write of its A and D bits, of 32 or 64 bits. Transformed instructions have bit 0
/// set; values that are not known count as zero, as the manual allows.
fn access_of_walk(htinst: u64) -> Option<Access> {
    match htinst {
        0x2000 | 0x3000 => Some(Access::Read),
        0x2020 | 0x3020 => Some(Access::Write),
        _ => None,
    }
}

fn other(trap: &Trap) -> Other {
    Other {
        class: class(trap.scause),
        code: trap.scause,
        info: trap.stval,
    }
}

fn class(cause: u64) -> &'static str {
    match cause {
        FETCH_ACCESS_FAULT => "instruction-access-fault",
        LOAD_ACCESS_FAULT => "load-access-fault",
        STORE_ACCESS_FAULT => "store-access-fault",
        HARDWARE_ERROR => "hardware-error",
        VIRTUAL_INSTRUCTION => "virtual-instruction",
        _ => "unexpected-trap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::exit::Call;

    const CSRR_SSTATUS: u64 = 0x1000_22F3;
    const SSIP: u64 = 1 << 1;

    fn exit(trap: Trap) -> Exit {
        decode(&trap, &[0; 32]).0
    }

    fn page_fault(scause: u64, stval: u64, htval: u64, htinst: u64) -> Exit {
        exit(Trap {
            scause,
            stval,
            htval,
            htinst,
            ..Trap::default()
        })
    }

    fn virtual_instruction(stval: u64, from_user: bool, awake: u64) -> Exit {
        exit(Trap {
            scause: VIRTUAL_INSTRUCTION,
            stval,
            from_user,
            awake,
            ..Trap::default()
        })
    }

    fn at(gpa: u64, access: Access, during_walk: bool) -> Exit {
        Exit::Fault(Fault {
            gpa,
            access,
            during_walk,
        })
    }

    #[test]
    fn an_access_faults_at_htval_with_the_low_bits_of_stval() {
        const STVAL: u64 = 0xFFFF_FFC0_1000_0007;
        for (cause, access) in [
            (FETCH_GUEST_PAGE_FAULT, Access::Execute),
            (LOAD_GUEST_PAGE_FAULT, Access::Read),
            (STORE_GUEST_PAGE_FAULT, Access::Write),
        ] {
            let found = page_fault(cause, STVAL, 0x1000_0004 >> 2, 0);
            assert_eq!(found, at(0x1000_0007, access, false));
        }
    }

    #[test]
    fn a_transformed_instruction_is_no_walk() {
        // sd (with bit 5 set, as a pseudo-instruction that writes has it), ld, c.ld (bit 1 clear), an
        // amoadd.d, lr.w, and a load behind the page's end (Addr. Offset 4, in bits 19 to 15).
        for htinst in [
            0xA0_3023,
            0x3283,
            0x3281,
            0x00B5_352F,
            0x1000_252F,
            0x2_3283,
        ] {
            let found = page_fault(STORE_GUEST_PAGE_FAULT, 0x7000, 0x2200_0000 >> 2, htinst);
            assert_eq!(
                found,
                at(0x2200_0000, Access::Write, false),
                "htinst {htinst:#x}"
            );
        }
    }

    #[test]
    fn a_misaligned_access_faults_at_its_part() {
        // Eight bytes from 0x…FFE on: stval and htval are those of the second page.
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x9000, 0x2200_1000 >> 2, 0x1_3283);
        assert_eq!(found, at(0x2200_1000, Access::Read, false));
        // The first part is what faults, and it is not at a multiple of four.
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x8FFE, 0x2200_0FFC >> 2, 0x3283);
        assert_eq!(found, at(0x2200_0FFE, Access::Read, false));
    }

    #[test]
    fn a_walk_has_an_access_of_its_own_and_whole_entries() {
        for (htinst, access) in [
            (0x2000, Access::Read),
            (0x2020, Access::Write),
            (0x3000, Access::Read),
            (0x3020, Access::Write),
        ] {
            for cause in [
                FETCH_GUEST_PAGE_FAULT,
                LOAD_GUEST_PAGE_FAULT,
                STORE_GUEST_PAGE_FAULT,
            ] {
                let found = page_fault(cause, 0x8003, 0x1000_0810 >> 2, htinst);
                assert_eq!(found, at(0x1000_0810, access, true), "htinst {htinst:#x}");
            }
        }
    }

    #[test]
    fn values_that_no_manual_knows_count_as_zero() {
        // The last one has the bits of a pseudo-instruction, and others above them.
        for htinst in [0x1000, 0x2002, 0x3040, 1 << 32 | 0x3000] {
            let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0x7001, 0x2200_0000 >> 2, htinst);
            assert_eq!(found, at(0x2200_0001, Access::Read, false));
        }
    }

    #[test]
    fn the_highest_address_keeps_all_its_bits() {
        let gpa = (1 << 41) - 1;
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFF, gpa >> 2, 0);
        assert_eq!(found, at(gpa, Access::Read, false));
    }

    #[test]
    fn an_address_that_the_hart_does_not_tell_is_not_taken_for_zero() {
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0010, 0, 0);
        let unknown = Other {
            class: "guest-page-fault-without-htval",
            code: LOAD_GUEST_PAGE_FAULT,
            info: 0xFFFF_FFC0_2200_0010,
        };
        assert_eq!(found, Exit::Other(unknown));
        // These can be at 0, and nothing is declared there.
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0003, 0, 0);
        assert_eq!(found, at(3, Access::Read, false));
        let found = page_fault(LOAD_GUEST_PAGE_FAULT, 0xFFFF_FFC0_2200_0010, 0, 0x3000);
        assert_eq!(found, at(0, Access::Read, true));
    }

    #[test]
    fn what_a_level_has_no_right_to_is_an_illegal_instruction_of_its_kernel() {
        for from_user in [false, true] {
            let refused = Refused {
                what: Other {
                    class: "virtual-instruction",
                    code: VIRTUAL_INSTRUCTION,
                    info: CSRR_SSTATUS,
                },
                from_user,
                exception: GuestException {
                    code: ILLEGAL_INSTRUCTION,
                    value: CSRR_SSTATUS,
                },
            };
            // An interrupt that is pending changes nothing.
            for awake in [0, SSIP] {
                let found = virtual_instruction(CSRR_SSTATUS, from_user, awake);
                assert_eq!(found, Exit::Refused(refused));
            }
        }
    }

    #[test]
    fn only_of_a_virtual_instruction_the_instruction_is_wanted() {
        let lacks = |scause, stval| {
            let trap = Trap {
                scause,
                stval,
                ..Trap::default()
            };
            trap.lacks_instruction()
        };
        assert!(lacks(VIRTUAL_INSTRUCTION, 0));
        assert!(!lacks(VIRTUAL_INSTRUCTION, WFI));
        assert!(!lacks(LOAD_GUEST_PAGE_FAULT, 0));
        assert!(!lacks(ECALL_FROM_VS, 0));
    }

    #[test]
    fn an_instruction_that_nobody_can_tell_is_refused() {
        let Exit::Refused(refused) = virtual_instruction(0, false, SSIP) else {
            panic!("it is not refused");
        };
        let illegal = GuestException {
            code: ILLEGAL_INSTRUCTION,
            value: 0,
        };
        assert_eq!(refused.exception, illegal);
    }

    #[test]
    fn a_wait_of_the_kernel_ends_only_by_an_interrupt() {
        assert_eq!(virtual_instruction(WFI, false, 0), Exit::Idle);
        assert_eq!(virtual_instruction(WFI, false, SSIP), Exit::Emulated);
    }

    #[test]
    fn user_mode_has_no_wait_for_interrupts() {
        for awake in [0, SSIP] {
            let found = virtual_instruction(WFI, true, awake);
            assert!(
                matches!(found, Exit::Refused(refused) if refused.from_user),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_wait_for_a_reservation_set_may_end_at_once() {
        assert_eq!(virtual_instruction(WRS_NTO, false, 0), Exit::Emulated);
        assert_eq!(virtual_instruction(WRS_NTO, true, 0), Exit::Emulated);
    }

    #[test]
    fn an_access_that_the_machine_refuses_is_the_guests() {
        for (scause, class) in [
            (1, "instruction-access-fault"),
            (5, "load-access-fault"),
            (7, "store-access-fault"),
        ] {
            for from_user in [false, true] {
                let found = exit(Trap {
                    scause,
                    stval: 0x7008,
                    from_user,
                    ..Trap::default()
                });
                let refused = Refused {
                    what: Other {
                        class,
                        code: scause,
                        info: 0x7008,
                    },
                    from_user,
                    exception: GuestException {
                        code: scause,
                        value: 0x7008,
                    },
                };
                assert_eq!(found, Exit::Refused(refused));
            }
        }
    }

    #[test]
    fn interrupts_are_the_hosts_whatever_their_number() {
        for number in [1, 5, 9, 12, 13, 62] {
            let scause = INTERRUPT | number;
            let found = exit(Trap {
                scause,
                ..Trap::default()
            });
            assert_eq!(found, Exit::HostInterrupt);
        }
    }

    #[test]
    fn an_error_of_the_machine_is_nobodys_exception() {
        let found = exit(Trap {
            scause: HARDWARE_ERROR,
            from_user: true,
            ..Trap::default()
        });
        let other = Other {
            class: "hardware-error",
            code: HARDWARE_ERROR,
            info: 0,
        };
        assert_eq!(found, Exit::Other(other));
    }

    #[test]
    fn a_call_has_the_convention_of_its_extension() {
        let mut x = [0; 32];
        x[10] = u64::from(b'x');
        x[17] = 1;
        let trap = Trap {
            scause: ECALL_FROM_VS,
            ..Trap::default()
        };
        let put = Exit::Call(Call::PutByte(b'x'));
        assert_eq!(decode(&trap, &x), (put, calls::Convention::Legacy));
    }
}
