//! Starts QEMU: the process, its control connection, and everything up to the point where a guest may
//! run.

use super::firmware_image::too_old;
use super::process::{Launch, Qemu};
use super::pulse::within;
use super::qmp::{self, Qmp, QmpError};
use crate::config::accel::Accelerator;
use crate::error::Error;
use crate::judge::lines;
use crate::records;
use serde_json::Value;
use std::time::Duration;

/// How long QEMU may take from its start to a working control connection: as long as the run may take,
/// but at most this long. The run's own clocks start later, with its machine.
const START_LEAST: Duration = Duration::from_secs(2);

/// How much of QEMU's stderr an error quotes, and how much of it is kept before the machine runs.
const QUOTED: usize = 2000;
const KEPT: usize = 64 << 10;

/// QEMU's message when there is no room for its temporary files.
const NO_ROOM: [&str; 3] = [
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
];

/// A QEMU whose machine is ready to start.
#[derive(Debug)]
pub struct Started {
    /// The process and its connections.
    pub qemu: Qemu,
    /// QEMU's version.
    pub version: String,
    /// What its machine runs with, if QEMU has said so.
    pub accelerator: Option<Accelerator>,
    /// What QEMU has written to its stderr so far.
    pub said: Vec<u8>,
}

/// Starts QEMU with its machine stopped, and proves over QMP that it accepts its arguments.
///
/// Every failure here is the set-up's fault: no guest has run yet.
pub async fn start(launch: &Launch, timeout: Duration) -> Result<Started, Error> {
    take_over(Qemu::spawn(launch)?, launch, timeout).await
}

/// Does the same for a QEMU whose process has just been started.
pub(super) async fn take_over(
    mut qemu: Qemu,
    launch: &Launch,
    timeout: Duration,
) -> Result<Started, Error> {
    let limit = timeout.max(START_LEAST);
    let mut said = Vec::new();
    // A QEMU that ends early closes the connection, so there is no need to watch the process.
    let control = within(limit, listening(&mut qemu, launch, &mut said)).await;
    let problem = match control {
        Some(Ok(Control::Taken(version, accelerator))) => {
            let unlike = launch
                .accelerator
                .filter(|asked| Some(*asked) != accelerator);
            let Some(asked) = unlike else {
                return Ok(Started {
                    qemu,
                    version: version.text,
                    accelerator,
                    said,
                });
            };
            let runs = accelerator.map_or("does not say what it runs with".into(), |one| {
                format!("says that it runs with {one}")
            });
            format!("{asked} was asked for, and it {runs}")
        }
        Some(Ok(Control::TooOld(version))) => {
            return Err(too_old(&launch.program, &version.text, launch.oldest));
        }
        Some(Err(error)) => error.to_string(),
        None => format!(
            "it said nothing on its control connection for {} s",
            limit.as_secs_f64()
        ),
    };
    Err(not_started(qemu, said, launch, &problem).await)
}

/// Ends a QEMU whose machine could not be started, and returns the error. `said` is its output so far.
pub async fn not_started(mut qemu: Qemu, said: Vec<u8>, launch: &Launch, problem: &str) -> Error {
    let status = qemu.stop(|_| {}).await;
    let status = status.map_or(String::new(), |status| format!(" ({status})"));
    launch.clean_up();
    let said = quote_stderr(&mut qemu, said).await;
    let hint = if NO_ROOM.iter().any(|words| said.contains(words)) {
        records::ROOM
    } else {
        "check the arguments in the machine file and QEMU's version"
    };
    Error::infrastructure(
        format!(
            "{} did not start its machine{status}: {problem}{said}",
            launch.program.display()
        ),
        hint,
    )
}

enum Control {
    Taken(qmp::Version, Option<Accelerator>),
    TooOld(qmp::Version),
}

/// Takes control, and reads QEMU's stderr meanwhile, so that QEMU never blocks on it.
async fn listening(
    qemu: &mut Qemu,
    launch: &Launch,
    said: &mut Vec<u8>,
) -> Result<Control, QmpError> {
    let Qemu { qmp, stderr, .. } = qemu;
    let mut control = std::pin::pin!(take_control(qmp, launch));
    loop {
        tokio::select! {
            biased;
            control = &mut control => return control,
            bytes = stderr.read() => keep(said, bytes, KEPT),
        }
    }
}

async fn take_control(qmp: &mut Qmp, launch: &Launch) -> Result<Control, QmpError> {
    let version = qmp.greeting().await?;
    if !version.at_least(launch.oldest) {
        return Ok(Control::TooOld(version));
    }
    qmp.execute("qmp_capabilities", Value::Null).await?;
    let accelerator = match qmp.execute("query-kvm", Value::Null).await {
        Ok(answer) => accelerator(&answer),
        Err(QmpError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Control::Taken(version, accelerator))
}

/// What QEMU's answer to `query-kvm` means. A machine's file names no accelerator but these two
/// ([`accel`](crate::config::accel)), and neither does QEMU where it is told none.
fn accelerator(answer: &Value) -> Option<Accelerator> {
    let enabled = answer["enabled"].as_bool()?;
    Some(if enabled {
        Accelerator::Kvm
    } else {
        Accelerator::Tcg
    })
}

fn keep(said: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let room = limit.saturating_sub(said.len());
    said.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

async fn quote_stderr(qemu: &mut Qemu, mut said: Vec<u8>) -> String {
    let rest = async {
        while qemu.stderr.is_open() && said.len() < QUOTED {
            keep(&mut said, qemu.stderr.read().await, QUOTED);
        }
    };
    // Bounded: a process that QEMU left behind may hold the pipe open.
    let _ = tokio::time::timeout(Duration::from_millis(200), rest).await;
    said.truncate(QUOTED);
    let lines = said.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| format!("\n  | {}", lines::normalise(line)))
        .collect()
}
