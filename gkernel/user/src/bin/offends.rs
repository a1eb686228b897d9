//! Does what a program may not do: one of [`gkernel_user::abi::OFFENCES`], by its argument. The kernel has to end
//! it; where that is no offence but a call that the kernel does not know, the exit code is 0.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel_user::program!(offends);

#[cfg(target_os = "none")]
fn offends(argument: u64, _number: u64) -> i64 {
    use gkernel_user::{
        abi::{ENOSYS, OFFENCES, Offence, STACK_END, STACK_SIZE},
        arch,
    };

    static CONSTANT: u64 = 1;
    let code = offends as *const () as u64;
    match OFFENCES[argument as usize] {
        Offence::Privileged => arch::privileged(),
        Offence::Hypervisors => arch::hypervisors(),
        Offence::Hypercall if arch::hypercall() == ENOSYS => return 0,
        Offence::Hypercall => {}
        Offence::LoadKernel => load(arch::KERNEL),
        Offence::StoreKernel => store(arch::KERNEL),
        Offence::JumpKernel => jump(arch::KERNEL),
        Offence::StoreCode => store(code & !7),
        Offence::StoreConstants => store(&raw const CONSTANT as u64),
        Offence::JumpStack => {
            let mut stack = [arch::RETURN; 4];
            jump(stack.as_mut_ptr() as u64);
        }
        Offence::BelowStack => store(STACK_END - STACK_SIZE - 8),
        Offence::LoadNowhere => load(8),
    }
    1
}

#[cfg(target_os = "none")]
fn load(address: u64) {
    // SAFETY: this is what the program is for; it does not come back.
    unsafe { (address as *const u64).read_volatile() };
}

#[cfg(target_os = "none")]
fn store(address: u64) {
    // SAFETY: as above.
    unsafe { (address as *mut u64).write_volatile(0) };
}

#[cfg(target_os = "none")]
fn jump(address: u64) {
    // SAFETY: as above.
    unsafe { core::mem::transmute::<u64, extern "C" fn()>(address)() };
}
