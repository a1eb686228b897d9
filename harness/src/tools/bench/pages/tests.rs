use super::*;
use std::collections::BTreeMap;

fn kept() -> Kept {
    let on = |arch: Arch, ms: f64| {
        let name = format!("{arch}: the longest standstill");
        Series::new(name, "ms", vec![ms, ms + 1.0, ms - 1.0])
    };
    let figures = vec![
        on(Arch::Riscv64, 2.25),
        on(Arch::Aarch64, 31.0),
        on(Arch::X86_64, 9.96),
    ];
    let mut kept = Kept::new("here".into(), figures);
    kept.shown = BTreeMap::from([("a run".to_owned(), "$ ./x run\nPASS".to_owned())]);
    kept
}

#[test]
fn a_page_is_filled_in_where_it_names_what_was_measured_and_nowhere_else() {
    let page = "It takes <!-- measured: range of the longest standstill -->ages<!-- end -->, <!-- a remark --> here.\n\
                <!-- measured: a run -->\n```text\nold\n```\n<!-- end -->\nThe rest.\n";
    let once = filled(page, &kept()).unwrap();
    assert_eq!(
        once,
        "It takes <!-- measured: range of the longest standstill -->2.2 to 31.0 ms<!-- end -->, <!-- a remark --> here.\n\
         <!-- measured: a run -->\n```text\n$ ./x run\nPASS\n```\n<!-- end -->\nThe rest.\n"
    );
    assert_eq!(filled(&once, &kept()).unwrap(), once);
}

#[test]
fn a_page_that_asks_for_what_is_not_there_is_refused() {
    let refused = |page: &str, why: &str| {
        let error = filled(page, &kept()).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    refused(
        "<!-- measured: luck -->7<!-- end -->",
        "`luck` was not measured",
    );
    refused(
        "<!-- measured: the harness -->7<!-- end -->",
        "was not measured",
    );
    refused("<!-- measured: how -->7", "there is no `<!-- end -->`");
    refused("<!-- measured: how", "has no end");
    refused(
        "<!-- measured: how -->7 <!-- measured: how -->8<!-- end -->",
        "`how` has no `<!-- end -->` of its own",
    );
}

#[test]
fn numbers_have_three_digits_and_units_that_fit() {
    let shown = |value: f64, unit: &str| quantity(&Series::new("", unit, vec![value]));
    assert_eq!(shown(0.0123, "s"), "12.3 ms");
    assert_eq!(shown(-0.0021, "s"), "-2.1 ms");
    assert_eq!(shown(75.57, "s"), "75.6 s");
    assert_eq!(shown(1.0265, "times"), "+2.6 %");
    assert_eq!(shown(0.017, "of 1"), "1.7 %");
    assert_eq!(shown(12_345.0, "KiB"), "12.1 MiB");
    assert_eq!(shown(102_345.0, "ns"), "102,000 ns");
    assert_eq!(shown(999.6, "ns"), "1,000 ns");
    assert_eq!(shown(3_190_000.0, "ns"), "3,190,000 ns");
    assert_eq!(shown(1_000.0, "ns"), "1,000 ns");
}
