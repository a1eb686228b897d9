//! A run's drawings and its card: what they tell, to whom, and where they lead.

use super::browser::Browser;
use super::{PHONE, desk, is_content, keep, made, page};
use serde_json::{Value, json};
use std::fs;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn tap(browser: &mut Browser, x: f64, y: f64) {
    let points = json!([{"x": x, "y": y}]);
    for (kind, points) in [("touchStart", points), ("touchEnd", json!([]))] {
        let touch = json!({"type": kind, "touchPoints": points});
        browser.call("Input.dispatchTouchEvent", touch);
    }
    browser.drawn();
}

/// A band of the map leads to its row, by mouse, key and finger, though the table is folded.
#[test]
fn a_band_of_the_map_leads_to_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::LEAKY, &folder.path().join("run"));
    let page = page(&run);
    let row = "document.querySelector('.mappings tr.target')?.getClientRects().length > 0";
    let mut browser = desk();
    browser.open(&page, "");
    browser.click("g.band.bad .plate");
    browser.until(row);
    browser.open(&page, "");
    browser.eval("document.querySelector('g.band').focus()");
    browser.key("Enter");
    browser.until(row);
    is_content(&mut browser);
}

/// What a drawing tells, it tells whoever has no mouse, too.
#[test]
fn what_the_pointer_is_told_the_keyboard_and_a_finger_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let page = page(&run);
    let mut browser = desk();
    browser.open(&page, "#gkernel::x86_64/memory");
    let hidden = "document.getElementById('tip').hidden";
    for (part, told) in [
        ("g.band", "GPA 0x"),
        ("g.part.image", "the hypervisor's image: 0x"),
        ("#timeline rect.exits", "in order only"),
        ("#timeline rect.phase", "0.0"),
        ("#timeline a:has(path.audit)", "audit"),
        ("#timeline a:has(.step)", "step "),
    ] {
        browser.eval(&format!("document.querySelector({}).focus()", json!(part)));
        browser.until(&format!("!{hidden}"));
        let said = browser.text("#tip");
        assert!(said.contains(told), "{part}: {said}");
        browser.key("Escape");
        assert_eq!(browser.eval(hidden), true, "{part}");
    }
    browser.eval("document.querySelector('g.band').focus()");
    browser.eval("document.activeElement.blur()");
    assert_eq!(browser.eval(hidden), true);
    assert_eq!(browser.count("#timeline [tabindex='-1']"), 0);
    browser.resize(PHONE.0, PHONE.1);
    browser.open(&page, "");
    let [x, y] = browser.middle("g.part.image rect");
    tap(&mut browser, x, y);
    browser.until(&format!("!{hidden}"));
    assert!(browser.text("#tip").contains("the hypervisor's image"));
    let [x, y] = browser.middle("#memory-title");
    tap(&mut browser, x, y);
    browser.until(hidden);
    is_content(&mut browser);
}

#[test]
fn the_awaited_step_is_not_drawn_over_others() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::BROKEN, &folder.path().join("run"));
    let page = page(&run);
    let mut browser = desk();
    for width in [1280, 700, PHONE.0] {
        browser.resize(width, 900);
        browser.open(&page, "");
        assert_eq!(browser.text("text.awaited"), "awaited: banner");
        let over = browser.eval(
            "(() => { const own = document.querySelector('text.awaited').getBoundingClientRect();
               return [...document.querySelectorAll('#timeline text')].filter((text) => { const box = text.getBoundingClientRect();
                 return !text.matches('.awaited') && box.left < own.right && own.left < box.right && box.top < own.bottom - 2 && own.top < box.bottom - 2; }).map((text) => text.textContent); })()",
        );
        assert_eq!(over, json!([]), "at {width}");
    }
    is_content(&mut browser);
}

#[test]
fn an_audit_in_the_timeline_leads_to_its_map() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = desk();
    browser.prefers(&[("prefers-reduced-motion", "reduce")]);
    browser.open(&page(&run), "");
    browser.eval("document.querySelectorAll('#timeline a:has(path.audit)')[1].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))");
    browser.until("location.hash.endsWith('/memory/2')");
    browser.until(
        "document.querySelector('.tabs').children[1].getAttribute('aria-selected') === 'true'",
    );
    let top = browser.eval("document.getElementById('memory').getBoundingClientRect().top");
    assert!((0.0..200.0).contains(&number(&top)), "{top}");
    is_content(&mut browser);
}

/// What nobody reaches takes a line, and a name stands once.
#[test]
fn the_idle_parts_of_the_map_are_small_and_sizes_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::BROKEN, &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "");
    let idle = browser.eval(
        "[...document.querySelectorAll('g.part.ram:not(.reached), g.part.device:not(.reached), g.part.declared')].map((part) => part.querySelector('rect').getBBox().height)",
    );
    let idle = idle.as_array().unwrap();
    assert!(
        idle.len() > 3 && idle.iter().all(|height| number(height) <= 18.0),
        "{idle:?}"
    );
    let named = browser.eval(
        "[...document.querySelectorAll('g.part.ram:not(.reached) .name')].map((name) => name.textContent)",
    );
    assert_eq!(named, json!(["audited-ram"]));
    let sizes = browser.eval(
        r"[...document.querySelectorAll('#memory text, #memory td')].map((one) => one.textContent).filter((words) => /\d{5,} [KMGT]iB/.test(words))",
    );
    assert_eq!(sizes, json!([]));
    let told = browser.eval(
        "[...document.querySelectorAll('g.part')].map((part) => part.getAttribute('aria-label')).join()",
    );
    assert!(told.as_str().unwrap().contains("1022.9 GiB"), "{told}");
    // Each kind of access has its colour.
    let colours = browser.eval(
        "['r', 'w', 'x', 'rw', 'rx', 'wx', 'rwx', 'bad'].map((kind) => { const band = document.querySelector('g.band'); band.setAttribute('class', `band ${kind}`);
           return getComputedStyle(band.querySelector('.fill')).fill; }).filter((colour) => { const other = document.createElement('div'); other.style.color = 'var(--muted)'; document.body.append(other); return getComputedStyle(other).color === colour; })",
    );
    assert_eq!(colours, json!([]));
    is_content(&mut browser);
}

/// However long a log is, the line of the cause is on the page, with what stands around it.
#[test]
fn the_cause_of_a_flooded_run_is_on_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::flooded(&folder.path().join("run"));
    let page = page(&run);
    let mut browser = desk();
    browser.prefers(&[("prefers-reduced-motion", "reduce")]);
    browser.open(&page, "");
    assert!(browser.count(".lines .notice") >= 1, "lines are left out");
    browser.click(".cause a");
    browser.until("document.querySelector('.line.target') !== null");
    assert!(
        browser
            .text(".line.target .says")
            .starts_with("Hypervisor error:")
    );
    let log = browser.text("#log");
    for near in [2480, 2499, 2500, 2519] {
        assert!(log.contains(&format!("line {near}: ")), "{near}");
    }
    // A line that is not here says so where one looks for it.
    let id = browser.eval("document.getElementById('where').textContent");
    browser.open(&page, &format!("#{}/2000", id.as_str().unwrap()));
    browser.until(
        "document.querySelector('.lines .notice.target')?.textContent.includes('Line 2000')",
    );
    let box_ =
        browser.eval("document.querySelector('.lines .notice.target').getBoundingClientRect().top");
    assert!((0.0..900.0).contains(&number(&box_)), "{box_}");
    is_content(&mut browser);
}

/// One sees why it failed before one scrolls.
#[test]
fn the_card_of_a_failed_run_tells_what_happened_and_is_short() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = desk();
    let run = made::copy("riscv64-hypervisor-error", &folder.path().join("one"));
    let page_of_error = page(&run);
    browser.open(&page_of_error, "");
    let around = browser.text(".cause .around");
    for said in [
        "Hypervisor error: the machine is not fit",
        "app: /sbin/timer-once",
    ] {
        assert!(around.contains(said), "{around}");
    }
    assert_eq!(
        browser.count(".around .line"),
        6,
        "five before, none behind"
    );
    is_content(&mut browser);
    let run = made::copy(made::BROKEN, &folder.path().join("two"));
    let page_of_breach = page(&run);
    browser.open(&page_of_breach, "");
    assert_eq!(browser.count(".last .line"), 10);
    let last = browser.text(".last");
    assert!(last.contains("Entering VM run loop..."), "{last}");
    let top = browser.eval("document.getElementById('timeline').getBoundingClientRect().top");
    assert!(number(&top) < 1000.0, "{top}");
    // The sentence stands in the card, and is in the log; not a third and a fourth time.
    let sentence = "and is declared to be";
    let card = browser.text("#verdict");
    assert_eq!(card.matches(sentence).count(), 1, "{card}");
    let memory = browser.eval("document.getElementById('memory').innerText");
    assert_eq!(memory.as_str().unwrap().matches(sentence).count(), 0);
    // A breach of a register leads to the register.
    browser.click(".breaches a");
    browser.until("document.querySelector('.registers tr.bad')?.getClientRects().length > 0");
    assert!(browser.text(".registers tr.bad").contains("HCR_EL2"));
    // Facts and commands stand side by side, and a command is a line.
    let tops = browser.eval("['.facts', '.commands'].map((one) => Math.round(document.querySelector(one).getBoundingClientRect().top))");
    assert!((number(&tops[0]) - number(&tops[1])).abs() < 12.0, "{tops}");
    let heights = browser.eval("[...document.querySelectorAll('.commands .command')].map((one) => one.getBoundingClientRect().height)");
    for height in heights.as_array().unwrap() {
        assert!(number(height) < 62.0, "{heights}");
    }
    keep(&mut browser, "card");
    // A phone has room for what the lines say, from the left.
    browser.resize(PHONE.0, PHONE.1);
    browser.open(&page_of_breach, "");
    let places = browser.eval(
        "(() => { const own = document.querySelector('.last').getBoundingClientRect(); return [...document.querySelectorAll('.last .says')].map((line) => line.getBoundingClientRect().left - own.left); })()",
    );
    let places = places.as_array().unwrap();
    assert!(
        places.len() == 10
            && places
                .iter()
                .all(|left| (0.0..20.0).contains(&number(left))),
        "{places:?}"
    );
    is_content(&mut browser);
}

/// A command that names files which are gone is of no use to anybody.
#[test]
fn commands_are_shown_where_they_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let by_hand = fs::read_to_string(run.join("command.txt")).unwrap();
    let note = "# This run passed, and so its images were removed. To get them again, with a folder like this one:\n\
                #   harness matrix --keep-images 'case(gkernel::x86_64)'\n\n";
    fs::write(run.join("command.txt"), note.to_owned() + &by_hand).unwrap();
    let made = page(&run);
    let mut browser = desk();
    browser.open(&made, "");
    let commands = browser.text(".commands");
    assert!(
        commands.contains("its images were removed") && commands.contains("--keep-images"),
        "{commands}"
    );
    assert!(!commands.contains("qemu-system"), "{commands}");
    assert!(!commands.contains("not part of this folder"), "{commands}");
    // The page alone, as a CI job hands it out.
    let alone = folder.path().join("artifact");
    fs::create_dir(&alone).unwrap();
    fs::copy(&made, alone.join("page.html")).unwrap();
    browser.open(&alone.join("page.html"), "");
    let told = browser.text(".commands .notice");
    assert!(told.contains("not part of this folder"), "{told}");
    // The records of a matrix without those of its runs.
    let mut matrix = made::Matrix::new(alone.join("20260101T000000Z-1"));
    matrix.case("gone", made::BROKEN);
    let dir = matrix.finish("2026-01-01T00:00:00Z", 1.0);
    fs::remove_dir_all(dir.join("runs")).unwrap();
    browser.open(&page(&dir), "#gone::aarch64-mte");
    let card = browser.text("#verdict");
    assert!(card.contains("not part of this folder"), "{card}");
    assert!(!card.contains("./x judge"), "{card}");
    is_content(&mut browser);
}
