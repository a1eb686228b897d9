//! The hypervisor's run loop and policy, on the host: a scripted vCPU plays a guest, and the console
//! is a buffer.

mod budgets;
mod calls;
mod console;
mod faults;
mod loading;

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
