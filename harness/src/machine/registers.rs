//! Samples the processors' registers after a timeout.

use super::process::{Came, Qemu};
use super::qmp::{Message, QmpError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often to sample. Once is not enough: an interrupt may just have taken the machine out of the
/// loop in which it hangs.
const LOOKS: usize = 10;

/// How long the machine runs between two samples.
const PAUSE: Duration = Duration::from_millis(10);

/// How long all of this may take.
const LIMIT: Duration = Duration::from_millis(500);

/// The processors' registers as QEMU prints them: as many samples as came in time.
pub async fn registers(qemu: &mut Qemu) -> Vec<String> {
    let mut looks = Vec::new();
    // Whatever keeps QEMU from answering, the samples so far are all there is.
    let _ = timeout_at(Instant::now() + LIMIT, look(qemu, &mut looks)).await;
    looks
}

async fn look(qemu: &mut Qemu, looks: &mut Vec<String>) -> Result<(), QmpError> {
    let question = json!({ "command-line": "info registers -a" });
    loop {
        // QEMU does not update the program counter of a running processor.
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

/// Waits for a text: the only answer with a text among those that are still to come belongs to this
/// question. Everything else is read and dropped meanwhile, because QEMU answers nothing while its
/// output is blocked.
async fn answer(qemu: &mut Qemu) -> Result<String, QmpError> {
    loop {
        match qemu.next().await {
            Came::Message(Ok(Message::Return(Value::String(text)))) => return Ok(text),
            Came::Message(Err(error)) => return Err(error),
            _ => {}
        }
    }
}

/// Reads whatever comes while this is waited for.
async fn drop_all(qemu: &mut Qemu) {
    loop {
        qemu.next().await;
    }
}
