//! What a newcomer is told who has a kernel of his own, an installed program and an empty folder.

use crate::{Elsewhere, SCENARIO};
use std::fs;

/// A scenario for one architecture.
fn for_one(arch: &str) -> String {
    SCENARIO.replace("['riscv64', 'aarch64', 'x86_64']", &format!("['{arch}']"))
}

/// A kernel that hangs at its first instruction behind a Multiboot header.
fn hangs() -> Vec<u8> {
    let header = [
        0x1bad_b002,
        1 << 16,
        0u32.wrapping_sub(0x1bad_b002 + (1 << 16)),
    ];
    let places = [0x10_0000, 0x10_0000, 0, 0, 0x10_0020];
    let words = header
        .iter()
        .chain(&places)
        .flat_map(|word| word.to_le_bytes());
    words.chain([0xeb, 0xfe]).collect()
}

#[test]
fn a_hang_of_a_32_bit_kernel_says_where() {
    let elsewhere = Elsewhere::new("x86_64");
    fs::write(elsewhere.at("kernel"), hangs()).unwrap();
    let run = [
        "run",
        "--machine",
        "x86_64-seabios",
        "--hypervisor",
        "kernel",
        "--scenario",
        "my.toml",
    ];
    let ran = elsewhere.harness(&[&run[..], &["--timeout", "3"]].concat());
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let place = "0x100020, for which no program has a symbol";
    assert!(ran.stdout.contains(place), "{ran:#?}");
}

#[test]
fn a_machine_or_a_kernel_that_would_boot_nothing_is_refused_by_its_name() {
    let elsewhere = Elsewhere::new("x86_64");
    let text = "arch = 'x86_64'\n[qemu]\nprogram = 'qemu-system-x86_64'\n\
                machine = ['-display', 'none', '-m', '64M']\n";
    fs::write(elsewhere.at("m4.toml"), text).unwrap();
    let of = |more: &[&str]| {
        let run = ["run", "--hypervisor", "kernel", "--scenario", "my.toml"];
        elsewhere.harness(&[&run[..], more].concat())
    };
    let ran = of(&["--machine", "m4.toml"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let told = "m4.toml:4: none of QEMU's arguments names {kernel}: nothing would be booted";
    assert!(ran.stderr.contains(told), "{ran:#?}");
    let mut elf = crate::elf_of(&[0xeb, 0xfe]);
    elf[18] = 62; // for x86_64
    fs::write(elsewhere.at("kernel"), elf).unwrap();
    let ran = of(&["--arch", "x86_64"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let told = "hypervisor kernel: QEMU's -kernel takes an x86_64 ELF only with a PVH note";
    assert!(ran.stderr.contains(told), "{ran:#?}");
    assert!(!elsewhere.at("harness-runs").exists());
}

#[test]
fn what_is_not_named_is_asked_for_with_what_is_there() {
    let elsewhere = Elsewhere::new("x86_64");
    let run = ["run", "--arch", "x86_64", "--hypervisor", "kernel"];
    let with = |more: &[&str]| elsewhere.harness(&[&run[..], more].concat());
    let ran = with(&[]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("which scenario? add --scenario NAME|FILE"),
        "{ran:#?}"
    );
    assert!(!ran.stderr.contains("gkernel"), "{ran:#?}");
    fs::create_dir_all(elsewhere.at("tests/scenarios")).unwrap();
    for name in ["five", "slow"] {
        fs::write(
            elsewhere.at(&format!("tests/scenarios/{name}.toml")),
            SCENARIO,
        )
        .unwrap();
    }
    for command in ["run", "watch"] {
        let ran = elsewhere.harness(&[&[command], &run[1..]].concat());
        assert!(ran.stderr.contains("(here: five, slow)"), "{ran:#?}");
    }
    // A file in the folder, of which the name was typed.
    let ran = with(&["--scenario", "my"]);
    assert!(
        ran.stderr
            .contains("no scenario `my`; did you mean ./my.toml?"),
        "{ran:#?}"
    );
    fs::write(elsewhere.at("own.toml"), "extends = 'x86_64-seabios'\n").unwrap();
    let ran = elsewhere.harness(&["run", "--machine", "own", "--scenario", "my.toml"]);
    assert!(
        ran.stderr
            .contains("no machine `own`; did you mean ./own.toml?"),
        "{ran:#?}"
    );
    for command in [
        &["bench"][..],
        &["build", "--arch", "all"],
        &["mutants"],
        &["list", "--markdown"],
    ] {
        let ran = elsewhere.harness(command);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.stderr.contains("this project's own"), "{ran:#?}");
        assert!(ran.stderr.contains("run it in a checkout"), "{ran:#?}");
        let help = elsewhere.harness(&[command[0], "--help"]);
        let words: Vec<_> = help.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains("in a checkout"), "{help:#?}");
    }
}

/// No message of the command line names a function of the library.
#[test]
fn the_command_line_speaks_of_its_own_options() {
    let elsewhere = Elsewhere::new("aarch64");
    fs::write(
        elsewhere.at("two.toml"),
        format!("machine = {{ aarch64 = 'aarch64-el1', x86_64 = 'x86_64' }}\n{SCENARIO}"),
    )
    .unwrap();
    for (args, option) in [
        (
            &["--arch", "riscv64", "--scenario", "my.toml"][..],
            "--hypervisor FILE",
        ),
        (&["--scenario", "two.toml"], "--arch"),
        (
            &[
                "--arch",
                "riscv64",
                "--machine",
                "x86_64",
                "--scenario",
                "my.toml",
            ],
            "--arch",
        ),
        (&["--scenario", "my.toml"], "--machine NAME|FILE"),
    ] {
        let ran = elsewhere.harness(&[&["run"], args].concat());
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(
            ran.stderr.contains(option) && !ran.stderr.contains("Request"),
            "{ran:#?}"
        );
    }
}

/// The architecture is the scenario's, if that is for one only, and otherwise the image's own.
#[test]
fn what_tells_its_architecture_needs_no_option() {
    let elsewhere = Elsewhere::new("riscv64");
    let run = ["run", "--hypervisor", "kernel", "--scenario", "my.toml"];
    fs::write(elsewhere.at("my.toml"), for_one("riscv64")).unwrap();
    let ran = elsewhere.harness(&run);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    // The usual machine of its architecture needs no note.
    assert!(!ran.stdout.contains("note: "), "{ran:#?}");
    fs::write(elsewhere.at("log"), "a kernel says hello\n").unwrap();
    let ran = elsewhere.harness(&["judge", "log", "--scenario", "my.toml"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("PASS my on riscv64"), "{ran:#?}");

    // A flat binary tells nothing, and a scenario for all does not either.
    fs::write(elsewhere.at("my.toml"), SCENARIO).unwrap();
    let ran = elsewhere.harness(&run);
    assert!(ran.stderr.contains("on which machine?"), "{ran:#?}");
    let mut elf = crate::elf_of(&crate::kernels::kernel("riscv64"));
    elf[18] = 243; // for riscv64
    for at in [24, 64 + 16, 64 + 24] {
        elf[at..at + 4].copy_from_slice(&0x8020_0000_u32.to_le_bytes());
    }
    fs::write(elsewhere.at("kernel"), elf).unwrap();
    let ran = elsewhere.harness(&run);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    // Of a machine for each of several architectures, it is that of the image.
    let machines = "machine = { aarch64 = 'aarch64-el1', riscv64 = 'riscv64' }";
    fs::write(elsewhere.at("my.toml"), format!("{machines}\n{SCENARIO}")).unwrap();
    let ran = elsewhere.harness(&run);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn list_marks_what_is_broken_and_lists_the_rest() {
    let elsewhere = Elsewhere::new("x86_64");
    for folder in ["tests/scenarios", "machines"] {
        fs::create_dir_all(elsewhere.at(folder)).unwrap();
    }
    for (file, text) in [
        ("machines/alone.toml", "arch = 'x86_64'\n"),
        ("machines/mine.toml", "extends = 'x86_64'\n"),
        ("tests/scenarios/bad.toml", "stpe = 1\n"),
        ("tests/scenarios/good.toml", SCENARIO),
    ] {
        fs::write(elsewhere.at(file), text).unwrap();
    }
    let ran = elsewhere.harness(&["list"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let line = |name: &str| {
        let mut lines = ran.stdout.lines();
        lines
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {ran:#?}"))
    };
    assert!(line("alone ").contains("BROKEN: "), "{ran:#?}");
    assert!(line("bad ").contains("BROKEN: "), "{ran:#?}");
    assert!(
        !line("mine ").contains("BROKEN") && !line("good ").contains("BROKEN"),
        "{ran:#?}"
    );
}

/// Without QEMU, and without a checkout: a package to install, once, and nothing about `./x`.
#[test]
fn without_qemu_the_package_is_named_and_no_script_that_is_not_there() {
    let elsewhere = Elsewhere::new("x86_64");
    let without = |args: &[&str]| {
        let mut command = elsewhere.command(args);
        command
            .env("PATH", elsewhere.at(""))
            .output()
            .unwrap()
            .into()
    };
    let run = ["run", "--hypervisor", "kernel", "--scenario", "my.toml"];
    for (arch, package) in [
        ("x86_64", "qemu-system-x86"),
        ("riscv64", "qemu-system-misc"),
        ("aarch64", "qemu-system-arm"),
    ] {
        let kernel = crate::kernels::kernel(arch);
        fs::write(elsewhere.at("kernel"), kernel).unwrap();
        let ran: crate::Ran = without(&[&run[..], &["--arch", arch]].concat());
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        assert!(
            ran.stderr.contains(&format!("apt install {package})")),
            "{ran:#?}"
        );
        assert!(!ran.stderr.contains("./x"), "{ran:#?}");
        let ran: crate::Ran = without(&["doctor", "--arch", arch]);
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        assert_eq!(ran.stdout.matches("MISSING").count(), 1, "{ran:#?}");
        assert!(
            ran.stdout.contains(package) && !ran.stdout.contains("./x"),
            "{ran:#?}"
        );
    }
    let ran: crate::Ran = without(&["doctor"]);
    assert_eq!(ran.stdout.matches("MISSING").count(), 3, "{ran:#?}");
    assert!(!ran.stdout.contains("firmware"), "{ran:#?}");
    // A slip in a file of one's own is another thing.
    let text = "extends = 'x86_64'\n[qemu]\nprogram = 'qemu-system-x86_46'\n";
    fs::write(elsewhere.at("own.toml"), text).unwrap();
    fs::write(elsewhere.at("kernel"), crate::kernels::kernel("x86_64")).unwrap();
    let ran: crate::Ran = without(&[&run[..], &["--machine", "own.toml"]].concat());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "own.toml:3: key `program`: qemu-system-x86_46 is not installed",
        "such as qemu-system-x86_64",
    ] {
        assert!(ran.stderr.contains(text), "{ran:#?}");
    }
    assert!(!ran.stderr.contains("./x"), "{ran:#?}");
}

#[test]
fn in_a_job_every_error_is_annotated_and_has_its_scenarios_file() {
    let elsewhere = Elsewhere::new("x86_64");
    fs::create_dir(elsewhere.at("sub")).unwrap();
    let wrong = SCENARIO.replace("hello$", "goodbye$");
    fs::write(elsewhere.at("sub/tiny.toml"), wrong).unwrap();
    let job = |args: &[&str]| {
        let mut command = elsewhere.command(args);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", elsewhere.at(""));
        let ran: crate::Ran = command.output().unwrap().into();
        ran
    };
    let run = [
        "run",
        "--hypervisor",
        "kernel",
        "--machine",
        "x86_64-seabios",
        "--timeout",
        "10",
    ];
    let ran = job(&[&run[..], &["--scenario", "sub/tiny.toml"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.stdout
            .contains("::error file=sub/tiny.toml,line=6,title="),
        "{ran:#?}"
    );
    // What is no verdict has no place, unless it is in a file.
    fs::write(elsewhere.at("kernel"), crate::kernels::kernel("riscv64")).unwrap();
    let ran = job(&["run", "--hypervisor", "kernel", "--scenario", "my.toml"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("::error title=harness::on which machine?"),
        "{ran:#?}"
    );
    let ran = job(&[
        "judge",
        "no-such-file",
        "--scenario",
        "my.toml",
        "--arch",
        "x86_64",
    ]);
    assert!(
        ran.stderr
            .contains("::error title=harness::there is no file"),
        "{ran:#?}"
    );
}
