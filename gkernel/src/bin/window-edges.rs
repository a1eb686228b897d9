//! Conformance: each window begins and ends exactly where it was declared to. The run's number chooses a
//! window by its upper bits, and a byte by the lower two: the one before the window, its first, its last, and
//! the one behind it. Behind a byte that can be loaded, the guest shuts down.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(load_at_the_edge);

#[cfg(target_os = "none")]
fn load_at_the_edge() {
    use gkernel::{arch, argument, case, println, touch};

    let number = argument();
    let Some((first, last)) = arch::WINDOWS.get(number as usize >> 2) else {
        case!("window-edges", false, "there is no window {}", number >> 2);
        return;
    };
    let (address, is_inside) = match number & 3 {
        // Before address 0 is the last one that the guest's tables can name.
        0 => (first.wrapping_sub(1) & arch::PHYSICAL_MASK, false),
        1 => (*first, true),
        2 => (*last, true),
        _ => (last + 1, false),
    };
    println!("guest: loading from {address:#x}");
    let byte = touch::load(address);
    case!("window-edges", is_inside, "{address:#x} holds {byte:#x}");
}
