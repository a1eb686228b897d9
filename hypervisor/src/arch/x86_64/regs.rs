//! MSRs of SVM, and the registers that a world switch saves by software.

use core::arch::{asm, x86_64::__cpuid};

use x86_64::{
    instructions::tables::{sgdt, sidt},
    registers::{
        control::{Cr3, Cr4},
        model_specific::{Efer, EferFlags, Msr},
    },
};

use crate::{error::Error, vm::hostcheck::Registers};

/// `VM_CR` (APM vol. 2 §15.30.1), of which bit 4 (SVMDIS) is of interest.
const VM_CR: u32 = 0xC001_0114;
/// `VM_HSAVE_PA` (§15.30.4): where VMRUN saves the host's state.
const VM_HSAVE_PA: u32 = 0xC001_0117;

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

/// Checks for SVM with nested paging and sets EFER.SVME.
pub fn enable_svm() -> Result<(), Error> {
    const LARGEST_EXTENDED: u32 = 0x8000_0000;
    const EXTENDED_FEATURES: u32 = 0x8000_0001;
    const SVM_FEATURES: u32 = 0x8000_000A;
    // The leaves of SVM exist only up to what the first one says.
    let svm = __cpuid(LARGEST_EXTENDED).eax >= SVM_FEATURES
        && __cpuid(EXTENDED_FEATURES).ecx & 1 << 2 != 0;
    if !svm {
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
    // SAFETY: SVME permits the SVM instructions and changes nothing else.
    unsafe { Efer::update(|efer| efer.insert(EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE)) };
    Ok(())
}

/// The host's registers that a world switch must leave as they were.
pub fn host_registers() -> Registers<10> {
    const FS_BASE: u32 = 0xC000_0100;
    const GS_BASE: u32 = 0xC000_0101;
    const KERNEL_GS_BASE: u32 = 0xC000_0102;
    const LSTAR: u32 = 0xC000_0082;
    const STAR: u32 = 0xC000_0081;
    // SAFETY: these exist on every CPU in long mode; reading them changes nothing.
    let msr = |number| unsafe { Msr::new(number).read() };
    let (gdt, idt) = (sgdt(), sidt());
    [
        ("fs-base", msr(FS_BASE)),
        ("gs-base", msr(GS_BASE)),
        ("kernel-gs-base", msr(KERNEL_GS_BASE)),
        ("lstar", msr(LSTAR)),
        ("star", msr(STAR)),
        ("efer", Efer::read_raw()),
        ("cr3", Cr3::read_raw().0.start_address().as_u64()),
        ("cr4", Cr4::read_raw()),
        ("gdt", gdt.base.as_u64()),
        ("idt", idt.base.as_u64()),
    ]
}

/// Zeroes the floating-point registers, so that a guest does not find those of an earlier one. The
/// host itself is built without them and keeps SSE off.
pub fn clear_floating_point() {
    /// An FXSAVE area (APM vol. 2 §11.4.4) in the initial state: FCW and MXCSR, all else zero.
    #[repr(C, align(16))]
    struct Area([u32; 128]);
    static INITIAL: Area = {
        let mut area = [0; 128];
        area[0] = 0x037F; // FCW
        area[6] = 0x1F80; // MXCSR
        Area(area)
    };
    // SAFETY: the registers hold nothing of the host's. FXRSTOR loads the XMM registers only with
    // CR4.OSFXSR set, which is put back; CR0.EM and TS are clear, as ArceOS leaves them.
    unsafe {
        asm!(
            "mov    {cr4}, cr4",
            "mov    {on}, {cr4}",
            "or     {on}, 0x200",
            "mov    cr4, {on}",
            "fxrstor [{area}]",
            "mov    cr4, {cr4}",
            cr4 = out(reg) _,
            on = out(reg) _,
            area = in(reg) &raw const INITIAL,
            options(nostack),
        );
    }
}

/// Tells the CPU where to save the host's state on VMRUN.
///
/// # Safety
///
/// The page at `hpa` must be used for nothing else while a guest can run.
pub unsafe fn set_host_save_area(hpa: u64) {
    // SAFETY: SVM is on, so the MSR exists; the page is the caller's promise.
    unsafe { Msr::new(VM_HSAVE_PA).write(hpa) };
}
