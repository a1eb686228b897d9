//! Conformance: a sweep of a large window gets every page mapped, once.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(sweep);

/// Pages of the flash that every architecture's window has.
#[cfg(target_os = "none")]
const PAGES: u64 = 960;

#[cfg(target_os = "none")]
fn sweep() {
    use gkernel::{arch, case, touch};

    let mut wrong = 0;
    for page in (0..PAGES).chain(0..PAGES) {
        let byte = touch::load(arch::FLASH + page * 0x1000);
        // The magic is in the first page; the rest of the image is zero.
        let expected = if page == 0 { b'p' } else { 0 };
        wrong += u64::from(byte != expected);
    }
    case!("npf-many", wrong == 0, "{wrong} pages are wrong");
}
