//! A last look at a machine that a clock ran out for.

use super::process::Qemu;
use super::qmp::{Message, QmpError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How often the machine is looked at. Once is not enough: an interrupt may just have taken it out
/// of the loop that it hangs in.
const LOOKS: usize = 10;

/// How long it runs between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// How long all of this may take.
const LIMIT: Duration = Duration::from_millis(500);

/// The processors' registers in QEMU's words, as often as it told them in time.
pub async fn registers(qemu: &mut Qemu) -> Vec<String> {
    let mut looks = Vec::new();
    // Whatever keeps QEMU from answering, it is as much as can be had.
    let _ = timeout_at(Instant::now() + LIMIT, look(qemu, &mut looks)).await;
    looks
}

async fn look(qemu: &mut Qemu, looks: &mut Vec<String>) -> Result<(), QmpError> {
    let question = json!({ "command-line": "info registers -a" });
    loop {
        // A processor that runs keeps its program counter to itself.
        qemu.qmp.send("stop", Value::Null).await?;
        qemu.qmp
            .send("human-monitor-command", question.clone())
            .await?;
        looks.push(answer(qemu).await?);
        if looks.len() == LOOKS {
            return Ok(());
        }
        qemu.qmp.send("cont", Value::Null).await?;
        let until = Instant::now() + PAUSE;
        let _ = timeout_at(until, drop_console(qemu)).await;
        sleep_until(until).await; // a console that is closed takes no time
    }
}

/// Waits for a text: of all the answers that are still to come only this question's is one. The
/// console is taken meanwhile, and dropped: a QEMU that waits to be rid of it answers nothing.
async fn answer(qemu: &mut Qemu) -> Result<String, QmpError> {
    let mut buffer = vec![0; 64 << 10];
    let mut listening = true;
    loop {
        tokio::select! {
            message = qemu.qmp.next() => {
                if let Message::Return(Value::String(text)) = message? {
                    return Ok(text);
                }
            }
            read = qemu.serial.read(&mut buffer), if listening => {
                listening = matches!(read, Ok(1..));
            }
        }
    }
}

/// Takes the console until it is closed.
async fn drop_console(qemu: &mut Qemu) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(1..) = qemu.serial.read(&mut buffer).await {}
}
