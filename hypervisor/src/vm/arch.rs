//! What an architecture brings to run a guest: everything that `boot` needs and does not know.

use crate::{
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

/// An architecture. Its types and functions are used in the order in which they stand here, for one guest
/// after another.
pub trait Arch {
    /// Its name, as in event lines.
    const NAME: &'static str;

    /// A way in which a guest can run.
    type Mode: Copy + 'static;

    /// All of them, by the names that `/boot/cmdline` has for them. The first is the default.
    const MODES: &'static [(&'static str, Self::Mode)];

    /// Makes the machine fit for guests in this mode, or says what it lacks. To be called before each guest;
    /// none is loaded meanwhile.
    fn enable(mode: Self::Mode, cpu: &mut Cpu) -> Result<(), Error>;

    /// What a guest gets.
    fn layout(mode: Self::Mode) -> Layout;

    /// The tables of the second stage, or what stands for them.
    type Tables: Translation;

    /// Tables that map nothing.
    fn new_tables(mode: Self::Mode) -> Result<Self::Tables, MapError>;

    /// A vCPU of this architecture.
    type Vcpu: Vcpu;

    /// A vCPU at the image's entry, with `arg` where the guest finds it (`hv_abi` says where). `memory` is
    /// as [`layout`](Self::layout) has it, holds the image, and outlives the vCPU. No register of the CPU
    /// is written, whatever is loaded there.
    fn new_vcpu(
        mode: Self::Mode,
        arg: u64,
        memory: &mut GuestMemory<Self::Tables>,
    ) -> Result<Self::Vcpu, Error>;

    /// Registers by name.
    type HostRegisters: AsRef<[(&'static str, u64)]>;

    /// The host's registers that no turn of a guest may change: for the conformance suite. Those that
    /// lead to a guest's tables, or that confine it, are among them.
    fn host_registers() -> Self::HostRegisters;
}
