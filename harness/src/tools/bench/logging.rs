//! Measures the cost of QEMU's log of the guest's exits: the same run with and without it.

use super::runs::{HarnessRun, timed};
use crate::error::Error;
use crate::records::whereabouts::Programs;
use std::path::{Path, PathBuf};

/// The table in a scenario that asks for the log.
const ASKS: &str = "[witness]";

/// How many times longer a run takes with the log than without, from its start to its verdict, in each of this many
/// pairs of runs. None if a run does not pass.
pub(super) async fn measure(
    harness: &HarnessRun,
    programs: &Programs,
    pairs: usize,
) -> Result<Option<Vec<f64>>, Error> {
    let unasked = scenario_without_log(harness)?;
    let mut ratios = Vec::new();
    for nth in 0..pairs {
        // Each kind goes first equally often: the load of the computer may change slowly.
        let mut scenarios = [None, Some(unasked.as_path())];
        scenarios.rotate_left(nth % 2);
        let [mut with, mut without] = [None; 2];
        for scenario in scenarios {
            let seconds = seconds(harness, programs, scenario).await?;
            *if scenario.is_none() {
                &mut with
            } else {
                &mut without
            } = seconds;
        }
        ratios.extend(with.zip(without).map(|(with, without)| with / without));
    }
    Ok((ratios.len() == pairs).then_some(ratios))
}

async fn seconds(
    harness: &HarnessRun,
    programs: &Programs,
    scenario: Option<&Path>,
) -> Result<Option<f64>, Error> {
    let mut command = harness.command_that_boots(programs);
    command.args(["--format", "json"]);
    if let Some(scenario) = scenario {
        command.arg("--scenario").arg(scenario);
    }
    let (_, output) = timed(&mut command).await?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let asked = !report["witness"].is_null();
    let as_meant = output.status.success() && asked == scenario.is_none();
    Ok(report["seconds"].as_f64().filter(|_| as_meant))
}

/// The usual scenario, which does not ask for the log.
fn scenario_without_log(harness: &HarnessRun) -> Result<PathBuf, Error> {
    let usual = harness.project.scenario("gkernel");
    let text = std::fs::read_to_string(&usual).map_err(|e| Error::io("read", &usual, &e))?;
    let file = harness.records.join("unlogged.toml");
    std::fs::write(&file, without_table(&text)).map_err(|e| Error::io("write", &file, &e))?;
    Ok(file)
}

fn without_table(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        if line.starts_with('[') {
            inside = line.trim_end() == ASKS;
        }
        !inside
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_and_nothing_else() {
        let text = "a = 1\n[witness]\nnpf = 1\n\n[[step]]\nname = 'x'\n";
        assert_eq!(without_table(text), "a = 1\n[[step]]\nname = 'x'\n");
    }
}
