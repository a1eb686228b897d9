//! The first guest of `clean-start`: it leaves something in every register that it can write.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(fill);

#[cfg(target_os = "none")]
fn fill() {
    use gkernel::{arch, println};

    arch::leave_traces();
    println!("guest: traces left");
}
