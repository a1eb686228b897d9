//! Results of matrices that nobody ran.

use harness::matrix::Results;
use serde_json::{Value, json};

/// What guests print to be taken for something else, each on one line or several.
pub const HOSTILE: [&str; 16] = [
    "<script>alert(1)</script><!-- ]]> --> &amp; &#0; <![CDATA[",
    "::error file=x::y\n::set-output name=a::b\r##[error]c",
    "not ok 1 - x # SKIP y # TODO z\n1..0\nBail out! w",
    "  ---\n  message: x\n  ...\n",
    "\x1b[2J\x1b]0;title\x07\0\x08\u{7f}\u{9b}31m",
    "\u{202e}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}\u{200b}",
    "100%25 %0A 50%",
    "`code` ``` [link](http://example.org) ![i](j) | cell | @user **b**",
    "'; rm -rf ~; \"$(x)\" `y` \\",
    "\r\n\r",
    "",
    " ",
    "#",
    "\u{1f980} \u{10ffff}",
    "{\"a\": [1]}",
    "- \t: ? ! & * @ ` 'x' \"y",
];

/// A verdict's report, with a text in every place where a guest's, a scenario's or a record's may be.
pub fn report(verdict: Value, fault: &str, text: &str) -> Value {
    let code = match verdict["kind"].as_str().unwrap() {
        "pass" => 0,
        "timeout" => 3,
        "infrastructure" => 4,
        _ => 1,
    };
    json!({
        "version": 4,
        "verdict": verdict,
        "text": if code == 0 { "the whole story" } else { text },
        "exit_code": code,
        "fault": fault,
        "arch": "riscv64",
        "scenario": text,
        "steps": [{ "step": text, "line": text, "t": 0.25 }],
        "steps_total": 2,
        "awaited": { "step": text, "pattern": text },
        "strands": [{ "strand": text, "reached": 1, "total": 2, "due": text, "last_line": null }],
        "results": [],
        "cause": null,
        "last_lines": [text, "the last line"],
        "machine_end": null,
        "hypervisor_end": null,
        "forged": { "count": 1, "lines": [text] },
        "witness": null,
        "audit": null,
        "stopped_at": [],
        "seconds": 1.5,
        "qemu": "10.0.2",
        "accelerator": "tcg",
        "run_dir": null,
        "again": null,
        "memory_kib": 1234,
        "notes": [text],
    })
}

/// A run that passed.
pub fn passed(text: &str) -> Value {
    report(json!({ "kind": "pass" }), "nobody", text)
}

/// A run that the guest or the hypervisor failed.
pub fn failed(text: &str) -> Value {
    let verdict = json!({ "kind": "forbidden-output", "line": text, "rule": text });
    report(verdict, "guest", text)
}

/// A run that the set-up failed.
pub fn set_up(text: &str) -> Value {
    let verdict = json!({ "kind": "infrastructure", "what": text, "hint": text });
    report(verdict, "setup", text)
}

/// A run with the results of three cases: one that is ok, one that failed, one without a line.
pub fn with_results(mut report: Value, text: &str) -> Value {
    report["results"] = json!([
        { "name": "well", "outcome": "ok", "line": "CASE well: ok" },
        { "name": text, "outcome": "failed", "line": text },
        { "name": "silent", "outcome": "missing", "line": null },
    ]);
    report
}

/// A case, and its runs.
pub fn case(name: [&str; 2], arch: &str, outcome: &str, reports: &[Value]) -> Value {
    let [scenario, machine] = name;
    let attempts = reports.iter().map(|report| {
        let mut report = report.clone();
        report["arch"] = arch.into();
        json!({ "at": 0.5, "seconds": 2.25, "report": report })
    });
    json!({
        "name": format!("{scenario}::{machine}"),
        "scenario": scenario,
        "machine": machine,
        "arch": arch,
        "outcome": outcome,
        "attempts": attempts.collect::<Vec<_>>(),
    })
}

/// A matrix.
pub fn matrix(cases: Vec<Value>) -> Value {
    json!({
        "version": 1,
        "harness": "0.1.0",
        "started": "2026-11-26T14:00:00Z",
        "seconds": 12.5,
        "jobs": 2,
        "command": "./x matrix --jobs 2",
        "shard": { "k": 1, "n": 2 },
        "chosen": { "scenarios": [], "machines": ["riscv64"], "hypervisors": {} },
        "flaky_fails": false,
        "cases": cases,
    })
}

/// One case of each outcome, with a text everywhere; what came of each is in its name too.
pub fn one_of_each(text: &str) -> Value {
    let broken = with_results(failed(text), text);
    matrix(vec![
        case(["good", "riscv64"], "riscv64", "passed", &[passed(text)]),
        case(
            ["shaky", "riscv64"],
            "riscv64",
            "flaky",
            &[set_up(text), passed(text)],
        ),
        case(
            ["broken", "aarch64"],
            "aarch64",
            "failed",
            &[set_up(text), broken],
        ),
        case(
            ["lost", "x86_64"],
            "x86_64",
            "set-up",
            &[set_up(text), set_up(text)],
        ),
        case(["late", "x86_64"], "x86_64", "not-run", &[]),
        case([text, text], "x86_64", "failed", &[failed(text)]),
    ])
}

/// As the harness reads it.
pub fn read(results: &Value) -> Results {
    serde_json::from_value(results.clone()).unwrap()
}

/// What hostile guests print, and a line of 64 KiB.
pub fn texts() -> Vec<String> {
    let mut texts: Vec<_> = HOSTILE.map(str::to_owned).into();
    texts.push("x<".repeat(32 << 10));
    texts.push(HOSTILE.join("\n"));
    texts.push("a plain text".into());
    texts
}
