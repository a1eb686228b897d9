//! The hypervisor's run loop and policy, on the host: a scripted vCPU plays a guest, and the console
//! is a buffer.

use std::{cell::Cell, collections::VecDeque};

use hypervisor::{
    calls::WRITE_LIMIT,
    memory::addr::{Gpa, Gva, Hpa},
    memory::guest_memory::GuestMemory,
    memory::mapping::{Kind, MapError, Permits, Translation},
    report::{Console, Events},
    vm::budget::{Budgets, Watch},
    vm::exit::{
        Access, Call, Exit, Fault, GuestException, Other, Outcome, Overrun, Reason, Refusal,
        Refused, Reply, Resume,
    },
    vm::hostcheck::HostCheck,
    vm::run::{Refusals, run},
    vm::vcpu::{Cpu, Loaded, Vcpu},
};

const RAM: u64 = 0x8000_0000;
const RAM_SIZE: u64 = 0x4000;
const FLASH: u64 = 0x2200_0000;
const FLASH_SIZE: u64 = 0x3000;
const WIDE: u64 = 0x3000_0000;
const PC: Gva = Gva::new(0x8020_0000);

/// How long a turn of a scripted guest takes.
const TURN_MS: u64 = 10;
const BUDGETS: Budgets = Budgets {
    cpu_ms: 100,
    stalled_exits: 50,
    total_cpu_ms: 10_000,
    total_exits: 10_000,
    total_bytes: 100_000,
    wall_ms: 100_000,
};

/// Plays exits in order and keeps what it is resumed with. A loop that asks for more than the script
/// has would run for ever; that is a failure of its own.
struct Script<'c> {
    exits: VecDeque<Exit>,
    resumes: Vec<Resume>,
    clock_ms: &'c Cell<u64>,
    turn_ms: u64,
    wait_ms: u64,
}

impl Loaded for Script<'_> {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resumes.push(resume);
        self.clock_ms.set(self.clock_ms.get() + self.turn_ms);
        self.exits
            .pop_front()
            .expect("the loop went on after the guest's end")
    }

    fn wait(&mut self) {
        self.clock_ms.set(self.clock_ms.get() + self.wait_ms);
    }

    fn pc(&self) -> Gva {
        PC
    }
}

/// Tables that only remember.
#[derive(Default)]
struct Mappings(Vec<(u64, u64, u64)>);

impl Translation for Mappings {
    fn map(
        &mut self,
        gpa: Gpa,
        hpa: Hpa,
        size: u64,
        _permits: Permits,
        _kind: Kind,
    ) -> Result<(), MapError> {
        self.0.push((gpa.get(), hpa.get(), size));
        Ok(())
    }

    fn unmap(&mut self, _gpa: Gpa, _size: u64) -> Result<(), MapError> {
        unreachable!("the run loop takes nothing away")
    }
}

#[derive(Default)]
struct Buffer(Vec<u8>);

impl Console for Buffer {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// How a scripted guest is run.
struct Stage<'a> {
    nonce: Option<&'a str>,
    budgets: Budgets,
    refusals: Refusals,
    turn_ms: u64,
    /// How long it waits after each turn.
    wait_ms: u64,
}

const STAGE: Stage<'_> = Stage {
    nonce: None,
    budgets: BUDGETS,
    refusals: Refusals::Kill,
    turn_ms: TURN_MS,
    wait_ms: 0,
};

/// As [`STAGE`], with event lines.
const NAMED: Stage<'_> = Stage {
    nonce: Some("n0nce"),
    ..STAGE
};

/// What a scripted guest led to.
struct Played {
    outcome: Outcome,
    resumes: Vec<Resume>,
    console: String,
    /// Mappings made for faults: those of RAM were there before.
    mapped: Vec<(u64, u64, u64)>,
}

fn play(exits: &[Exit]) -> Played {
    play_on(&STAGE, exits, |_| ())
}

fn play_on(
    stage: &Stage<'_>,
    exits: &[Exit],
    prepare: impl FnOnce(&mut GuestMemory<Mappings>),
) -> Played {
    let mut memory = GuestMemory::new(Mappings::default());
    memory.add_ram("ram", Gpa::new(RAM), RAM_SIZE).unwrap();
    memory
        .add_device(
            "pflash",
            Gpa::new(FLASH),
            FLASH_SIZE,
            Hpa::new(FLASH),
            Permits::READ,
        )
        .unwrap();
    prepare(&mut memory);
    let clock_ms = Cell::new(0);
    let mut vcpu = Script {
        exits: exits.iter().copied().collect(),
        resumes: Vec::new(),
        clock_ms: &clock_ms,
        turn_ms: stage.turn_ms,
        wait_ms: stage.wait_ms,
    };
    let mut events = Events::new(Buffer::default(), stage.nonce.map(str::to_owned));
    let mut watch = Watch::new(stage.budgets, || clock_ms.get() * 1_000_000);
    let outcome = run(
        &mut vcpu,
        &mut memory,
        &mut events,
        &mut watch,
        stage.refusals,
    );
    events.ended(&outcome);
    if outcome == Outcome::Shutdown {
        events.ok();
    }
    assert!(
        vcpu.exits.is_empty(),
        "the guest was ended before its script was"
    );
    Played {
        outcome,
        resumes: vcpu.resumes,
        console: String::from_utf8_lossy(&events.into_console().0).into_owned(),
        mapped: memory.tables().0[1..].to_vec(),
    }
}

fn fault(gpa: u64, access: Access) -> Exit {
    Exit::Fault(Fault {
        gpa: Gpa::new(gpa),
        access,
        during_walk: false,
    })
}

fn say(text: &str) -> Vec<Exit> {
    text.bytes()
        .map(|byte| Exit::Call(Call::PutByte(byte)))
        .collect()
}

const SHUTDOWN: Exit = Exit::Call(Call::Shutdown {
    announce: None,
    failed: false,
});

fn killed(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Killed { reason, pc } => {
            assert_eq!(pc, PC);
            reason
        }
        Outcome::Shutdown => panic!("the guest was not killed"),
    }
}

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
fn an_error_names_address_access_and_pc() {
    let played = play(&[fault(0x9999_0000, Access::Write)]);
    insta::assert_snapshot!(played.console, @"Hypervisor error: nested page fault at 0x99990000 (write): no window is declared there, guest pc 0x80200000");
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

/// The budget that ends a guest, given so long for a turn.
fn overrun(stage: &Stage<'_>, exits: &[Exit]) -> &'static str {
    match killed(play_on(stage, exits, |_| ()).outcome) {
        Reason::Overrun(Overrun { budget, .. }) => budget,
        other => panic!("{other:?}"),
    }
}

const UNKNOWN: Exit = Exit::Call(Call::Unknown { id: 1 });

#[test]
fn a_guest_that_only_runs_is_ended_by_the_hosts_tick() {
    let ticks = vec![Exit::HostInterrupt; 11];
    let reason = killed(play(&ticks).outcome);
    assert_eq!(
        reason,
        Reason::Overrun(Overrun {
            budget: "cpu-ms",
            limit: 100
        })
    );
}

#[test]
fn progress_gives_a_guest_its_time_anew() {
    let mut exits = Vec::new();
    for _ in 0..3 {
        exits.extend([Exit::HostInterrupt; 9]);
        exits.extend(say("."));
    }
    exits.push(SHUTDOWN);
    assert_eq!(play(&exits).outcome, Outcome::Shutdown);
}

#[test]
fn a_call_that_does_nothing_buys_no_time() {
    // Most of its time in a loop, and an unknown call now and then.
    let mut exits = Vec::new();
    exits.extend([Exit::HostInterrupt; 9]);
    exits.push(UNKNOWN);
    exits.push(Exit::HostInterrupt);
    assert_eq!(overrun(&STAGE, &exits), "cpu-ms");
}

#[test]
fn what_pretends_to_print_is_no_progress() {
    let nothing = Call::Write {
        gpa: Gpa::new(RAM),
        len: 0,
    };
    let outside = Call::Write {
        gpa: Gpa::new(0),
        len: 1,
    };
    let pretences = [
        Call::PutByte(b'\r'),
        nothing,
        outside,
        Call::Unknown { id: 1 },
    ];
    for call in pretences {
        let quick = Stage {
            turn_ms: 0,
            ..STAGE
        };
        let exits = [Exit::Call(call); 51];
        assert_eq!(overrun(&quick, &exits), "stalled-exits", "{call:?}");
        assert_eq!(overrun(&STAGE, &exits[..11]), "cpu-ms", "{call:?}");
    }
    let emulated = [Exit::Emulated; 51];
    assert_eq!(
        overrun(
            &Stage {
                turn_ms: 0,
                ..STAGE
            },
            &emulated
        ),
        "stalled-exits"
    );
}

#[test]
fn time_that_a_guest_did_not_get_is_not_its_cost() {
    // The emulator stood still for three seconds in every turn; the tick allows 10 ms.
    let stopped = Stage {
        turn_ms: 3_000,
        ..STAGE
    };
    let mut exits = vec![Exit::HostInterrupt; 4];
    exits.push(SHUTDOWN);
    assert_eq!(play_on(&stopped, &exits, |_| ()).outcome, Outcome::Shutdown);
    assert_eq!(overrun(&stopped, &[Exit::HostInterrupt; 6]), "cpu-ms");
}

#[test]
fn a_guest_that_waits_uses_no_time_of_its_own_but_the_hosts() {
    let waiting = Stage {
        turn_ms: 0,
        wait_ms: 3_000,
        ..STAGE
    };
    let mut exits = vec![Exit::Emulated; 30];
    exits.push(SHUTDOWN);
    assert_eq!(play_on(&waiting, &exits, |_| ()).outcome, Outcome::Shutdown);
    assert_eq!(overrun(&waiting, &[Exit::Emulated; 34]), "wall-ms");
}

#[test]
fn exits_that_lead_nowhere_are_counted() {
    let quick = Stage {
        turn_ms: 0,
        ..STAGE
    };
    let mut exits = vec![UNKNOWN; 50];
    exits.extend(say("."));
    exits.extend([UNKNOWN; 51]);
    assert_eq!(overrun(&quick, &exits), "stalled-exits");
}

#[test]
fn totals_end_a_guest_that_never_stalls() {
    let totals = |budgets| Stage { budgets, ..STAGE };
    let stage = totals(Budgets {
        total_exits: 20,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-exits");
    let stage = totals(Budgets {
        total_bytes: 20,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-bytes");
    let stage = totals(Budgets {
        total_cpu_ms: 200,
        ..BUDGETS
    });
    assert_eq!(overrun(&stage, &say(&".".repeat(21))), "total-cpu-ms");
    let stage = Stage {
        budgets: Budgets {
            wall_ms: 10_000,
            ..BUDGETS
        },
        turn_ms: 3_000,
        ..STAGE
    };
    assert_eq!(overrun(&stage, &say("....")), "wall-ms");
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

thread_local! {
    /// A register of a machine: whose value is in it.
    static REGISTER: Cell<u64> = const { Cell::new(HOSTS) };
}
const HOSTS: u64 = 7;

/// A guest that counts in a register which is the host's between its turns.
#[derive(Default)]
struct Counter {
    counted: u64,
    /// Whether it leaves the host's register as it is when it is taken out.
    rude: bool,
}

/// It, in the CPU.
struct Counting<'a> {
    guest: &'a mut Counter,
    host: u64,
    _cpu: &'a mut Cpu,
}

impl Vcpu for Counter {
    type Loaded<'a> = Counting<'a>;

    fn load<'a>(&'a mut self, cpu: &'a mut Cpu) -> Counting<'a> {
        let host = REGISTER.replace(self.counted);
        Counting {
            guest: self,
            host,
            _cpu: cpu,
        }
    }

    fn pc(&self) -> Gva {
        PC
    }
}

impl Loaded for Counting<'_> {
    fn run(&mut self, _: Resume) -> Exit {
        REGISTER.set(REGISTER.get() + 1);
        Exit::Emulated
    }

    fn pc(&self) -> Gva {
        PC
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.guest.counted = REGISTER.get();
        if !self.guest.rude {
            REGISTER.set(self.host);
        }
    }
}

#[test]
fn a_host_register_that_a_guest_changed_ends_it() {
    let mut cpu = Cpu::take().unwrap();
    let read = || [("gp", REGISTER.get())];
    let mut rude = Counter {
        rude: true,
        ..Counter::default()
    };
    let exit = HostCheck::new(&mut rude, &mut cpu, read).run(Resume::Go);
    let changed = Other {
        class: "gp",
        code: HOSTS,
        info: 1,
    };
    assert_eq!(exit, Exit::Other(changed));
    REGISTER.set(HOSTS);
    let exit = HostCheck::new(&mut Counter::default(), &mut cpu, read).run(Resume::Go);
    assert_eq!(exit, Exit::Emulated, "what is as it was passes through");
}

#[test]
fn a_guest_that_is_loaded_again_goes_on_where_it_was() {
    let mut cpu = Cpu::take().unwrap();
    let (mut one, mut other) = (Counter::default(), Counter::default());
    for turns in 1..=3 {
        let mut checked = HostCheck::new(&mut one, &mut cpu, || [("gp", REGISTER.get())]);
        assert_eq!(checked.run(Resume::Go), Exit::Emulated);
        let mut loaded = other.load(&mut cpu);
        for _ in 0..10 {
            assert_eq!(loaded.run(Resume::Go), Exit::Emulated);
        }
        drop(loaded);
        assert_eq!((one.counted, other.counted), (turns, 10 * turns));
        assert_eq!(REGISTER.get(), HOSTS);
    }
}

#[test]
fn a_cpu_has_one_owner() {
    let cpu = Cpu::take().unwrap();
    assert!(Cpu::take().is_none());
    drop(cpu);
    assert!(Cpu::take().is_some());
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
