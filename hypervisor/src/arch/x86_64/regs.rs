//! MSRs of SVM, and the registers that a world switch saves by software.

use core::arch::x86_64::__cpuid;

use x86_64::registers::model_specific::{Efer, EferFlags, Msr};

use crate::error::Error;

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

/// Tells the CPU where to save the host's state on VMRUN.
///
/// # Safety
///
/// The page at `hpa` must be used for nothing else while a guest can run.
pub unsafe fn set_host_save_area(hpa: u64) {
    // SAFETY: SVM is on, so the MSR exists; the page is the caller's promise.
    unsafe { Msr::new(VM_HSAVE_PA).write(hpa) };
}
