use super::*;

fn compared(then: &[Series], now: &[Series]) -> Comparison {
    Comparison::of(then, now).unwrap()
}

fn series(samples: &[f64]) -> Series {
    Series::new("figure", "ms", samples.to_vec())
}

/// Nine samples around a value.
fn around(value: f64) -> Series {
    let offsets = [0.0, 0.3, -0.2, 0.1, -0.4, 0.2, -0.1, 0.4, -0.3];
    series(&offsets.map(|offset| value + offset))
}

fn outcome(then: &Series, now: &Series) -> Outcome {
    let comparison = compared(std::slice::from_ref(then), std::slice::from_ref(now));
    comparison.figures[0].outcome
}

/// The tables of the test: with 5 and 5 samples, U = 0 has p = 1/252; the tie of all has 1.
#[test]
fn the_chance_is_that_of_the_tables() {
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b, "{a} {b}");
    close(
        chance_of_larger(&[1., 2., 3., 4., 5.], &[6., 7., 8., 9., 10.]),
        1.0 / 252.0,
    );
    close(
        chance_of_larger(&[6., 7., 8., 9., 10.], &[1., 2., 3., 4., 5.]),
        1.0,
    );
    close(chance_of_larger(&[1., 2., 3.], &[2.5, 4.]), 2.0 / 10.0);
    close(chance_of_larger(&[1., 1., 1.], &[1., 1.]), 1.0);
    close(chance_of_larger(&[1., 2.], &[2., 3.]), 2.0 / 6.0);
    close(ways(18, 9), 48620.0);
}

#[test]
fn what_is_slower_beyond_noise_regressed_and_nothing_else() {
    let base = around(100.0);
    assert_eq!(outcome(&base, &around(110.0)), Outcome::Regressed);
    assert_eq!(outcome(&base, &around(90.0)), Outcome::Kept);
    // Told apart, and within the tolerance.
    assert_eq!(outcome(&base, &around(103.0)), Outcome::Kept);
    // A median that is worse by chance.
    let noisy = series(&[60., 150., 80., 120., 70., 140., 100., 90., 110.]);
    let again = series(&[61., 151., 81., 121., 71., 141., 112., 113., 111.]);
    assert_eq!(outcome(&noisy, &again), Outcome::Kept);
    let few = |value: f64| series(&[value, value + 1.0]);
    assert_eq!(outcome(&few(100.0), &few(200.0)), Outcome::TooFew);
}

#[test]
fn of_a_speed_less_is_worse() {
    let speed = |value| around(value).more_is_better();
    assert_eq!(outcome(&speed(500.0), &speed(400.0)), Outcome::Regressed);
    assert_eq!(outcome(&speed(400.0), &speed(500.0)), Outcome::Kept);
}

#[test]
fn an_overhead_may_be_none() {
    let none = series(&[0.0; 9]);
    assert_eq!(outcome(&none, &none), Outcome::Kept);
    assert_eq!(outcome(&none, &around(5.0)), Outcome::Regressed);
    assert_eq!(outcome(&around(-5.0), &around(-4.0)), Outcome::Regressed);
}

#[test]
fn many_figures_do_not_fail_by_chance_and_one_among_them_still_does() {
    let named = |nth: usize, mut series: Series| {
        series.name = format!("figure {nth}");
        series
    };
    let then: Vec<_> = (0..60).map(|nth| named(nth, around(100.0))).collect();
    let mut now = then.clone();
    now[17] = named(17, around(120.0));
    let comparison = compared(&then, &now);
    let regressed = comparison
        .figures
        .iter()
        .filter(|figure| figure.outcome == Outcome::Regressed);
    assert_eq!(
        regressed
            .map(|figure| figure.name.as_str())
            .collect::<Vec<_>>(),
        ["figure 17"]
    );
    assert!(!comparison.is_kept() && comparison.human().contains("REGRESSED"));
    // So unlikely a figure alone would be one; among sixty it may be chance, and more runs have to tell.
    let unlikely = series(&[100., 101., 102., 103., 104.]);
    now[17] = named(17, series(&[110., 111., 112., 113., 114.]));
    let mut base = then;
    base[17] = named(17, unlikely);
    assert_eq!(compared(&base, &now).figures[17].outcome, Outcome::TooFew);
    assert!(!compared(&base, &now).is_kept());
    let alone = compared(&base[17..18], &now[17..18]);
    assert_eq!(alone.figures[0].outcome, Outcome::Regressed);
}

/// Each would otherwise be a comparison that cannot fail.
#[test]
fn what_is_missing_or_cannot_be_told_is_no_success() {
    let named = |name: &str| Series::new(name, "s", vec![1.0]);
    let comparison = compared(&[named("a"), named("b")], &[named("b"), named("c")]);
    assert_eq!(comparison.not_measured, ["a"]);
    assert_eq!(comparison.new, ["c"]);
    let human = comparison.human();
    assert!(human.contains("a: NOT MEASURED now") && human.contains("c: not in the baseline"));
    assert!(!comparison.is_kept());
    assert!(compared(&[named("b")], &[named("b"), named("c")]).is_kept());
    let slower = Series::new("b", "s", vec![2.0]);
    assert!(!compared(&[named("b")], &[slower]).is_kept());

    let refused = |then: &[Series], now: &[Series], why: &str| {
        let error = Comparison::of(then, now).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&[named("a")], &[named("b")], "none of what was measured");
    let in_ms = Series::new("a", "ms", vec![1.0]);
    refused(&[named("a")], &[in_ms], "another unit");
    refused(
        &[named("a")],
        &[named("a").more_is_better()],
        "another unit",
    );
}

#[test]
fn what_is_measured_too_seldom_is_not_compared() {
    let seldom = |value| Series::new("seldom", "s", vec![value]).not_compared();
    let base = [around(1.0), seldom(1.0)];
    let comparison = compared(&base, &[around(1.0), seldom(9.0)]);
    assert_eq!(comparison.figures.len(), 1);
    assert!(compared(&base, &[around(1.0)]).is_kept());
}
