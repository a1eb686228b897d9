//! Guests that a clock runs out for.

use crate::support::root;
use crate::{boot, changed};
use std::fs;

/// After a timeout the guest is found that ran: of two it is the second here.
#[test]
fn the_second_guest_is_found_where_it_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("second.toml");
    let text = fs::read_to_string(root().join("tests/scenarios/two-vms.toml")).unwrap();
    let patient = "[params]\ncpu-ms = \"60000\"\narg";
    let text = text
        .replace("then    = \"two-vms\"", "then = \"guest-hog\"")
        .replace("[params]\narg", patient)
        .replace("app: /sbin/two-vms", "app: /sbin/guest-hog")
        .replace(
            "name    = \"case\"",
            "name    = \"case\"\nwithin  = \"700ms\"",
        );
    fs::write(&file, text).unwrap();
    let boot = boot("x86_64", &["--scenario", &file.to_string_lossy()], 3);
    let places = boot.report["stopped_at"].as_array().unwrap().iter();
    let mut programs = places.map(|stopped| &stopped["place"]["program"]);
    assert!(programs.any(|name| name == "guest-hog"), "{:#?}", boot.ran);
    let booted = fs::read_to_string(boot.run_dir().join("run.json")).unwrap();
    assert!(booted.contains("image/guest-hog\""), "{booted}");
}

pub fn looping_guest(arch: &str) {
    // One instruction that jumps to itself.
    let program: &[u8] = match arch {
        "riscv64" => &0x0000_006f_u32.to_le_bytes(),
        "aarch64" => &0x1400_0000_u32.to_le_bytes(),
        _ => &[0xeb, 0xfe],
    };
    let folder = tempfile::tempdir().unwrap();
    let guest = folder.path().join("loop.bin");
    fs::write(&guest, program).unwrap();
    // The hypervisor would end it, long before this run's time is over.
    let patience = "[params]\ncpu-ms = \"60000\"\n\n[witness]\n";
    let scenario = changed(folder.path(), "[witness]\n", patience);
    let guest = guest.to_string_lossy();
    let args = ["--guest", &guest, "--scenario", &scenario];
    let boot = boot(arch, &[&args[..], &["--timeout", "3s"]].concat(), 3);
    assert_eq!(boot.report["verdict"]["kind"], "timeout", "{:#?}", boot.ran);
    assert_eq!(boot.report["verdict"]["step"], "banner");
    assert_eq!(boot.report["fault"], "guest");
    // A run that had to be killed leaves its records all the same.
    assert!(
        boot.console().contains("Entering VM run loop..."),
        "{}",
        boot.console()
    );
}

/// A guest that hangs is found where it hangs.
pub fn hanging_guest(arch: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("patient.toml");
    let hog = fs::read_to_string(root().join("tests/scenarios/guest-hog.toml")).unwrap();
    let patient = hog.replace("cpu-ms = \"300\"", "cpu-ms = \"60000\"");
    let clocked = "name    = \"killed\"\nwithin  = \"500ms\"";
    let clocked = patient.replace("name    = \"killed\"", clocked);
    fs::write(&file, clocked).unwrap();
    let boot = boot(arch, &["--scenario", &file.to_string_lossy()], 3);
    let verdict = &boot.report["verdict"];
    assert_eq!(verdict["clock"], "step", "{:#?}", boot.ran);
    assert_eq!(verdict["step"], "killed");
    // The host's tick takes it out of its loop now and then.
    let places = boot.report["stopped_at"].as_array().unwrap().iter();
    let mut places = places.map(|stopped| &stopped["place"]);
    let guest = places.find(|place| place["program"] == "guest-hog");
    let source = guest.map_or("none", |place| place["source"].as_str().unwrap());
    let loops = source.starts_with("gkernel/src/bin/guest-hog.rs:");
    assert!(loops, "{source}\n{:#?}", boot.ran);
    let registers = fs::read_to_string(boot.run_dir().join("registers.txt")).unwrap();
    assert!(registers.contains("CPU#0"), "{registers}");
}
