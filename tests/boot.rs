//! Real boots: nothing is simulated, and nothing is skipped where QEMU is missing.

#[path = "boot/clocks.rs"]
mod clocks;
#[path = "boot/names.rs"]
mod names;
mod support;

use harness::boot::image;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Ran, harness, root};

/// A boot, with its records in a folder of its own.
struct Boot {
    ran: Ran,
    report: Value,
    _reports: tempfile::TempDir,
}

impl Boot {
    fn run_dir(&self) -> PathBuf {
        PathBuf::from(
            self.report["run_dir"]
                .as_str()
                .expect("a boot leaves records"),
        )
    }

    fn console(&self) -> String {
        fs::read_to_string(self.run_dir().join("console.log")).expect("a console was recorded")
    }
}

/// Boots, and shows why if the exit code is another than the expected one.
#[track_caller]
fn boot(arch: &str, more: &[&str], code: i32) -> Boot {
    let reports = tempfile::tempdir().unwrap();
    let folder = reports.path().to_string_lossy();
    let mut args = vec![
        "run",
        "--arch",
        arch,
        "--format",
        "json",
        "--report-dir",
        &folder,
    ];
    args.extend(more);
    let ran = harness(&args);
    if ran.code != Some(code) {
        let said = match ran.code {
            Some(4) => "the set-up is incomplete: run ./x setup".to_owned(),
            other => format!("the exit code is {other:?} instead of {code}"),
        };
        panic!("{said}\n{}\n{}", ran.stdout, ran.stderr);
    }
    let boot = Boot {
        report: ran.json(),
        ran,
        _reports: reports,
    };
    // The record of a run gets the verdict that the run got.
    let again = harness(&[
        "judge",
        &boot.run_dir().to_string_lossy(),
        "--format",
        "json",
    ]);
    assert_eq!(again.json()["verdict"], boot.report["verdict"]);
    assert_eq!(again.code, boot.ran.code);
    boot
}

#[test]
fn a_run_makes_its_page_if_it_is_asked_to() {
    let boot = boot("riscv64", &["--page"], 0);
    let page = boot.run_dir().join("page.html");
    let told = format!("page: {}", page.display());
    assert!(boot.ran.stderr.contains(&told), "{}", boot.ran.stderr);
    let text = fs::read_to_string(page).unwrap();
    assert!(text.contains("gkernel::riscv64") && text.contains("/sbin/gkernel"));
}

/// What the console told from the hypervisor's first line on, with sizes that vary replaced.
fn story(arch: &str, more: &[&str]) -> String {
    let boot = boot(arch, more, 0);
    let events = regex::Regex::new(&format!("^@hv {} \\d+ ", nonce(&boot.run_dir()))).unwrap();
    let sizes = regex::Regex::new(r"^Loaded \d+ bytes (?<pages>\(\d+ pages\) )?").unwrap();
    let console = boot.console();
    let from_start = console.lines().skip_while(|line| *line != "Hypervisor ...");
    let story = from_start
        .filter(|line| !events.is_match(line))
        .map(|line| {
            let line = sizes.replace(line, |found: &regex::Captures<'_>| {
                match found.name("pages") {
                    Some(_) => "Loaded <N> bytes (<N> pages) ",
                    None => "Loaded <N> bytes ",
                }
            });
            line.trim_end().to_owned()
        });
    without_the_challenge(story.collect()).join("\n")
}

/// The place and the word that are drawn for each run, replaced.
fn without_the_challenge(mut lines: Vec<String>) -> Vec<String> {
    let answer = "Got pflash challenge: ";
    let at = lines.iter().position(|line| line.starts_with(answer));
    let at = at.expect("the guest answers the challenge");
    lines[at] = format!("{answer}<word> at offset <place>");
    let address = regex::Regex::new("at 0x[0-9A-F]+").unwrap();
    lines[at - 1] = address.replace(&lines[at - 1], "at <place>").into_owned();
    lines
}

fn nonce(run_dir: &Path) -> String {
    let words = image::read_from_disk(&run_dir.join("disk.img"), "/boot/cmdline").unwrap();
    let words = String::from_utf8(words).unwrap();
    let nonce = words
        .split_whitespace()
        .find_map(|word| word.strip_prefix("nonce="));
    nonce.expect("every disk has its nonce").to_owned()
}

/// A scenario like `gkernel`, with a change to its text.
fn changed(folder: &Path, from: &str, to: &str) -> String {
    let good = fs::read_to_string(root().join("tests/scenarios/gkernel.toml")).unwrap();
    assert!(good.contains(from), "{from:?} is not in the scenario");
    let file = folder.join("changed.toml");
    fs::write(&file, good.replacen(from, to, 1)).unwrap();
    file.to_string_lossy().into_owned()
}

fn wrong_magic(arch: &str) {
    let folder = tempfile::tempdir().unwrap();
    let end = "end    = \"shutdown\"\n";
    let scenario = changed(
        folder.path(),
        end,
        &format!("{end}flash = \"fixtures/flash/wrong.bin\"\n"),
    );
    let boot = boot(arch, &["--scenario", &scenario], 1);
    assert_eq!(
        boot.report["verdict"]["kind"], "diverged",
        "{:#?}",
        boot.ran
    );
    assert_eq!(boot.report["verdict"]["awaited"], "word");
    let line = boot.report["verdict"]["line"]
        .as_str()
        .unwrap()
        .to_lowercase();
    assert!(line.ends_with("got 0x70666c64"), "{line}");
}

fn missing_guest(arch: &str) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = changed(folder.path(), "guest  = \"gkernel\"\n", "");
    let boot = boot(arch, &["--scenario", &scenario], 1);
    assert_eq!(
        boot.report["verdict"]["kind"], "hypervisor-error",
        "{:#?}",
        boot.ran
    );
    let exit = boot.report["verdict"]["error"].as_str().unwrap();
    assert!(exit.contains("/sbin/gkernel"), "{exit}");
}

/// A guest file of so many bytes, all zero, and what the hypervisor says of it.
fn guest_of_size(arch: &str, size: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let guest = folder.path().join("gkernel");
    fs::File::create(&guest).unwrap().set_len(size).unwrap();
    // On the command line an empty one would be refused; a scenario may want to see what comes of it.
    let named = format!("guest  = {guest:?}\n");
    let scenario = changed(folder.path(), "guest  = \"gkernel\"\n", &named);
    let boot = boot(arch, &["--scenario", &scenario], 1);
    assert_eq!(boot.report["verdict"]["kind"], "hypervisor-error");
    boot.report["verdict"]["error"].as_str().unwrap().to_owned()
}

fn empty_guest(arch: &str) {
    let error = guest_of_size(arch, 0);
    assert!(
        error.ends_with("/sbin/gkernel: the file is empty"),
        "{error}"
    );
}

fn guest_larger_than_ram(arch: &str) {
    // From where the image is loaded to the end of RAM.
    let room = match arch {
        "riscv64" => 14 << 20,
        "aarch64" => 2 << 20,
        _ => (2 << 20) - 0x1_0000,
    };
    let error = guest_of_size(arch, room + 1);
    let expected = format!("the file is larger than the {room} bytes of room for it");
    assert!(error.ends_with(&expected), "{error}");
}

/// A fault of the guest's own tables is none of the hypervisor's.
fn fault_of_its_own(arch: &str) {
    boot(arch, &["--scenario", "guest-own-fault"], 0);
}

#[test]
fn aarch64_tells_the_story_at_el0_too() {
    insta::assert_snapshot!("aarch64-el0", story("aarch64", &["--mode", "el0"]));
}

#[test]
fn x86_64_tells_the_story_with_an_emulated_flash_too() {
    let mode = ["--mode", "emulated-flash"];
    insta::assert_snapshot!("x86_64-emulated-flash", story("x86_64", &mode));
}

/// The story, what the hypervisor reports and what QEMU logged tell of the same fault.
fn accounts(arch: &str) {
    let boot = boot(arch, &[], 0);
    let (end, witness) = (&boot.report["hypervisor_end"], &boot.report["witness"]);
    assert_eq!((&end["npf"], &witness["npf"]), (&2.into(), &2.into()));
    assert_eq!(end["hypercalls"], witness["hypercall"]);
    assert_eq!(witness["faults"][0]["access"], "read");
    assert_eq!(boot.report["forged"]["count"], 0);
    assert!(boot.run_dir().join("witness.log").is_file());
}

/// A run that asks for a fault which does not happen, of a guest that makes none.
fn missing_fault(arch: &str) {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("tests/scenarios/guest-own-fault.toml")).unwrap();
    let wanted = text.replacen("npf = 0", "npf = 1", 1);
    assert_ne!(wanted, text);
    let scenario = folder.path().join("changed.toml");
    fs::write(&scenario, wanted).unwrap();
    let boot = boot(arch, &["--scenario", &scenario.to_string_lossy()], 1);
    let verdict = &boot.report["verdict"];
    assert_eq!(verdict["kind"], "witness-disagrees", "{:#?}", boot.ran);
    let because = verdict["because"][0].as_str().unwrap();
    let expected = "npf: the scenario wants 1, QEMU logged 0 (look in witness.log for ";
    assert!(because.starts_with(expected), "{because}");
}

/// A level of the log in the environment changes nothing of the images.
#[test]
fn the_images_do_not_log_whatever_the_environment_says() {
    let reports = tempfile::tempdir().unwrap();
    let mut run = support::command(&["run", "--arch", "x86_64", "--report-dir"]);
    let output = run.arg(reports.path()).env("AX_LOG", "trace").output();
    let ran: Ran = output.unwrap().into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!ran.stdout.contains("axruntime"), "{ran:#?}");
}

/// The guest of a run that is named by its program's name is built.
#[test]
fn a_guest_may_be_named_by_its_programs_name() {
    let boot = boot("x86_64", &["--guest", "gkernel"], 0);
    let booted = fs::read_to_string(boot.run_dir().join("run.json")).unwrap();
    assert!(booted.contains("image/gkernel\""), "{booted}");
}

/// A kernel that is not the workspace's own is started by SeaBIOS: here our own one, from another place.
#[test]
fn a_kernel_from_elsewhere_is_started_by_seabios() {
    let own = boot("x86_64", &[], 0);
    let booted = |boot: &Boot| -> Value {
        let text = fs::read_to_string(boot.run_dir().join("run.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let firmware = |boot: &Boot| booted(boot)["firmware"]["file"].to_string();
    assert!(firmware(&own).contains("qboot.rom"), "{}", firmware(&own));
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("kernel");
    fs::copy(
        booted(&own)["hypervisor"]["file"].as_str().unwrap(),
        &elsewhere,
    )
    .unwrap();
    let foreign = boot("x86_64", &["--image", &elsewhere.to_string_lossy()], 0);
    let seabios = firmware(&foreign);
    assert!(seabios.contains("bios-256k.bin"), "{seabios}");
}

#[test]
fn firmware_is_recorded_and_neither_shown_nor_judged() {
    let boot = boot("riscv64", &[], 0);
    let firmware = fs::read_to_string(boot.run_dir().join("firmware.log")).unwrap();
    assert!(firmware.contains("OpenSBI v"), "{firmware}");
    assert!(!boot.console().contains("OpenSBI"), "{}", boot.console());
    let raw = fs::read(boot.run_dir().join("console.raw")).unwrap();
    assert!(raw.windows(9).any(|bytes| bytes == b"OpenSBI v"));
}

/// The same tests for each architecture.
macro_rules! for_each_architecture {
    ($($arch:ident)*) => {$(
        mod $arch {
            const ARCH: &str = stringify!($arch);

            #[test]
            fn tells_the_whole_story() {
                insta::assert_snapshot!(ARCH, super::story(ARCH, &[]));
            }

            #[test]
            fn a_wrong_magic_shows() {
                super::wrong_magic(ARCH);
            }

            #[test]
            fn a_missing_guest_is_reported() {
                super::missing_guest(ARCH);
            }

            #[test]
            fn an_empty_guest_is_reported() {
                super::empty_guest(ARCH);
            }

            #[test]
            fn a_guest_larger_than_ram_is_reported() {
                super::guest_larger_than_ram(ARCH);
            }

            #[test]
            fn a_fault_of_the_guests_own_is_its_own() {
                super::fault_of_its_own(ARCH);
            }

            #[test]
            fn all_accounts_tell_of_the_same_fault() {
                super::accounts(ARCH);
            }

            #[test]
            fn a_fault_that_qemu_did_not_see_is_missed() {
                super::missing_fault(ARCH);
            }

            #[test]
            fn a_guest_that_loops_times_out() {
                crate::clocks::looping_guest(ARCH);
            }

            #[test]
            fn a_guest_that_hangs_is_found_where_it_hangs() {
                crate::clocks::hanging_guest(ARCH);
            }
        }
    )*};
}

for_each_architecture!(riscv64 aarch64 x86_64);
