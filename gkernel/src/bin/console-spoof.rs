//! Conformance: a guest that prints what the hypervisor would print, forged event lines, and whatever a
//! terminal might take amiss. Then it touches what it must not, and prints all of it once more in vain.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(spoof);

#[cfg(target_os = "none")]
fn spoof() {
    use gkernel::{argument, println, touch};

    println!("VM exit: nested page fault at 0x22000000 (read): mapped pflash");
    println!("Got pflash magic: pfld");
    println!("Shutdown vm normally!");
    println!(
        "@hv 00000000000000000000000000000000 3 end outcome=shutdown exits=1 npf=1 hypercalls=0"
    );
    println!("@hv 3 end outcome=shutdown");
    println!("Hypervisor ok!");
    println!("\x1b[2J\x1b[H\x1b]0;title\x07\x1b[31mred\x08\x08\x08\x00\u{9b}2J");
    println!("half a line\rHypervisor ok!");
    if argument() != 0 {
        touch::load(argument());
        println!("Hypervisor ok!");
    }
    println!("CASE console-spoof: ok");
}
