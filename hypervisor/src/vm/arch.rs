//! The trait of an architecture: everything about it that `boot` needs in order to run a guest.

use crate::{
    devices::Bus,
    error::Error,
    memory::{
        guest_memory::GuestMemory,
        mapping::{MapError, Translation},
    },
    vm::{
        layout::Layout,
        vcpu::{Cpu, Vcpu},
    },
};

/// An architecture. Its types and functions are used in the order in which they appear here, for one
/// guest after another.
pub trait Arch {
    /// Its name in event lines.
    const NAME: &'static str;

    /// A way in which a guest can run.
    type Mode: Copy + 'static;

    /// All modes, by their names in `/boot/cmdline`. The first one is the default.
    const MODES: &'static [(&'static str, Self::Mode)];

    /// A kind of timer that a guest can get.
    type Timer: Copy + 'static;

    /// All kinds, by their names in `/boot/cmdline`.
    const TIMERS: &'static [(&'static str, Self::Timer)];

    /// A kind of console that a guest can get besides its calls.
    type Console: Copy + 'static;

    /// All kinds, by their names in `/boot/cmdline`.
    const CONSOLES: &'static [(&'static str, Self::Console)];

    /// For the conformance suite: leaves something, as a firmware may, in the registers that no guest can write
    /// and that have to be set before one runs, so that nothing depends on their values after a reset. It does
    /// nothing where all of them are in memory.
    fn leave_traces(_cpu: &mut Cpu) {}

    /// Prepares the machine for guests in this mode, or returns what it lacks. Call it before each
    /// guest, while no guest is loaded.
    fn enable(mode: Self::Mode, cpu: &mut Cpu) -> Result<(), Error>;

    /// The memory that a guest gets.
    fn layout(mode: Self::Mode) -> Layout;

    /// The tables of the second stage, or their substitute.
    type Tables: Translation;

    /// Tables that map nothing.
    fn new_tables(mode: Self::Mode) -> Result<Self::Tables, MapError>;

    /// A vCPU of this architecture.
    type Vcpu: Vcpu;

    /// A vCPU at the image's entry, with `arg` where the guest finds it (`hv_abi` says where), and with this timer
    /// and this console, or none. `memory` has the windows of [`layout`](Self::layout), holds the image, and outlives
    /// the vCPU; the guest's devices are added to `bus`. This writes no register of the CPU, whatever is loaded
    /// there.
    fn new_vcpu(
        mode: Self::Mode,
        timer: Option<Self::Timer>,
        console: Option<Self::Console>,
        arg: u64,
        memory: &mut GuestMemory<Self::Tables>,
        bus: &mut Bus,
    ) -> Result<Self::Vcpu, Error>;

    /// Waits for an interrupt of the host's without using the CPU, and lets the host take it. Call it with
    /// interrupts off: one that is pending already ends the wait at once, so none is missed between the
    /// decision to wait and the wait. They are on when it returns.
    fn wait_for_interrupt();

    /// To be called when a guest has ended, before its memory and its tables are given back. It does nothing:
    /// whoever looks at the machine from outside stops at the symbol `hv_guest_release`, and finds them as the
    /// guest left them.
    fn about_to_release();

    /// Registers by name.
    type HostRegisters: AsRef<[(&'static str, u64)]>;

    /// The host's registers that no turn of a guest may change, for the conformance suite. They include
    /// those that lead to a guest's tables, or that confine it.
    fn host_registers() -> Self::HostRegisters;
}
