//! Compares the reference pages in `harness/docs` with what the code prints, accepts and writes.

mod support;

use harness::arch::Arch;
use harness::config::machine::Machine;
use harness::config::scenario::{Scenario, With};
use harness::judge::hvlog::{self, Heard, HvEvent, Listener};
use harness::judge::verdict::Verdict;
use harness::tools::bench::kept::Kept as Measured;
use harness::tools::bench::pages::{self as figures, FIGURES};
use harness::tools::pages::{Entry, PAGES, entries, items};
use hypervisor::error::Error;
use hypervisor::memory::addr::{Gpa, Gva};
use hypervisor::report::{Console, Events, MemoryWords};
use hypervisor::vm::exit::{Access, Exit, Fault, Mmio, Other, Outcome, Overrun, Reason, Refusal};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::{command, harness, root};

fn page(name: &str) -> &'static str {
    let page = PAGES.iter().find(|page| page.name == name);
    page.expect("it is one of the pages").text
}

/// The entries of a page under one of its headings.
fn section(name: &'static str, title: &str) -> Vec<Entry<'static>> {
    let entries = entries(page(name)).into_iter();
    let found: Vec<_> = entries.filter(|e| e.section == Some(title)).collect();
    assert!(!found.is_empty(), "{name} has nothing under {title}");
    found
}

/// The words of an entry, each with what is said of it.
fn words(entry: &Entry<'static>) -> BTreeMap<String, String> {
    let items = items(entry).into_iter();
    items
        .map(|item| (item.key.to_owned(), item.text.to_owned()))
        .collect()
}

/// The text of the first block of code that begins so.
fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let (_, rest) = text
        .split_once(&format!("```{language}\n"))
        .expect("it has a block");
    rest.split_once("```").expect("the block ends").0
}

const NONCE: &str = "2ea3ac7877bb21f06e9b622321521283";

struct Kept(Vec<u8>);

impl Console for Kept {
    fn read(&mut self, _: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Every end that a guest can have.
fn ends() -> Vec<Outcome> {
    let mut reasons = vec![
        Reason::Idle,
        Reason::ReportedFailure,
        Reason::Overrun(Overrun {
            budget: "cpu-ms",
            limit: 200,
        }),
        Reason::Other(Other {
            class: "system-register",
            code: 0x18,
            info: 0,
        }),
    ];
    for access in [Access::Read, Access::Write, Access::Execute] {
        for refusal in [
            Refusal::Undeclared,
            Refusal::Forbidden("pflash"),
            Refusal::NoProgress("pflash"),
            Refusal::OutOfMemory,
        ] {
            for during_walk in [false, true] {
                let gpa = Gpa::new(0x2200_0000);
                let fault = Fault {
                    gpa,
                    access,
                    during_walk,
                    transfer: None,
                };
                reasons.push(Reason::Fault(fault, refusal));
            }
        }
    }
    let killed = reasons.into_iter().map(|reason| Outcome::Killed {
        reason,
        pc: Gva::new(0x8020_0000),
    });
    killed.chain([Outcome::Shutdown]).collect()
}

/// All that the hypervisor of this workspace can report: the words of each event, with their values.
fn printed() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut events = Events::new(Kept(Vec::new()), Some(NONCE.into()));
    for outcome in ends() {
        events.started("riscv64", "vs");
        let entry = Gpa::new(0x8020_0000);
        events.loaded(MemoryWords::Megabytes, "/sbin/gkernel", 4096, entry);
        events.entering(Gva::new(0x8020_0000));
        for during_walk in [false, true] {
            let fault = Fault {
                gpa: Gpa::new(0x2200_0000),
                access: Access::Read,
                during_walk,
                transfer: None,
            };
            events.mapped(&fault, "pflash");
        }
        events.count(&Exit::Mmio(Mmio {
            gpa: Gpa::new(0x900_0000),
            transfer: None,
        }));
        events.host(true, 0, 3);
        events.host(false, 1, 3);
        events.ended(&outcome);
    }
    events.failed(&Error::OutOfMemory { purpose: "RAM" });
    let text = String::from_utf8(events.into_console().0).unwrap();
    let mut found: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix(&format!("@hv {NONCE} ")) else {
            continue;
        };
        let mut parts = line.split(' ').skip(1);
        let event: &mut BTreeMap<_, BTreeSet<_>> =
            found.entry(parts.next().unwrap().to_owned()).or_default();
        for part in parts {
            let (word, value) = part.split_once('=').unwrap();
            event
                .entry(word.to_owned())
                .or_default()
                .insert(value.to_owned());
        }
    }
    found
}

#[test]
fn the_report_page_has_every_event_and_word_that_is_printed_and_no_other() {
    let printed = printed();
    let documented: BTreeMap<_, _> = section("report.md", "Events")
        .iter()
        .map(|event| (event.key.to_owned(), words(event)))
        .collect();
    let names = |of: Vec<&String>| of.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(documented.keys().collect()),
        names(printed.keys().collect())
    );
    for (event, said) in &documented {
        let printed = &printed[event];
        assert_eq!(
            names(said.keys().collect()),
            names(printed.keys().collect()),
            "{event}"
        );
        for (word, values) in printed {
            let listed = values
                .iter()
                .filter(|value| hvlog::number(value).is_none() && !value.starts_with('/'));
            for value in listed {
                let shown = said[word].contains(&format!("`{value}`"));
                assert!(shown, "{event} {word}={value} is not on the page");
            }
        }
    }
}

#[test]
fn the_judge_knows_every_event_of_the_page_and_a_scenario_every_word_of_its_end() {
    for event in section("report.md", "Events") {
        let known = HvEvent::parse(event.key);
        assert_ne!(known, Ok(HvEvent::Other), "{}", event.key);
        if event.key != "end" {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("s.toml");
        let text = "arches = [\"riscv64\"]\nend = \"shutdown\"\n[hv]\nend = { nonsense = 1 }\n\
                    [[step]]\nname = \"a\"\npattern = 'a'\n";
        fs::write(&scenario, text).unwrap();
        let log = root().join("fixtures/consoles/riscv64/good.log");
        let scenario = scenario.to_str().unwrap();
        let ran = harness(&[
            "judge",
            "--arch",
            "riscv64",
            "--scenario",
            scenario,
            log.to_str().unwrap(),
        ]);
        let (_, there_are) = ran
            .stderr
            .split_once("there are: ")
            .expect("it lists the words");
        let taken: BTreeSet<_> = there_are.lines().next().unwrap().split(", ").collect();
        let words = words(&event);
        let documented: BTreeSet<_> = words.keys().map(String::as_str).collect();
        assert_eq!(taken, documented);
    }
}

#[test]
fn the_report_of_the_page_is_a_whole_one() {
    let mut listener = Listener::new(NONCE);
    for line in block(page("report.md"), "text").lines() {
        assert!(matches!(listener.line(line), Heard::Event(_)), "{line}");
    }
    assert_eq!(listener.totals().guests, 1);
    assert_eq!(listener.end().unwrap().outcome(), "shutdown");
}

#[test]
fn the_versions_on_the_pages_are_those_of_the_code() {
    let report = hvlog::VERSION;
    assert_eq!(report, u64::from(hypervisor::report::VERSION));
    assert!(page("report.md").contains(&format!("This is version {report} of the report")));
    let records = harness::records::version::VERSION;
    let said = format!("describes version {records} of it");
    assert!(page("verdict.md").replace('\n', " ").contains(&said));
}

/// The list behind ``- name: `` of an entry.
fn listed<'e>(entry: &Entry<'e>, name: &str) -> Vec<&'e str> {
    let start = format!("- {name}: ");
    let line = entry
        .text
        .lines()
        .find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("{} has no {name}", entry.key));
    line.split(", ").collect()
}

/// A scenario whose steps do not say whose they are.
fn scenario() -> Scenario {
    let text = "end = 'shutdown'\n[[step]]\nname = 'banner'\npattern = 'banner'\n";
    let project = harness::Project::new(root());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let definition = Scenario::from_text("pages", text);
    definition
        .resolve(&project, &machine, &With::default())
        .unwrap()
}

#[test]
fn the_verdict_page_has_every_kind_with_its_exit_code_its_fault_and_its_json() {
    let kinds = section("verdict.md", "Kinds");
    let names: Vec<_> = kinds.iter().map(|kind| kind.key).collect();
    assert_eq!(names, Verdict::KINDS);
    for kind in kinds {
        let example: Value = serde_json::from_str(block(kind.text, "json")).unwrap();
        let verdict: Verdict = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(verdict.kind(), kind.key);
        // Nothing of the example is passed over, and nothing is left out.
        assert_eq!(serde_json::to_value(&verdict).unwrap(), example);
        assert_eq!(
            listed(&kind, "exit code"),
            [verdict.exit_code().to_string()]
        );
        let fault = serde_json::to_value(scenario().story.blame(&verdict)).unwrap();
        let faults = listed(&kind, "fault");
        assert!(
            faults.contains(&fault.as_str().unwrap()),
            "{}: {fault}",
            kind.key
        );
    }
}

#[test]
fn the_verdict_page_has_every_field_and_its_type() {
    let good = root().join("fixtures/consoles/riscv64/good.log");
    let half = tempfile::NamedTempFile::new().unwrap();
    let text = fs::read(&good).unwrap();
    fs::write(half.path(), &text[..text.len() / 2]).unwrap();
    let mut seen = BTreeMap::<String, BTreeSet<&str>>::new();
    for log in [good.as_path(), half.path()] {
        let log = log.to_str().unwrap();
        let ran = harness(&["judge", "--arch", "riscv64", "--format", "json", log]);
        let json = ran.json();
        assert_eq!(ran.code, json["exit_code"].as_i64().map(|code| code as i32));
        for (field, value) in json.as_object().unwrap() {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            seen.entry(field.clone()).or_default().insert(kind);
        }
    }
    let fields = section("verdict.md", "Fields");
    let documented: BTreeSet<_> = fields.iter().map(|field| field.key.to_owned()).collect();
    assert_eq!(documented, seen.keys().cloned().collect());
    for field in fields {
        let (types, _) = field.text.split_once(':').expect("it begins with its type");
        let types: BTreeSet<_> = types.split(" or ").collect();
        let found = &seen[field.key];
        assert!(
            found.is_subset(&types),
            "{}: {types:?}, found {found:?}",
            field.key
        );
    }
}

/// Whoever measures again has the pages written: `./x bench --all --pages`.
#[test]
fn every_figure_on_a_page_is_the_one_that_was_measured() {
    let kept = Measured::read(&root().join(FIGURES)).unwrap();
    for page in figures::PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let filled = figures::filled(&text, &kept);
        assert_eq!(filled.as_ref(), Ok(&text), "{page}");
    }
}

/// A page that the command does not know would keep its figures for ever.
#[test]
fn no_other_page_has_figures_that_were_measured() {
    let mut pages = vec![root().join("harness/README.md")];
    for folder in ["", "docs", "harness/docs", "tests/foreign"] {
        let files = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(files.map(|file| file.unwrap().path()));
    }
    pages.retain(|page| page.extension().is_some_and(|name| name == "md"));
    let known: Vec<_> = figures::PAGES.map(|page| root().join(page)).into();
    for page in pages.iter().filter(|page| !known.contains(page)) {
        let text = fs::read_to_string(page).unwrap();
        let has_one = text
            .lines()
            .any(|line| line.contains("<!-- measured: ") && !line.contains('`'));
        assert!(!has_one, "{}", page.display());
    }
}

#[test]
fn explain_prints_the_paragraph_of_a_key_in_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let ran = command(&["explain", "wrong-end"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        said.contains("(verdict.md, Kinds)") && said.contains("a different end of its guest"),
        "{said}"
    );
    let ran = harness(&["explain", "wrong-ende"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `wrong-end`?"), "{ran:#?}");
    let ran = harness(&["explain"]);
    let pages = ["scenario.md:", "machine.md:", "report.md:", "verdict.md:"];
    assert!(
        pages.iter().all(|page| ran.stdout.contains(page)),
        "{ran:#?}"
    );
    assert!(ran.stdout.contains("start, load, enter"), "{ran:#?}");
}

#[test]
fn a_new_scenario_judges_the_console_it_came_from() {
    let log = root().join("fixtures/consoles/x86_64/good.log");
    let log = log.to_str().unwrap();
    let ran = harness(&["new", "--arch", "x86_64", "--from", log]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("mine.toml");
    fs::write(&scenario, &ran.stdout).unwrap();
    let scenario = scenario.to_str().unwrap();
    let judge = |log: &str| harness(&["judge", "--arch", "x86_64", "--scenario", scenario, log]);
    assert_eq!(judge(log).code, Some(0), "{}", ran.stdout);
    let other = root().join("fixtures/consoles/x86_64/truncated-banner.log");
    assert_eq!(judge(other.to_str().unwrap()).code, Some(1));
    let ran = harness(&["new", "--arch", "x86_64", "--from", "/no/such/log"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
}
