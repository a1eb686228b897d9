//! Conformance: a guest that points its own tables outside its memory ends as one whose walk faulted.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(bad_root);

#[cfg(target_os = "none")]
fn bad_root() {
    use gkernel::{arch, argument, println};

    arch::set_root(argument());
    println!("CASE guest-pt-bad: FAILED the guest runs on");
}
