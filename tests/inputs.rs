//! What the harness does with inputs from users and from other people's files, row by row.

#[path = "support/dispositions.rs"]
mod dispositions;
#[path = "inputs/interrupted.rs"]
mod interrupted;
#[path = "support/record.rs"]
mod record;
mod support;

use harness::boot::image;
use harness::records::version::VERSION;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Ran, command, harness, root};

const GOOD: &str = "fixtures/consoles/riscv64/good.log";

/// The exit code is 2, and the message says all of `said`.
#[track_caller]
fn refused(ran: &Ran, said: &[&str]) {
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for text in said {
        assert!(
            ran.stderr.contains(text),
            "{text:?} is missing from {ran:#?}"
        );
    }
}

fn ran(command: &mut Command) -> Ran {
    command.output().expect("the harness can be started").into()
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The program's own ELF file: it is for the machine that this runs on, and for an operating system.
fn own_program() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

// --- output -------------------------------------------------------------------------------------

#[test]
fn output_that_cannot_be_written_is_exit_4_and_a_reader_that_has_gone_is_not() {
    let judge = ["judge", "--arch", "riscv64", GOOD];
    for args in [
        &judge[..],
        &["judge", "--arch", "riscv64", GOOD, "--format", "json"],
        &["list"],
        &["list", "--markdown"],
        &["--help"],
        &["--version"],
        &["doctor"],
        &["doctor", "--format", "json"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let result = ran(command(args).stdout(full));
        assert_eq!(result.code, Some(4), "{args:?}: {result:#?}");
        let said = "standard output cannot be written to";
        assert!(result.stderr.contains(said), "{args:?}: {result:#?}");
    }
    let mut child = command(&judge).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

// --- files that are no files --------------------------------------------------------------------

#[test]
fn what_is_no_regular_file_is_refused_by_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.toml");
    fifo(&pipe);
    let pipe = pipe.to_string_lossy();
    let run = ["run", "--arch", "riscv64"];
    for (option, file, what) in [
        ("--scenario", &*pipe, "a named pipe"),
        ("--image", &pipe, "a named pipe"),
        ("--guest", &pipe, "a named pipe"),
        ("--scenario", "/dev/null", "a device"),
        ("--image", "/dev/zero", "a device"),
        ("--guest", "tests/", "a folder"),
        ("--scenario", "tests/", "a folder"),
    ] {
        let result = harness(&[&run[..], &[option, file]].concat());
        refused(&result, &[file, what]);
    }
    let console = harness(&["judge", "--arch", "riscv64", &pipe]);
    refused(&console, &["a named pipe", "judge -"]);
}

// --- what is booted -----------------------------------------------------------------------------

#[test]
fn a_file_that_cannot_be_booted_is_named_with_what_it_is_and_what_was_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path.to_string_lossy().into_owned()
    };
    let program = fs::read(own_program()).unwrap();
    let script = file("script", b"#!/bin/sh\nexit 0\n");
    let cut = file("cut", &program[..5000]);
    let empty = file("empty", b"");
    let run = |arch, option, file: &str| harness(&["run", "--arch", arch, option, file]);
    for option in ["--hypervisor", "--guest"] {
        let other = run("aarch64", option, &own_program());
        let what = format!("{} {}: ", &option[2..], own_program());
        refused(&other, &[&what, std::env::consts::ARCH, "for aarch64"]);
        refused(
            &run("riscv64", option, &script),
            &["it is a script", "is an ELF file for"],
        );
        refused(
            &run("riscv64", option, &cut),
            &["it is an ELF file that is cut short"],
        );
        refused(
            &run("x86_64", option, &empty),
            &["it is empty", "is an ELF file for x86_64"],
        );
        refused(&run("x86_64", option, "README.md"), &["it is text"]);
        refused(
            &run("x86_64", option, "no/such"),
            &["no/such", "No such file"],
        );
    }
    // The option's old name still does.
    let old = run("x86_64", "--image", "README.md");
    refused(&old, &["hypervisor README.md: it is text"]);
    // A scenario's own guest may be any bytes, but not another machine's program.
    let scenario = fs::read_to_string(root().join("tests/scenarios/gkernel.toml")).unwrap();
    let guest = format!("guest = {:?}", own_program());
    let scenario = file(
        "other.toml",
        scenario.replace("guest  = \"gkernel\"", &guest).as_bytes(),
    );
    let result = run("riscv64", "--scenario", &scenario);
    refused(&result, &["scenario other", "a guest for riscv64"]);
}

/// Where the run's records are, of a run whose QEMU is not there; and what the command would have been.
fn prepared(more: &[&OsStr]) -> (tempfile::TempDir, Ran) {
    let reports = tempfile::tempdir().unwrap();
    let mut run = command(&["run", "--format", "json", "--report-dir"]);
    run.arg(reports.path()).args(more);
    let result = ran(&mut run);
    (reports, result)
}

fn only_run(reports: &Path) -> std::path::PathBuf {
    let run = fs::read_dir(reports).unwrap().next().expect("a run");
    run.unwrap().path()
}

#[test]
fn a_foreign_kernel_gets_a_firmware_that_assigns_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("kernel");
    // A Multiboot kernel that halts.
    let mut bytes = vec![0xf4; 64];
    for (at, word) in [
        0x1bad_b002_u32,
        0x1_0000,
        0u32.wrapping_sub(0x1bad_b002 + 0x1_0000),
    ]
    .into_iter()
    .chain([0x10_0000, 0x10_0000, 0, 0, 0x10_0020])
    .enumerate()
    {
        bytes[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    fs::write(&kernel, &bytes).unwrap();
    let guest = folder.path().join("guest");
    fs::write(&guest, b"\xeb\xfe").unwrap();
    let args = ["--arch", "x86_64", "--timeout", "0.5", "--image"].map(OsStr::new);
    let more = [kernel.as_os_str(), OsStr::new("--guest"), guest.as_os_str()];
    let (reports, result) = prepared(&[&args[..], &more].concat());
    assert_eq!(result.code, Some(3), "{result:#?}");
    let booted = fs::read_to_string(only_run(reports.path()).join("run.json")).unwrap();
    let booted: Value = serde_json::from_str(&booted).unwrap();
    let firmware = booted["firmware"]["file"].as_str().unwrap();
    assert!(firmware.ends_with("bios-256k.bin"), "{firmware}");
}

// --- names that are not UTF-8 -------------------------------------------------------------------

#[test]
fn names_that_are_not_utf8_pass_or_are_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let strange = folder.path().join(OsStr::from_bytes(b"strange-\xff-\xfe"));
    record::make(&strange);
    for format in ["human", "json"] {
        let mut judge = command(&["judge", "--format", format]);
        let result = ran(judge.arg(&strange));
        assert_eq!(result.code, Some(0), "{result:#?}");
        assert!(result.stdout.contains("strange-"), "{result:#?}");
    }
    let console = strange.join("console.log");
    fs::copy(root().join(GOOD), &console).unwrap();
    let result = ran(command(&["judge", "--arch", "riscv64"]).arg(&console));
    assert_eq!(result.code, Some(0), "{result:#?}");
    let mut scenario = command(&["judge", "--arch", "riscv64", GOOD, "--scenario"]);
    refused(
        &ran(scenario.arg(&strange)),
        &["--scenario", "is not UTF-8"],
    );
    let mut root = command(&["list", "--root"]);
    refused(
        &ran(root.arg(&strange)),
        &["strange-", "has no folder configs/machines"],
    );
    let mut guest = command(&["run", "--arch", "riscv64", "--guest"]);
    refused(
        &ran(guest.arg(strange.join("none"))),
        &["strange-", "cannot be read"],
    );
    let mut arch = command(&["run", "--arch"]);
    refused(&ran(arch.arg(OsStr::from_bytes(b"\xff"))), &["--arch"]);
}

// --- words --------------------------------------------------------------------------------------

#[test]
fn a_misspelt_name_gets_a_suggestion_and_what_there_is() {
    let run = ["run", "--arch", "aarch64"];
    for (args, said) in [
        (
            ["--scenario", "gkernle"],
            "did you mean `gkernel`? there are: ",
        ),
        (["--guest", "two-vm"], "did you mean `two-vms`? there are: "),
        (["--mode", "el1"], "did you mean `el0`? there are: el0, "),
    ] {
        refused(&harness(&[&run[..], &args].concat()), &[args[1], said]);
    }
    let case = harness(&["mutants", "npf-outsid"]);
    refused(&case, &["did you mean `npf-outside`?"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let good = fs::read_to_string(root().join("tests/scenarios/two-vms.toml")).unwrap();
    for (from, to, said) in [
        (
            "\"two-vms-first\"",
            "\"two-vms-frist\"",
            "there is no guest program `two-vms-frist`; did you mean `two-vms-first`?",
        ),
        (
            "then    = \"two-vms\"",
            "then = \"tow-vms\"",
            "key `then`: there is no guest program `tow-vms`; did you mean `two-vms`?",
        ),
        ("[params]\narg", "[params]\nrun", "did you mean `runs`?"),
        (
            "outcome = \"killed\"",
            "outcom = \"killed\"",
            "did you mean `outcome`?",
        ),
        (
            "\"{undeclared}\"\n",
            "\"1 guest=foo\"\n",
            "`1 guest=foo` is not one word",
        ),
        ("\"{undeclared}\"\n", "\"\"\n", "`` is not one word"),
        (
            "guest   = \"two-vms-first\"",
            "guest = \"/tmp/TWO-VMS\"",
            "key `then`: the first guest is /sbin/TWO-VMS too",
        ),
    ] {
        assert!(good.contains(from), "{from:?} is not in the scenario");
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let result = harness(&[
            "judge",
            "--arch",
            "riscv64",
            GOOD,
            "--scenario",
            &file.to_string_lossy(),
        ]);
        refused(&result, &["s.toml:", said]);
    }
}

#[test]
fn times_may_be_fractions_and_a_negative_one_is_told() {
    let run = ["run", "--arch", "riscv64", "--timeout"];
    for negative in ["-1", "-0.5", "-1s"] {
        let result = harness(&[&run[..], &[negative]].concat());
        refused(&result, &["--timeout", "a time is not negative"]);
    }
    refused(&harness(&["bench", "--runs", "-1"]), &["-1 is not in 1..="]);
}

#[test]
fn a_recorded_console_may_come_on_standard_input_and_a_missing_one_is_told_first() {
    let good = File::open(root().join(GOOD)).unwrap();
    let result = ran(command(&["judge", "--arch", "riscv64", "-"]).stdin(good));
    assert_eq!(result.code, Some(0), "{result:#?}");
    refused(
        &harness(&["judge", "nothing.log"]),
        &["there is no file or folder nothing.log"],
    );
    refused(&harness(&["judge", GOOD]), &["add --arch"]);
    refused(&harness(&["judge", "-"]), &["add --arch"]);
}

// --- what a run writes down ---------------------------------------------------------------------

#[test]
fn the_records_have_versions_clocks_and_the_second_guest() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path.to_string_lossy().into_owned()
    };
    let kernel = file("kernel", b"\0\0\0\0");
    let (first, second) = (
        file("first.bin", b"\0\0\0\x01"),
        file("second.bin", b"\0\0\0\x02"),
    );
    // As long a name as a file may have: the run's folder has less of it.
    let scenario = file(
        &format!("{}.toml", "s,:%d".repeat(50)),
        format!(
            "arches = ['riscv64']\nend = 'shutdown'\nsilence = '20s'\nthen = {second:?}\n\
             [[step]]\nname = 'a'\npattern = '^{{guest}}$'\n"
        )
        .as_bytes(),
    );
    let args = [
        "--arch",
        "riscv64",
        "--timeout",
        "0.25",
        "--image",
        &kernel,
        "--guest",
        &first,
        "--scenario",
        &scenario,
    ];
    let (reports, result) = prepared(&args.map(OsStr::new));
    assert_eq!(result.code, Some(3), "{result:#?}");
    let run = only_run(reports.path());
    let json = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(run.join(name)).unwrap()).unwrap()
    };
    let [booted, story, verdict] = ["run.json", "story.json", "verdict.json"].map(json);
    for json in [&booted, &story, &verdict] {
        assert_eq!(json["version"], VERSION, "{json}");
    }
    assert_eq!(story["timeout"]["nanos"], 250_000_000);
    assert_eq!(story["silence"]["secs"], 20);
    // A scenario that names no guest is of the one that is given.
    assert_eq!(story["steps"][0]["pattern"], r"^first\.bin$");
    assert_eq!(booted["guest"]["file"], first.as_str());
    assert_eq!(booted["second"]["file"], second.as_str());
    assert_ne!(booted["guest"]["sha256"], booted["second"]["sha256"]);
    let disk = run.join("disk.img");
    let words = image::read_from_disk(&disk, "/boot/cmdline").unwrap();
    let words = String::from_utf8(words).unwrap();
    assert!(
        words.ends_with(" guest=first.bin then=second.bin"),
        "{words}"
    );
    assert_eq!(
        image::read_from_disk(&disk, "/sbin/second.bin").unwrap(),
        b"\0\0\0\x02"
    );
    let again = harness(&["judge", &run.to_string_lossy(), "--format", "json"]);
    assert_eq!(again.code, Some(3), "{again:#?}");
    assert_eq!(again.json()["verdict"], verdict["verdict"]);
}
