use super::*;

fn account(format: Format, log: &str) -> Account {
    Account::read(format, log.as_bytes()).unwrap()
}

fn classes(format: Format, log: &str) -> (u64, u64, u64) {
    let account = account(format, log);
    (account.npf, account.hypercall, account.other)
}

/// An exception as `-d int` logs it.
fn exception(name: &str, levels: &str, esr: u64, far: bool) -> String {
    let class = esr >> 26;
    let far = if far { "...with FAR 0x4000123\n" } else { "" };
    format!(
        "Taking exception 4 [{name}] on CPU 0\n...from {levels}\n...with ESR {class:#x}/{esr:#x}\n\
         {far}...with SPSR 0x600003c5\n...with ELR 0x40201000\n\
         ...to EL2 PC 0xffff000040201c00 PSTATE 0x23c9\n\
         Exception return from AArch64 EL2 to AArch64 EL1 PC 0x40201000\n"
    )
}

#[test]
fn of_riscv64s_traps_only_a_guests_count() {
    let trap = |is_async: u8, cause: u32| {
        format!("riscv_trap hart:0, async:{is_async}, cause:{cause}, epc:0x1, tval:0x123, desc=d\n")
    };
    for (is_async, cause, expected) in [
        (0, 2, (0, 0, 0)),
        (0, 8, (0, 0, 0)),
        (0, 9, (0, 0, 0)),
        (0, 10, (0, 1, 0)),
        (0, 13, (0, 0, 0)),
        (0, 20, (1, 0, 0)),
        (0, 21, (1, 0, 0)),
        (0, 22, (0, 0, 1)),
        (0, 23, (1, 0, 0)),
        (1, 5, (0, 0, 0)),
        (1, 10, (0, 0, 0)),
    ] {
        let found = classes(Format::RiscvTrap, &trap(is_async, cause));
        assert_eq!(found, expected, "async {is_async}, cause {cause}");
    }
}

#[test]
fn of_aarch64s_exceptions_only_those_to_the_hypervisor_count() {
    const ABORT: u64 = 0x24 << 26 | 0x5;
    for (name, levels, esr, expected) in [
        ("Data Abort", "EL1 to EL2", ABORT, (1, 0, 0)),
        ("Data Abort", "EL0 to EL2", ABORT, (1, 0, 0)),
        ("Data Abort", "EL1 to EL1", ABORT, (0, 0, 0)),
        ("Data Abort", "EL2 to EL2", ABORT, (0, 0, 0)),
        ("Prefetch Abort", "EL1 to EL2", 0x20 << 26 | 0xf, (1, 0, 0)),
        ("Data Abort", "EL1 to EL2", 0x24 << 26 | 0x10, (0, 0, 1)),
        ("Hypervisor Call", "EL1 to EL2", 0x16 << 26, (0, 1, 0)),
        ("Hypervisor Trap", "EL1 to EL2", 0x17 << 26, (0, 1, 0)),
        ("SVC", "EL0 to EL2", 0x15 << 26, (0, 1, 0)),
        ("SVC", "EL0 to EL1", 0x15 << 26, (0, 0, 0)),
        ("Hypervisor Trap", "EL1 to EL2", 0x18 << 26, (0, 0, 1)),
        ("IRQ", "EL1 to EL2", 0x16 << 26, (0, 0, 0)),
        ("FIQ", "EL1 to EL2", 0x16 << 26, (0, 0, 0)),
        ("Secure Monitor Call", "EL2 to EL3", 0x17 << 26, (0, 0, 0)),
    ] {
        let log = exception(name, levels, esr, esr >> 26 != 0x16);
        let found = classes(Format::Aarch64Int, &log);
        assert_eq!(found, expected, "{name}, {levels}, {esr:#x}");
    }
}

#[test]
fn timer_interrupts_and_user_calls_are_counted_and_are_no_exits() {
    let trap = |is_async: u8, cause: u32| {
        format!("riscv_trap hart:0, async:{is_async}, cause:{cause}, epc:0x1, tval:0x0, desc=d\n")
    };
    let besides = |format, log: &str| {
        let account = account(format, log);
        assert_eq!((account.exits(), account.last), (0, None), "{log}");
        assert!(account.guest_timer <= account.timer);
        (account.timer, account.user_call)
    };
    for (is_async, cause, expected) in [
        (1, 5, (1, 0)),
        (1, 6, (1, 0)),
        (1, 9, (0, 0)),
        (1, 8, (0, 0)),
        (0, 8, (0, 1)),
        (0, 5, (0, 0)),
    ] {
        let found = besides(Format::RiscvTrap, &trap(is_async, cause));
        assert_eq!(found, expected, "async {is_async}, cause {cause}");
    }
    const CALL: u64 = 0x15 << 26;
    for (name, levels, esr, expected) in [
        ("IRQ", "EL1 to EL1", 0, (1, 0)),
        ("Virtual IRQ", "EL0 to EL1", 0, (1, 0)),
        ("IRQ", "EL1 to EL2", 0, (0, 0)),
        ("IRQ", "EL2 to EL2", 0, (0, 0)),
        ("SVC", "EL0 to EL1", CALL, (0, 1)),
        ("SVC", "EL1 to EL1", CALL, (0, 0)),
        ("Data Abort", "EL0 to EL1", 0x24 << 26, (0, 0)),
    ] {
        let found = besides(Format::Aarch64Int, &exception(name, levels, esr, false));
        assert_eq!(found, expected, "{name}, {levels}");
    }
}

/// Whose a timer interrupt was on riscv64: the log has the cause that the guest's own handler does not see.
#[test]
fn a_timer_interrupt_that_a_guest_took_is_told_apart_and_has_a_place() {
    let trap = |cause: u32, epc: u64| {
        format!("riscv_trap hart:0, async:1, cause:{cause}, epc:{epc:#x}, tval:0x0, desc=d\n")
    };
    let log =
        trap(5, 0x1000) + &trap(6, 0x8020_0000) + &trap(6, 0x8020_0004) + &trap(5, 0x8020_0008);
    let account = account(Format::RiscvTrap, &log);
    assert_eq!((account.timer, account.guest_timer), (4, 2));
    assert_eq!(account.of(Class::GuestTimer), 2);
    let [place] = account.places[..] else {
        panic!("{:?}", account.places);
    };
    assert_eq!((place.pc, place.class), (0x8020_0000, Class::GuestTimer));
}

/// QEMU 10.0 writes it so; behind the second line come the registers.
#[test]
fn a_virtual_interrupt_of_x86_64s_is_two_lines() {
    let taken = |vector: u8, pc: u64| {
        format!(
            "Servicing virtual hardware INT=0x{vector:02x}\n     7: v={vector:02x} e=0000 i=0 cpl=0 \
             IP=0008:{pc:016x} pc={pc:016x} SP=0010:ffffffff8007ff00 env->regs[R_EAX]=0000000000000000\n\
             RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000\n"
        )
    };
    // The host's, and an exception with the same vector some time later.
    let others = "Servicing hardware INT=0xf0\n     8: v=f0 e=0000 i=0 cpl=0 IP=0008:0000000000000001 \
                  pc=0000000000000001 SP=0010:0000000000000002 env->regs[R_EAX]=0000000000000000\n\
                  \x20    9: v=2c e=0000 i=1 cpl=0 IP=0008:0000000000000001 pc=0000000000000001\n";
    let pc = 0xffff_ffff_8001_0abc;
    let log = taken(0x2c, pc) + others + &taken(0x2c, pc + 4) + &taken(0x3e, pc + 0x1000);
    let account = account(Format::X86SvmInt, &log);
    assert_eq!((account.guest_timer, account.exits()), (3, 0));
    let place = |pc, exits| Place {
        pc,
        class: Class::GuestTimer,
        exits,
    };
    assert_eq!(account.places, [place(pc, 2), place(pc + 0x1000, 1)]);
}

#[test]
fn a_user_call_of_x86_64s_is_an_int_in_ring_3() {
    let raised = |n: u32, is_int: u8, cpl: u8| {
        format!(
            "{n:6}: v=80 e=0000 i={is_int} cpl={cpl} IP=0023:0000000000400010 pc=0000000000400010\n"
        )
    };
    let log = raised(0, 1, 3) + &raised(9, 0, 3) + &raised(10, 1, 0) + &raised(1_000_000, 1, 3);
    let account = account(Format::X86SvmInt, &(log + "x: v=80 i=1 cpl=3 IP\n"));
    assert_eq!((account.user_call, account.exits()), (2, 0));
}

#[test]
fn an_exit_in_place_of_a_virtual_interrupt_counts() {
    let log = "Servicing virtual hardware INT=0x2c\n\
               vmexit(00000400, 0000000100000004, 00000000ffc01000, ffffffff80010123)!\n";
    let account = account(Format::X86SvmInt, log);
    assert_eq!((account.guest_timer, account.npf), (0, 1));
}

#[test]
fn an_account_of_before_these_were_counted_is_read() {
    let old =
        r#"{"format":"x86-svm","npf":0,"hypercall":1,"other":0,"last":"hypercall","faults":[]}"#;
    let account: Account = serde_json::from_str(old).unwrap();
    assert_eq!((account.timer, account.user_call), (0, 0));
}

#[test]
fn an_exception_counts_once_even_if_its_log_was_cut() {
    let call = exception("Hypervisor Call", "EL1 to EL2", 0x16 << 26, false);
    let cut: String = call
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    for log in [
        call.clone() + &cut,
        cut.clone() + &call,
        cut.clone() + &cut,
        call.clone() + "...to EL2 PC 0x0 PSTATE 0x0\n" + &call,
    ] {
        assert_eq!(classes(Format::Aarch64Int, &log), (0, 2, 0), "{log}");
    }
}

#[test]
fn of_x86_64s_exits_all_but_the_hosts_interrupts_count() {
    for (code, expected) in [
        ("00000060", (0, 0, 0)),
        ("00000061", (0, 0, 0)),
        ("00000062", (0, 0, 0)),
        ("00000063", (0, 0, 0)),
        ("00000078", (0, 0, 1)),
        ("0000007f", (0, 0, 1)),
        ("00000081", (0, 1, 0)),
        ("00000400", (1, 0, 0)),
        ("ffffffff", (0, 0, 1)),
    ] {
        let log = format!(
            "vmrun! 000000000014c000\n\
             vmexit({code}, 0000000000000000, 0000000000000000, 0000000000010000)!\n"
        );
        assert_eq!(classes(Format::X86Svm, &log), expected, "{code}");
    }
}

#[test]
fn an_exit_behind_an_injection_counts() {
    let exit = "vmexit(00000081, 0000000000000000, 0000000000000000, 0000000000010000)!\n";
    for injection in [
        "Injecting(0x800): EXEPT",
        "Injecting(0): EXEPT",
        "Injecting(0): SOFT",
        "Injecting(0): NMI",
        "Injecting(0): INTR 0x20 0\n",
    ] {
        let log = format!("vmrun! 000000000014c000\n{injection}{exit}");
        assert_eq!(classes(Format::X86Svm, &log), (0, 1, 0), "{log}");
    }
    for nonsense in ["Injecting(0x800)", "Injecting(x): EXEPT", "Injecting(0): "] {
        let log = format!("{nonsense}{exit}");
        assert_eq!(classes(Format::X86Svm, &log), (0, 0, 0), "{log}");
    }
}

#[test]
fn a_walk_of_the_guests_tables_is_told_from_an_access() {
    let log = "vmexit(00000400, 0000000200000006, 0000000000200ff8, 0000000000010000)!\n";
    let fault = account(Format::X86Svm, log).faults[0];
    assert_eq!(
        (fault.at, fault.during_walk),
        (Address::Gpa(0x20_0ff8), Some(true))
    );
    let log = exception("Data Abort", "EL1 to EL2", 0x24 << 26 | 0x85, true);
    let fault = account(Format::Aarch64Int, &log).faults[0];
    assert_eq!(
        (fault.access, fault.during_walk),
        (Access::Read, Some(true))
    );
}

#[test]
fn nonsense_is_no_exit() {
    for log in [
        "riscv_trap ",
        "riscv_trap hart:0, async:0, cause:21, epc:0x0",
        "riscv_trap hart:0, async:0, cause:21, tval:0xfffffffffffffffff, desc=d",
        "riscv_trap hart:0, async:0, cause:-10, tval:0x0",
        "Taking exception 4 [Data Abort] on CPU 0",
        "...from EL1 to EL2\n...with ESR 0x16/0x5a000000\n...to EL2 PC 0x0",
        "Taking exception 11 [Hypervisor Call]\n...with ESR nonsense\n...to EL2",
        "vmexit(00000081)!",
        "vmexit(00000081, 0, 0, 0)",
        "vmexit(xyz, 0000, 0000, 0000)!",
        " vmexit(00000081, 0000, 0000, 0000)!",
        "\u{0}\u{ff}\u{202e}",
    ] {
        for format in [Format::RiscvTrap, Format::Aarch64Int, Format::X86Svm] {
            assert_eq!(classes(format, log), (0, 0, 0), "{format:?}: {log}");
        }
    }
}

#[test]
fn very_many_faults_are_counted_and_the_first_are_kept() {
    let line = "vmexit(00000400, 0000000100000004, 00000000ffc00000, 0000000000010000)!\n";
    let account = account(Format::X86Svm, &line.repeat(FAULTS_KEPT + 10));
    assert_eq!(account.npf, FAULTS_KEPT as u64 + 10);
    assert_eq!(account.faults.len(), FAULTS_KEPT);
}

#[test]
fn an_account_survives_being_written_down() {
    let log = "vmexit(00000400, 0000000100000006, 00000000ffc00000, 0000000000010000)!\n";
    let event = crate::judge::event::Event::Witness(account(Format::X86Svm, log));
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(
        serde_json::from_str::<crate::judge::event::Event<'_>>(&text).unwrap(),
        event
    );
}

#[test]
fn an_exit_has_the_place_that_the_log_tells() {
    let place = |pc, class, exits| Place { pc, class, exits };
    let riscv64 = "riscv_trap hart:0, async:0, cause:21, epc:0x802000b4, tval:0x22000000, desc=x\n\
                   riscv_trap hart:0, async:0, cause:10, epc:0x80200fff, tval:0x0, desc=x\n\
                   riscv_trap hart:0, async:0, cause:10, epc:0x80201000, tval:0x0, desc=x\n\
                   riscv_trap hart:0, async:0, cause:20, epc:0x22000000, tval:0x22000000, desc=x\n\
                   riscv_trap hart:0, async:1, cause:5, epc:0x80000000, tval:0x0, desc=x\n";
    assert_eq!(
        account(Format::RiscvTrap, riscv64).places,
        [
            place(0x8020_00b4, Class::Npf, 2),
            place(0x8020_1000, Class::Hypercall, 1)
        ]
    );
    let aarch64 = exception("Hypervisor Call", "EL1 to EL2", 0x16 << 26, false);
    assert_eq!(
        account(Format::Aarch64Int, &aarch64).places,
        [place(0x4020_1000, Class::Hypercall, 1)]
    );
    let x86_64 = "vmexit(00000400, 0000000000000004, 00000000ffc00000, ffffffff80010123)!\n\
                  vmexit(00000060, 0000000000000000, 0000000000000000, ffff800000200000)!\n";
    assert_eq!(
        account(Format::X86Svm, x86_64).places,
        [place(0xffff_ffff_8001_0123, Class::Npf, 1)]
    );
}
