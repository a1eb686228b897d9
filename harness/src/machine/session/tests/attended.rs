//! Somebody sits at the console, or at a debugger, in virtual time.

use super::*;
use crate::machine::keyboard::Stroke;
use tokio::sync::mpsc::Sender;

const LIMITS: Limits = Limits {
    timeout: TIMEOUT,
    silence: Some(TIMEOUT),
};

fn keys(text: &str) -> Stroke {
    Stroke::Keys(text.into())
}

/// A run at whose console somebody does what `person` says.
fn attended<P: Future<Output = ()> + 'static>(
    script: Vec<Act>,
    person: impl FnOnce(Sender<Stroke>) -> P,
) -> Ran {
    let (strokes, typist) = Typist::new();
    let person = person(strokes);
    attended_run_beside(&launch(), LIMITS, Some(typist), script, person)
}

#[test]
fn no_clock_runs_while_somebody_types_and_the_machine_hears_it() {
    let later = 100 * TIMEOUT;
    let script = vec![
        say("one\n"),
        Hear("hello\r".into()),
        say("loaded 21248 bytes\n"),
        Off,
        Die(0),
    ];
    let ran = attended(script, move |strokes| async move {
        sleep(later).await;
        strokes.send(keys("hel")).await.unwrap();
        strokes.send(keys("lo\r")).await.unwrap();
        strokes.closed().await;
    });
    assert_eq!(ran.verdict, Verdict::Pass);
    assert_eq!(ran.again, Some(Verdict::Pass));
    assert_eq!(
        ran.notes,
        ["somebody sat at the console: no clock ran meanwhile"]
    );
    assert!(ran.took >= later, "{:?}", ran.took);
}

#[test]
fn when_the_typist_goes_the_clocks_begin_anew() {
    let script = vec![say("one\n"), Hear("bye".into())];
    let ran = attended(script, |strokes| async move {
        sleep(3 * TIMEOUT).await;
        strokes.send(keys("bye")).await.unwrap();
    });
    assert!(
        matches!(ran.verdict, Verdict::Timeout { .. }),
        "{:?}",
        ran.verdict
    );
    assert_eq!(ran.took, 4 * TIMEOUT);
}

#[test]
fn after_the_verdict_the_machine_goes_on_until_the_person_leaves() {
    // `loaded 1 bytes` is no step, and a witness that is refuted ends the trial.
    let script = vec![
        say("one\n"),
        Exits(4),
        Wait(50),
        Hear("ls\r".into()),
        say("files\n"),
        Hear("q".into()),
    ];
    let ran = attended(script, |strokes| async move {
        sleep(TIMEOUT).await;
        strokes.send(keys("ls\r")).await.unwrap();
        strokes.send(keys("q")).await.unwrap();
        sleep(TIMEOUT).await;
        strokes.send(Stroke::Leave).await.unwrap();
    });
    assert!(
        matches!(ran.verdict, Verdict::WitnessDisagrees { .. }),
        "{:?}",
        ran.verdict
    );
    assert!(ran.lasted >= 2 * TIMEOUT, "{:?}", ran.lasted);
    assert!(
        ran.took < TIMEOUT / 2,
        "the verdict fell before: {:?}",
        ran.took
    );
    assert_eq!(
        ran.again,
        Some(ran.verdict),
        "what came after it is no part of the trial"
    );
}

#[test]
fn who_leaves_before_the_verdict_has_ended_the_run() {
    let ran = attended(vec![say("one\n> ")], |strokes| async move {
        sleep(TIMEOUT).await;
        strokes.send(Stroke::Leave).await.unwrap();
    });
    assert_eq!(ran.verdict.exit_code(), 4, "{:?}", ran.verdict);
    assert_eq!(ran.last_lines, ["one", "> "]);
    assert_eq!(ran.again, Some(ran.verdict));
}

/// A machine that takes nothing keeps nobody at its console.
#[test]
fn who_types_more_than_the_machine_takes_can_still_leave_or_go() {
    const PIECES: usize = 64;
    let much = || Stroke::Keys(vec![0; 128 << 10]);
    let dropped = |ran: &Ran| {
        let is_it = |note: &&String| note.contains("bytes that were typed were dropped");
        ran.notes.iter().filter(is_it).count()
    };
    let ran = attended(vec![say("one\n")], move |strokes| async move {
        for _ in 0..PIECES {
            strokes.send(much()).await.unwrap();
        }
        strokes.send(Stroke::Leave).await.unwrap();
        strokes.closed().await;
    });
    assert_eq!(ran.verdict.exit_code(), 4, "{:?}", ran.verdict);
    assert_eq!(dropped(&ran), 1, "{:?}", ran.notes);
    let ran = attended(vec![say("one\n")], move |strokes| async move {
        for _ in 0..PIECES {
            strokes.send(much()).await.unwrap();
        }
    });
    assert!(
        matches!(ran.verdict, Verdict::Timeout { .. }),
        "{:?}",
        ran.verdict
    );
    assert_eq!(dropped(&ran), 1, "{:?}", ran.notes);
    // What it does take is not dropped.
    let heard = "x".repeat(PIECES << 10);
    let script = vec![
        say("one\n"),
        Hear(heard.clone()),
        say("loaded 21248 bytes\n"),
        Off,
        Die(0),
    ];
    let ran = attended(script, move |strokes| async move {
        for piece in heard.as_bytes().chunks(4096) {
            strokes.send(Stroke::Keys(piece.to_vec())).await.unwrap();
        }
        strokes.closed().await;
    });
    assert_eq!((ran.verdict, ran.notes.len()), (Verdict::Pass, 1));
}

#[test]
fn a_machine_that_ends_by_itself_ends_the_run_whoever_sits_there() {
    let ran = attended(vec![say(ALL), Off, Die(0)], |strokes| async move {
        strokes.closed().await;
    });
    assert_eq!(ran.verdict, Verdict::Pass);
    let ran = attended(vec![say("one\n"), Die(9)], |strokes| async move {
        strokes.closed().await;
    });
    assert_eq!(ran.verdict.exit_code(), 4, "{:?}", ran.verdict);
}
