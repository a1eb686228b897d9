//! Conformance: a load from the declared window faults once for each page, is mapped, and gives what
//! the flash holds.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(load_window);

#[cfg(target_os = "none")]
fn load_window() {
    use gkernel::{arch, case, touch};

    let magic = [0, 1, 2, 3].map(|at| touch::load(arch::FLASH + at));
    let again = touch::load(arch::FLASH + 3);
    case!(
        "npf-load-window",
        magic == *b"pfld" && again == b'd',
        "read {magic:?}"
    );
}
