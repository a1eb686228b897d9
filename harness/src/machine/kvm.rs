//! Whether KVM can be used here: it is opened and asked, since a file of that name proves nothing.

use crate::arch::Arch;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::fs::File;
use std::io;
use std::path::Path;

/// Where KVM is.
const DEVICE: &str = "/dev/kvm";

/// `KVM_GET_API_VERSION`, and the one version that there has been since Linux 2.6.22 (KVM's API, section 4.1).
const GET_API_VERSION: u32 = 0xae00;
const API_VERSION: i32 = 12;

/// `KVM_CREATE_VM`; its argument 0 is the usual type of machine (section 4.2).
const CREATE_VM: u32 = 0xae01;

/// Opens KVM and makes a machine with it, which is given up at once.
///
/// # Errors
///
/// Why it cannot run a machine of this architecture, in words.
pub fn usable(arch: Arch) -> Result<(), String> {
    if std::env::consts::ARCH != arch.name() {
        return Err(other_architecture(arch));
    }
    try_device(Path::new(DEVICE))
}

/// Why KVM cannot run a machine of another architecture than the computer's.
fn other_architecture(arch: Arch) -> String {
    let here = std::env::consts::ARCH;
    format!(
        "this computer is {here}, and the machine {arch}: KVM executes a guest's own instructions"
    )
}

fn try_device(device: &Path) -> Result<(), String> {
    let shown = device.display();
    let kvm = File::options().read(true).write(true).open(device);
    let kvm = kvm.map_err(|error| format!("{shown} cannot be opened: {error}"))?;
    let version = ask(&kvm, GET_API_VERSION);
    let version = version.map_err(|error| format!("{shown} is no KVM: {error}"))?;
    if version != API_VERSION {
        return Err(format!(
            "{shown} has version {version} of KVM's interface, not {API_VERSION}"
        ));
    }
    let made = ask(&kvm, CREATE_VM);
    let machine = made.map_err(|error| format!("{shown} makes no machine: {error}"))?;
    // SAFETY: KVM_CREATE_VM returns a new descriptor, which nobody else knows of.
    drop(unsafe { OwnedFd::from_raw_fd(machine) });
    Ok(())
}

/// Makes a request whose argument is 0.
fn ask(kvm: &File, request: u32) -> io::Result<i32> {
    // SAFETY: the descriptor is open. Both requests take a number, and the kernel writes nothing to memory of this
    // process; a device that is no KVM refuses requests of KVM's type (0xae).
    match unsafe { libc::ioctl(kvm.as_raw_fd(), request as _, 0) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kvm_is_no_kvm_whatever_its_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("kvm");
        let why = try_device(&device).unwrap_err();
        assert!(why.contains("cannot be opened: No such file"), "{why}");
        std::fs::write(&device, "").unwrap();
        let why = try_device(&device).unwrap_err();
        assert!(why.contains("is no KVM: "), "{why}");
        let why = try_device(Path::new("/dev/null")).unwrap_err();
        assert!(why.contains("is no KVM: "), "{why}");
    }

    #[test]
    fn another_architecture_has_none() {
        let others = Arch::ALL
            .into_iter()
            .filter(|arch| arch.name() != std::env::consts::ARCH);
        for arch in others {
            let why = usable(arch).unwrap_err();
            assert!(
                why.contains("this computer is ") && why.contains(arch.name()),
                "{why}"
            );
        }
    }
}
