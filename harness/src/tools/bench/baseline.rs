//! Measurements that are kept, and compared with later ones.
//!
//! A figure has *regressed* if its median is worse than the baseline's by more than `TOLERANCE`, and the samples of
//! the two are told apart by a one-sided rank test (Mann and Whitney, 1947; exact, ties included). All figures of a
//! comparison are tested together (Holm, 1979), so that without any change at most one comparison in a hundred fails by
//! chance, however many figures it has. What the computer itself does differently from one day to the next is no
//! chance: measure both on the same one, when it has nothing else to do.

use crate::error::Error;
use crate::files;
use crate::shown;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// By how much of itself a median may get worse.
const TOLERANCE: f64 = 0.05;

/// How often a comparison without a difference may find one.
const LEVEL: f64 = 0.01;

/// The version of the file. It grows with a change that an older harness would misunderstand.
const VERSION: u32 = 1;

/// How many samples of a figure are compared at most.
const SAMPLES: usize = 50;

/// Which values of a figure are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A time, a size, a cost.
    Lower,
    /// A speed.
    Higher,
}

/// A figure, with everything that was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name: `riscv64: ./x run over QEMU`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which values are better.
    pub better: Better,
    /// What was measured, in the order of time.
    pub samples: Vec<f64>,
}

impl Series {
    /// A figure of which less is better.
    pub fn new(name: impl Into<String>, unit: &str, samples: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            unit: unit.into(),
            better: Better::Lower,
            samples,
        }
    }

    /// The same, where more is better.
    pub fn more_is_better(mut self) -> Self {
        self.better = Better::Higher;
        self
    }

    fn median(&self) -> f64 {
        super::median(self.samples.clone())
    }
}

/// A file with measurements.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// The harness that measured.
    harness: String,
    figures: Vec<Series>,
}

/// Keeps measurements in a file.
pub fn save(file: &Path, figures: &[Series]) -> Result<(), Error> {
    let kept = Kept {
        version: VERSION,
        harness: env!("CARGO_PKG_VERSION").into(),
        figures: figures.to_vec(),
    };
    let text = serde_json::to_string_pretty(&kept).expect("plain data");
    std::fs::write(file, text + "\n").map_err(|e| Error::io("write", file, &e))
}

/// Reads what was kept.
///
/// # Errors
///
/// The file is none of `--save`, or of a later version.
pub fn read(file: &Path) -> Result<Vec<Series>, Error> {
    let shown = file.display();
    let unusable = |why: String| {
        Error::Usage(format!(
            "{shown} is no baseline: {why}; make one by --save FILE"
        ))
    };
    let text = files::read_text(file).map_err(|e| unusable(e.to_string()))?;
    let kept: Kept = serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?;
    if kept.version > VERSION {
        let version = kept.version;
        return Err(Error::Usage(format!(
            "{shown} is of version {version}, and this harness knows them up to {VERSION}: compare with a later harness"
        )));
    }
    let mut names: Vec<_> = kept.figures.iter().map(|figure| &figure.name).collect();
    names.sort();
    names.dedup();
    let sound = |figure: &Series| {
        !figure.samples.is_empty() && figure.samples.iter().all(|value| value.is_finite())
    };
    if names.len() != kept.figures.len() || !kept.figures.iter().all(sound) {
        return Err(unusable(
            "a figure is there twice, or was never measured".into(),
        ));
    }
    Ok(kept.figures)
}

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
    pub fn of(baseline: &[Series], now: &[Series]) -> Self {
        let named =
            |all: &[Series], name: &str| all.iter().find(|figure| figure.name == name).cloned();
        let pairs = now
            .iter()
            .filter_map(|now| Some((named(baseline, &now.name)?, now)));
        let mut figures: Vec<_> = pairs.map(|(then, now)| compare(&then, now)).collect();
        judge(&mut figures);
        let figures = figures.into_iter().map(|(figure, _)| figure).collect();
        let without = |some: &[Series], others: &[Series]| -> Vec<String> {
            let lacking = some
                .iter()
                .filter(|figure| named(others, &figure.name).is_none());
            lacking.map(|figure| figure.name.clone()).collect()
        };
        Self {
            figures,
            not_measured: without(baseline, now),
            new: without(now, baseline),
        }
    }

    /// Whether no figure regressed.
    pub fn is_kept(&self) -> bool {
        self.figures
            .iter()
            .all(|figure| figure.outcome != Outcome::Regressed)
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
                Outcome::TooFew => "  too few runs to tell (--runs)",
            };
            let _ = writeln!(
                out,
                "  {name:<44}{then:>11.3} -> {now:>11.3} {unit:<5}{percent:>+7.1} %  p {:.4}{outcome}",
                figure.chance
            );
        }
        for (names, what) in [
            (&self.not_measured, "not measured now"),
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
