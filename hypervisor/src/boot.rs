//! Takes a running machine to the end of its guests.

use alloc::{borrow::ToOwned, format};

use crate::{
    clock::HostClock,
    devices::Bus,
    error::Error,
    loader,
    memory::canary,
    memory::guest_memory::GuestMemory,
    memory::mapping::{Permits, Translation},
    memory::pages,
    report::{Console, Events},
    vm::arch::Arch,
    vm::budget::Watch,
    vm::exit::{Exit, Outcome, Reason, Resume},
    vm::hostcheck::{self, HostCheck},
    vm::layout::{Flash, Layout},
    vm::params::{self, Params},
    vm::run::run,
    vm::vcpu::{Cpu, Loaded, Vcpu},
};

/// Runs the guests that the disk names, one after another, and reports on each. Whatever happens, the
/// machine is powered off when this returns.
pub fn boot<A: Arch>() {
    let mut cpu = Cpu::take().expect("nobody else runs guests yet");
    let words = loader::words();
    let nonce = words.as_deref().ok().and_then(params::nonce);
    let mut events = Events::new(Serial, nonce.map(ToOwned::to_owned));
    events.line(format_args!("Hypervisor ..."));
    let params = match words.and_then(|words| Params::parse(&words)) {
        Ok(params) => params,
        Err(error) => return events.failed(&error),
    };
    let mut all_well = true;
    let first = (0..params.runs).map(|run| (&params.guest, params.arg.wrapping_add(run)));
    for (guest, arg) in first.chain(params.then.iter().map(|guest| (guest, params.arg))) {
        let result = run_guest::<A>(guest, arg, &params, &mut cpu, &mut events);
        let (held, most) = pages::usage();
        events.host(canary::is_intact(), held, most);
        all_well &= matches!(result, Ok(Outcome::Shutdown)) && canary::is_intact();
        match result {
            Ok(outcome) => events.ended(&outcome),
            Err(error) => events.failed(&error),
        }
    }
    if all_well {
        events.ok();
    }
}

fn run_guest<A: Arch>(
    guest: &str,
    arg: u64,
    params: &Params,
    cpu: &mut Cpu,
    events: &mut Events<Serial>,
) -> Result<Outcome, Error> {
    let (name, mode) = choose("mode", params.mode.as_deref(), A::MODES)?.unwrap_or(A::MODES[0]);
    let timer = choose("timer", params.timer.as_deref(), A::TIMERS)?.map(|(_, timer)| timer);
    let console = choose("console", params.console.as_deref(), A::CONSOLES)?;
    let console = console.map(|(_, console)| console);
    events.started(A::NAME, name);
    if params.untidy {
        A::leave_traces(cpu);
    }
    A::enable(mode, cpu)?;
    let layout = A::layout(mode);
    let mut memory = GuestMemory::new(A::new_tables(mode)?);
    declare(&layout, &mut memory, events)?;

    let path = format!("/sbin/{guest}");
    events.loading(&path);
    let len = loader::load(&path, layout.entry, &mut memory)?;
    events.loaded(layout.words, &path, len, layout.entry);

    let before = A::host_registers();
    let mut bus = Bus::default();
    let mut vcpu = A::new_vcpu(mode, timer, console, arg, &mut memory, &mut bus)?;
    let made = hostcheck::changed(&before, &A::host_registers());
    events.entering(vcpu.pc());
    let outcome = match made {
        _ if !params.check_host => {
            let mut vcpu = vcpu.load(cpu);
            if params.reenter > 0 {
                measure(&mut vcpu, &mut memory, params.reenter, events);
            }
            turns::<A, _, _>(&mut vcpu, &mut memory, &mut bus, params, events)
        }
        Some(register) => {
            let (reason, pc) = (Reason::Other(register), vcpu.pc());
            Outcome::Killed { reason, pc }
        }
        None => {
            let mut vcpu = HostCheck::new(&mut vcpu, cpu, A::host_registers);
            turns::<A, _, _>(&mut vcpu, &mut memory, &mut bus, params, events)
        }
    };
    A::about_to_release();
    Ok(outcome)
}

/// Runs a loaded guest until it ends.
fn turns<A: Arch, V: Loaded, T: Translation>(
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    bus: &mut Bus,
    params: &Params,
    events: &mut Events<Serial>,
) -> Outcome {
    let mut watch = Watch::new(params.budgets, axhal::time::monotonic_time_nanos);
    let mut clock = HostClock::<A>::new();
    run(
        vcpu,
        memory,
        bus,
        events,
        &mut watch,
        &mut clock,
        params.refusals,
    )
}

/// In how many batches it is measured what entering a guest takes. The fastest one counts: it was not interrupted.
const BATCHES: u64 = 500;

/// Lets a guest come to its first call, and says how long it takes to enter it there and to be left again: what
/// the machine itself takes of an exit. Nothing of this counts.
fn measure<V: Loaded, T: Translation>(
    vcpu: &mut V,
    memory: &mut GuestMemory<T>,
    times: u64,
    events: &mut Events<Serial>,
) {
    loop {
        match vcpu.run(Resume::Go) {
            Exit::Call(_) => break,
            Exit::HostInterrupt | Exit::Emulated => {}
            Exit::Fault(fault) if memory.resolve(&fault).is_ok() => {}
            _ => return,
        }
    }
    let count = times.div_ceil(BATCHES);
    let mut batch = || {
        let begin = axhal::time::monotonic_time_nanos();
        let done = vcpu.reenter(count);
        done.then(|| axhal::time::monotonic_time_nanos() - begin)
    };
    if let Some(nanos) = (0..BATCHES).filter_map(|_| batch()).min() {
        events.measured(count, nanos);
    }
}

/// What the disk asks for among what there is, with its name; none if it does not ask.
fn choose<T: Copy>(
    what: &'static str,
    asked: Option<&str>,
    known: &[(&'static str, T)],
) -> Result<Option<(&'static str, T)>, Error> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    match known.iter().find(|(name, _)| *name == asked) {
        Some(found) => Ok(Some(*found)),
        None => Err(Error::Choice {
            what,
            asked: asked.to_owned(),
            known: known.iter().map(|(name, _)| *name).collect(),
        }),
    }
}

/// Declares the guest's windows.
fn declare<T: Translation>(
    layout: &Layout,
    memory: &mut GuestMemory<T>,
    events: &mut Events<Serial>,
) -> Result<(), Error> {
    let main = layout.ram.first().ok_or(Error::Layout("there is no RAM"))?;
    events.allocating(layout.words, main.gpa, main.size);
    for ram in layout.ram {
        memory.add_ram(ram.name, ram.gpa, ram.size)?;
    }
    const FLASH: &str = "pflash";
    match layout.flash {
        Flash::Device { gpa, size, hpa } => memory.add_device(FLASH, gpa, size, hpa, Permits::READ),
        Flash::Image { gpa, path } => memory.add_image(FLASH, gpa, loader::flash(path)?),
    }
}

/// The machine's serial console.
struct Serial;

impl Console for Serial {
    fn write(&mut self, bytes: &[u8]) {
        axhal::console::write_bytes(bytes);
    }

    fn read(&mut self, bytes: &mut [u8]) -> usize {
        axhal::console::read_bytes(bytes)
    }
}
