//! Conformance: a fault of the guest's own page tables goes to the guest's own handler, which maps
//! the page and goes on. The hypervisor sees nothing of it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(own_fault);

#[cfg(target_os = "none")]
fn own_fault() {
    use gkernel::{arch, fault, println};

    const PATTERN: u64 = 0x0123_4567_89AB_CDEF;

    fault::set_handler(|address| {
        println!("guest: page fault at {address:#018X}, mapping it");
        arch::map_demand_page(address)
    });
    // An exit before the fault: the guest's vectors have to outlive it.
    println!("guest: touching a page that is not mapped");
    let page = arch::DEMAND_PAGE as *mut u64;
    // SAFETY: the handler maps the page on the first touch, and nothing else uses it.
    let read = unsafe {
        page.write_volatile(PATTERN);
        page.read_volatile()
    };
    match (read, fault::count()) {
        (PATTERN, 1) => println!("CASE guest-own-fault: ok"),
        (read, faults) => {
            println!("CASE guest-own-fault: FAILED read {read:#x} after {faults} faults");
        }
    }
}
