//! Which machine a scenario is run on.

use super::*;

#[test]
fn without_arches_it_is_for_all_and_a_machine_can_be_named() {
    let text = "end = 'shutdown'\nmachine = 'mine.toml'\n[[step]]\nname = 'a'\npattern = 'x'\n";
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    for arch in Arch::ALL {
        let machine = Machine::load(&project, arch).unwrap();
        let scenario = Scenario::from_text("s", text);
        assert!(
            scenario
                .resolve(&project, &machine, &With::default())
                .is_ok(),
            "{arch}"
        );
    }
    let own = ("sub/own.toml", text);
    let machine = resolve_in(&[own], "sub/own.toml").unwrap().machine.unwrap();
    assert!(
        Path::new(&machine).ends_with("sub/mine.toml"),
        "{machine:?}"
    );
    assert_eq!(
        resolve(&text.replace("mine.toml", "mine")).unwrap().machine,
        Some("mine".into())
    );
}

/// The machine that a scenario in `sub/s.toml` gets, beside a few machine files; its name and its
/// architecture.
fn machine_for(
    key: &str,
    named: Option<&str>,
    arch: Option<Arch>,
) -> Result<Option<(String, Arch)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{key}\nend = 'shutdown'\n[[step]]\nname = 'a'\npattern = 'x'\n");
    for (file, text) in [
        ("sub/s.toml", text.as_str()),
        ("sub/arm.toml", "extends = 'aarch64'\n"),
    ] {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let project = Project::new(folder.path());
    let scenario = Definition::from_file(&folder.path().join("sub/s.toml")).unwrap();
    let machine = scenario.machine(&project, named.map(OsStr::new), arch);
    let machine = machine.map_err(|error| {
        let folder = format!("{}/", folder.path().display());
        error.to_string().replace(&folder, "")
    })?;
    Ok(machine.map(|machine| (machine.name, machine.arch)))
}

#[test]
fn the_machine_is_the_one_named_by_hand_or_the_scenarios_or_the_architectures() {
    let (riscv64, aarch64) = (Some(Arch::Riscv64), Some(Arch::Aarch64));
    let each = "machine = { x86_64 = 'x86_64-seabios', aarch64 = 'arm.toml' }";
    let one = "machine = 'arm.toml'";
    for (key, named, arch, expected) in [
        (one, None, None, "arm"),
        (one, None, aarch64, "arm"),
        (one, None, riscv64, "riscv64"),
        (one, Some("aarch64-el1"), None, "aarch64-el1"),
        (one, Some("aarch64-el1"), aarch64, "aarch64-el1"),
        (each, None, aarch64, "arm"),
        (each, None, Some(Arch::X86_64), "x86_64-seabios"),
        (each, None, riscv64, "riscv64"),
        (each, Some("riscv64"), None, "riscv64"),
        ("machine = { aarch64 = './arm.toml' }", None, None, "arm"),
        ("", None, aarch64, "aarch64"),
    ] {
        let machine = machine_for(key, named, arch).unwrap().unwrap();
        assert_eq!(machine.0, expected, "{key} {named:?} {arch:?}");
        assert!(arch.is_none_or(|arch| machine.1 == arch), "{machine:?}");
    }
    assert_eq!(machine_for("", None, None), Ok(None));
}

#[test]
fn a_machine_that_cannot_be_is_refused_where_it_is_named() {
    let each = "machine = { x86_64 = 'x86_64-seabios', aarch64 = 'x86_64' }";
    for (key, arch, expected) in [
        (
            "machine = 'riscv46'",
            None,
            "sub/s.toml:1: key `machine`: no machine `riscv46`; did you mean `riscv64`?",
        ),
        (
            "machine = 'none.toml'",
            Some(Arch::Riscv64),
            "sub/s.toml:1: key `machine`: sub/none.toml: cannot be read",
        ),
        (
            each,
            None,
            "sub/s.toml:1: key `machine`: there is one for each of aarch64, x86_64: name the architecture",
        ),
        (
            each,
            Some(Arch::Aarch64),
            "sub/s.toml:1: key `machine`: machine x86_64, named for aarch64, is of x86_64",
        ),
        (
            "machine = { mips = 'x' }",
            None,
            "sub/s.toml:1: key `machine`: unknown variant `mips`, expected one of `riscv64`",
        ),
        (
            "machine = {}",
            None,
            "sub/s.toml:1: key `machine`: an empty table",
        ),
        (
            "machine = 7",
            None,
            "sub/s.toml:1: key `machine`: invalid type: integer `7`, expected a machine's name or file",
        ),
    ] {
        let error = machine_for(key, None, arch).expect_err(key);
        assert!(error.starts_with(expected), "{key}\n-- gave --\n{error}");
    }
}

#[test]
fn a_scenario_that_extends_another_one_may_name_another_machine() {
    let text = "end = 'shutdown'\nmachine = { riscv64 = 'm.toml', x86_64 = 'x86_64' }\n\
                [[step]]\nname = 'a'\npattern = 'x'\n";
    let machine = "extends = 'riscv64'\n";
    let own = "extends = '../base/b'\nmachine = 'aarch64'\n";
    let same = "extends = '../base/b'\n";
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("base/b.toml", text),
        ("base/m.toml", machine),
        ("sub/own.toml", own),
        ("sub/same.toml", same),
    ] {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let project = Project::new(folder.path());
    let machine = |file: &str, arch| {
        let scenario = Definition::from_file(&folder.path().join(file)).unwrap();
        let machine = scenario.machine(&project, None, arch).unwrap();
        machine.expect("one is named").name
    };
    assert_eq!(machine("sub/own.toml", None), "aarch64");
    assert_eq!(machine("sub/same.toml", Some(Arch::Riscv64)), "m");
}
