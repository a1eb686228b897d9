//! Measures what it takes to find that nothing has to be built: by the stamps, and by cargo, which they keep from
//! being started.

use super::kept::Series;
use super::median;
use crate::arch::Arch;
use crate::boot::build::{Ask, Target, build};
use crate::boot::cargo::Progress;
use crate::config::recipe::Recipe;
use crate::error::Error;
use crate::project::Project;
use serde::Serialize;
use std::time::Instant;

/// How many times each of them is measured.
const TIMES: usize = 9;

/// Medians, in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Freshness {
    /// By the stamps of a hypervisor and its guest.
    pub stamps: f64,
    /// By starting cargo for both.
    pub cargo: f64,
    /// What they are the medians of.
    #[serde(skip)]
    samples: [Vec<f64>; 2],
}

impl Freshness {
    /// Both, with every sample.
    pub(super) fn series(&self) -> [Series; 2] {
        let [stamps, cargo] = self.samples.clone();
        [
            Series::new("nothing to build, by the stamps", "s", stamps),
            Series::new("nothing to build, by cargo", "s", cargo),
        ]
    }
}

/// Measures both, of programs that were built before.
pub(super) async fn measure(project: &Project, arch: Arch) -> Result<Freshness, Error> {
    let recipe = Recipe::load(project, arch)?;
    let targets = [Target::Hypervisor, Target::Guest("gkernel".into())];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TIMES {
        for (ask, times) in [Ask::IfChanged, Ask::Always].into_iter().zip(&mut times) {
            let start = Instant::now();
            build(project, &recipe, &targets, ask, &Progress::nobody()).await?;
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let [stamps, cargo] = times.clone().map(median);
    Ok(Freshness {
        stamps,
        cargo,
        samples: times,
    })
}
