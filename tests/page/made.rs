//! Folders of matrices and runs for the tests, out of the recordings in `fixtures/runs`.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The recordings that passed, and those that did not.
pub const PASSED: [&str; 3] = [
    "riscv64-guestmonolithickernel",
    "x86_64-gkernel",
    "aarch64-mmio-forms",
];
pub const BROKEN: &str = "aarch64-isolation-broken";
pub const TIMEOUT: &str = "riscv64-timeout";
pub const LEAKY: &str = "../foreign/audit-guestaspace-riscv64";

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/runs")
        .join(name)
}

/// A copy of a recorded run.
pub fn copy(name: &str, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(fixture(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    to.to_owned()
}

/// A matrix that is being made.
pub struct Matrix {
    pub dir: PathBuf,
    pub flaky_fails: bool,
    cases: Vec<Value>,
}

impl Matrix {
    pub fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(dir.join("runs")).unwrap();
        Self {
            dir,
            flaky_fails: false,
            cases: Vec::new(),
        }
    }

    /// A case with the records of a recording, under another name.
    pub fn case(&mut self, scenario: &str, recording: &str) -> &mut Self {
        let nth = self.cases.len();
        let run = copy(
            recording,
            &self.dir.join(format!("runs/20260101T{nth:06}Z-{nth}")),
        );
        self.case_of(scenario, &run)
    }

    /// A case with the records in a folder.
    pub fn case_of(&mut self, scenario: &str, run: &Path) -> &mut Self {
        let read = |file: &str| -> Value {
            serde_json::from_str(&fs::read_to_string(run.join(file)).unwrap()).unwrap()
        };
        let (mut report, booted) = (read("verdict.json"), read("run.json"));
        // As it is where a matrix was made on another machine.
        let name = run.file_name().unwrap().to_str().unwrap();
        report["run_dir"] = json!(format!("/elsewhere/runs/{name}"));
        report["scenario"] = json!(scenario);
        let machine = booted["machine"]["name"].as_str().unwrap();
        let outcome = match report["exit_code"].as_u64().unwrap() {
            0 => "passed",
            4 => "set-up",
            _ => "failed",
        };
        self.cases.push(json!({
            "name": format!("{scenario}::{machine}"),
            "scenario": scenario,
            "machine": machine,
            "arch": booted["arch"],
            "outcome": outcome,
            "attempts": [{"at": 0.0, "seconds": report["seconds"], "report": report}],
        }));
        self
    }

    /// The last case was run twice, and passed the second time.
    pub fn again(&mut self) -> &mut Self {
        let case = self.cases.last_mut().unwrap();
        let attempt = case["attempts"][0].clone();
        case["attempts"].as_array_mut().unwrap().push(attempt);
        case["outcome"] = json!("flaky");
        self
    }

    /// A case that was not run.
    pub fn not_run(&mut self, scenario: &str, machine: &str, arch: &str) -> &mut Self {
        self.without_a_run(scenario, machine, arch, "not-run")
    }

    /// A case that has no run, whatever came of it.
    pub fn without_a_run(
        &mut self,
        scenario: &str,
        machine: &str,
        arch: &str,
        outcome: &str,
    ) -> &mut Self {
        self.cases.push(json!({
            "name": format!("{scenario}::{machine}"), "scenario": scenario, "machine": machine, "arch": arch,
            "outcome": outcome, "attempts": [],
        }));
        self
    }

    /// Writes it down.
    pub fn finish(&self, started: &str, seconds: f64) -> PathBuf {
        let matrix = json!({
            "version": 1, "harness": "0.2.0", "started": started, "seconds": seconds, "jobs": 2,
            "command": "./x matrix --jobs 2", "shard": null, "flaky_fails": self.flaky_fails, "cases": self.cases,
        });
        fs::write(self.dir.join("matrix.json"), matrix.to_string()).unwrap();
        self.dir.clone()
    }
}

/// A folder of matrices, the newest of which has some dozen cases of which two are broken; that one.
pub fn matrix(folder: &Path) -> PathBuf {
    for (day, broken) in [(1, false), (2, true), (3, false), (4, false)] {
        let mut matrix = Matrix::new(folder.join(format!("2026010{day}T120000Z-1")));
        for nth in 0..10 {
            matrix.case(&format!("case-{nth:02}"), PASSED[nth % 3]);
        }
        if broken {
            matrix.case("case-11", TIMEOUT);
        }
        matrix.finish(&format!("2026-01-0{day}T12:00:00Z"), 3.0 + f64::from(day));
    }
    let mut matrix = Matrix::new(folder.join("20260105T120000Z-1"));
    for nth in 0..10 {
        for recording in PASSED {
            matrix.case(&format!("case-{nth:02}"), recording);
        }
    }
    matrix.case("case-10", BROKEN).case("case-11", TIMEOUT);
    matrix.not_run("case-12", "riscv64", "riscv64");
    matrix.finish("2026-01-05T12:00:00Z", 9.25)
}

/// A run whose hypervisor reports so many page faults, each of which is in QEMU's log, too.
pub fn faulting(to: &Path, faults: u64) -> PathBuf {
    let dir = copy(PASSED[1], to);
    let path = dir.join("events.jsonl");
    let events = fs::read_to_string(&path).unwrap();
    let is_fault = |line: &&str| line.contains(" 3 exit kind=npf ");
    let first = events.lines().find(is_fault).unwrap();
    let nonce = first.split_once("@hv ").unwrap().1;
    let (nonce, _) = nonce.split_once(' ').unwrap();
    let before = &events[..events.find(first).unwrap()];
    let after = events.lines().last().unwrap();
    let (mut all, mut log) = (before.to_owned(), String::new());
    for nth in 0..faults {
        let (number, gpa) = (nth + 3, 0xffc0_0000 + nth * 0x1000);
        let text = format!(
            "@hv {nonce} {number} exit kind=npf gpa={gpa:#x} access=read action=map window=pflash"
        );
        let t = 0.211 + nth as f64 / 1e5;
        all += &(json!({"t": t, "event": "line", "text": text}).to_string() + "\n");
        log += &format!(
            "vmexit(00000400, 0000000100000004, {gpa:016x}, {:016x})!\n",
            0x1000 + nth
        );
    }
    fs::write(path, all + after + "\n").unwrap();
    fs::write(dir.join("witness.log"), log).unwrap();
    dir
}

/// A run that was audited very often, and every time something else was found.
pub fn audited(to: &Path, audits: u64) -> PathBuf {
    let dir = copy(PASSED[1], to);
    let path = dir.join("events.jsonl");
    let events = fs::read_to_string(&path).unwrap();
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let is_audit = |event: &Value| event["event"] == "audit" && event["mappings"] != json!([]);
    let audit = events.lines().map(read).rfind(is_audit).unwrap();
    let mut all = events;
    for nth in 0..audits {
        let mut audit = audit.clone();
        let mapping = |of: u64| json!({"gpa": 0x1000_0000 + of * 0x3000, "hpa": 0x600_0000 + (nth + of) * 0x1000, "size": 0x1000, "access": "rwx"});
        audit["mappings"] = (0..60).map(mapping).collect();
        audit["registers"] = json!({"rax": nth, "rbx": nth * 2});
        all += &(audit.to_string() + "\n");
    }
    fs::write(path, all).unwrap();
    dir
}

/// A run whose likely cause has very many lines in front of it and behind it.
pub fn flooded(to: &Path) -> PathBuf {
    let dir = copy("riscv64-hypervisor-error", to);
    let path = dir.join("events.jsonl");
    let events = fs::read_to_string(&path).unwrap();
    let is_cause = |line: &&str| line.contains("\"line\"") && line.contains("Hypervisor error:");
    let cause = events.lines().find(is_cause).unwrap();
    let at = events.find(cause).unwrap();
    let filling = |from: usize, count: usize| -> String {
        let line = |nth: usize| {
            let text = format!("line {nth}: {}", "a console that talks a lot ".repeat(8));
            json!({"t": 0.59, "event": "line", "text": text}).to_string() + "\n"
        };
        (from..from + count).map(line).collect()
    };
    let (before, after) = (&events[..at], &events[at + cause.len() + 1..]);
    let events = format!(
        "{before}{}{cause}\n{}{after}",
        filling(0, 2500),
        filling(2500, 4000)
    );
    fs::write(path, events).unwrap();
    dir
}

/// A run whose console is as hostile as consoles come.
pub fn hostile(to: &Path) -> PathBuf {
    let dir = copy(PASSED[1], to);
    let attack =
        "</script><script>window.broken = 1</script><img src=x onerror=\"window.broken = 1\">";
    let long = "<b>".repeat(22_000);
    let lines = [
        attack,
        "\x1b]0;title\x07\x1b[31mred\x1b[0m \u{202e}evil\u{2028}",
        &long,
        "<!--",
        "{{ }}${alert(1)}",
        "javascript:alert(1)",
    ];
    let mut events: String = lines
        .iter()
        .enumerate()
        .map(|(nth, text)| {
            json!({"t": nth as f64 / 1e3, "event": "line", "text": text}).to_string() + "\n"
        })
        .collect();
    for nth in 0..20_000 {
        let text = format!("{attack} {nth}");
        events += &(json!({"t": 0.1, "event": "line", "text": text}).to_string() + "\n");
    }
    events +=
        &(json!({"t": 0.2, "event": "note", "from": attack, "text": attack}).to_string() + "\n");
    fs::write(dir.join("events.jsonl"), events).unwrap();
    let edit = |file: &str, change: &dyn Fn(&mut Value)| {
        let path = dir.join(file);
        let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, value.to_string()).unwrap();
    };
    edit("verdict.json", &|report| {
        report["scenario"] = json!(attack);
        report["text"] = json!(attack);
        report["verdict"] = json!({"kind": "guest-killed", "exit": attack});
        report["notes"] = json!([attack]);
    });
    edit("run.json", &|booted| {
        booted["machine"]["name"] = json!(attack);
    });
    fs::write(dir.join("command.txt"), format!("cd '{attack}'\n")).unwrap();
    dir
}
