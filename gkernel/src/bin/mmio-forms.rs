//! Conformance: each form of a load and of a store at an emulated device moves what it has to, and one that cannot be
//! carried out is a bus error, the guest's own to handle.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(try_forms);

#[cfg(target_os = "none")]
fn try_forms() {
    use gkernel::{arch::mmio, case, println};

    let wrong = |forms: &mut dyn Iterator<Item = (&'static str, u64, u64)>| {
        let mut wrong = 0;
        for (name, found, wanted) in forms {
            if found != wanted {
                println!("guest: `{name}`: {found:#x}, not {wanted:#x}");
                wrong += 1;
            }
        }
        wrong
    };
    let loads = wrong(&mut mmio::loads());
    case!("mmio-loads", loads == 0, "{loads} forms");
    let stores = wrong(&mut mmio::stores());
    case!("mmio-stores", stores == 0, "{stores} forms");
    let mut refused = 0;
    for (name, _) in mmio::refused().filter(|(_, well)| !well) {
        println!("guest: `{name}`: no bus error, or not that of it");
        refused += 1;
    }
    case!("mmio-refused", refused == 0, "{refused} forms");
}
