//! MSRs of SVM, and the registers that a world switch saves by software.

use core::arch::{
    asm,
    x86_64::{__cpuid, __cpuid_count, _rdtsc},
};

use axhal::time;
use x86_64::{
    instructions::tables::{sgdt, sidt},
    registers::{
        control::{Cr3, Cr4, Cr4Flags},
        debug::{DebugAddressRegister, Dr0, Dr1, Dr2, Dr3, Dr7},
        model_specific::{Efer, EferFlags, Msr},
    },
};

use super::{
    access::GeneralRegisters,
    apic::{Now, Tsc},
    cpuid::Leaf,
};
use crate::{error::Error, memory::addr::Hpa, vm::hostcheck::Registers};

/// `VM_CR` (APM vol. 2 §15.30.1), of which bit 4 (SVMDIS) is of interest.
const VM_CR: u32 = 0xC001_0114;
/// `VM_HSAVE_PA` (§15.30.4): where VMRUN saves the host's state.
const VM_HSAVE_PA: u32 = 0xC001_0117;

/// CPUID: what of SVM there is.
const SVM_FEATURES: u32 = 0x8000_000A;

/// The guest's general-purpose registers but RAX and RSP, which the VMCB holds. `enter.S` knows
/// them by the offsets.
#[repr(C)]
#[derive(Default)]
pub struct GuestRegs {
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

impl GuestRegs {
    /// All general registers, with the two that the VMCB holds.
    pub fn all(&self, rax: u64, rsp: u64) -> GeneralRegisters {
        [
            rax, self.rcx, self.rdx, self.rbx, rsp, self.rbp, self.rsi, self.rdi, self.r8, self.r9,
            self.r10, self.r11, self.r12, self.r13, self.r14, self.r15,
        ]
    }

    /// Sets them, but for RAX and RSP, which it returns.
    pub fn set_all(&mut self, registers: &GeneralRegisters) -> (u64, u64) {
        let rax;
        let rsp;
        [
            rax, self.rcx, self.rdx, self.rbx, rsp, self.rbp, self.rsi, self.rdi, self.r8, self.r9,
            self.r10, self.r11, self.r12, self.r13, self.r14, self.r15,
        ] = *registers;
        (rax, rsp)
    }
}

/// Checks for SVM with nested paging and sets EFER.SVME.
pub fn enable_svm() -> Result<(), Error> {
    // The leaf says that there is long mode, so it is there; and SVM comes with the leaf of its features.
    const EXTENDED_FEATURES: u32 = 0x8000_0001;
    if __cpuid(EXTENDED_FEATURES).ecx & 1 << 2 == 0 {
        return Err(Error::Machine(
            "this CPU has no SVM; QEMU gives it with `-cpu EPYC`",
        ));
    }
    if __cpuid(SVM_FEATURES).edx & 1 == 0 {
        return Err(Error::Machine(
            "this CPU has no nested paging; QEMU gives it with `-cpu EPYC`",
        ));
    }
    // SAFETY: VM_CR exists on every CPU with SVM; reading it changes nothing.
    if unsafe { Msr::new(VM_CR).read() } & 1 << 4 != 0 {
        return Err(Error::Machine("SVM is switched off by the firmware"));
    }
    // SAFETY: it exists as well.
    if unsafe { Msr::new(VM_HSAVE_PA).read() } != 0 {
        return Err(Error::Machine(
            "VM_HSAVE_PA is set already: somebody else runs guests on this CPU",
        ));
    }
    // SAFETY: SVME permits the SVM instructions and changes nothing else.
    unsafe { Efer::update(|efer| efer.insert(EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE)) };
    Ok(())
}

/// How many [`host_registers`] there are.
pub const HOST_REGISTERS: usize = 18;

/// The host's registers that a world switch must leave as they were. SVM is on.
pub fn host_registers() -> Registers<HOST_REGISTERS> {
    // SAFETY: these exist on every CPU in long mode; reading them changes nothing.
    let msr = |number| unsafe { Msr::new(number).read() };
    let (gdt, idt) = (sgdt(), sidt());
    [
        ("fs-base", msr(0xC000_0100)),
        ("gs-base", msr(0xC000_0101)),
        ("kernel-gs-base", msr(0xC000_0102)),
        ("star", msr(0xC000_0081)),
        ("lstar", msr(0xC000_0082)),
        ("cstar", msr(0xC000_0083)),
        ("sfmask", msr(0xC000_0084)),
        ("sysenter-cs", msr(0x174)),
        ("sysenter-esp", msr(0x175)),
        ("sysenter-eip", msr(0x176)),
        ("pat", msr(0x277)),
        ("efer", Efer::read_raw()),
        ("vm-hsave-pa", msr(VM_HSAVE_PA)),
        ("cr3", Cr3::read_raw().0.start_address().as_u64()),
        ("cr4", Cr4::read_raw()),
        ("dr7", Dr7::read_raw()),
        ("gdt", gdt.base.as_u64()),
        ("idt", idt.base.as_u64()),
    ]
}

/// What a guest can write and VMRUN does not switch, since the host uses none of it: it is built without
/// floating point, keeps SSE off and sets no breakpoints. It is in the CPU for as long as the guest is
/// loaded.
#[derive(Default)]
pub struct Unswitched {
    /// DR0 to DR3.
    breakpoints: [u64; 4],
    floating_point: FloatingPoint,
    pkru: u32,
}

impl Unswitched {
    /// Puts them into the CPU, over what an earlier guest left there. Of extended states XCR0 permits the
    /// x87 unit alone.
    pub fn load(&self) {
        with_cr4(Cr4Flags::OSFXSR, || self.floating_point.load());
        load_breakpoints(self.breakpoints);
        if has_extended_state() {
            with_cr4(Cr4Flags::OSXSAVE, restrict_extended_state);
        }
        if has_protection_keys() {
            with_cr4(Cr4Flags::PROTECTION_KEY_USER, || write_pkru(self.pkru));
        }
    }

    /// Takes them from the CPU.
    pub fn save() -> Self {
        let mut saved = Self {
            breakpoints: breakpoints(),
            ..Self::default()
        };
        with_cr4(Cr4Flags::OSFXSR, || saved.floating_point.save());
        if has_protection_keys() {
            with_cr4(Cr4Flags::PROTECTION_KEY_USER, || saved.pkru = read_pkru());
        }
        saved
    }
}

fn has_extended_state() -> bool {
    __cpuid(1).ecx & 1 << 26 != 0
}

fn has_protection_keys() -> bool {
    // Before AMD had the leaf it was all zeros, like every leaf beyond the last one.
    __cpuid_count(7, 0).ecx & 1 << 3 != 0
}

/// Does `action` with a bit of CR4 set that it needs. The CPU has to have the feature.
fn with_cr4(needed: Cr4Flags, action: impl FnOnce()) {
    let before = Cr4::read_raw();
    // SAFETY: the bits permit instructions and change nothing that the host relies on.
    unsafe { Cr4::write_raw(before | needed.bits()) };
    action();
    // SAFETY: it is what was there.
    unsafe { Cr4::write_raw(before) };
}

/// An FXSAVE area (APM vol. 2 §11.4.4): the x87 unit, MMX and SSE.
#[repr(C, align(16))]
struct FloatingPoint([u32; 128]);

impl Default for FloatingPoint {
    /// The initial state: FCW and MXCSR, all else zero.
    fn default() -> Self {
        let mut area = [0; 128];
        area[0] = 0x037F; // FCW
        area[6] = 0x1F80; // MXCSR
        Self(area)
    }
}

impl FloatingPoint {
    /// Needs CR4.OSFXSR, without which FXRSTOR leaves the XMM registers alone.
    fn load(&self) {
        // SAFETY: the registers hold nothing of the host's; CR0.EM and TS are clear, as ArceOS leaves them.
        // FXRSTOR does not load the pointers to the last instruction and its operand while no exception is
        // pending; FNINIT zeroes them.
        unsafe {
            asm!(
                "fninit",
                "fxrstor [{area}]",
                area = in(reg) &raw const self.0,
                options(nostack),
            );
        }
    }

    /// Needs CR4.OSFXSR.
    fn save(&mut self) {
        // SAFETY: the area is as large and as aligned as FXSAVE wants it.
        unsafe { asm!("fxsave [{}]", in(reg) &raw mut self.0, options(nostack)) };
    }
}

fn breakpoints() -> [u64; 4] {
    [Dr0::read(), Dr1::read(), Dr2::read(), Dr3::read()]
}

/// DR7 enables none of them while the host runs.
fn load_breakpoints(dr: [u64; 4]) {
    Dr0::write(dr[0]);
    Dr1::write(dr[1]);
    Dr2::write(dr[2]);
    Dr3::write(dr[3]);
}

/// Has XCR0 permit the x87 unit alone, whatever the firmware left there: a guest that sets CR4.OSXSAVE
/// reaches no register that is not reset here. Needs CR4.OSXSAVE.
fn restrict_extended_state() {
    const X87: u32 = 1 << 0;
    // SAFETY: the host uses no extended state.
    unsafe {
        asm!("xsetbv", in("ecx") 0, in("eax") X87, in("edx") 0, options(nomem, nostack));
    }
}

/// Needs CR4.PKE.
fn write_pkru(value: u32) {
    // SAFETY: the register matters only for user pages, of which the host has none.
    unsafe {
        asm!("wrpkru", in("eax") value, in("ecx") 0, in("edx") 0, options(nomem, nostack));
    }
}

/// Needs CR4.PKE.
fn read_pkru() -> u32 {
    let value;
    // SAFETY: reading it changes nothing.
    unsafe {
        asm!("rdpkru", out("eax") value, in("ecx") 0, out("edx") _, options(nomem, nostack));
    }
    value
}

/// The time.
pub fn now() -> Now {
    Now {
        ns: time::monotonic_time_nanos(),
        tsc: time_stamp(),
    }
}

/// How the time-stamp counter goes with the host's clock, which is the same counter in nanoseconds, from the
/// host's start on.
pub fn tsc() -> Tsc {
    /// How often to look: the sooner the clock is read behind the counter, the better.
    const LOOKS: usize = 16;
    let origin = || time_stamp().saturating_sub(time::current_ticks());
    Tsc {
        origin: (0..LOOKS).map(|_| origin()).max().unwrap_or(0),
        khz: time::nanos_to_ticks(1_000_000) as u32,
    }
}

fn time_stamp() -> u64 {
    // SAFETY: every CPU with long mode has the counter; reading it changes nothing.
    unsafe { _rdtsc() }
}

/// Executes CPUID.
pub fn cpuid(function: u32, index: u32) -> Leaf {
    let answer = __cpuid_count(function, index);
    Leaf {
        eax: answer.eax,
        ebx: answer.ebx,
        ecx: answer.ecx,
        edx: answer.edx,
    }
}

/// Whether an exit leaves the address of the next instruction in the VMCB (NRIP save, APM vol. 3
/// appendix E, Fn8000_000A).
pub fn saves_next_rip() -> bool {
    __cpuid(SVM_FEATURES).edx & 1 << 3 != 0
}

/// Tells the CPU where to save the host's state on VMRUN; until [`clear_host_save_area`].
///
/// # Safety
///
/// The page at `hpa` must be used for nothing else while a guest can run.
pub unsafe fn set_host_save_area(hpa: Hpa) {
    // SAFETY: SVM is on, so the MSR exists; the page is the caller's promise.
    unsafe { Msr::new(VM_HSAVE_PA).write(hpa.get()) };
}

/// Takes it back: the page is about to become somebody else's.
pub fn clear_host_save_area() {
    // SAFETY: as above; no VMRUN follows before another vCPU is loaded, which sets a page of its own.
    unsafe { Msr::new(VM_HSAVE_PA).write(0) };
}
