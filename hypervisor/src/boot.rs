//! From a running machine to a guest that has ended.

use alloc::format;

use crate::{
    arch,
    error::Error,
    event::{Console, Events},
    exit::Outcome,
    guest::GuestMemory,
    loader,
    params::Params,
    run::run,
    vcpu::Vcpu,
};

/// Runs the guest that the disk names and reports on it. Whatever happened, returning from here
/// powers the machine off.
pub fn boot() {
    let params = loader::params();
    let mut events = Events::new(Serial, params.nonce.clone());
    events.line(format_args!("Hypervisor ..."));
    events.started(arch::NAME, arch::MODE);
    match run_guest(&params, &mut events) {
        Ok(outcome) => events.ended(&outcome),
        Err(error) => events.failed(&error),
    }
}

fn run_guest(params: &Params, events: &mut Events<Serial>) -> Result<Outcome, Error> {
    arch::enable()?;
    let layout = arch::LAYOUT;
    let mut memory = GuestMemory::new(arch::new_tables()?);
    events.allocating(layout.words, layout.ram.0, layout.ram.1);
    arch::declare(&mut memory)?;

    let path = format!("/sbin/{}", params.guest);
    events.loading(&path);
    let len = loader::load(&path, layout.entry, &mut memory)?;
    events.loaded(layout.words, &path, len, layout.entry);

    let mut vcpu = arch::new_vcpu(&mut memory)?;
    events.entering(vcpu.pc());
    Ok(run(&mut vcpu, &mut memory, events))
}

/// The machine's serial console.
struct Serial;

impl Console for Serial {
    fn write(&mut self, bytes: &[u8]) {
        axhal::console::write_bytes(bytes);
    }
}
