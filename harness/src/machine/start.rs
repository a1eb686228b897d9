//! QEMU: the process, its control connection, and getting both to the point where a guest may run.

use super::firmware_image::too_old;
use super::process::{Launch, Qemu};
use super::qmp;
use crate::error::Error;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// How long QEMU may take from its start to a working control connection: as long as the run, but
/// within these bounds.
const START_LIMIT: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// How much of QEMU's stderr an error quotes.
const QUOTED: usize = 2000;

/// Starts QEMU with its machine stopped, and proves over QMP that it accepts its arguments.
///
/// Gives the process and QEMU's version. Whatever fails here is the set-up's fault: no guest has
/// run yet.
pub async fn start(launch: &Launch, timeout: Duration) -> Result<(Qemu, String), Error> {
    let limit = timeout.clamp(START_LIMIT[0], START_LIMIT[1]);
    let mut qemu = Qemu::spawn(launch)?;
    // A QEMU that ends early closes the connection, so this needs no look at the process.
    let problem = match tokio::time::timeout(limit, take_control(&mut qemu.qmp, launch)).await {
        Ok(Ok(Control::Taken(version))) => return Ok((qemu, version.text)),
        Ok(Ok(Control::TooOld(version))) => {
            return Err(too_old(&launch.program, &version.text, launch.oldest));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "it said nothing on its control connection for {} s",
            limit.as_secs()
        ),
    };
    Err(not_started(qemu, launch, &problem).await)
}

/// Ends a QEMU whose machine could not be started; the error that says why.
pub async fn not_started(mut qemu: Qemu, launch: &Launch, problem: &str) -> Error {
    qemu.stop().await;
    let status = qemu
        .exit_status()
        .map_or(String::new(), |status| format!(" ({status})"));
    let said = quote_stderr(&mut qemu).await;
    Error::infrastructure(
        format!(
            "{} did not start its machine{status}: {problem}{said}",
            launch.program.display()
        ),
        "check the arguments in the machine file (configs/machines) and QEMU's version",
    )
}

enum Control {
    Taken(qmp::Version),
    TooOld(qmp::Version),
}

async fn take_control(qmp: &mut qmp::Qmp, launch: &Launch) -> Result<Control, qmp::QmpError> {
    let version = qmp.greeting().await?;
    if !version.at_least(launch.oldest) {
        return Ok(Control::TooOld(version));
    }
    qmp.execute("qmp_capabilities", serde_json::Value::Null)
        .await?;
    Ok(Control::Taken(version))
}

async fn quote_stderr(qemu: &mut Qemu) -> String {
    let mut said = vec![0; QUOTED];
    let mut length = 0;
    let read = async {
        while let Ok(n @ 1..) = qemu.stderr.read(&mut said[length..]).await {
            length += n;
        }
    };
    // Bounded: a process that QEMU left behind may hold the pipe open.
    let _ = tokio::time::timeout(Duration::from_millis(200), read).await;
    let lines = said[..length]
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| format!("\n  | {}", crate::judge::lines::normalise(line)))
        .collect()
}
