//! Resolves what the files say, for one architecture.

use super::accounts::Witness;
pub use super::context::Context;
use super::layers::{At, Layer, Merged, merge};
use super::missing::{self, Missing};
use super::raw::Params;
use super::{GuestSource, Scenario, Send, With};
use crate::config::audit::{self, Audit};
use crate::config::machine::Machine;
use crate::config::template::Values;
use crate::config::{Source, is_word};
use crate::error::ConfigError;
use crate::judge::accounts::Expected;
use crate::judge::verdict::EndKind;
use crate::judge::{HvExpected, Known, Lines, Pc, Story, StorySpec};
use crate::project::Project;
use crate::suggest;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The words of `/boot/cmdline` that `[params]` may set.
pub const PARAMS: [&str; 14] = [
    "arg",
    "check",
    "console",
    "cpu-ms",
    "firmware",
    "reenter",
    "refused",
    "runs",
    "stalled-exits",
    "timer",
    "total-bytes",
    "total-cpu-ms",
    "total-exits",
    "wall-ms",
];

/// Resolves a scenario and what it extends.
pub fn resolve(
    name: String,
    project: &Project,
    layers: Vec<Layer>,
    machine: &Machine,
    with: &With<'_>,
) -> Result<Scenario, ConfigError> {
    let (sources, merged) = merge(project, layers, machine.arch)?;
    Resolver {
        project,
        sources: &sources,
        machine,
        with,
    }
    .scenario(name, merged)
}

struct Resolver<'a> {
    project: &'a Project,
    /// Where each layer is written; the scenario itself is the last.
    sources: &'a [Source],
    machine: &'a Machine,
    with: &'a With<'a>,
}

impl Resolver<'_> {
    fn context<'c>(&'c self, layer: usize, values: &'c Values) -> Context<'c> {
        Context {
            source: &self.sources[layer],
            machine: self.machine,
            values,
        }
    }

    /// A mistake of the scenario as a whole.
    fn wrong(&self, message: impl Into<String>) -> ConfigError {
        let source = self.sources.last().expect("a scenario has a file");
        source.error(0..0, None, message)
    }

    fn scenario(&self, name: String, mut merged: Merged) -> Result<Scenario, ConfigError> {
        let end = merged.end;
        let mut missing = Missing::default();
        missing::of(&merged, self.machine.arch, &mut missing);
        let Some(end) = end.filter(|_| missing.is_empty()) else {
            return Err(missing.error(self.sources));
        };
        let (guest, second, values) = self.programs(&mut merged)?;
        let mut spec = self.story_spec(&mut merged, end, &values)?;
        let sends = self.sends(std::mem::take(&mut merged.sends), &spec, &values)?;
        let mode = merged.mode.map(|At { value, layer }| {
            let context = self.context(layer, &values);
            context.mode(value)
        });
        let mode = mode.transpose()?;
        if let Some(mode) = mode.as_deref().or(self.with.mode) {
            spec.hv.start.insert("mode", mode);
        }
        if let Some(At { value, layer }) = merged.hv {
            spec.hv = value.resolve(spec.hv, &self.context(layer, &values))?;
        }
        if let Some(At { value, layer }) = merged.witness {
            let context = self.context(layer, &values);
            let usual = self.usual_witness([guest.as_ref(), second.as_ref()]);
            spec.witness = Some(Witness::resolve(value, &usual, &context)?);
        }
        let not_logged = self.with.not_logged.filter(|_| spec.witness.is_some());
        if not_logged.is_some() {
            spec.witness = None;
        }
        if let Some(objection) = spec.objection() {
            return Err(self.wrong(objection));
        }
        let silence = merged.silence.map(|At { value, layer }| {
            let context = self.context(layer, &values);
            context.duration("silence", &value)
        });
        let silence = silence.transpose()?;
        let disk = merged.disk.map(|At { value, layer }| {
            let context = self.context(layer, &values);
            let fill = |key: &str, text: &Spanned<String>| context.filled(key, text);
            value.resolve(context.source, context.source.folder(), &fill)
        });
        let disk = disk.transpose()?;
        let flash = merged.flash.map(|At { value, layer }| {
            let file = self.context(layer, &values).filled("flash", &value)?;
            Ok(self.path(layer, Path::new(&file)))
        });
        let flash = flash.transpose()?;
        let layer = self.audit_layer(merged.audits, &values)?;
        let guest_at = layer.as_ref().and_then(audit::Layer::guest_at);
        spec.known.windows = layer
            .as_ref()
            .map_or_else(Vec::new, |l| l.windows().to_vec());
        let (audit, not_audited) = self.audit(layer);
        spec.audit = audit.as_ref().map(|audit| audit.expected.clone());
        let (params, _) = self.params(&merged.params, values)?;
        Ok(Scenario {
            name,
            machine: merged.machine.and_then(|At { value, layer }| {
                let machines = value.get_ref().seen_from(&self.sources[layer]);
                machines.of(self.machine.arch)
            }),
            guest,
            second,
            mode,
            params,
            disk,
            disk_fault: merged.disk_fault,
            flash,
            sends,
            silence,
            audit,
            not_audited,
            not_logged: not_logged.map(str::to_owned),
            guest_at,
            story: Story::of(spec)
                .map_err(|e| self.wrong(format!("its patterns are too large together: {e}")))?,
        })
    }

    /// What is typed after steps that there are.
    fn sends(
        &self,
        raw: Vec<At<Spanned<super::raw::Send>>>,
        spec: &StorySpec,
        values: &Values,
    ) -> Result<Vec<Send>, ConfigError> {
        let steps: Vec<_> = spec.steps.iter().map(|step| step.name.clone()).collect();
        let mut sends = Vec::new();
        for At { value, layer } in raw {
            let super::raw::Send { after, text, .. } = value.into_inner();
            let (after, text) = after.zip(text).expect("what is missing was looked for");
            if !steps.contains(after.get_ref()) {
                let there = suggest::instead(after.get_ref(), &steps);
                let message = format!("there is no such step; {there}");
                return Err(self.sources[layer].bad_value("after", &after, message));
            }
            if text.get_ref().is_empty() {
                let message = "types nothing; a line ends with \\n";
                return Err(self.sources[layer].bad_value("text", &text, message));
            }
            let text = self.context(layer, values).filled("text", &text)?;
            let after = after.into_inner();
            sends.push(Send { after, text });
        }
        Ok(sends)
    }

    /// What holds of QEMU's log without a word. Of the guests of the workspace it is known that they run
    /// no code but their own, and that they print by calls, a line each at most; of others it is not.
    fn usual_witness(&self, guests: [Option<&GuestSource>; 2]) -> Expected {
        let first = self.with.guest.or(guests[0]);
        let mut guests = [first, guests[1]].into_iter().flatten();
        let own =
            !self.with.foreign && guests.all(|guest| matches!(guest, GuestSource::Program(_)));
        Expected {
            pc: if own { Pc::Guest } else { Pc::NotHypervisor },
            line_calls: own,
            ..Expected::default()
        }
    }

    /// What the machine's file and the scenario's say of the audit.
    fn audit_layer(
        &self,
        audits: Vec<(Source, audit::Raw)>,
        values: &Values,
    ) -> Result<Option<audit::Layer>, ConfigError> {
        let mut layer = self.machine.audit.clone();
        for (source, raw) in audits {
            let own = raw.layer(&source, values)?;
            layer = Some(own.over(layer.unwrap_or_default()));
        }
        Ok(layer)
    }

    /// What the machine is held against, if it is looked at; or why it is not.
    fn audit(&self, layer: Option<audit::Layer>) -> (Option<Audit>, Option<String>) {
        let Some(layer) = layer else {
            return (None, None);
        };
        if let Some(why) = self.with.not_audited.or(layer.is_off()) {
            return (None, Some(why.to_owned()));
        }
        (Some(layer.audit(self.machine.arch)), None)
    }

    /// A file that the scenario names, as seen from its own. What is not there is looked for in the
    /// workspace.
    fn path(&self, layer: usize, named: &Path) -> PathBuf {
        let beside = self.sources[layer].folder().join(named);
        let in_workspace = self.project.at(named);
        if !beside.exists() && in_workspace.exists() {
            return in_workspace;
        }
        beside
    }

    /// The guests, and what `{name}` stands for.
    fn programs(
        &self,
        merged: &mut Merged,
    ) -> Result<(Option<GuestSource>, Option<GuestSource>, Values), ConfigError> {
        // What a guest is called may depend on all values but those that come of its name.
        let mut values = self.machine.values.clone();
        values.append(&mut merged.values);
        let guest = merged.guest.take();
        let guest = guest.map(|At { value, layer }| self.guest("guest", &value, layer, &values));
        let guest = guest.transpose()?;
        // A guest given by hand takes the place of the scenario's. Without either, the hypervisor
        // looks for this one.
        let by_hand = self.with.guest;
        let name_on_disk = guest.as_ref().or(by_hand);
        let name_on_disk = name_on_disk.map_or_else(|| "gkernel".into(), GuestSource::name);
        let second = match merged.second.take() {
            Some(At { value, layer }) => {
                let second = self.guest("then", &value, layer, &values)?;
                let same_name = second.name().eq_ignore_ascii_case(&name_on_disk);
                if same_name && by_hand.or(guest.as_ref()) != Some(&second) {
                    let message = format!("the first guest is /sbin/{name_on_disk} too");
                    return Err(self.sources[layer].bad_value("then", &value, message));
                }
                Some(second)
            }
            None => None,
        };
        values.insert("guest".into(), name_on_disk);
        // A flash of the scenario's own is as it is.
        if let Some(challenge) = self.with.challenge.filter(|_| merged.flash.is_none()) {
            challenge.values(self.machine, &mut values);
        }
        let (_, values) = self.params(&merged.params, values)?;
        Ok((guest, second, values))
    }

    /// The words for the hypervisor, in the order of their names, and the values with these among them.
    fn params(
        &self,
        raw: &[At<Params>],
        mut values: Values,
    ) -> Result<(Vec<(String, String)>, Values), ConfigError> {
        let mut params = Values::new();
        for At { value, layer } in raw {
            for (key, word) in value {
                let context = self.context(*layer, &values);
                params.insert(key.get_ref().clone(), context.param(key, word)?);
            }
        }
        values.extend(params.clone());
        Ok((params.into_iter().collect(), values))
    }

    /// A guest: a file, if there is a `/` in its name, or else a program.
    fn guest(
        &self,
        key: &str,
        raw: &Spanned<String>,
        layer: usize,
        values: &Values,
    ) -> Result<GuestSource, ConfigError> {
        let text = self.context(layer, values).filled(key, raw)?;
        let bad = |message: &str| Err(self.sources[layer].bad_value(key, raw, message));
        if text.contains('/') {
            return Ok(GuestSource::File(self.path(layer, Path::new(&text))));
        }
        if !is_word(&text) || text.contains('.') {
            return bad("is neither a program's name nor a path");
        }
        let programs = self.project.guests();
        // Where there are none at all, as in a workspace that only boots, one is given by hand.
        if !programs.is_empty() && !programs.contains(&text) {
            let instead = suggest::instead(&text, &programs);
            return bad(&format!("there is no guest program `{text}`; {instead}"));
        }
        Ok(GuestSource::Program(text))
    }

    /// The steps, strands and forbidden lines.
    fn story_spec(
        &self,
        merged: &mut Merged,
        end: EndKind,
        values: &Values,
    ) -> Result<StorySpec, ConfigError> {
        let mut spec = StorySpec {
            steps: Vec::new(),
            strands: Vec::new(),
            results: Vec::new(),
            forbidden: Vec::new(),
            end,
            hv: HvExpected::of(end),
            witness: None,
            audit: None,
            known: Known::default(),
        };
        spec.hv.start.insert("arch", self.machine.arch.name());
        if self.with.foreign {
            spec.hv.lines = Lines::IfAny;
        }
        let mut strands = Vec::new();
        for At { value, layer } in std::mem::take(&mut merged.strands) {
            let context = self.context(layer, values);
            let strand = context.strand(value.into_inner(), &strands)?;
            strands.push(strand);
        }
        let strand_names: Vec<_> = strands.iter().map(|strand| strand.name.clone()).collect();
        for At { value, layer } in std::mem::take(&mut merged.steps) {
            let context = self.context(layer, values);
            let step = value.into_inner();
            let what = "strand, and no step that comes before this one,";
            let steps = spec.steps.iter().map(|step| step.name.clone());
            let like: Vec<_> = strand_names.iter().cloned().chain(steps).collect();
            context.known("after", &step.after, &strand_names, what, &like)?;
            spec.steps.push(context.step(step, &spec.steps)?);
        }
        let step_names: Vec<_> = spec.steps.iter().map(|step| step.name.clone()).collect();
        for At { value, layer } in std::mem::take(&mut merged.forbidden) {
            let context = self.context(layer, values);
            let forbidden = context.forbidden(value.into_inner(), &step_names)?;
            spec.forbidden.push(forbidden);
        }
        for At { value, layer } in std::mem::take(&mut merged.results) {
            let context = self.context(layer, values);
            let names = step_names.iter().chain(&strand_names);
            let names = names.chain(spec.results.iter().map(|result| &result.name));
            let result = context.result(value.into_inner(), &names.cloned().collect::<Vec<_>>())?;
            spec.results.push(result);
        }
        spec.strands = strands;
        Ok(spec)
    }
}
