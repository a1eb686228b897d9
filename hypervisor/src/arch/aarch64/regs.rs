//! System registers, and the registers that a world switch saves.

use core::arch::asm;

use super::{decode::Syndrome, exception};
use crate::{
    memory::addr::{Gpa, Gva, Hpa},
    vm::{exit::GuestException, hostcheck::Registers},
};

/// Reads a system register by name.
macro_rules! sysreg_read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading these registers has no effect on memory or control flow.
        unsafe {
            ::core::arch::asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack))
        };
        value
    }};
}

/// Writes a system register by name. The caller says in a SAFETY argument why the value is right.
macro_rules! sysreg_write {
    ($register:literal, $value:expr) => {
        ::core::arch::asm!(concat!("msr ", $register, ", {}"), in(reg) $value, options(nostack))
    };
}

pub(super) use {sysreg_read, sysreg_write};

/// The registers that a world switch saves and restores; `enter.S` addresses them by offset. The size
/// and alignment are those of a stack pointer, because it is one while the guest runs.
#[repr(C, align(16))]
#[derive(Default)]
pub struct Context {
    /// The guest's x0 to x30.
    pub guest_x: [u64; 31],
    /// The guest's SP_EL0.
    pub guest_sp_el0: u64,
    /// The guest's program counter.
    pub guest_elr: u64,
    /// The guest's processor state.
    pub guest_spsr: u64,
    /// The guest's TPIDR_EL0.
    pub guest_tpidr_el0: u64,
    /// TTBR0 of the host's own regime: the root of the tables of a guest at EL0, else zero.
    pub guest_ttbr0: u64,
    /// HCR_EL2 while the guest is loaded; zero for a guest at EL0, which runs under the host's.
    pub guest_hcr: u64,
    /// The guest's TPIDR_EL1, which holds the host's per-CPU base while the host runs. Switched, as
    /// the next one, only where `guest_hcr` is not zero.
    pub guest_tpidr_el1: u64,
    /// The guest's SP_EL1.
    pub guest_sp_el1: u64,
    /// The host's x19 to x30.
    pub host_saved: [u64; 12],
    /// The host's stack pointer.
    pub host_sp: u64,
    /// The host's SP_EL0.
    pub host_sp_el0: u64,
    /// The host's TPIDR_EL0.
    pub host_tpidr_el0: u64,
    /// The host's TPIDR_EL1.
    pub host_tpidr_el1: u64,
    /// The host's vectors.
    pub host_vbar: u64,
    /// The host's TTBR0.
    pub host_ttbr0: u64,
}

/// SPSR for EL0 with no interrupt masked.
pub const SPSR_EL0T: u64 = 0;
/// VTCR_EL2: 39-bit addresses (T0SZ 25) from level 1 on (SL0 1), write-back walks, inner shareable,
/// 4 KiB, 40-bit output (PS 2), and the bit that is always 1.
const VTCR: u64 = 25 | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1 << 31;

/// The VMID of the guest in VTTBR_EL2. There is one guest at a time; 0 is left alone.
const VMID: u64 = 1 << 48;

/// Gives HCR_EL2 a value, and returns the one before. With a guest's the host goes on as before: at EL2 with E2H set,
/// neither TGE nor the traps change anything for it, and its interrupts come to EL2 with both. But what names EL1
/// (TLBI, AT) then means the guest's.
///
/// # Safety
///
/// E2H stays set. A guest's value confines what runs at EL1.
pub unsafe fn swap_hcr(value: u64) -> u64 {
    let before = sysreg_read!("hcr_el2");
    // SAFETY: as the caller says.
    unsafe {
        sysreg_write!("hcr_el2", value);
        asm!("isb", options(nostack));
    }
    before
}

/// Points Stage-2 at `root` and drops what an earlier guest with this VMID left in the TLB.
///
/// # Safety
///
/// `root` must be the root of Stage-2 tables that stay alive while a guest can run.
pub unsafe fn set_stage2(root: Hpa) {
    // SAFETY: the tables are the caller's promise; the host does not go through Stage-2.
    unsafe { point_stage2(VMID | root.get()) };
}

/// Makes the CPU let go of the guest's tables, whose memory is about to be given back.
pub fn clear_stage2() {
    // SAFETY: the host does not go through Stage-2, and no guest runs before there are other tables.
    unsafe { point_stage2(0) };
}

/// Writes VTTBR_EL2. Before the write, it drops what the TLB holds for the current VMID; after the
/// write, what an earlier guest left under the new one.
///
/// # Safety
///
/// As for [`set_stage2`].
unsafe fn point_stage2(vttbr: u64) {
    // SAFETY: as the caller says.
    unsafe {
        asm!(
            "dsb    ishst",
            "tlbi   vmalls12e1is",
            "dsb    ish",
            "msr    vtcr_el2, {vtcr}",
            "msr    vttbr_el2, {vttbr}",
            "isb",
            "dsb    ishst",
            "tlbi   vmalls12e1is",
            "dsb    ish",
            "isb",
            vtcr = in(reg) VTCR,
            vttbr = in(reg) vttbr,
            options(nostack),
        );
    }
}

/// Writes `size` bytes of RAM at `hpa` back to memory, so that instructions are fetched from there. A
/// guest starts with its caches off, so it would not see what is only in the host's caches (Arm ARM,
/// D7.5).
pub fn clean_to_memory(hpa: Hpa, size: u64) {
    // CTR_EL0.DminLine: the log2 of the words in the smallest data cache line.
    let line = 4 << (sysreg_read!("ctr_el0") >> 16 & 0xF);
    let start = axhal::mem::phys_to_virt((hpa.get() as usize).into()).as_usize();
    let first = start - start % line;
    for address in (first..start + size as usize).step_by(line) {
        // SAFETY: cleaning a line changes no meaning; all RAM is mapped.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack)) };
    }
    // SAFETY: as above; the fetches behind the barriers see what was written.
    unsafe {
        asm!("dsb sy", "ic ialluis", "dsb sy", "isb", options(nostack));
    }
}

/// The number of [`host_registers`].
pub const HOST_REGISTERS: usize = 16;

/// The host's registers that a world switch must preserve, and the guest's virtual timer and counter, of which
/// nothing may be left while the host runs.
pub fn host_registers() -> Registers<HOST_REGISTERS> {
    let (mut guest_timer, mut guest_tables, mut hcr, mut mdcr, mut offset) = (0, 0, 0, 0, 0);
    if axplat_aarch64_vhe::host_is_at_el2() {
        guest_timer = sysreg_read!("s3_5_c14_c3_1");
        guest_tables = sysreg_read!("vttbr_el2");
        hcr = sysreg_read!("hcr_el2");
        mdcr = sysreg_read!("mdcr_el2");
        offset = sysreg_read!("cntvoff_el2");
    }
    [
        ("cntv_ctl", guest_timer),
        ("cntvoff", offset),
        ("vttbr", guest_tables),
        ("hcr", hcr),
        ("mdcr", mdcr),
        ("cntkctl", sysreg_read!("cntkctl_el1")),
        ("tpidr_el1", sysreg_read!("tpidr_el1")),
        ("tpidr_el0", sysreg_read!("tpidr_el0")),
        ("sp_el0", sysreg_read!("sp_el0")),
        ("vbar", sysreg_read!("vbar_el1")),
        ("ttbr0", sysreg_read!("ttbr0_el1")),
        ("ttbr1", sysreg_read!("ttbr1_el1")),
        ("tcr", sysreg_read!("tcr_el1")),
        ("mair", sysreg_read!("mair_el1")),
        ("sctlr", sysreg_read!("sctlr_el1")),
        ("cpacr", sysreg_read!("cpacr_el1")),
    ]
}

macro_rules! el1_state {
    ($($(#[$doc:meta])* $name:ident = $register:literal,)*) => {
        /// The registers of EL1 that nothing but the guest uses while the hypervisor is at EL2. They stay
        /// in the CPU between the guest's turns.
        pub struct El1State {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl El1State {
            /// All zero.
            const ZERO: Self = Self { $($name: 0,)* };

            /// Takes them from the CPU.
            pub fn save() -> Self {
                Self { $($name: sysreg_read!($register),)* }
            }

            /// Puts them into the CPU.
            pub fn restore(&self) {
                // SAFETY: with E2H set these encodings reach EL1's registers, which govern the
                // guest alone; the host neither runs at EL1 nor uses the virtual timer.
                unsafe { $(sysreg_write!($register, self.$name);)* }
            }
        }
    };
}

// The `*_EL12` and `*_EL02` names, by their encodings: the assembler takes them only for CPUs that
// are known to have VHE.
el1_state! {
    /// SCTLR_EL1.
    sctlr = "s3_5_c1_c0_0",
    /// CPACR_EL1.
    cpacr = "s3_5_c1_c0_2",
    /// TTBR0_EL1.
    ttbr0 = "s3_5_c2_c0_0",
    /// TTBR1_EL1.
    ttbr1 = "s3_5_c2_c0_1",
    /// TCR_EL1.
    tcr = "s3_5_c2_c0_2",
    /// SPSR_EL1.
    spsr = "s3_5_c4_c0_0",
    /// ELR_EL1.
    elr = "s3_5_c4_c0_1",
    /// AFSR0_EL1.
    afsr0 = "s3_5_c5_c1_0",
    /// AFSR1_EL1.
    afsr1 = "s3_5_c5_c1_1",
    /// ESR_EL1.
    esr = "s3_5_c5_c2_0",
    /// FAR_EL1.
    far = "s3_5_c6_c0_0",
    /// MAIR_EL1.
    mair = "s3_5_c10_c2_0",
    /// AMAIR_EL1.
    amair = "s3_5_c10_c3_0",
    /// VBAR_EL1.
    vbar = "s3_5_c12_c0_0",
    /// CONTEXTIDR_EL1.
    contextidr = "s3_5_c13_c0_1",
    /// CNTKCTL_EL1.
    cntkctl = "s3_5_c14_c1_0",
    /// CNTV_CVAL_EL0.
    cntv_cval = "s3_5_c14_c3_2",
    /// PAR_EL1.
    par = "par_el1",
    /// TPIDRRO_EL0.
    tpidrro = "tpidrro_el0",
    /// CSSELR_EL1.
    csselr = "csselr_el1",
}

impl El1State {
    /// As after a reset: translation and caches off (the bits of SCTLR_EL1 that are 1 by
    /// definition), everything else zero.
    pub const RESET: Self = Self {
        sctlr: 0x30D0_0800,
        ..Self::ZERO
    };
}

/// Fills in the guest's registers for an exception to EL1 taken at `pc` in `pstate`, and returns the
/// program counter and PSTATE of its handler.
pub fn trap_guest(exception: &GuestException, pc: u64, pstate: u64) -> (u64, u64) {
    // SAFETY: ELR_EL1, SPSR_EL1 and ESR_EL1 of the guest.
    unsafe {
        sysreg_write!("s3_5_c4_c0_1", pc);
        sysreg_write!("s3_5_c4_c0_0", pstate);
        sysreg_write!("s3_5_c5_c2_0", exception.code);
    }
    if exception::has_address(exception.code) {
        // SAFETY: FAR_EL1 of the guest. It is unknown behind other exceptions.
        unsafe { sysreg_write!("s3_5_c6_c0_0", exception.value) };
    }
    // SCTLR_EL1 and VBAR_EL1 of the guest.
    exception::entry(
        pstate,
        sysreg_read!("s3_5_c1_c0_0"),
        sysreg_read!("s3_5_c12_c0_0"),
    )
}

/// Translates a virtual address of the guest, as the guest would at EL1, to an intermediate physical
/// page; `None` if its own tables do not map it. Stage-1 only, so Stage-2 does not fault in it. The guest is loaded:
/// with the host's HCR_EL2, which has TGE set, it would translate for the host.
pub fn guest_ipa(address: Gva) -> Option<Gpa> {
    let par: u64;
    // SAFETY: the operation reads memory and writes PAR_EL1, which is the guest's and is put back.
    // Interrupts are off around it.
    unsafe {
        asm!(
            "mrs    {kept}, par_el1",
            "at     s1e1r, {address}",
            "isb",
            "mrs    {par}, par_el1",
            "msr    par_el1, {kept}",
            kept = out(reg) _,
            address = in(reg) address.get(),
            par = out(reg) par,
            options(nostack),
        );
    }
    (par & 1 == 0).then_some(Gpa::new(par & 0x000F_FFFF_FFFF_F000))
}

/// Reads what an exception left. Call it before interrupts are on again, because each exception
/// overwrites it. The names are those of EL1; at EL2 with E2H set they reach EL2's registers. HPFAR_EL2
/// exists only for a host at EL2, which a host with a guest at EL1 is.
pub fn read_syndrome(vector: u64, at_el2: bool) -> Syndrome {
    Syndrome {
        vector,
        esr: sysreg_read!("esr_el1"),
        far: sysreg_read!("far_el1"),
        hpfar: if at_el2 { sysreg_read!("hpfar_el2") } else { 0 },
    }
}
