//! Calls, and what a guest is refused.

use super::*;

#[test]
fn an_unknown_call_gets_an_error_code_and_the_guest_goes_on() {
    let played = play(&[Exit::Call(Call::Unknown { id: 0x4853_4d00 }), SHUTDOWN]);
    assert_eq!(
        played.resumes,
        [Resume::Go, Resume::Reply(Reply::NotSupported)]
    );
    assert_eq!(played.outcome, Outcome::Shutdown);
}

#[test]
fn a_write_prints_from_ram() {
    let write = Exit::Call(Call::Write {
        gpa: Gpa::new(RAM + 0x100),
        len: 6,
    });
    let played = play_on(&STAGE, &[write, SHUTDOWN], |memory| {
        memory.write(Gpa::new(RAM + 0x100), b"hello\n").unwrap();
    });
    assert_eq!(played.resumes[1..], [Resume::Reply(Reply::Value(6))]);
    assert!(played.console.starts_with("hello\n"));
}

#[test]
fn a_long_write_is_printed_to_its_end() {
    let text: String = (b'a'..=b'z').cycle().take(601).map(char::from).collect();
    let write = Exit::Call(Call::Write {
        gpa: Gpa::new(RAM),
        len: 601,
    });
    let played = play_on(&STAGE, &[write, SHUTDOWN], |memory| {
        memory.write(Gpa::new(RAM), text.as_bytes()).unwrap();
    });
    assert!(played.console.contains(&text), "{}", played.console);
    assert!(!played.console.contains('\0'));
}

#[test]
fn a_write_from_outside_ram_is_refused() {
    let bad = [
        (0, 1),
        (FLASH, 4),
        (RAM + RAM_SIZE - 1, 2),
        (RAM, 1 << 63),
        (u64::MAX, u64::MAX),
        (RAM, u64::MAX),
    ];
    let mut exits: Vec<_> = bad
        .map(|(gpa, len)| {
            Exit::Call(Call::Write {
                gpa: Gpa::new(gpa),
                len,
            })
        })
        .to_vec();
    exits.push(SHUTDOWN);
    let played = play(&exits);
    assert_eq!(
        played.resumes[1..],
        [Resume::Reply(Reply::InvalidParameter); 6]
    );
}

#[test]
fn a_read_finds_nothing_typed_and_looks_at_its_range() {
    let reads = [
        (RAM, 1),
        (RAM + RAM_SIZE - 1, 1),
        (RAM + RAM_SIZE - 1, 2),
        (FLASH, 4),
        (u64::MAX, u64::MAX),
    ];
    let mut exits: Vec<_> = reads
        .map(|(gpa, len)| {
            Exit::Call(Call::Read {
                gpa: Gpa::new(gpa),
                len,
            })
        })
        .to_vec();
    exits.push(SHUTDOWN);
    let played = play(&exits);
    let (nothing, refused) = (Reply::Value(0), Reply::InvalidParameter);
    assert_eq!(
        played.resumes[1..],
        [nothing, nothing, refused, refused, refused].map(Resume::Reply)
    );
}

#[test]
fn one_write_prints_so_much_and_says_how_much() {
    let write = Exit::Call(Call::Write {
        gpa: Gpa::new(RAM),
        len: RAM_SIZE,
    });
    let played = play(&[write, SHUTDOWN]);
    let reply = Reply::Value(WRITE_LIMIT);
    assert_eq!(played.resumes[1..], [Resume::Reply(reply)]);
}

#[test]
fn what_a_process_of_the_guests_may_not_do_is_its_kernels_business() {
    let exception = GuestException { code: 2, value: 7 };
    let what = Other {
        class: "virtual-instruction",
        code: 22,
        info: 7,
    };
    let refused = |from_user| {
        Exit::Refused(Refused {
            what,
            from_user,
            exception,
        })
    };
    let played = play(&[refused(true), SHUTDOWN]);
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert_eq!(played.resumes, [Resume::Go, Resume::Inject(exception)]);
    // What the kernel itself may not do ends the guest, unless the run says otherwise.
    let reason = killed(play(&[refused(false)]).outcome);
    assert_eq!(reason, Reason::Other(what));
    let lenient = Stage {
        refusals: Refusals::Inject,
        ..STAGE
    };
    let played = play_on(&lenient, &[refused(false), SHUTDOWN], |_| ());
    assert_eq!(played.resumes, [Resume::Go, Resume::Inject(exception)]);
}

#[test]
fn a_call_that_a_process_may_not_make_is_a_call_all_the_same() {
    let exception = GuestException { code: 6, value: 0 };
    let what = Other {
        class: "vmmcall",
        code: 0x81,
        info: 0,
    };
    let refused = Exit::RefusedCall(Refused {
        what,
        from_user: true,
        exception,
    });
    let played = play_on(&NAMED, &[refused, SHUTDOWN], |_| ());
    assert_eq!(played.outcome, Outcome::Shutdown);
    assert_eq!(played.resumes, [Resume::Go, Resume::Inject(exception)]);
    let end = "end outcome=shutdown exits=2 npf=0 hypercalls=2";
    assert!(played.console.contains(end), "{}", played.console);
}
