use super::*;

fn series(samples: &[f64]) -> Series {
    Series::new("figure", "ms", samples.to_vec())
}

/// Nine samples around a value.
fn around(value: f64) -> Series {
    let offsets = [0.0, 0.3, -0.2, 0.1, -0.4, 0.2, -0.1, 0.4, -0.3];
    series(&offsets.map(|offset| value + offset))
}

fn outcome(then: &Series, now: &Series) -> Outcome {
    let comparison = Comparison::of(std::slice::from_ref(then), std::slice::from_ref(now));
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
    let comparison = Comparison::of(&then, &now);
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
    // So unlikely a figure alone would be one; among sixty it is chance.
    let unlikely = series(&[100., 101., 102., 103., 104.]);
    now[17] = named(17, series(&[110., 111., 112., 113., 114.]));
    let mut base = then;
    base[17] = named(17, unlikely);
    assert!(Comparison::of(&base, &now).is_kept());
    assert!(!Comparison::of(&base[17..18], &now[17..18]).is_kept());
}

#[test]
fn figures_that_only_one_has_are_told() {
    let named = |name: &str| Series::new(name, "s", vec![1.0]);
    let comparison = Comparison::of(&[named("a"), named("b")], &[named("b"), named("c")]);
    assert_eq!(comparison.not_measured, ["a"]);
    assert_eq!(comparison.new, ["c"]);
    let human = comparison.human();
    assert!(human.contains("a: not measured now") && human.contains("c: not in the baseline"));
}

#[test]
fn what_was_kept_is_read_back_and_what_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baseline.json");
    let figures = [
        around(1.0),
        Series::new("other", "s", vec![2.0]).more_is_better(),
    ];
    save(&file, &figures).unwrap();
    assert_eq!(read(&file).unwrap(), figures);
    let twice = [around(1.0), around(1.0)];
    save(&file, &twice).unwrap();
    assert!(read(&file).unwrap_err().to_string().contains("there twice"));
    save(&file, &[series(&[])]).unwrap();
    assert!(read(&file).is_err());
    std::fs::write(&file, "{}").unwrap();
    assert!(read(&file).unwrap_err().to_string().contains("--save FILE"));
    std::fs::write(&file, r#"{"version": 2, "harness": "9", "figures": []}"#).unwrap();
    assert!(
        read(&file)
            .unwrap_err()
            .to_string()
            .contains("later harness")
    );
}
