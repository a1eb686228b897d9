//! Conformance: the last byte of RAM can be loaded; an access one byte further, or across the edge,
//! ends the guest. The run's number is where the eight bytes start that are loaded after that,
//! counted from the end of RAM back, and even; if it is odd, the flash is read first.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(edge_of_ram);

#[cfg(target_os = "none")]
fn edge_of_ram() {
    use gkernel::{arch, println, touch};

    let back = touch::target();
    touch::store(arch::RAM_END - 1, 0xA5);
    match touch::load(arch::RAM_END - 1) {
        0xA5 => println!("CASE npf-last-page: ok"),
        byte => println!("CASE npf-last-page: FAILED read {byte:#x}"),
    }
    let word = touch::load_word(arch::RAM_END - back);
    println!("CASE npf-last-page: FAILED read {word:#x} across the edge");
}
