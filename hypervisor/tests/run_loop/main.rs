//! The hypervisor's run loop and policy, on the host: a scripted vCPU plays a guest, and the console
//! is a buffer.

mod budgets;
mod calls;
mod console;
mod devices;
mod faults;
mod loading;
mod waiting;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use hypervisor::{
    calls::{READ_LIMIT, WRITE_LIMIT},
    devices::{Bus, Device, Terminal},
    memory::addr::{Gpa, Gva, Hpa},
    memory::guest_memory::GuestMemory,
    memory::mapping::{Kind, MapError, Permits, Translation},
    report::{Console, Events},
    vm::budget::{Budgets, Watch},
    vm::exit::{
        Access, Call, Exit, Fault, GuestException, Other, Outcome, Overrun, Reason, Refusal,
        Refused, Reply, Resume, Size, Transfer,
    },
    vm::hostcheck::HostCheck,
    vm::run::{Refusals, run},
    vm::timer::Clock,
    vm::vcpu::{Cpu, Loaded, Vcpu},
};

const RAM: u64 = 0x8000_0000;
const RAM_SIZE: u64 = 0x4000;
const FLASH: u64 = 0x2200_0000;
const FLASH_SIZE: u64 = 0x3000;
const WIDE: u64 = 0x3000_0000;
const DEVICE: u64 = 0x1000_0000;
const PC: Gva = Gva::new(0x8020_0000);

/// How long a turn of a scripted guest takes.
const TURN_MS: u64 = 10;
/// The host's tick.
const TICK_MS: u64 = 10;
const MS: u64 = 1_000_000;
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
    deadlines: VecDeque<Option<u64>>,
}

impl Loaded for Script<'_> {
    fn run(&mut self, resume: Resume) -> Exit {
        self.resumes.push(resume);
        self.clock_ms.set(self.clock_ms.get() + self.turn_ms);
        self.exits
            .pop_front()
            .expect("the loop went on after the guest's end")
    }

    fn deadline(&self) -> Option<u64> {
        self.deadlines.get(self.resumes.len()).copied().flatten()
    }

    fn pc(&self) -> Gva {
        PC
    }
}

/// A host whose tick comes every 10 ms of the scripted time, and that remembers its alarms.
struct Host<'c> {
    clock_ms: &'c Cell<u64>,
    alarms: Vec<Option<u64>>,
    waits: Vec<u64>,
}

impl Clock for Host<'_> {
    fn now_ns(&self) -> u64 {
        self.clock_ms.get() * MS
    }

    fn set_alarm(&mut self, deadline_ns: Option<u64>) {
        self.alarms.push(deadline_ns);
    }

    fn wait(&mut self, deadline_ns: u64) {
        let now = self.clock_ms.get();
        let until = (now + TICK_MS).min(deadline_ns.div_ceil(MS));
        self.clock_ms.set(until);
        self.waits.push(until - now);
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

/// A console, with what was printed and what is still to be read.
#[derive(Default)]
struct Buffer(Vec<u8>, VecDeque<u8>);

impl Console for Buffer {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn read(&mut self, bytes: &mut [u8]) -> usize {
        let count = bytes.len().min(self.1.len());
        for (byte, typed) in bytes.iter_mut().zip(self.1.drain(..count)) {
            *byte = typed;
        }
        count
    }
}

/// A device that prints what is stored to it, and gives what was typed.
#[derive(Default)]
struct Echo {
    stored: Vec<u64>,
}

impl Device for Echo {
    fn read(&mut self, _offset: u64, _size: Size, terminal: &mut dyn Terminal) -> Option<u64> {
        terminal.get().map(u64::from)
    }

    fn write(
        &mut self,
        _offset: u64,
        _size: Size,
        value: u64,
        terminal: &mut dyn Terminal,
    ) -> Option<()> {
        self.stored.push(value);
        terminal.put(value as u8);
        Some(())
    }
}

/// How a scripted guest is run.
struct Stage<'a> {
    nonce: Option<&'a str>,
    budgets: Budgets,
    refusals: Refusals,
    turn_ms: u64,
    /// What is typed before it runs.
    typed: &'a str,
    /// The deadlines of its timer, before each turn; none behind the last.
    deadlines: &'a [Option<u64>],
}

const STAGE: Stage<'_> = Stage {
    nonce: None,
    budgets: BUDGETS,
    refusals: Refusals::Kill,
    turn_ms: TURN_MS,
    typed: "",
    deadlines: &[],
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
    /// What the host's alarm was set to, in order.
    alarms: Vec<Option<u64>>,
    /// How long it waited each time, in milliseconds.
    waits: Vec<u64>,
    /// The first bytes of RAM.
    ram: [u8; 16],
    /// What was stored to the device.
    stored: Vec<u64>,
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
    let mut bus = Bus::default();
    let echo = Rc::new(RefCell::new(Echo::default()));
    bus.add(Gpa::new(DEVICE), 0x1000, Box::new(echo.clone()))
        .unwrap();
    let clock_ms = Cell::new(0);
    let mut vcpu = Script {
        exits: exits.iter().copied().collect(),
        resumes: Vec::new(),
        clock_ms: &clock_ms,
        turn_ms: stage.turn_ms,
        deadlines: stage.deadlines.iter().copied().collect(),
    };
    let mut host = Host {
        clock_ms: &clock_ms,
        alarms: Vec::new(),
        waits: Vec::new(),
    };
    let console = Buffer(Vec::new(), stage.typed.bytes().collect());
    let mut events = Events::new(console, stage.nonce.map(str::to_owned));
    let mut watch = Watch::new(stage.budgets, || clock_ms.get() * MS);
    let outcome = run(
        &mut vcpu,
        &mut memory,
        &mut bus,
        &mut events,
        &mut watch,
        &mut host,
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
    let mut ram = [0; 16];
    memory.read(Gpa::new(RAM), &mut ram).unwrap();
    Played {
        outcome,
        resumes: vcpu.resumes,
        console: String::from_utf8_lossy(&events.into_console().0).into_owned(),
        mapped: memory.tables().0[1..].to_vec(),
        alarms: host.alarms,
        waits: host.waits,
        ram,
        stored: echo.take().stored,
    }
}

fn fault(gpa: u64, access: Access) -> Exit {
    Exit::Fault(Fault {
        gpa: Gpa::new(gpa),
        access,
        during_walk: false,
        transfer: None,
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
