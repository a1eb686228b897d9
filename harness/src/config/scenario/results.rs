//! `[[result]]`: the results of the cases that one boot tries.

use super::raw;
use super::resolve::Context;
use crate::error::ConfigError;
use crate::judge::CaseResult;

impl Context<'_> {
    /// A result, which has a name that is not `taken`.
    pub fn result(
        &self,
        raw: raw::CaseResult,
        taken: &[String],
    ) -> Result<CaseResult, ConfigError> {
        let raw_name = raw.name.expect("what is missing was looked for");
        let name = raw_name.get_ref().trim();
        if name.is_empty() || taken.iter().any(|other| other == name) {
            let message = "every result needs a name of its own, which no step and no strand has";
            return Err(self.source.bad_value("name", &raw_name, message));
        }
        let mut result = CaseResult::new(name);
        result.by = raw.by.or(result.by);
        if let Some((pattern, failed)) = raw.pattern.zip(raw.failed) {
            result.pattern = self.pattern("pattern", &pattern)?;
            result.failed = self.pattern("failed", &failed)?;
        }
        Ok(result)
    }
}
