use super::*;
use crate::matrix::selection::Earlier;
use std::fs;

/// A folder that is no workspace, with some scenarios.
fn project(scenarios: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::new(folder.path());
    fs::create_dir_all(project.scenarios()).unwrap();
    for (name, head) in scenarios {
        let text = format!("{head}\nend = 'shutdown'\n[[step]]\nname = 'up'\npattern = 'up'\n");
        fs::write(project.scenario(name), text).unwrap();
    }
    (folder, project)
}

const BOTH: &str = "arches = ['riscv64', 'aarch64']";

fn names(project: &Project, selection: &Selection) -> Result<String, String> {
    let cases = cases(project, selection).map_err(|error| error.to_string())?;
    let names: Vec<_> = cases.into_iter().map(|case| case.name).collect();
    Ok(names.join(" "))
}

#[test]
fn each_scenario_is_run_on_each_of_its_architectures_on_the_machine_that_it_asks_for() {
    let (_folder, project) = project(&[
        ("all", "about = 'x'"),
        ("both", BOTH),
        ("one", "machine = 'x86_64-seabios'"),
        (
            "each",
            "arches = ['riscv64', 'aarch64']\nmachine = { aarch64 = 'aarch64-el1' }",
        ),
    ]);
    let all = names(&project, &Selection::default()).unwrap();
    assert_eq!(
        all,
        "all::aarch64 all::riscv64 all::x86_64 both::aarch64 both::riscv64 each::aarch64-el1 each::riscv64 \
         one::x86_64-seabios"
    );
}

#[test]
fn a_scenario_that_wants_to_be_named_is_not_among_all() {
    let long = "arches = ['riscv64']\nonly-by-name = 'it takes hours'";
    let shorter = "extends = 'long'\n[values]\nseeds = '1'";
    let (_folder, project) = project(&[("long", long)]);
    let error = names(&project, &Selection::default()).unwrap_err();
    assert!(error.contains("no case is left"), "{error}");
    fs::write(project.scenario("shorter"), shorter).unwrap();
    assert_eq!(
        names(&project, &Selection::default()).unwrap(),
        "shorter::riscv64"
    );
    let selection = Selection {
        scenarios: vec!["long".into()],
        ..Selection::default()
    };
    assert_eq!(names(&project, &selection).unwrap(), "long::riscv64");
}

#[test]
fn machines_by_hand_are_crossed_with_the_scenarios_that_ask_for_none() {
    let (folder, project) = project(&[("both", BOTH), ("own", "machine = 'aarch64'")]);
    let mine = folder.path().join("mine.toml");
    fs::write(&mine, "extends = 'aarch64'").unwrap();
    let mut selection = Selection {
        machines: vec!["aarch64-el1".into(), mine.into(), "x86_64".into()],
        ..Selection::default()
    };
    assert_eq!(
        names(&project, &selection).unwrap(),
        "both::aarch64-el1 both::mine"
    );
    selection.machines = vec!["aarch64".into()];
    assert_eq!(
        names(&project, &selection).unwrap(),
        "both::aarch64 own::aarch64"
    );
    // Who names both means it.
    selection.machines = vec!["aarch64-el1".into()];
    selection.scenarios = vec!["own".into()];
    assert_eq!(names(&project, &selection).unwrap(), "own::aarch64-el1");
}

#[test]
fn what_is_chosen_is_what_every_option_leaves() {
    let (_folder, project) = project(&[("a", BOTH), ("b", BOTH)]);
    let selection = Selection {
        arches: vec![Arch::Riscv64],
        filters: vec!["a".parse().unwrap(), "machine(aarch64)".parse().unwrap()],
        ..Selection::default()
    };
    // The filter's patterns are looked for in all cases, so that one line serves every architecture.
    assert_eq!(names(&project, &selection).unwrap(), "a::riscv64");
    let selection = Selection {
        filters: vec!["a & arch(riscv64)".parse().unwrap()],
        arches: vec![Arch::Aarch64],
        ..Selection::default()
    };
    let error = names(&project, &selection).unwrap_err();
    assert!(error.contains("no case is left"), "{error}");
}

#[test]
fn only_what_failed_is_run_again() {
    let (_folder, project) = project(&[("a", BOTH), ("b", BOTH)]);
    let mut selection = Selection {
        only_failed: true,
        ..Selection::default()
    };
    let error = names(&project, &selection).unwrap_err();
    assert!(error.contains("there is no earlier matrix"), "{error}");
    let earlier = |failed: &[&str]| Earlier {
        failed: failed.iter().map(|&name| name.to_owned()).collect(),
        ..Earlier::default()
    };
    selection.earlier = Some(earlier(&["a::riscv64"]));
    assert_eq!(names(&project, &selection).unwrap(), "a::riscv64");
    // What is no case any more would be left out, and the rest might pass.
    selection.earlier = Some(earlier(&["a::riscv64", "gone::riscv64"]));
    let error = names(&project, &selection).unwrap_err();
    assert!(error.contains("gone::riscv64 did not pass"), "{error}");
    selection.earlier = Some(earlier(&[]));
    let error = names(&project, &selection).unwrap_err();
    assert!(error.contains("there is nothing to run again"), "{error}");
}

#[test]
fn a_hypervisor_by_hand_chooses_its_architecture() {
    let (_folder, project) = project(&[("all", "about = 'x'")]);
    let selection = Selection {
        hypervisors: [(Arch::X86_64, "kernel".into())].into(),
        ..Selection::default()
    };
    let cases = cases(&project, &selection).unwrap();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].arch, Arch::X86_64);
    assert_eq!(cases[0].request().hypervisor, Some("kernel".into()));
}

#[test]
fn names_that_mean_two_cases_are_refused_and_so_is_nothing() {
    let (folder, project) = project(&[("both", BOTH)]);
    let other = folder.path().join("both.toml");
    fs::copy(project.scenario("both"), &other).unwrap();
    let selection = Selection {
        scenarios: vec!["both".into(), other.to_str().unwrap().into()],
        ..Selection::default()
    };
    let error = names(&project, &selection).unwrap_err();
    assert!(
        error.contains("two cases would have the name both::riscv64"),
        "{error}"
    );
    let (_folder, project) = self::project(&[]);
    let error = names(&project, &Selection::default()).unwrap_err();
    assert!(error.contains("name files: --scenario FILE"), "{error}");
}

#[test]
fn a_mistake_in_any_file_is_found_before_anything_is_built() {
    let (folder, project) = project(&[("good", BOTH), ("wrong", BOTH)]);
    let text = "arches = ['riscv64']\nend = 'shutdown'\n[[step]]\nname = 'up'\npattern = '('\n";
    fs::write(project.scenario("wrong"), text).unwrap();
    let kernel = folder.path().join("kernel");
    fs::write(&kernel, [0x13; 64]).unwrap();
    let selection = Selection {
        hypervisors: [(Arch::Riscv64, kernel.clone()), (Arch::Aarch64, kernel)].into(),
        ..Selection::default()
    };
    let cases = cases(&project, &selection).unwrap();
    let error = plan(&project, cases).unwrap_err().to_string();
    assert!(error.contains("wrong.toml:5"), "{error}");
}

#[test]
fn each_program_is_built_once() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let project = Project::new(root);
    let selection = Selection {
        scenarios: vec!["gkernel".into(), "gkernel-el0".into(), "two-vms".into()],
        ..Selection::default()
    };
    let cases = cases(&project, &selection).unwrap();
    let plan = plan(&project, cases).unwrap();
    let hypervisors = plan
        .targets
        .iter()
        .filter(|(_, target)| *target == Target::Hypervisor);
    assert_eq!(hypervisors.count(), 3);
    let mut once = plan.targets.clone();
    once.dedup();
    assert_eq!(once.len(), plan.targets.len());
    assert!(
        plan.steps.iter().all(|&steps| steps > 1),
        "{:?}",
        plan.steps
    );
}

#[test]
fn a_file_tells_which_architecture_it_is_for_unless_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it");
    fs::write(&file, [0x13; 64]).unwrap();
    let mut selection = Selection::default();
    selection.hypervisor(file.as_os_str()).unwrap();
    assert_eq!(selection.hypervisors.len(), Arch::ALL.len());
    let error = selection.hypervisor("riscv64=other".as_ref()).unwrap_err();
    assert!(error.to_string().contains("ARCH=FILE"), "{error}");
    let mut selection = Selection::default();
    selection.hypervisor("riscv64=other".as_ref()).unwrap();
    selection.hypervisor("aarch64=it".as_ref()).unwrap();
    let files = [
        (Arch::Riscv64, "other".into()),
        (Arch::Aarch64, "it".into()),
    ];
    assert_eq!(selection.hypervisors, files.into());
}
