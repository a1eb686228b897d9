//! Uses the harness as another project's tests do: only through the names at the top of the library,
//! with a hypervisor and a guest given as files, in a folder that is not a workspace.

#[path = "library/other.rs"]
mod other;

use harness::judge::observer::Beginning;
use harness::{Arch, Event, Observer, Request, Scenario, StepReached, Verdict};
use other::{MACHINE, Other, built};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

#[test]
fn a_plain_test_boots_and_waits() {
    let other = Other::new();
    other.passes(harness::run(&other.project(), other.smoke()));
}

/// A scenario from a builder, on a machine of the project's own.
#[test]
fn a_scenario_and_a_machine_of_ones_own() {
    let other = Other::new();
    let own = other.folder.path().join("own.toml");
    let text = "extends = 'x86_64'\n[qemu]\nextra = ['-name', 'own']\n";
    fs::write(&own, text).unwrap();
    let scenario = Scenario::builder("smoke").extends("smoke").define();
    let request = other.wants(Request::with_scenario(scenario));
    let request = request.machine(&own).arch(Arch::X86_64);
    let report = other.passed(harness::run(&other.project(), request));
    let note = format!("machine: own ({})", own.display());
    assert!(report.notes.contains(&note), "{:?}", report.notes);

    // The scenario may name it instead.
    let scenario = Scenario::builder("smoke").extends("smoke");
    let scenario = scenario.machine(own.to_str().unwrap()).define();
    let [hypervisor, guest] = built();
    let request = Request::with_scenario(scenario).hypervisor(hypervisor);
    let report = other.passed(harness::run(&other.project(), request.guest(guest)));
    assert!(report.notes.contains(&note), "{:?}", report.notes);

    let wrong = other.smoke().machine(&own).arch(Arch::Riscv64);
    let wrong = harness::run(&other.project(), wrong).unwrap_err();
    let expected = "machine own is of x86_64, and riscv64 is asked for";
    assert!(wrong.to_string().starts_with(expected), "{wrong}");
}

#[tokio::test]
async fn an_asynchronous_test_awaits() {
    fn may_go_to_another_thread<T: Send>(future: T) -> T {
        future
    }
    let other = Other::new();
    let (project, request) = (other.project(), other.smoke());
    let boot = may_go_to_another_thread(harness::run_async(&project, request));
    other.passes(boot.await);
}

/// No runtime is needed to await a run: here the thread is parked until it is woken.
#[test]
fn an_executor_of_ones_own_awaits() {
    use std::pin::pin;
    use std::task::{Context, Poll, Wake, Waker};
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let other = Other::new();
    let project = other.project();
    let mut boot = pin!(harness::run_async(&project, other.smoke()));
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let outcome = loop {
        match boot.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => std::thread::park(),
        }
    };
    other.passes(outcome);
}

#[tokio::test]
async fn within_a_runtime_one_may_wait_too() {
    let other = Other::new();
    other.passes(harness::run(&other.project(), other.smoke()));
}

#[test]
fn several_runs_go_on_at_once() {
    let other = Other::new();
    let (project, boots) = (other.project(), 3);
    // Each waits for all to have begun.
    let all = std::sync::Arc::new(std::sync::Barrier::new(boots));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let start = |_| {
            let (project, all) = (&project, std::sync::Arc::clone(&all));
            let request = other.smoke().observe(Gate(Some(all)));
            scope.spawn(move || harness::run(project, request))
        };
        let threads: Vec<_> = (0..boots).map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut folders: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| other.passed(outcome).run_dir)
        .collect();
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), boots);
}

/// Lets a run begin when all others do.
struct Gate(Option<std::sync::Arc<std::sync::Barrier>>);

impl Observer for Gate {
    fn begins(&mut self, _: &Beginning<'_>) {
        self.0.take().expect("a run begins once").wait();
    }

    fn event(&mut self, _: Duration, _: &Event<'_>) {
        assert!(self.0.is_none(), "nothing happens before it begins");
    }
}

/// Sends on what it is told, in words.
struct Teller(Sender<String>);

impl Teller {
    fn tell(&self, text: String) {
        let _ = self.0.send(text); // who listens may have heard enough
    }
}

impl Observer for Teller {
    fn begins(&mut self, run: &Beginning<'_>) {
        assert!(run.records.is_dir() && run.nonce.len() == 32, "{run:?}");
        self.tell(format!("{} of {} steps", run.scenario, run.steps));
    }

    fn event(&mut self, _: Duration, event: &Event<'_>) {
        match event {
            Event::Line { text } => self.tell(format!("line {text}")),
            Event::End(end) => self.tell(format!("end {end}")),
            _ => {}
        }
    }

    fn step(&mut self, step: &StepReached) {
        self.tell(format!("step {}", step.step));
    }
}

#[test]
fn observers_see_the_lines_the_steps_and_the_end_in_order() {
    let other = Other::new();
    let (teller, told) = mpsc::channel();
    let (count, counted) = mpsc::channel();
    let request = other
        .smoke()
        .observe(Teller(teller))
        .observe(move |_, event: &Event<'_>| {
            if matches!(event, Event::Line { .. }) {
                let _ = count.send(());
            }
        });
    let report = other.passed(harness::run(&other.project(), request));
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told[0], format!("smoke of {} steps", report.steps_total));
    let of = |kind: &'static str| told.iter().filter_map(move |text| text.strip_prefix(kind));
    let steps: Vec<_> = report.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(of("step ").collect::<Vec<_>>(), steps);
    assert_eq!(of("line ").count(), counted.iter().count());
    // A step comes behind the line that completed it.
    let first = &report.steps[0];
    let at = told
        .iter()
        .position(|text| *text == format!("step {}", first.step));
    assert_eq!(told[at.unwrap() - 1], format!("line {}", first.line));
    assert_eq!(told.last().unwrap(), "end shutdown (guest-shutdown)");
}

/// Where a call panics, and with what.
fn panic_of(call: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(call).expect_err("it panics");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast_ref::<&str>()
            .map(|&text| text.into())
            .expect("a text"),
    }
}

#[test]
fn of_a_run_that_fails_all_is_told() {
    let other = Other::new();
    let step = "[[step]]\nname    = \"enter\"\nby      = \"hypervisor\"\n\
                pattern = '^Entering VM run loop\\.\\.\\.$'\nunique  = true\n";
    let forbidden = "[[forbid]]\nby      = \"hypervisor\"\npattern = '^Entering VM run loop'\n";
    let request = other.changed("failing", step, forbidden);
    let report = harness::run(&other.project(), request).unwrap();
    let Verdict::ForbiddenOutput { line, rule } = &report.verdict else {
        panic!("{:?}", report.verdict);
    };
    assert_eq!(line, "Entering VM run loop...");
    assert!(rule.contains("^Entering VM run loop"), "{rule}");
    assert_eq!((report.exit_code, report.passed()), (1, false));
    assert!(!report.steps.is_empty() && report.steps.len() < report.steps_total);

    let text = panic_of(|| report.assert_passed());
    for part in [
        "the run did not pass\nFAIL failing on x86_64: ",
        "verdict:           forbidden-output, exit code 1",
        "to look at:        the hypervisor",
        "    | Entering VM run loop...",
        "records: ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert_eq!(other.processes(), [] as [PathBuf; 0]);
}

#[test]
fn exit_codes_tell_whose_fault_it_is() {
    let other = Other::new();
    let project = other.project();
    let error = |request: Request| harness::run(&project, request).unwrap_err();

    let unknown = error(other.wants(Request::new("smoek")));
    assert_eq!(unknown.exit_code(), 2);
    assert!(
        unknown.to_string().contains("did you mean `smoke`?"),
        "{unknown}"
    );

    let unknown = error(other.smoke().machine("x86-64"));
    assert_eq!(unknown.exit_code(), 2);
    assert!(
        unknown.to_string().contains("did you mean `x86_64`?"),
        "{unknown}"
    );

    let none = error(Request::new("smoke"));
    assert_eq!(none.exit_code(), 2);
    assert!(none.to_string().contains("no machine is named"), "{none}");

    let nothing = error(Request::new("smoke").machine(MACHINE));
    assert_eq!(nothing.exit_code(), 2);
    assert!(nothing.to_string().contains("nothing to boot"), "{nothing}");

    let records = other.folder.path().join("a-file");
    fs::write(&records, "").unwrap();
    let unwritable = error(other.smoke().records(&records));
    assert_eq!(unwritable.exit_code(), 4);

    let never = "[[step]]\nname = \"never\"\nwithin = \"50ms\"\npattern = '^never$'\n\n[[step]]\n";
    let late = other.changed("late", "[[step]]\n", never);
    let late = harness::run(&project, late).unwrap();
    assert!(matches!(late.verdict, Verdict::Timeout { .. }), "{late:?}");
    assert_eq!(late.exit_code, 3);
    assert_eq!(other.processes(), [] as [PathBuf; 0]);
}

/// Whoever has heard enough drops the run; QEMU goes with it.
#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_machine() {
    let other = Other::new();
    let project = other.project();
    let (teller, mut told) = tokio::sync::mpsc::unbounded_channel();
    let request = other.smoke().observe(move |_, event: &Event<'_>| {
        let _ = teller.send(matches!(event, Event::Line { .. }));
    });
    tokio::select! {
        outcome = harness::run_async(&project, request) => panic!("it was to go on: {outcome:?}"),
        Some(true) = async {
            while told.recv().await != Some(true) {}
            Some(true)
        } => {}
    }
    // The observer goes last.
    while told.recv().await.is_some() {}
    assert_eq!(other.processes(), [] as [PathBuf; 0]);
}

#[test]
fn a_panic_of_an_observer_is_the_callers() {
    let other = Other::new();
    let project = other.project();
    let request = other
        .smoke()
        .observe(|_, _: &Event<'_>| panic!("I do not like this"));
    let text = panic_of(std::panic::AssertUnwindSafe(|| {
        let _ = harness::run(&project, request);
    }));
    assert_eq!(text, "I do not like this");
    assert_eq!(other.processes(), [] as [PathBuf; 0]);
}

/// What the program is made of comes with its package.
#[test]
fn what_is_included_is_in_the_package() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let list = std::process::Command::new(cargo)
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(manifest)
        .output()
        .unwrap();
    assert!(list.status.success(), "{list:?}");
    let list = String::from_utf8(list.stdout).unwrap();
    let listed: Vec<_> = list.lines().map(Path::new).collect();
    let include = regex::Regex::new(r#"include_(?:str|bytes)!\(\s*"([^"]+)""#).unwrap();
    let mut found = 0;
    for source in listed.iter().filter(|file| file.starts_with("src")) {
        let text = fs::read_to_string(manifest.join(source)).unwrap();
        for (_, [name]) in include.captures_iter(&text).map(|found| found.extract()) {
            let mut file = source.parent().unwrap().to_owned();
            for part in Path::new(name).components() {
                match part {
                    std::path::Component::ParentDir => assert!(file.pop(), "{name} is outside"),
                    part => file.push(part),
                }
            }
            assert!(
                listed.contains(&file.as_path()),
                "{source:?} wants {file:?}"
            );
            found += 1;
        }
    }
    assert!(found > 0, "nothing is included: this test looks at nothing");
    for file in ["README.md", "examples/other_project.rs", "src/main.rs"] {
        assert!(listed.contains(&Path::new(file)), "{file} is not in it");
    }
}
