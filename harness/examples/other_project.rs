//! What a test of another project looks like: boots a kernel that was built there, and wants it to say
//! that it is ready.
//!
//! ```sh
//! cargo run -p harness --example other_project -- kernel.elf [MACHINE]
//! ```
//!
//! In a project of your own this is a `#[test]`, with `harness` among its dev-dependencies.

use harness::{Event, Observer, Project, Request, StepReached};
use std::time::Duration;

/// What the kernel has to tell. It could stand in `tests/scenarios/smoke.toml` as well, and
/// `Request::new("smoke")` would ask for it.
const SMOKE: &str = r#"
about  = "The kernel comes up and switches the machine off"
arches = ["riscv64", "aarch64", "x86_64"]
end    = "shutdown"

[hv]
lines = false       # it is no hypervisor that reports to the harness

[[step]]
name    = "ready"
pattern = '(?i)\bready\b'

[[forbid]]
pattern = 'panicked at'
"#;

/// Shows the console, and each step when it comes.
struct Shown;

impl Observer for Shown {
    fn event(&mut self, _: Duration, event: &Event<'_>) {
        if let Event::Line { text } = event {
            println!("{text}");
        }
    }

    fn step(&mut self, step: &StepReached) {
        println!("-- {} after {:.2} s", step.step, step.t);
    }
}

fn main() -> Result<(), harness::Error> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(kernel) = arguments.next() else {
        let usage = "usage: other_project KERNEL [MACHINE]";
        return Err(harness::Error::Usage(usage.into()));
    };
    let machine = arguments.next().unwrap_or_else(|| "riscv64".into());
    let request = Request::with_text("smoke", SMOKE)
        .machine(machine)
        .kernel(std::path::PathBuf::from(kernel))
        .timeout(Duration::from_secs(20))
        .observe(Shown);
    harness::run(&Project::discover()?, request)?.assert_passed();
    Ok(())
}
