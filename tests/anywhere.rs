//! Judges a foreign kernel in a folder that is not a workspace: on built-in machines, and with a
//! machine file of its own.

#[path = "anywhere/kernels.rs"]
mod kernels;
#[path = "anywhere/mistakes.rs"]
mod mistakes;
mod support;

use harness::boot::image::read_from_disk;
use kernels::kernel;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Ran, harness, root};

/// What the kernel has to tell.
const SCENARIO: &str = "\
arches = ['riscv64', 'aarch64', 'x86_64']
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'hello'
pattern = '^a kernel says hello$'
";

/// A program that was installed, and an empty folder to use it in.
struct Elsewhere {
    folder: tempfile::TempDir,
}

impl Elsewhere {
    fn new(arch: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        fs::create_dir_all(this.at("")).unwrap();
        let installed = this.folder.path().join("bin");
        fs::create_dir(&installed).unwrap();
        // A link would lead to the workspace.
        let program = installed.join("harness");
        let mut copy = Command::new("cp");
        let copied = copy
            .arg(env!("CARGO_BIN_EXE_harness"))
            .arg(program)
            .status();
        assert!(copied.unwrap().success());
        fs::write(this.at("kernel"), kernel(arch)).unwrap();
        fs::write(this.at("my.toml"), SCENARIO).unwrap();
        this
    }

    /// A path in the folder.
    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("work").join(path)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("bin/harness"));
        command.args(args).current_dir(self.at(""));
        command
            .env_remove("HARNESS_ROOT")
            .env_remove("GITHUB_ACTIONS");
        command
    }

    fn harness(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs the kernel on a machine, for a pass; what is said, and the folder of the records.
    #[track_caller]
    fn pass(&self, machine: &str) -> (Ran, PathBuf) {
        let kernel = ["run", "--machine", machine, "--hypervisor", "kernel"];
        let ran = self.harness(&[&kernel[..], &["--scenario", "my.toml"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let runs = fs::read_dir(self.at("harness-runs")).unwrap();
        let runs: Vec<_> = runs.map(|run| run.unwrap().path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        (ran, runs[0].clone())
    }
}

#[track_caller]
fn passes_anywhere(machine: &str, arch: &str) {
    let elsewhere = Elsewhere::new(arch);
    let (ran, run) = elsewhere.pass(machine);
    // Where it has the architecture's name, there is nothing to say.
    let told = format!("machine: {machine} (built in)");
    assert_eq!(ran.stdout.contains(&told), machine != arch, "{ran:#?}");
    assert_eq!(ran.stderr, "");
    let booted: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(booted["machine"]["name"], machine);
    let file = format!("{machine} (built in)");
    assert_eq!(booted["machine"]["files"][0], file);
    let again = elsewhere.harness(&["judge", &run.to_string_lossy()]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    // Nothing else was made.
    let mut left: Vec<_> = fs::read_dir(elsewhere.at("")).unwrap().collect();
    left.retain(|file| {
        let name = file.as_ref().unwrap().file_name();
        !["kernel", "my.toml", "harness-runs"].contains(&name.to_str().unwrap())
    });
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn riscv64() {
    passes_anywhere("riscv64", "riscv64");
}

#[test]
fn aarch64_el1() {
    passes_anywhere("aarch64-el1", "aarch64");
}

#[test]
fn x86_64_seabios() {
    passes_anywhere("x86_64-seabios", "x86_64");
}

/// A kernel that says something else does not pass there.
#[test]
fn a_kernel_that_says_something_else_fails() {
    let elsewhere = Elsewhere::new("aarch64");
    let scenario = SCENARIO.replace("hello$", "goodbye$");
    fs::write(elsewhere.at("my.toml"), scenario).unwrap();
    let run = ["run", "--machine", "aarch64-el1", "--hypervisor", "kernel"];
    let more = ["--scenario", "my.toml", "--format", "json"];
    let ran = elsewhere.harness(&[&run[..], &more].concat());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(ran.json()["awaited"]["step"], "hello", "{ran:#?}");
}

/// The hypervisor of this workspace, taken elsewhere with its guest, still tells the whole story.
#[test]
fn a_hypervisor_and_its_guest_taken_elsewhere() {
    let built = harness(&["build", "--arch", "x86_64"]);
    assert_eq!(built.code, Some(0), "run ./x setup\n{}", built.stderr);
    let elsewhere = Elsewhere::new("x86_64");
    for name in ["hypervisor", "gkernel"] {
        let ending = format!("image/{name}");
        let file = built.stdout.lines().find(|file| file.ends_with(&ending));
        fs::copy(root().join(file.unwrap()), elsewhere.at(name)).unwrap();
    }
    fs::create_dir(elsewhere.at("base")).unwrap();
    for file in ["gkernel.toml", "base/values.toml", "base/audit.toml"] {
        let scenario = root().join("tests/scenarios").join(file);
        fs::copy(scenario, elsewhere.at(file)).unwrap();
    }
    let run = [
        "run",
        "--machine",
        "x86_64-seabios",
        "--hypervisor",
        "hypervisor",
    ];
    let more = [
        "--guest",
        "gkernel",
        "--scenario",
        "gkernel.toml",
        "--records",
        "here",
    ];
    let ran = elsewhere.harness(&[&run[..], &more].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(fs::read_dir(elsewhere.at("here")).unwrap().count(), 1);
}

/// The arguments of a machine that is nothing but a board and a kernel.
const BARE: &str = "\
extends = 'aarch64-el1'
[qemu]
machine = [
    '-nodefaults', '-display', 'none', '-nic', 'none', '-no-reboot', '-machine', 'virt',
    '-cpu', 'max', '-m', '128M', '-kernel', '{kernel}',
]
";

#[test]
fn a_machine_without_a_disk_or_flash_gets_none() {
    let elsewhere = Elsewhere::new("aarch64");
    fs::write(elsewhere.at("bare.toml"), BARE).unwrap();
    let (ran, run) = elsewhere.pass("bare.toml");
    assert!(ran.stdout.contains("machine: bare (bare.toml)"), "{ran:#?}");
    assert!(!run.join("disk.img").exists() && !run.join("pflash.img").exists());
    // What would have to lie on a disk has nowhere to go.
    let run = ["run", "--machine", "bare.toml", "--hypervisor", "kernel"];
    let more = ["--scenario", "my.toml", "--guest", "kernel"];
    let ran = elsewhere.harness(&[&run[..], &more].concat());
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for text in ["has a guest", "machine bare (bare.toml) has no disk"] {
        assert!(ran.stderr.contains(text), "{ran:#?}");
    }
}

#[test]
fn a_disk_of_ones_own_is_copied_and_files_are_put_on_one_that_is_made() {
    let elsewhere = Elsewhere::new("aarch64");
    fs::write(elsewhere.at("disk.bin"), b"nothing but this").unwrap();
    let image = "extends = 'aarch64-el1'\n[disk]\nimage = 'disk.bin'\n";
    fs::write(elsewhere.at("image.toml"), image).unwrap();
    let (_, run) = elsewhere.pass("image.toml");
    let copied = fs::read(run.join("disk.img")).unwrap();
    assert_eq!(copied, b"nothing but this");
    fs::remove_dir_all(elsewhere.at("harness-runs")).unwrap();

    fs::create_dir(elsewhere.at("files")).unwrap();
    let file = elsewhere.at("files/app.elf");
    fs::write(file, elf_of(b"flat")).unwrap();
    let made = "extends = 'aarch64-el1'\n[disk]\nsize = '16M'\n\
                [[disk.file]]\npath = '/sbin/origin.bin'\nfrom = 'app.elf'\nas = 'flat'\n\
                [[disk.file]]\npath = '/etc/app'\nfrom = 'app.elf'\n";
    fs::write(elsewhere.at("files/made.toml"), made).unwrap();
    let (_, run) = elsewhere.pass("files/made.toml");
    let disk = run.join("disk.img");
    assert_eq!(fs::metadata(&disk).unwrap().len(), 16 << 20);
    assert_eq!(read_from_disk(&disk, "/sbin/origin.bin").unwrap(), b"flat");
    assert_eq!(read_from_disk(&disk, "/etc/app").unwrap(), elf_of(b"flat"));
}

/// A 64-bit ELF file with one segment.
fn elf_of(contents: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64 + 56, 0);
    let mut put = |at: usize, value: u64, length: usize| {
        file[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
    };
    let length = contents.len() as u64;
    let header = [
        (16, 2, 2),
        (18, 183, 2),
        (20, 1, 4),
        (32, 64, 8),
        (52, 64, 2),
        (54, 56, 2),
        (56, 1, 2),
    ];
    let segment = [
        (0, 1, 4),
        (4, 5, 4),
        (8, 120, 8),
        (32, length, 8),
        (40, length, 8),
    ];
    header
        .iter()
        .for_each(|&(at, value, size)| put(at, value, size));
    segment
        .iter()
        .for_each(|&(at, value, size)| put(64 + at, value, size));
    file.extend(contents);
    file
}

/// What is not there is said, with what to type.
#[test]
fn without_a_workspace_what_would_be_built_has_to_be_named() {
    let elsewhere = Elsewhere::new("riscv64");
    let ran = elsewhere.harness(&["run", "--machine", "riscv64", "--scenario", "my.toml"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("--hypervisor FILE"), "{ran:#?}");
    let ran = elsewhere.harness(&["run", "--hypervisor", "kernel", "--scenario", "my.toml"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("add --machine NAME|FILE (aarch64, aarch64-el1, "),
        "{ran:#?}"
    );
    let ran = elsewhere.harness(&["run", "--machine", "riscv46", "--scenario", "my.toml"]);
    assert!(ran.stderr.contains("no machine `riscv46`; "), "{ran:#?}");
    let both = ["run", "--machine", "riscv64", "--arch", "x86_64"];
    let ran = elsewhere.harness(&[&both[..], &["--scenario", "my.toml"]].concat());
    assert!(
        ran.stderr
            .contains("machine riscv64 is of riscv64, and x86_64 is asked for"),
        "{ran:#?}"
    );
    let ran = elsewhere.harness(&["run", "--machine", "riscv64", "--hypervisor", "kernel"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("add --scenario NAME|FILE"), "{ran:#?}");
    let list = elsewhere.harness(&["list"]);
    assert_eq!(list.code, Some(0), "{list:#?}");
    assert!(list.stdout.contains("x86_64-seabios"), "{list:#?}");
    let doctor = elsewhere.harness(&["doctor", "--machine", "x86_64-seabios"]);
    assert_eq!(doctor.code, Some(0), "{doctor:#?}");
    assert!(
        doctor.stdout.contains("x86_64-seabios: firmware"),
        "{doctor:#?}"
    );
    assert!(!doctor.stdout.contains("rustc"), "{doctor:#?}");
}

/// A scenario that names its machine needs no option for it, to be run or to be judged.
#[test]
fn a_scenario_may_name_its_machine() {
    let elsewhere = Elsewhere::new("aarch64");
    fs::create_dir(elsewhere.at("sub")).unwrap();
    fs::write(elsewhere.at("sub/own.toml"), "extends = 'aarch64-el1'\n").unwrap();
    let scenario = |key: &str| {
        let text = format!("machine = {key}\n{SCENARIO}");
        fs::write(elsewhere.at("sub/s.toml"), text).unwrap();
    };
    let scenario_of = ["--hypervisor", "kernel", "--scenario", "sub/s.toml"];
    let run = |more: &[&str]| elsewhere.harness(&[&["run"], &scenario_of[..], more].concat());

    scenario("'own.toml'");
    let ran = run(&[]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let note = "machine: own (sub/own.toml)";
    assert!(ran.stdout.contains(note), "{ran:#?}");

    scenario("{ aarch64 = 'own.toml', x86_64 = 'x86_64-seabios' }");
    let ran = run(&["--arch", "aarch64"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains(note), "{ran:#?}");
    let ran = run(&["--machine", "aarch64-el1"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let ran = run(&[]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for part in ["s.toml:1: key `machine`: ", "aarch64, x86_64", "--arch"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {ran:#?}");
    }

    scenario("'own.toml'");
    fs::write(elsewhere.at("log"), "a kernel says hello\n").unwrap();
    let ran = elsewhere.harness(&["judge", "log", "--scenario", "sub/s.toml"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("PASS s on aarch64"), "{ran:#?}");
}

/// The folder of a test is no part of a workspace, or the tests would show nothing.
#[test]
fn the_folder_is_no_workspace() {
    let elsewhere = Elsewhere::new("riscv64");
    let at = elsewhere.at("");
    let above = |folder: &Path| folder.join("configs/machines").exists();
    assert!(!at.ancestors().any(above));
}
