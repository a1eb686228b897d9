//! Conformance: each form of access is refused as what it is. The run's number divided by four is the
//! form; the rest, the place: where the machine has a device and where it has the host's RAM, neither of
//! them declared, in the flash, and across the end of RAM.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(access);

#[cfg(target_os = "none")]
fn access() {
    use gkernel::{arch, argument, case, println, touch};

    const PLACES: u64 = 4;
    let number = argument();
    let Some(form) = arch::ACCESSES.get((number / PLACES) as usize) else {
        case!(
            "access-matrix",
            false,
            "there is no form {}",
            number / PLACES
        );
        return;
    };
    let address = match number % PLACES {
        0 => arch::UNDECLARED,
        1 => arch::HOST_RAM,
        2 => arch::FLASH,
        // What cannot be split over the end comes behind it.
        _ if form.splits => arch::RAM_END - 1,
        _ => arch::RAM_END,
    };
    println!("guest: `{}` at {address:#x}", form.name);
    (form.make)(touch::at(address));
    println!("guest: it was let through");
}
