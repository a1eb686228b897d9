//! The hypervisor's image: an ArceOS application that runs one guest and powers off.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    // Linked for its runtime: the boot code, the allocator and the panic handler.
    use axstd as _;

    /// ArceOS calls this once the machine is up.
    #[unsafe(no_mangle)]
    fn main() {
        hypervisor::boot::boot::<hypervisor::arch::Chosen>();
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a bare-metal program; `./x run --arch x86_64` builds and boots it");
    std::process::exit(2);
}
