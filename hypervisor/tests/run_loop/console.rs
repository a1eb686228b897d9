//! The lines on the console, for people and for the harness.

use super::*;
use hypervisor::error::Error;

#[test]
fn the_story() {
    let mut exits = say("Reading PFlash\n");
    exits.push(fault(FLASH, Access::Read));
    exits.extend(say("Got pflash magic: pfld\n"));
    exits.push(Exit::HostInterrupt);
    exits.push(SHUTDOWN);
    let played = play(&exits);
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert_eq!(played.mapped, [(FLASH, FLASH, 0x1000)]);
    insta::assert_snapshot!(played.console, @r"
    Reading PFlash
    VM exit: nested page fault at 0x22000000 (read): mapped pflash
    Got pflash magic: pfld
    Shutdown vm normally!
    Hypervisor ok!
    ");
}

#[test]
fn an_error_names_address_access_and_pc() {
    let played = play(&[fault(0x9999_0000, Access::Write)]);
    insta::assert_snapshot!(played.console, @"Hypervisor error: nested page fault at 0x99990000 (write): no window is declared there, guest pc 0x80200000");
}

#[test]
fn lines_of_guest_and_hypervisor_do_not_mix() {
    let mut exits = say("half a li");
    exits.push(fault(FLASH, Access::Read));
    exits.extend(say("ne\nno end of line"));
    exits.push(SHUTDOWN);
    insta::assert_snapshot!(play(&exits).console, @r"
    VM exit: nested page fault at 0x22000000 (read): mapped pflash
    half a line
    no end of line
    Shutdown vm normally!
    Hypervisor ok!
    ");
}

#[test]
fn a_guest_without_newlines_is_cut_into_lines() {
    let mut exits = say(&"x".repeat(5000));
    exits.push(SHUTDOWN);
    let quick = Stage {
        turn_ms: 0,
        ..STAGE
    };
    let played = play_on(&quick, &exits, |_| ());
    let longest = played.console.lines().map(str::len).max().unwrap();
    assert_eq!(longest, 1024);
    assert_eq!(played.console.matches('x').count(), 5000);
}

#[test]
fn every_other_end_is_an_error() {
    let io_port = Other {
        class: "io-port",
        code: 0x7b,
        info: 0x604_0010,
    };
    let failed = Exit::Call(Call::Shutdown {
        announce: Some("SBI SRST shutdown"),
        failed: true,
    });
    let consoles = [Exit::Idle, Exit::Other(io_port), failed].map(|exit| play(&[exit]).console);
    insta::assert_snapshot!(consoles.concat(), @r"
    Hypervisor error: the guest waits for an interrupt, and nothing is there to raise one, guest pc 0x80200000
    Hypervisor error: unhandled exit: io-port (code 0x7b, info 0x6040010), guest pc 0x80200000
    Guest: SBI SRST shutdown
    Hypervisor error: the guest shut down and reported a failure, guest pc 0x80200000
    ");
}

#[test]
fn a_sweep_of_a_window_does_not_fill_the_console() {
    let mut exits: Vec<_> = (0..40)
        .map(|page| fault(WIDE + page * 0x1000, Access::Read))
        .collect();
    exits.push(SHUTDOWN);
    let played = play_on(&STAGE, &exits, |memory| {
        memory
            .add_device(
                "wide",
                Gpa::new(WIDE),
                40 * 0x1000,
                Hpa::new(WIDE),
                Permits::READ,
            )
            .unwrap();
    });
    assert_eq!(played.mapped.len(), 40);
    assert_eq!(
        played.console.matches("VM exit: nested page fault").count(),
        16
    );
    assert_eq!(
        played
            .console
            .matches("VM exit: (further mappings are not shown)")
            .count(),
        1
    );
}

#[test]
fn with_a_nonce_there_are_event_lines_in_sequence() {
    let exits = [
        fault(FLASH, Access::Read),
        Exit::Call(Call::Settled {
            reply: Reply::Value(2),
        }),
        SHUTDOWN,
    ];
    let played = play_on(&NAMED, &exits, |_| ());
    let events: String = played
        .console
        .lines()
        .filter(|line| line.starts_with("@hv"))
        .map(|l| format!("{l}\n"))
        .collect();
    insta::assert_snapshot!(events, @r"
    @hv n0nce 0 exit kind=npf gpa=0x22000000 access=read action=map window=pflash
    @hv n0nce 1 end outcome=shutdown exits=3 npf=1 hypercalls=2
    ");
}

#[test]
fn the_end_of_a_killed_guest_is_an_event_too() {
    let played = play_on(&NAMED, &[fault(0x1000, Access::Execute)], |_| ());
    assert!(played.console.contains(
        "@hv n0nce 0 end outcome=killed kind=npf gpa=0x1000 access=execute why=undeclared \
         pc=0x80200000 exits=1 npf=1 hypercalls=0\n"
    ));
}

#[test]
fn without_a_guest_that_ran_there_is_no_claim_of_success() {
    let mut events = Events::new(Buffer::default(), None);
    events.ok();
    assert!(events.into_console().0.is_empty());
    let mut events = Events::new(Buffer::default(), None);
    events.failed(&Error::Disk);
    events.ok();
    let console = String::from_utf8(events.into_console().0).unwrap();
    assert!(!console.contains("Hypervisor ok!"), "{console}");
}
