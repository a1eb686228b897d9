//! A scenario's text, resolved.

mod layered;
mod machines;
mod mistakes;
mod page;

use super::*;
use crate::judge::{By, Course};

fn resolve(text: &str) -> Result<Scenario, String> {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    Scenario::from_text("s", text)
        .resolve(&project, &machine, &With::default())
        .map_err(|e| e.to_string())
}

const HEAD: &str = "guest = 'gkernel'\narches = ['riscv64']\nend = 'shutdown'\n";

#[test]
fn values_of_the_machine_are_filled_in_as_plain_text() {
    let s = resolve(&format!(
        "{HEAD}[[step]]\nname = 'a'\npattern = '^at {{pflash}}$'"
    ))
    .unwrap();
    assert_eq!(s.story.steps()[0].pattern, "^at 0x22000000$");
    assert_eq!(s.guest, Some(GuestSource::Program("gkernel".into())));
}

/// A folder of scenarios, and one of them resolved.
fn resolve_in(files: &[(&str, &str)], name: &str) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let path = folder.path().join(name);
    let scenario = Scenario::load(&project, path.to_str().unwrap(), &machine);
    scenario.map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

#[test]
fn strands_are_resolved() {
    let s = resolve(&format!(
        "{HEAD}[[strand]]\nname = 'one'\npattern = '^one (\\d+)$'\nsequence = '0..=256'\n\
         [[strand]]\nname = 'two'\nby = 'guest'\noverlaps = ['one']\n\
         [[strand.step]]\nname = 'x'\npattern = '^x$'\ncount = 2\n\
         [[strand.step]]\nname = 'not here'\npattern = '^y$'\narches = ['aarch64']\n\
         [[step]]\nname = 'end'\npattern = '^end$'\nafter = ['one', 'two']\n"
    ));
    let s = s.unwrap();
    let [one, two] = s.story.strands() else {
        panic!()
    };
    let Course::Sequence { first, last, .. } = one.course else {
        panic!()
    };
    assert_eq!((first, last), (0, 256));
    let Course::Steps(steps) = &two.course else {
        panic!()
    };
    assert_eq!((steps.len(), steps[0].count), (1, 2));
    assert_eq!(
        (two.by, &*two.overlaps),
        (Some(By::Guest), &["one".to_owned()][..])
    );
    assert_eq!(s.story.steps()[0].after, ["one", "two"]);
}

#[test]
fn results_are_resolved() {
    let s = resolve(&format!(
        "{HEAD}[[result]]\nname = 'ports'\n\
         [[result]]\nname = 'not here'\narches = ['aarch64']\n\
         [[result]]\nname = 'sieve'\nby = 'hypervisor'\npattern = '^PASS: sieve'\nfailed = '^FAIL: sieve'\n"
    ));
    let s = s.unwrap();
    let [ports, sieve] = &*s.story.spec().results else {
        panic!("{:?}", s.story.spec().results)
    };
    assert_eq!(ports.pattern, "^CASE ports: ok$");
    assert_eq!(ports.failed, "^CASE ports: FAILED");
    assert_eq!(
        (ports.by, sieve.by),
        (Some(By::Guest), Some(By::Hypervisor))
    );
    assert_eq!(sieve.failed, "^FAIL: sieve");
}

#[test]
fn what_is_built_in_code_is_what_a_file_would_say() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let resolved = |scenario: Definition| {
        let scenario = scenario
            .resolve(&project, &machine, &With::default())
            .unwrap();
        (
            serde_json::to_value(scenario.story.spec()).unwrap(),
            scenario.params,
            scenario.guest,
        )
    };
    let built = Scenario::builder("s")
        .guest("gkernel")
        .param("arg", "1")
        .value("v", "a\"\u{7f}\\")
        .step_with(
            StepBuilder::new("a", "^{v}\t'$")
                .near("^a")
                .by(By::Hypervisor)
                .unique()
                .optional()
                .count(3)
                .within(std::time::Duration::from_millis(1500))
                .after("w"),
        )
        .sequence("w", r"^w (\d+)$", 1..=9)
        .forbid("panicked")
        .tables("[witness]\nnpf = 0")
        .define();
    let text = Scenario::from_text(
        "s",
        "end = 'shutdown'\nguest = 'gkernel'\nparams = { arg = 1 }\n\
        values = { v = \"a\\\"\\u007f\\\\\" }\n\
        [[step]]\nname = 'a'\npattern = \"^{v}\\t'$\"\nnear = '^a'\nby = 'hypervisor'\nunique = true\n\
        optional = true\ncount = 3\nwithin = '1500ms'\nafter = ['w']\n\
        [[strand]]\nname = 'w'\npattern = '^w (\\d+)$'\nsequence = '1..=9'\n\
        [[forbid]]\npattern = 'panicked'\n[witness]\nnpf = 0\n",
    );
    assert_eq!(resolved(built), resolved(text));
    let bad = Scenario::builder("s").step("a", "(").define();
    let error = bad
        .resolve(&project, &machine, &With::default())
        .unwrap_err();
    assert!(
        error.to_string().contains("key `pattern`: regex parse"),
        "{error}"
    );
}

/// Files that differ between architectures, or with a value of one's own, need one scenario.
#[test]
fn names_of_files_are_filled_with_values() {
    let text = "end = 'shutdown'\nguest = './{arch}/{word}.elf'\nthen = './{arch}-two.bin'\n\
                flash = 'flash-{arch}.bin'\nvalues = { word = 'w' }\n\
                [[disk.file]]\npath = '/boot/{word}'\nfrom = 'initrd-{arch}'\n\
                [[step]]\nname = 'a'\npattern = '^{guest}$'\n";
    let s = resolve_in(&[("sub/s.toml", text)], "sub/s.toml").unwrap();
    let ends_with = |file: &Path, end: &str| assert!(file.ends_with(end), "{file:?}");
    let files = [s.guest.unwrap(), s.second.unwrap()];
    let names = files.each_ref().map(GuestSource::name);
    assert_eq!(names, ["w.elf", "riscv64-two.bin"]);
    for (guest, end) in files
        .iter()
        .zip(["sub/riscv64/w.elf", "sub/riscv64-two.bin"])
    {
        let GuestSource::File(file) = guest else {
            panic!("{guest:?}")
        };
        // A `.` in a path is no part of it.
        ends_with(&file.components().collect::<PathBuf>(), end);
    }
    ends_with(&s.flash.unwrap(), "sub/flash-riscv64.bin");
    let files = s.disk.unwrap().files.unwrap();
    assert_eq!(files[0].path, "/boot/w");
    ends_with(&files[0].from, "sub/initrd-riscv64");
    assert_eq!(s.story.steps()[0].pattern, r"^w\.elf$");

    let image = "[disk]\nimage = '{arch}.img'\n[[step]]\nname = 'a'\npattern = 'x'\n";
    let image = resolve(&format!("{HEAD}{image}")).unwrap().disk.unwrap();
    assert_eq!(image.image, Some("riscv64.img".into()));
    // A program has a name, which may be put together too.
    let guest = "guest = 'two-{word}'\nend = 'shutdown'\nvalues = { word = 'vms' }\n\
                 [[step]]\nname = 'a'\npattern = 'x'\n";
    let guest = resolve(guest).unwrap().guest;
    assert_eq!(guest, Some(GuestSource::Program("two-vms".into())));
}

#[test]
fn a_files_name_is_its_name_on_the_disk() {
    for (file, name) in [
        ("/a/b/skernel.elf", "skernel.elf"),
        ("skernel", "skernel"),
        ("my kernel-2.tar.gz", "my_kernel-2.tar.gz"),
        ("k\u{e9}rnel=1", "k_rnel_1"),
        (".hidden", "_hidden"),
    ] {
        let named = GuestSource::File(file.into()).name();
        assert_eq!(named, name);
        assert!(crate::config::is_word(&named), "{named}");
    }
    let long = GuestSource::File("x".repeat(200).into());
    assert_eq!(long.name().len(), 64);
}
