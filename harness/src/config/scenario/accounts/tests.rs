use crate::arch::Arch;
use crate::config::machine::Machine;
use crate::config::scenario::{GuestSource, Scenario, With};
use crate::judge::accounts::Wanted;
use crate::judge::hvlog::Access;
use crate::judge::verdict::EndKind;
use crate::judge::{HvExpected, Lines, Pc, StorySpec};
use crate::project::Project;
use std::path::Path;

const HEAD: &str = "guest = 'gkernel'\narches = ['riscv64']\nend = 'shutdown'\n";
const STEP: &str = "[[step]]\nname = 'a'\npattern = 'x'\n";

fn resolve(text: &str) -> Result<StorySpec, String> {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let scenario = Scenario::from_text("s", text);
    let scenario = scenario.resolve(&project, &machine, &With::default());
    scenario
        .map(|scenario| scenario.story.spec().clone())
        .map_err(|e| e.to_string())
}

/// A scenario with something between its head and its only step.
#[track_caller]
fn spec(middle: &str) -> StorySpec {
    resolve(&format!("{HEAD}{middle}{STEP}")).unwrap()
}

#[test]
fn without_a_word_the_guest_has_to_ask_for_its_end_and_qemu_is_not_asked() {
    let StorySpec { hv, witness, .. } = spec("mode = 'vs'\n");
    assert_eq!(hv.start.to_string(), "arch=riscv64 mode=vs");
    let usual = HvExpected::of(EndKind::Shutdown);
    assert_eq!(
        (hv.lines, hv.guests, &hv.ends),
        (Lines::Required, 1, &usual.ends)
    );
    assert_eq!(hv.ends[0].to_string(), "outcome=shutdown");
    assert!(!hv.may_be_killed());
    assert_eq!(witness, None);
}

#[test]
fn a_kill_can_be_what_is_expected() {
    let hv = spec("[hv]\nend = { outcome = 'killed', gpa = '{pflash}', npf = 1 }\n").hv;
    assert_eq!(
        hv.ends[0].to_string(),
        "gpa=0x22000000 npf=1 outcome=killed"
    );
    assert!(hv.may_be_killed());
}

#[test]
fn the_budget_that_was_overrun_can_be_asked_for() {
    let words = "outcome = 'killed', kind = 'overrun', budget = 'cpu-ms', limit = 300";
    let hv = spec(&format!("[hv]\nend = {{ {words} }}\n")).hv;
    let said = "budget=cpu-ms kind=overrun limit=300 outcome=killed";
    assert_eq!(hv.ends[0].to_string(), said);
}

#[test]
fn several_guests_have_an_end_each_or_one_for_all() {
    let hv = spec("[hv]\nend = [{ outcome = 'killed' }, { npf = 0 }]\n").hv;
    assert_eq!(hv.guests, 2);
    assert_eq!(hv.ends[1].to_string(), "npf=0 outcome=shutdown");
    let hv = spec("[hv]\nguests = 9\nend = { outcome = 'shutdown|killed' }\n").hv;
    assert_eq!((hv.guests, hv.ends.len(), hv.may_be_killed()), (9, 1, true));
}

#[test]
fn counts_are_exact_or_bounded_and_faults_have_a_place() {
    let wanted = |min, max| Wanted {
        min,
        max,
        gpa: None,
        va: None,
        access: None,
    };
    let witness =
        spec("[witness]\nnpf = 1\nhypercall = { min = 2 }\nother = { max = 3 }\n").witness;
    let witness = witness.unwrap();
    assert_eq!(witness.npf, Some(wanted(1, 1)));
    assert_eq!(witness.hypercall, Some(wanted(2, u64::MAX)));
    assert_eq!(witness.other, Some(wanted(0, 3)));
    let filled = spec("[witness]\nnpf = '{pflash}'\nother = '7'\n").witness;
    let filled = filled.unwrap();
    assert_eq!(filled.npf, Some(wanted(0x2200_0000, 0x2200_0000)));
    assert_eq!(filled.other, Some(wanted(7, 7)));
    let place = "npf = { count = 2, gpa = '{pflash}', va = 4096, access = 'write' }\n";
    let npf = spec(&format!("[witness]\n{place}")).witness.unwrap().npf;
    let expected = Wanted {
        gpa: Some(0x2200_0000),
        va: Some(4096),
        access: Some(Access::Write),
        ..wanted(2, 2)
    };
    assert_eq!(npf, Some(expected));
    assert!(
        spec("[witness]\n").witness.is_some(),
        "asked, but for nothing"
    );
}

#[test]
fn every_mistake_is_refused_with_its_line() {
    for (middle, expected) in [
        (
            "[hv]\nlinse = true\n",
            "s.toml:5: key `linse`: unknown field",
        ),
        (
            "[hv]\nlines = false\nend = { npf = 1 }\n",
            "s.toml:5: key `lines`: is false, and yet",
        ),
        (
            "[hv]\nend = { gpq = 1 }\n",
            "s.toml:5: key `end`: has no word `gpq`; did you mean `gpa`? there are: outcome",
        ),
        (
            "[hv]\nend = { gpa = '{no}' }\n",
            "s.toml:5: key `gpa`: {no} has no value",
        ),
        (
            "[hv]\nend = 'killed'\n",
            "s.toml:5: key `end`: invalid type",
        ),
        (
            "[hv]\nguests = 1\nend = [{}, {}]\n",
            "s.toml:5: key `guests`: is less than",
        ),
        ("[witness]\nnfp = 1\n", "s.toml:5: key `nfp`: unknown field"),
        (
            "[witness]\nnpf = -1\n",
            "s.toml:5: key `npf`: a count is not negative",
        ),
        (
            "[witness]\nnpf = 'one'\n",
            "s.toml:5: key `npf`: `one` is not a number",
        ),
        (
            "[witness]\nnpf = '{no}'\n",
            "s.toml:5: key `npf`: {no} has no value",
        ),
        (
            "[witness]\nnpf = true\n",
            "s.toml:5: key `npf`: invalid type",
        ),
        (
            "[witness]\nnpf = {}\n",
            "s.toml:5: key `npf`: says how many by none of",
        ),
        (
            "[witness]\nnpf = { count = 1, max = 2 }\n",
            "s.toml:5: key `npf`: has a count, and",
        ),
        (
            "[witness]\nnpf = { min = 3, max = 2 }\n",
            "s.toml:5: key `npf`: wants more than",
        ),
        (
            "[witness]\nnpf = { count = 0, va = 1 }\n",
            "s.toml:5: key `npf`: wants none",
        ),
        (
            "[witness]\nnpf = { count = 1, va = 'x' }\n",
            "s.toml:5: key `va`: `x` is not an address",
        ),
        (
            "[witness]\nnpf = { count = 1, at = 1 }\n",
            "s.toml:5: key `npf`: unknown field `at`",
        ),
        (
            "[witness]\nother = { count = 1, va = 1 }\n",
            "s.toml:5: key `other`: has no address",
        ),
    ] {
        let error = resolve(&format!("{HEAD}{middle}{STEP}")).expect_err(middle);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_machine_without_a_log_cannot_be_asked() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let mut machine = Machine::load(&project, Arch::Riscv64).unwrap();
    machine.witness = None;
    let text = format!("{HEAD}[witness]\nnpf = 1\n{STEP}");
    let error = Scenario::from_text("s", text)
        .resolve(&project, &machine, &With::default())
        .unwrap_err();
    let expected = "s.toml:4: key `witness`: the machine file of riscv64 does not say";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn where_nothing_is_logged_the_scenario_says_so_if_it_wanted_that() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let with = With {
        not_logged: Some("nobody writes"),
        ..With::default()
    };
    let resolved = |middle: &str| {
        let text = format!("{HEAD}{middle}{STEP}");
        Scenario::from_text("s", text).resolve(&project, &machine, &with)
    };
    let scenario = resolved("[witness]\nnpf = 1\n").unwrap();
    assert!(scenario.story.spec().witness.is_none());
    assert_eq!(scenario.not_logged.as_deref(), Some("nobody writes"));
    assert_eq!(resolved("").unwrap().not_logged, None);
    // What is wrong with the table is wrong all the same.
    assert!(resolved("[witness]\nnpf = 'many'\n").is_err());
}

#[test]
fn a_hypervisor_of_somebody_elses_need_not_report_unless_it_is_asked_to() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let lines = |middle: &str, foreign| {
        let with = With {
            challenge: None,
            not_audited: None,
            not_logged: None,
            foreign,
            ..With::default()
        };
        let text = format!("{HEAD}{middle}{STEP}");
        let scenario = Scenario::from_text("s", text).resolve(&project, &machine, &with);
        scenario.unwrap().story.spec().hv.lines
    };
    assert_eq!(lines("", false), Lines::Required);
    assert_eq!(lines("", true), Lines::IfAny);
    assert_eq!(lines("[hv]\nend = { npf = 1 }\n", true), Lines::IfAny);
    assert_eq!(lines("[hv]\nlines = true\n", true), Lines::Required);
    assert_eq!(lines("[hv]\nlines = false\n", false), Lines::Ignored);
}

#[test]
fn what_a_log_does_not_tell_cannot_be_asked_for() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = |arch| Machine::load(&project, arch).unwrap();
    let resolve = |arch, middle: &str| {
        let text = format!("end = 'shutdown'\n{middle}{STEP}");
        let scenario = Scenario::from_text("s", text);
        let scenario = scenario.resolve(&project, &machine(arch), &With::default());
        let spec = scenario.map(|scenario| scenario.story.spec().clone());
        spec.map_err(|error| error.to_string())
    };
    let asked = "[witness]\ntimer = { min = 1 }\nuser-call = 2\nhypercalls = 3\n";
    let witness = resolve(Arch::Riscv64, asked).unwrap().witness.unwrap();
    let counts = [witness.timer, witness.user_call, witness.hypercall];
    assert_eq!(counts.map(|count| count.unwrap().min), [1, 2, 3]);
    let error = resolve(Arch::X86_64, asked).unwrap_err();
    let expected = "s.toml:3: key `timer`: QEMU's log does not tell of these on x86_64";
    assert!(error.starts_with(expected), "{error}");
    let elsewhere = "[witness]\ntimer = { min = 1, arches = ['aarch64'] }\n";
    let witness = resolve(Arch::X86_64, elsewhere).unwrap().witness.unwrap();
    assert_eq!(witness.timer, None);
    let old_name = "[witness]\nhypercall = 3\n";
    let witness = resolve(Arch::X86_64, old_name).unwrap().witness.unwrap();
    assert_eq!(witness.hypercall.map(|wanted| wanted.max), Some(3));
}

#[test]
fn where_exits_come_from_is_known_of_the_workspaces_own_programs() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let of = |witness: &str, with: &With<'_>| {
        let text = format!("{HEAD}[witness]\n{witness}{STEP}");
        let scenario = Scenario::from_text("s", text);
        let scenario = scenario.resolve(&project, &machine, with).unwrap();
        let witness = scenario.story.spec().witness.clone().unwrap();
        (witness.pc, witness.line_calls)
    };
    let (own, file) = (With::default(), GuestSource::File("kernel.elf".into()));
    let foreign = With {
        foreign: true,
        ..With::default()
    };
    let by_hand = With {
        guest: Some(&file),
        ..With::default()
    };
    assert_eq!(of("", &own), (Pc::Guest, true));
    assert_eq!(of("", &foreign), (Pc::NotHypervisor, false));
    assert_eq!(of("", &by_hand), (Pc::NotHypervisor, false));
    let said = "pc = 'any'\nline-calls = false\n";
    assert_eq!(of(said, &own), (Pc::Any, false));
    let said = "pc = 'guest'\nline-calls = true\n";
    assert_eq!(of(said, &foreign), (Pc::Guest, true));
}

#[test]
fn without_a_word_the_mode_is_the_usual_one() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let with = With {
        mode: Some("vs"),
        ..With::default()
    };
    for (said, expected) in [("", "vs"), ("mode = 'other'\n", "other")] {
        let scenario = Scenario::from_text("s", format!("{HEAD}{said}{STEP}"));
        let scenario = scenario.resolve(&project, &machine, &with).unwrap();
        let start = &scenario.story.spec().hv.start;
        assert_eq!(start.get("mode"), Some(expected));
    }
}

#[test]
fn windows_and_the_guests_place_are_compared_without_an_audit() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let audit = "[audit]\noff = 'asked for without'\nguest-at = '0x80200000'\n\
                 [[audit.window]]\nname = 'pflash'\ngpa = '{pflash}'\nsize = '32M'\naccess = 'r'\n";
    let scenario = Scenario::from_text("s", format!("{HEAD}{audit}{STEP}"));
    let scenario = scenario.resolve(&project, &machine, &With::default());
    let scenario = scenario.unwrap();
    assert_eq!(scenario.guest_at, Some(0x8020_0000));
    let spec = scenario.story.spec();
    assert!(spec.audit.is_none());
    let [window] = spec.known.windows.as_slice() else {
        panic!("{:?}", spec.known.windows);
    };
    assert_eq!(
        (&*window.name, window.guest.start, window.guest.size),
        ("pflash", 0x2200_0000, 32 << 20)
    );
}
