//! Measures the harness. `harness bench`: its cost and its speed. `harness bench --soak`: how often it
//! is wrong. `harness bench --exits`: what the hypervisor costs its guests. `harness bench --matrix`: how well many runs share
//! the processors.
//!
//! The results are medians.

mod auditing;
pub mod baseline;
pub mod costs;
pub mod exits;
mod failing;
mod freshness;
mod judging;
pub mod kept;
mod logging;
pub mod matrix;
pub mod pages;
mod runs;
pub mod soak;
pub mod transcripts;

use crate::error::Error;
use crate::machine::ask;
use crate::project::Project;
use std::path::Path;
use std::time::SystemTime;

/// How and where is measured, for people: the QEMU, the processors, how many runs, and the day.
pub async fn circumstances(project: &Project, runs: usize) -> Result<String, Error> {
    let qemu = Path::new("qemu-system-x86_64");
    let answer = ask::ask(qemu, &["--version"], project.folder(), ask::PATIENCE).await?;
    let version = answer.first_line().unwrap_or_default();
    let version = version.split_whitespace().nth(3).unwrap_or("?").to_owned();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (day, _) = today.split_once('T').unwrap_or((&today, ""));
    Ok(format!(
        "QEMU {version} (TCG) with {processors} processors, medians of {runs} runs, {day}"
    ))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
