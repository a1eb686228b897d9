//! Conformance: a guest finds every register as after a reset, whatever the guest before it left there.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(look);

#[cfg(target_os = "none")]
fn look() {
    use gkernel::{arch, case, println};

    let (mut seen, mut wrong) = (0, 0);
    for (name, found, wanted) in arch::start_state() {
        seen += 1;
        if found != wanted {
            println!("guest: {name} holds {found:#x}, not {wanted:#x}");
            wrong += 1;
        }
    }
    case!(
        "clean-start",
        seen > 0 && wrong == 0,
        "{wrong} of {seen} registers"
    );
}
