//! Conformance: the guest that runs after another was ended finds its memory zeroed, and faults anew on
//! what the first had mapped.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(second);

#[cfg(target_os = "none")]
fn second() {
    use gkernel::{arch, case, touch};

    // The first one has filled this run of its RAM and read the flash.
    let dirty = (0..arch::FREE_RAM.1)
        .step_by(64)
        .filter(|at| touch::load(arch::FREE_RAM.0 + at) != 0);
    let dirty = dirty.count();
    let magic = touch::load(arch::FLASH);
    case!(
        "two-vms",
        dirty == 0 && magic == b'p',
        "{dirty} places are not zero; the flash has {magic:#x}"
    );
}
