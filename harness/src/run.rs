//! A run, from the request to the report: plan, build, write the images, follow the machine, report.
//! Nothing is printed here: whoever wants to see something
//! [observes](crate::judge::observer::Observer).

use crate::boot::{Prepared, Request, prepare};
use crate::error::Error;
use crate::judge::observer::{Beginning, Observer};
use crate::judge::trial::Trial;
use crate::machine::session::{self, Limits};
use crate::machine::start;
use crate::project::Project;
use crate::records;
use crate::records::Unjudged;
use crate::records::report::Report;
use crate::records::whereabouts;
use std::convert::Infallible;
use std::io;
use std::thread::JoinHandle;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Builds, boots and judges, and waits for the verdict.
///
/// Returns a [`Report`], whatever the verdict is. An [`Error`] says why there is no verdict: a scenario
/// that cannot be read, a build that failed, a missing QEMU. QEMU is gone when this returns.
///
/// It may be called from anywhere, even from within an asynchronous runtime, where it blocks the
/// calling thread; [`run_async`] does not block. Any number of runs may go on at once.
///
/// # Panics
///
/// If an observer panics.
pub fn run(project: &Project, request: Request) -> Result<Report, Error> {
    Running::start(project, request)?.outcome()
}

/// Like [`run`], as a future. It needs no particular runtime.
///
/// The run has a thread of its own. Dropping the future ends the run, and with it QEMU, which is gone
/// soon after.
pub async fn run_async(project: &Project, request: Request) -> Result<Report, Error> {
    let mut running = Running::start(project, request)?;
    // The thread sends nothing; it drops its end when the run is over.
    let _ = (&mut running.over).await;
    running.outcome()
}

/// A run on a thread of its own.
///
/// The kernel kills QEMU when the thread that started it ends, so that thread must live as long as the
/// run; and nothing else on the thread may hold up the run's clocks.
struct Running {
    thread: JoinHandle<Result<Report, Error>>,
    /// Ends the run when it is dropped.
    stop: oneshot::Sender<Infallible>,
    /// Fails when the run is over.
    over: oneshot::Receiver<Infallible>,
}

impl Running {
    fn start(project: &Project, request: Request) -> Result<Self, Error> {
        let project = project.clone();
        let (stop, stopped) = oneshot::channel();
        let (alive, over) = oneshot::channel();
        let thread = std::thread::Builder::new().name("harness-run".into());
        let thread = thread.spawn(move || {
            let _alive = alive;
            event_loop()?.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped => Err(Error::infrastructure("the run was given up", "run it again")),
                    report = follow(&project, request) => report,
                }
            })
        });
        Ok(Self {
            thread: thread.map_err(|error| no_thread(&error))?,
            stop,
            over,
        })
    }

    /// Waits until the thread ends.
    fn outcome(self) -> Result<Report, Error> {
        let outcome = self.thread.join();
        drop(self.stop);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// An event loop for one thread.
pub(crate) fn event_loop() -> Result<Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(|error| {
        let what = format!("the event loop could not be started: {error}");
        Error::infrastructure(what, "check the limits on open files")
    })
}

/// The error for a thread that could not be started.
pub(crate) fn no_thread(error: &io::Error) -> Error {
    Error::infrastructure(
        format!("a thread could not be started: {error}"),
        "check the limits on processes",
    )
}

/// Does the whole run, on this thread's event loop. Dropping the future ends QEMU.
pub(crate) async fn follow(project: &Project, request: Request) -> Result<Report, Error> {
    let followed = follow_to_the_end(project, request).await;
    followed.map_err(|stopped| stopped.error)
}

/// The same. If the set-up stops the run, what its records say of it is returned too.
pub(crate) async fn follow_to_the_end(
    project: &Project,
    mut request: Request,
) -> Result<Report, Unjudged> {
    let mut observers = std::mem::take(&mut request.observers);
    let mut typist = request.typist.take();
    let definition = request.definition(project)?;
    let scenario_file = definition.file().to_owned();
    drop(definition);
    let Prepared {
        machine,
        notes,
        scenario,
        launch,
        nonce,
        mut dir,
        programs,
        mut booted,
        ..
    } = prepare(project, &request).await?;
    let limits = Limits {
        timeout: request.timeout,
        silence: scenario.silence,
    };
    observers.begins(&Beginning {
        scenario: &scenario.name,
        steps: scenario.story.steps().len(),
        nonce: &nonce,
        records: dir.path(),
    });
    let trial = Trial::of_run(&scenario.story, &nonce);
    let finished = async {
        let left = async {
            match &mut typist {
                Some(typist) => typist.leaves().await,
                None => std::future::pending().await,
            }
        };
        let started = tokio::select! {
            biased;
            started = start::start(&launch, limits.timeout) => started?,
            () = left => return Err(session::left_early()),
        };
        booted.accelerator = started.accelerator;
        dir.write_json(records::BOOTED, &booted);
        session::go(
            started,
            &launch,
            trial,
            limits,
            typist,
            &mut dir,
            &mut observers,
        )
        .await
    };
    let finished = match finished.await {
        Ok(finished) => finished,
        Err(error) => return Err(dir.stopped(&booted, project, error)),
    };
    let mut report = Report::new(
        machine.arch,
        &scenario.name,
        &scenario.story,
        &finished.trial,
    )
    .took(finished.duration);
    let running = finished.trial.hypervisor().running();
    report.stopped_at = whereabouts::locate(&finished.registers, &programs, running, project);
    report.scenario_file = Some(scenario_file);
    report.qemu = Some(finished.qemu);
    report.accelerator = finished.accelerator;
    report.run_dir = Some(dir.path().to_owned());
    report.again = booted.again(project);
    report.notes.extend(notes);
    report.notes.extend(finished.notes);
    report
        .notes
        .extend(whereabouts::not_read(&finished.registers));
    dir.write(records::VERDICT, report.json());
    let trouble = dir
        .trouble()
        .filter(|trouble| !report.text.contains(trouble));
    report.notes.extend(trouble.map(str::to_owned));
    Ok(report)
}
