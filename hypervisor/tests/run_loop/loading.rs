//! A vCPU goes into the CPU and comes out again, and the host gets its registers back.

use super::*;

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
