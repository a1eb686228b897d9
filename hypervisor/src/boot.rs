//! From a running machine to a guest that has ended.

use alloc::format;

use crate::{
    arch,
    error::Error,
    event::{Console, Events},
    exit::Outcome,
    guest::{GuestMemory, Permits, Translation},
    layout::{Flash, Layout},
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
    let Layout { entry, words, .. } = arch::LAYOUT;
    let mut memory = GuestMemory::new(arch::new_tables()?);
    declare(&arch::LAYOUT, &mut memory, events)?;

    let path = format!("/sbin/{}", params.guest);
    events.loading(&path);
    let len = loader::load(&path, entry, &mut memory)?;
    events.loaded(words, &path, len, entry);

    let mut vcpu = arch::new_vcpu(&mut memory)?;
    events.entering(vcpu.pc());
    Ok(run(&mut vcpu, &mut memory, events))
}

/// Gives the guest its windows.
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
}
