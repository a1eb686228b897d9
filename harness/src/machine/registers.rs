//! Samples the processors' registers after a timeout.

use super::process::{Came, Qemu};
use super::qmp::{Message, QmpError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

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
        let _ = timeout_at(until, drop_all(qemu)).await;
    }
}

/// Waits for a text: of all the answers that are still to come only this question's is one. What
/// else comes is taken meanwhile, and dropped: a QEMU that waits to be rid of it answers nothing.
async fn answer(qemu: &mut Qemu) -> Result<String, QmpError> {
    loop {
        match qemu.next().await {
            Came::Message(Ok(Message::Return(Value::String(text)))) => return Ok(text),
            Came::Message(Err(error)) => return Err(error),
            _ => {}
        }
    }
}

/// Takes whatever comes, for as long as this is waited for.
async fn drop_all(qemu: &mut Qemu) {
    loop {
        qemu.next().await;
    }
}
