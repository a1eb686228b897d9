//! A scenario as it is written: plain data that mirrors the file. What may be missing is decided when it
//! is resolved, so that all that is missing is said at once.

use super::accounts::{Hv, Witness, Word};
use super::machines::Machines;
use super::{Case, DiskFault};
use crate::arch::Arch;
use crate::config::audit;
use crate::config::disk;
use crate::config::template::Values;
use crate::judge::By;
use crate::judge::verdict::EndKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// `[params]`.
pub type Params = BTreeMap<Spanned<String>, Spanned<Word>>;

/// A scenario's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    pub about: Option<String>,
    pub extends: Option<Spanned<String>>,
    pub machine: Option<Spanned<Machines>>,
    pub guest: Option<Spanned<String>>,
    #[serde(rename = "then")]
    pub second: Option<Spanned<String>>,
    pub mode: Option<Spanned<String>>,
    /// Words for the hypervisor, besides those that have keys of their own.
    #[serde(default)]
    pub params: Params,
    pub disk: Option<disk::Raw>,
    pub disk_fault: Option<DiskFault>,
    pub arches: Option<Vec<Arch>>,
    pub end: Option<EndKind>,
    pub flash: Option<Spanned<String>>,
    pub silence: Option<Spanned<String>>,
    #[serde(default, rename = "step")]
    pub steps: Vec<Spanned<Step>>,
    #[serde(default, rename = "strand")]
    pub strands: Vec<Spanned<Strand>>,
    #[serde(default, rename = "result")]
    pub results: Vec<Spanned<CaseResult>>,
    #[serde(default, rename = "send")]
    pub sends: Vec<Spanned<Send>>,
    #[serde(default, rename = "forbid")]
    pub forbidden: Vec<Spanned<Forbid>>,
    pub case: Option<Case>,
    /// Why it is not among all scenarios.
    pub only_by_name: Option<String>,
    pub hv: Option<Hv>,
    pub witness: Option<Spanned<Witness>>,
    pub audit: Option<audit::Raw>,
    /// A file of such, by architecture.
    pub audit_from: Option<Spanned<String>>,
    /// Values that stand in for the machine's.
    #[serde(default)]
    pub values: Values,
    /// A file of such, by architecture.
    pub values_from: Option<Spanned<String>>,
}

/// `[[step]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub name: Option<Spanned<String>>,
    pub pattern: Option<Spanned<String>>,
    pub near: Option<Spanned<String>>,
    pub by: Option<By>,
    pub arches: Option<Vec<Arch>>,
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub optional: bool,
    pub count: Option<Spanned<u64>>,
    pub within: Option<Spanned<String>>,
    /// Strands that are complete before it, and steps that it is put behind.
    pub after: Option<Spanned<Vec<String>>>,
    /// The step that it is put in front of, where the scenario extends another one.
    pub before: Option<Spanned<String>>,
    /// Whether it stays behind the steps that an extending scenario adds.
    #[serde(default)]
    pub last: bool,
    /// The steps among those of `after`, once it has its place.
    #[serde(skip)]
    pub behind: Vec<String>,
    /// Whether one of these stays last, so that this one does too.
    #[serde(skip)]
    pub behind_the_last: bool,
}

/// `[[strand]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Strand {
    pub name: Option<Spanned<String>>,
    pub by: Option<By>,
    pub arches: Option<Vec<Arch>>,
    pub pattern: Option<Spanned<String>>,
    pub sequence: Option<Spanned<String>>,
    #[serde(default, rename = "step")]
    pub steps: Vec<Spanned<StrandStep>>,
    pub overlaps: Option<Spanned<Vec<String>>>,
}

/// `[[strand.step]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StrandStep {
    pub name: Option<Spanned<String>>,
    pub pattern: Option<Spanned<String>>,
    pub near: Option<Spanned<String>>,
    pub arches: Option<Vec<Arch>>,
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub optional: bool,
    pub count: Option<Spanned<u64>>,
}

/// `[[result]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaseResult {
    pub name: Option<Spanned<String>>,
    pub by: Option<By>,
    pub arches: Option<Vec<Arch>>,
    pub pattern: Option<Spanned<String>>,
    pub failed: Option<Spanned<String>>,
}

/// `[[send]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Send {
    pub after: Option<Spanned<String>>,
    pub text: Option<Spanned<String>>,
    pub arches: Option<Vec<Arch>>,
}

/// `[[forbid]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Forbid {
    pub pattern: Option<Spanned<String>>,
    pub by: Option<By>,
    pub arches: Option<Vec<Arch>>,
    pub except: Option<Spanned<String>>,
    pub from: Option<Spanned<String>>,
    pub until: Option<Spanned<String>>,
}

impl StrandStep {
    /// The same as a step of the story that has no place in it.
    pub fn into_step(self) -> Step {
        Step {
            name: self.name,
            pattern: self.pattern,
            near: self.near,
            by: None,
            arches: self.arches,
            unique: self.unique,
            optional: self.optional,
            count: self.count,
            within: None,
            after: None,
            before: None,
            last: false,
            behind: Vec::new(),
            behind_the_last: false,
        }
    }
}

/// Whether something that is for some architectures only is for this one.
pub fn applies(arches: &Option<Vec<Arch>>, arch: Arch) -> bool {
    arches.as_ref().is_none_or(|arches| arches.contains(&arch))
}
