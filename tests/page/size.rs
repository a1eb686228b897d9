//! A page is small, whatever somebody recorded, and what failed has its room first.

use super::{desk, is_content, made, page};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The data of a page.
fn data(page: &Path) -> Value {
    let html = fs::read_to_string(page).unwrap();
    let (_, rest) = html.split_once("id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

fn length(value: &Value) -> usize {
    value.as_array().unwrap().len()
}

/// How many bytes the lines of a run's log have.
fn log(data: &Value, run: &Value) -> usize {
    let texts = run["log"]["texts"].as_array().unwrap().iter();
    let text = |id: &Value| {
        data["texts"][id.as_u64().unwrap() as usize]
            .as_str()
            .unwrap()
    };
    texts.map(|id| text(id).len() + 14).sum()
}

#[test]
fn fifty_thousand_faults_do_not_make_a_page_of_a_hundred_runs_large() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = made::Matrix::new(folder.path().join("20260101T000000Z-1"));
    for nth in 0..97 {
        matrix.case(&format!("scenario-{nth:02}"), made::PASSED[nth % 3]);
    }
    matrix.case("broken", made::BROKEN);
    matrix.case("timeout", made::TIMEOUT);
    let faulting = made::faulting(&matrix.dir.join("runs/faulting"), 50_000);
    matrix.case_of("faulting", &faulting);
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 20.0));
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < 2_000_000, "{size}");
    let data = data(&page);
    let run = data["runs"].as_array().unwrap().last().unwrap();
    // No exit is lost where they are drawn together.
    let exits = run["timeline"]["exits"].as_array().unwrap();
    assert!((2..=400).contains(&exits.len()), "{}", exits.len());
    let faults = exits.iter().map(|row| row[2][0].as_u64().unwrap());
    assert_eq!(faults.sum::<u64>(), 50_000);
    let mut browser = desk();
    browser.open(&page, "#faulting::x86_64");
    assert!(browser.count("#timeline rect.exits") > 1);
    is_content(&mut browser);
}

/// An audit has a map, registers and sentences: very many of them are left out with all that they have.
#[test]
fn two_thousand_audits_do_not_make_a_page_large() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::audited(&folder.path().join("run"), 2000);
    let page = page(&run);
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < 2_000_000, "{size}");
    let data = data(&page);
    assert!(length(&data["maps"]) <= 70, "{}", length(&data["maps"]));
    assert!(length(&data["registers"]) <= 70);
    let mut browser = desk();
    browser.open(&page, "");
    let told = browser.text("#timeline .notice");
    assert!(told.contains("audits"), "{told}");
    // One audit finds more than the page has sentences for, and says how much.
    assert!(browser.text("#audit-words").contains("60 breaches"));
    assert!(browser.text(".breaches").contains("[... 10 more ...]"));
    is_content(&mut browser);
}

/// A case that failed among very many that passed has as much of its log as one can read.
#[test]
fn what_failed_has_its_room_before_what_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = made::Matrix::new(folder.path().join("20260101T000000Z-1"));
    for nth in 0..30 {
        matrix.case(&format!("scenario-{nth:02}"), made::PASSED[nth % 3]);
    }
    let flooded = made::flooded(&matrix.dir.join("runs/flooded"));
    matrix.case_of("a-flooded", &flooded);
    let data = data(&page(&matrix.finish("2026-01-01T00:00:00Z", 20.0)));
    let runs = data["runs"].as_array().unwrap();
    let (flooded, passed) = runs.split_last().unwrap();
    let bytes = log(&data, flooded);
    assert!((250_000..=320_000).contains(&bytes), "{bytes}");
    assert!(
        passed
            .iter()
            .all(|run| length(&run["log"]["left_out"]) == 0)
    );
    // Which commands there are is made on the page.
    let texts = data["texts"].as_array().unwrap().iter();
    let judge = texts.filter(|text| text.as_str().unwrap().contains(" judge "));
    assert_eq!(judge.count(), 0);
}
