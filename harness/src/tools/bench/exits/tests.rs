use super::lines::ticks_of_children;
use super::*;

const CONSOLE: &str = "\
Hypervisor ...
BENCH floor entry 100000 400000000 1000000000
BENCH floor svc 100000 3500000 62500000
BENCH exit call 100000 100000000 62500000
BENCH exit mmio-gicd 100000 125000000 62500000
BENCH late computing 1000 1250 93750 62500000
BENCH late waiting 1000 0 62500 62500000
Hypervisor ok!
";

fn parsed(console: &str) -> Vec<Line> {
    lines::parse(console).unwrap()
}

#[test]
fn the_lines_are_read() {
    let exit = Line {
        name: "call".into(),
        measured: Measured::Exit {
            count: 100_000,
            ticks: 100_000_000,
            second: 62_500_000,
        },
    };
    let lines = parsed(CONSOLE);
    assert_eq!((lines.len(), &lines[2]), (6, &exit));
    assert_eq!(exit.measured.nanos(), 16_000.0);
    assert_eq!(lines[4].measured.nanos(), 20_000.0);
    assert_eq!(lines[4].measured.most_nanos(), 1_500_000.0);
    assert_eq!(parsed("BENCH idle 2000\nBENCHMARK\n BENCH x\n"), []);
}

#[test]
fn a_line_that_is_not_whole_is_an_error_that_shows_it() {
    for line in [
        "BENCH ",
        "BENCH exit",
        "BENCH exit call 100 200",
        "BENCH exit call 100 200 300 400",
        "BENCH exit call 0 200 300",
        "BENCH exit call 100 0 300",
        "BENCH exit call 100 200 0",
        "BENCH exit call 100 +200 300",
        "BENCH exit call 100 -200 300",
        "BENCH exit call 100 2e2 300",
        "BENCH exit call 100  200 300",
        "BENCH exit call 100 200 300 ",
        "BENCH exit call 100 200 18446744073709551616",
        "BENCH exit  100 200 300",
        "BENCH exit C\u{1b}all 100 200 300",
        "BENCH late waiting 1000 2 1 300",
        "BENCH late waiting 1000 1 300",
        "BENCH flaw call 100 200 300",
    ] {
        let console = format!("{CONSOLE}{line}\n");
        let shown = format!("`{}` is no measurement", line.escape_debug());
        assert_eq!(lines::parse(&console), Err(shown));
    }
}

#[test]
fn results_are_medians_and_ratios_those_of_a_boot() {
    // The second boot was on a computer that took three times as long for everything.
    let slow = CONSOLE
        .replace(" 400000000 ", " 1200000000 ")
        .replace(" 100000000 ", " 300000000 ");
    let boots = [parsed(CONSOLE), parsed(&slow), parsed(CONSOLE)];
    let results = Exits::of(Arch::Aarch64, &boots, vec![0.0123]).unwrap();
    assert_eq!(results.exits[0].ratio, 4.0);
    assert_eq!(results.exits[0].nanos, 16_000.0);
    insta::assert_snapshot!(results.human(), @r"
    aarch64, 3 boots, medians
      floor  entry            4000 ns
      floor  svc               560 ns
      exit   call            16000 ns,   4.0 times the highest floor
      exit   mmio-gicd       20000 ns,   5.0 times the highest floor
      late   computing          20 us, 1500 us the latest of 1000
      late   waiting             0 us, 1000 us the latest of 1000
      idle   host              1.2 % of a processor, mean
    ");
}

#[test]
fn boots_that_did_not_measure_the_same_give_no_figures() {
    let another = CONSOLE.replace("exit mmio-gicd", "exit mmio-uart");
    let one_less = CONSOLE.replace("BENCH floor svc 100000 3500000 62500000\n", "");
    for other in [another, one_less] {
        let boots = [parsed(CONSOLE), parsed(&other)];
        let error = Exits::of(Arch::Aarch64, &boots, vec![0.0]).unwrap_err();
        assert_eq!(error, "two boots did not measure the same");
    }
    let nothing = Exits::of(Arch::Aarch64, &[Vec::new()], vec![0.0]).unwrap_err();
    assert_eq!(nothing, "nothing was measured");
}

#[test]
fn the_json_has_a_name_for_everything() {
    let results = Exits::of(Arch::Aarch64, &[parsed(CONSOLE)], vec![0.0123]).unwrap();
    let json = serde_json::to_value(&results).unwrap();
    assert_eq!(
        json["floors"][1],
        serde_json::json!({ "name": "svc", "nanos": 560.0 })
    );
    assert_eq!(
        json["exits"][0],
        serde_json::json!({ "name": "call", "nanos": 16000.0, "ratio": 4.0 })
    );
    assert_eq!(json["late"][0]["most_us"], 1500.0);
    assert_eq!(
        (&json["arch"], &json["idle"]),
        (&"aarch64".into(), &0.0123.into())
    );
}

#[test]
fn the_time_of_children_is_found_behind_any_name() {
    let fields = "S 1 2 3 0 -1 4194304 100 200 0 0 11 12 13 14 20 0 1 0";
    for name in ["harness", "a) S (b", ""] {
        assert_eq!(ticks_of_children(&format!("7 ({name}) {fields}")), Some(27));
    }
    assert_eq!(ticks_of_children("7 (harness) S 1 2"), None);
}

/// Which of its lines is replaced, the scenario itself says.
#[test]
fn the_scenario_of_the_guest_that_waits_can_be_changed() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let text = files::read_text(&project.scenario(WAITS)).unwrap();
    assert!(text.contains(WAITING));
}
