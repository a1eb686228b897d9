//! Measurements that are kept, and compared with later ones.
//!
//! A figure has *regressed* if its median is worse than the baseline's by more than `TOLERANCE`, and the samples of
//! the two are told apart by a one-sided rank test (Mann and Whitney, 1947; exact, ties included). All figures of a
//! comparison are tested together (Holm, 1979), so that without any change at most one comparison in a hundred fails by
//! chance, however many figures it has. What the computer itself does differently from one day to the next is no
//! chance: measure both on the same one, when it has nothing else to do.

use super::kept::{Better, Series};
use crate::error::Error;
use crate::shown;
use serde::Serialize;
use std::fmt::Write;

/// By how much of itself a median may get worse.
const TOLERANCE: f64 = 0.05;

/// How often a comparison without a difference may find one.
const LEVEL: f64 = 0.01;

/// How many samples of a figure are compared at most.
const SAMPLES: usize = 50;

/// What came of comparing a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// No regression.
    Kept,
    /// It got worse by more than chance and tolerance explain.
    Regressed,
    /// It seems worse, and there are too few samples to tell.
    TooFew,
}

/// A figure and its baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The figure.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its median in the baseline, and now.
    pub medians: [f64; 2],
    /// By how much of the baseline's median it got worse; negative if it got better.
    pub worse: f64,
    /// How likely the samples lie so by chance, if nothing got worse.
    pub chance: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The figures that both have.
    pub figures: Vec<Compared>,
    /// Those of the baseline that were not measured now.
    pub not_measured: Vec<String>,
    /// Those that are new.
    pub new: Vec<String>,
}

impl Comparison {
    /// Compares what was measured now with what was kept.
    ///
    /// # Errors
    ///
    /// They have no figure in common, or one that is not the same kind of figure.
    pub fn of(baseline: &[Series], now: &[Series]) -> Result<Self, Error> {
        let named =
            |all: &[Series], name: &str| all.iter().find(|figure| figure.name == name).cloned();
        let compared = now.iter().filter(|figure| figure.compared);
        let pairs = compared.filter_map(|now| Some((named(baseline, &now.name)?, now)));
        let pairs: Vec<_> = pairs.collect();
        if let Some((_, now)) = pairs
            .iter()
            .find(|(then, now)| (&then.unit, then.better) != (&now.unit, now.better))
        {
            return Err(Error::Usage(format!(
                "the baseline has another unit for `{}`: make a new one by --save FILE",
                now.name
            )));
        }
        if pairs.is_empty() {
            return Err(Error::Usage(
                "the baseline has none of what was measured: measure what it was made of, with the same options".into(),
            ));
        }
        let mut figures: Vec<_> = pairs
            .into_iter()
            .map(|(then, now)| compare(&then, now))
            .collect();
        judge(&mut figures);
        let figures = figures.into_iter().map(|(figure, _)| figure).collect();
        let without = |some: &[Series], others: &[Series]| -> Vec<String> {
            let lacking = some
                .iter()
                .filter(|figure| figure.compared && named(others, &figure.name).is_none());
            lacking.map(|figure| figure.name.clone()).collect()
        };
        Ok(Self {
            figures,
            not_measured: without(baseline, now),
            new: without(now, baseline),
        })
    }

    /// Whether no figure regressed. What cannot be told is no success.
    pub fn is_kept(&self) -> bool {
        let mut figures = self.figures.iter();
        self.not_measured.is_empty() && figures.all(|figure| figure.outcome == Outcome::Kept)
    }

    /// Prints a table.
    pub fn human(&self) -> String {
        let mut out = format!(
            "against the baseline: the medians, and how likely the samples lie so by chance (a regression: more than \
             {:.0} % worse, and no chance)\n",
            TOLERANCE * 100.0
        );
        // Writing to a String does not fail.
        for figure in &self.figures {
            let [then, now] = figure.medians;
            let (name, unit) = (shown::line(&figure.name), shown::line(&figure.unit));
            let percent = (now - then) / then.abs() * 100.0;
            let outcome = match figure.outcome {
                Outcome::Kept => "",
                Outcome::Regressed => "  REGRESSED",
                Outcome::TooFew => "  TOO FEW runs to tell (--runs)",
            };
            let _ = writeln!(
                out,
                "  {name:<44}{then:>11.3} -> {now:>11.3} {unit:<5}{percent:>+7.1} %  p {:.4}{outcome}",
                figure.chance
            );
        }
        for (names, what) in [
            (&self.not_measured, "NOT MEASURED now: use the same options"),
            (&self.new, "not in the baseline"),
        ] {
            for name in names {
                let _ = writeln!(out, "  {}: {what}", shown::line(name));
            }
        }
        out
    }
}

/// Compares a figure; with the least chance that so many samples could show.
fn compare(then: &Series, now: &Series) -> (Compared, f64) {
    let medians = [then.median(), now.median()];
    let sign = match now.better {
        Better::Lower => 1.0,
        Better::Higher => -1.0,
    };
    let difference = sign * (medians[1] - medians[0]);
    let worse = match medians[0].abs() {
        0.0 if difference == 0.0 => 0.0,
        base => difference / base,
    };
    let signed = |series: &Series| -> Vec<f64> {
        let samples = series.samples.iter().rev().take(SAMPLES);
        samples.map(|value| sign * value).collect()
    };
    let (then_samples, now_samples) = (signed(then), signed(now));
    let compared = Compared {
        name: now.name.clone(),
        unit: now.unit.clone(),
        medians,
        worse,
        chance: chance_of_larger(&then_samples, &now_samples),
        outcome: Outcome::Kept,
    };
    (
        compared,
        1.0 / ways(then_samples.len() + now_samples.len(), now_samples.len()),
    )
}

/// Decides on all figures together: the least likely one has to be less likely than the level divided by their number,
/// the next one than the level divided by those that are left, up to the first that is not (Holm's procedure).
fn judge(figures: &mut [(Compared, f64)]) {
    let mut order: Vec<_> = (0..figures.len()).collect();
    order.sort_by(|&a, &b| figures[a].0.chance.total_cmp(&figures[b].0.chance));
    let mut told_apart = true;
    for (done, nth) in order.into_iter().enumerate() {
        let left = figures.len() - done;
        let level = LEVEL / left as f64;
        let (figure, least) = &mut figures[nth];
        told_apart &= figure.chance <= level;
        if figure.worse <= TOLERANCE {
            continue;
        }
        if told_apart {
            figure.outcome = Outcome::Regressed;
        } else if *least > level {
            figure.outcome = Outcome::TooFew;
        }
    }
}

/// How likely the ranks of the samples `now` would be at least as high as they are if both were of the same kind: the
/// exact distribution over all ways to choose which samples are the later ones, with the ranks that ties have.
fn chance_of_larger(then: &[f64], now: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = then.iter().map(|&value| (value, false)).collect();
    all.extend(now.iter().map(|&value| (value, true)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the rank, so that the middle rank of a tie is a whole number.
    let mut ranks = Vec::with_capacity(all.len());
    for tie in all.chunk_by(|a, b| a.0 == b.0) {
        let first = ranks.len();
        let doubled = 2 * first + tie.len() + 1;
        ranks.extend(std::iter::repeat_n(doubled, tie.len()));
    }
    let observed: usize = all
        .iter()
        .zip(&ranks)
        .filter(|((_, is_now), _)| *is_now)
        .map(|(_, rank)| rank)
        .sum();
    let most: usize = ranks.iter().sum();
    // How many ways there are to choose so many samples with such a sum of ranks.
    let mut ways = vec![vec![0.0; most + 1]; now.len() + 1];
    ways[0][0] = 1.0;
    for &rank in &ranks {
        for chosen in (1..=now.len()).rev() {
            let (fewer, more) = ways.split_at_mut(chosen);
            let (from, to) = (&fewer[chosen - 1], &mut more[0]);
            for sum in rank..=most {
                to[sum] += from[sum - rank];
            }
        }
    }
    let of_all: f64 = ways[now.len()].iter().sum();
    ways[now.len()][observed..].iter().sum::<f64>() / of_all
}

/// How many ways there are to choose `some` of `all`.
fn ways(all: usize, some: usize) -> f64 {
    (1..=some)
        .map(|nth| (all - some + nth) as f64 / nth as f64)
        .product()
}

#[cfg(test)]
mod tests;
