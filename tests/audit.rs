//! The machine is stopped, read and let go while a guest runs, on each architecture; and the run goes as
//! it goes without that.

use harness::boot::{self, Request};
use harness::judge::audit::{Moment, Region, RegionKind, Snapshot, Span};
use harness::judge::event::{Event, Record};
use harness::judge::trial::Trial;
use harness::machine::audit::{AuditPlan, Place, TextWanted, entering};
use harness::machine::session::{self, Limits};
use harness::{Arch, Project, Verdict};
use object::elf::PF_X;
use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags};
use std::fs;
use std::path::Path;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

/// What came of an audited run.
struct Ran {
    verdict: Verdict,
    snapshots: Vec<Snapshot>,
    exits: u64,
    duration: Duration,
    notes: Vec<String>,
}

/// Boots a scenario; `plan` makes the plan of an audit from the hypervisor's file.
fn run(arch: Arch, scenario: &str, plan: impl Fn(Arch, &Path) -> Option<AuditPlan>) -> Ran {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let folder = tempfile::tempdir().unwrap();
    // With a plan of this test's own instead of the scenario's.
    let request = Request::new(scenario).arch(arch).no_audit();
    let request = request.records(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut prepared = boot::prepare(&project, &request).await.unwrap();
        if let Some(plan) = plan(arch, &prepared.programs.hypervisor) {
            boot::audited(&mut prepared.launch, plan);
        }
        let trial = Trial::of_run(&prepared.scenario.story, &prepared.nonce);
        let limits = Limits {
            timeout: TIMEOUT,
            silence: None,
        };
        let (launch, dir) = (&prepared.launch, &mut prepared.dir);
        let finished = session::run(launch, trial, limits, dir, &mut |_, _: &Event<'_>| {}).await;
        let finished = finished.unwrap();
        let events = fs::read_to_string(prepared.dir.path().join("events.jsonl")).unwrap();
        let events = events
            .lines()
            .map(|line| serde_json::from_str::<Record<'_>>(line).unwrap());
        let (mut snapshots, mut notes) = (Vec::new(), Vec::new());
        for record in events {
            match record.event {
                Event::Audit(snapshot) => snapshots.push(*snapshot),
                Event::Note { from, text } if from == "qmp" => notes.push(text.into_owned()),
                _ => {}
            }
        }
        // The records have the run's verdict.
        let mut again = Trial::of_run(&prepared.scenario.story, &prepared.nonce);
        let events = fs::read(prepared.dir.path().join("events.jsonl")).unwrap();
        again.replay_events(&events[..]).unwrap();
        assert_eq!(again.verdict(), finished.trial.verdict());
        Ran {
            verdict: finished.trial.verdict().unwrap().clone(),
            exits: finished
                .trial
                .witness()
                .map_or(0, |account| account.exits()),
            snapshots,
            duration: finished.duration,
            notes,
        }
    })
}

/// Reads at each entry that is due, and holds the hypervisor's text against its file.
fn at_entries(arch: Arch, hypervisor: &Path) -> AuditPlan {
    let file = fs::read(hypervisor).unwrap();
    let elf = object::File::parse(&*file).unwrap();
    let name = format!("hv_{arch}_enter");
    let symbol = elf
        .symbols()
        .find(|symbol| symbol.name() == Ok(&name))
        .unwrap();
    let mut address = symbol.address();
    let segments: Vec<_> = elf
        .segments()
        .filter(|segment| segment.size() > 0)
        .collect();
    let code = segments
        .iter()
        .find_map(|s| s.data_range(address, symbol.size()).ok()?);
    address += entering(arch, code.unwrap()).expect("it enters a guest") as u64;
    let is_text = |flags| matches!(flags, SegmentFlags::Elf { p_flags } if p_flags & PF_X != 0);
    let texts = segments.iter().filter(|segment| is_text(segment.flags()));
    AuditPlan {
        arch,
        entries: vec![(name, address)],
        releases: Vec::new(),
        every: None,
        registers: Vec::new(),
        // What is linked to zero is a template, which nothing sees there.
        image: segments
            .iter()
            .filter(|s| s.address() > 0)
            .map(|s| Span::new(s.address(), s.size()))
            .collect(),
        texts: texts
            .map(|segment| TextWanted {
                of: "hypervisor".into(),
                address: segment.address(),
                bytes: segment.data().unwrap().to_vec(),
                place: Place::Virtual,
            })
            .collect(),
        ram: None,
    }
}

/// The second stage as it was at the entries.
#[track_caller]
fn check_entries(arch: Arch, ran: &Ran) {
    assert_eq!(ran.verdict, Verdict::Pass);
    let entries: Vec<_> = ran
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.at_entry)
        .collect();
    for (nth, snapshot) in (1..).zip(&entries) {
        let name = format!("hv_{arch}_enter");
        assert_eq!(snapshot.at, Moment::Symbol { name, nth });
        assert_eq!(snapshot.gaps, [""; 0]);
        assert!(!snapshot.registers.is_empty() && !snapshot.tables.is_empty());
        assert!(snapshot.format.is_some(), "{snapshot:?}");
        let text = &snapshot.texts[0];
        assert!(text.size > 10_000 && text.differs.is_none(), "{text:?}");
        assert!(!snapshot.image.is_empty());
        assert_eq!(
            snapshot.regions.is_empty(),
            nth > 1,
            "the memory map comes once"
        );
    }
    let ram = entries[0]
        .regions
        .iter()
        .filter(|region| region.kind == RegionKind::Ram);
    let ram: Vec<_> = ram.filter(|region| region.name == "audited-ram").collect();
    assert!(!ram.is_empty(), "{:?}", entries[0].regions);
    assert!(!entries[0].mappings.is_empty(), "the guest has its memory");
    assert_eq!(ran.notes.len(), 1, "only the shutdown: {:?}", ran.notes);
}

fn entries_are_read(arch: Arch) {
    let ran = run(arch, "gkernel", |arch, file| Some(at_entries(arch, file)));
    check_entries(arch, &ran);
    // One before the first exit, and one for each power of 8, as far as QEMU has written its log and entries
    // came after that: it writes in pieces, so a run this short may see no second one.
    let most = 2 + ran.exits.ilog(8) as usize;
    let read = ran.snapshots.len();
    assert!(
        read >= 1 && read <= most,
        "{read} snapshots, {} exits",
        ran.exits
    );
    eprintln!(
        "{arch}: {read} snapshots, {} exits, {:?}, took {:?}",
        ran.exits,
        ran.duration,
        ran.snapshots
            .iter()
            .map(|snapshot| snapshot.took_ms)
            .collect::<Vec<_>>()
    );
}

#[test]
fn entries_are_read_on_riscv64() {
    entries_are_read(Arch::Riscv64);
}

#[test]
fn entries_are_read_on_aarch64() {
    entries_are_read(Arch::Aarch64);
}

#[test]
fn entries_are_read_on_x86_64() {
    entries_are_read(Arch::X86_64);
}

/// A processor is stopped before an instruction each time it comes there, gets past it, and is stopped no
/// more than so often in a run.
fn releases_are_read(arch: Arch) {
    let ran = run(arch, "gkernel", |arch, file| {
        let mut plan = at_entries(arch, file);
        plan.releases = std::mem::take(&mut plan.entries);
        Some(plan)
    });
    assert_eq!(ran.verdict, Verdict::Pass);
    // Besides it is read at the steps of the story, since no entries are known.
    let at_symbol = |snapshot: &&Snapshot| matches!(snapshot.at, Moment::Symbol { .. });
    let releases: Vec<_> = ran.snapshots.iter().filter(at_symbol).collect();
    for (nth, snapshot) in (1..).zip(&releases) {
        let name = format!("hv_{arch}_enter");
        assert_eq!(snapshot.at, Moment::Symbol { name, nth });
        assert!(!snapshot.at_entry);
    }
    let read = releases.len() as u64;
    // Each exit is followed by an entry, but for the last one's.
    assert!(
        read >= ran.exits.min(64) && read <= 64,
        "{read} of {}",
        ran.exits
    );
}

#[test]
fn releases_are_read_on_riscv64() {
    releases_are_read(Arch::Riscv64);
}

#[test]
fn releases_are_read_on_aarch64() {
    releases_are_read(Arch::Aarch64);
}

#[test]
fn releases_are_read_on_x86_64() {
    releases_are_read(Arch::X86_64);
}

fn without_symbols(arch: Arch, every: Option<Duration>) -> AuditPlan {
    AuditPlan {
        arch,
        entries: Vec::new(),
        releases: Vec::new(),
        every,
        registers: Vec::new(),
        image: Vec::new(),
        texts: Vec::new(),
        ram: None,
    }
}

/// The guest of a hypervisor of which nothing is known is met. It goes on until its budget ends it, some 300 ms: the harness
/// may have to wait for a processor, and one that is over by then is met by nobody.
///
/// Ours has HCR_EL2.VM set as long as a guest is loaded, so this says nothing of the vectors at which a guest is met whose
/// hypervisor sets it for each turn (`auditor/vectors.rs`).
#[test]
fn a_guest_is_met_without_symbols_on_aarch64() {
    let arch = Arch::Aarch64;
    let ran = run(arch, "budget-unknown-call", |arch, _| {
        Some(without_symbols(arch, None))
    });
    assert_eq!(ran.verdict, Verdict::Pass);
    let in_guest: Vec<_> = ran
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.in_guest)
        .collect();
    assert!(!in_guest.is_empty(), "{:?}", ran.snapshots);
    for snapshot in in_guest {
        assert!(snapshot.at_entry && !snapshot.mappings.is_empty());
        assert_eq!(snapshot.gaps, [""; 0]);
    }
    assert_eq!(ran.notes.len(), 1, "only the shutdown: {:?}", ran.notes);
}

/// Nothing is known of the hypervisor: the log, the story and the time tell when. The guest stays in itself
/// for most of the time, so the machine is seen there.
fn read_without_symbols(arch: Arch, scenario: &str) {
    let every = Some(Duration::from_millis(5));
    let ran = run(arch, scenario, |arch, _| Some(without_symbols(arch, every)));
    assert_eq!(ran.verdict, Verdict::Pass);
    assert_eq!(ran.notes.len(), 1, "only the shutdown: {:?}", ran.notes);
    let mut counts = Vec::new();
    let mut times = 0;
    for snapshot in &ran.snapshots {
        assert_eq!(snapshot.at_entry, snapshot.in_guest);
        match &snapshot.at {
            Moment::Exits { count } => counts.push(*count),
            Moment::Time { .. } => times += 1,
            _ => {}
        }
    }
    // Each has passed another power of two. How many there are is QEMU's business, which writes its log
    // in pieces.
    let passed = counts
        .windows(2)
        .all(|pair| pair[1].ilog2() > pair[0].ilog2());
    assert!(passed, "{counts:?}");
    assert!(times > 0);
    let seen = ran
        .snapshots
        .iter()
        .any(|snapshot| !snapshot.mappings.is_empty());
    assert!(seen, "no snapshot shows the second stage");
    // Nearly always it was seen first before the hypervisor chose a place for its disk, and that is known all the
    // same.
    let mut maps = ran.snapshots.iter().map(|snapshot| &snapshot.regions);
    let map = maps.rfind(|map| !map.is_empty()).unwrap();
    let of_disk = |region: &Region| region.name.contains("virtio-blk");
    assert!(map.iter().any(of_disk), "{map:#?}");
    // Where the processor tells that it stands in the guest, its registers count.
    let in_guest: Vec<_> = ran
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.in_guest)
        .collect();
    assert_eq!(in_guest.is_empty(), arch == Arch::X86_64);
    for snapshot in in_guest {
        assert!(snapshot.format.is_some() && !snapshot.mappings.is_empty());
        assert_eq!(snapshot.gaps, [""; 0]);
    }
    eprintln!(
        "{arch}: at {counts:?} exits, {times} times, of {} exits",
        ran.exits
    );
}

#[test]
fn riscv64_is_read_without_symbols() {
    read_without_symbols(Arch::Riscv64, "guest-hog");
}

#[test]
fn aarch64_is_read_without_symbols() {
    read_without_symbols(Arch::Aarch64, "guest-hog");
}

#[test]
fn x86_64_is_read_without_symbols() {
    read_without_symbols(Arch::X86_64, "guest-hog");
}
