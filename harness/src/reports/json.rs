//! The results as they are, and the schemas of the two kinds of JSON.

use crate::matrix::Results;
use crate::shown;
use serde_json::Value;

/// The JSON schema of `verdict.json`.
pub const VERDICT_SCHEMA: &str = include_str!("../../docs/verdict.schema.json");

const MATRIX_SCHEMA: &str = include_str!("../../docs/matrix.schema.json");

/// One JSON object and a line feed: `matrix.json`.
pub fn json(results: &Results) -> String {
    let mut text = shown::json(results);
    text.push('\n');
    text
}

/// The JSON schema of `matrix.json`, with that of `verdict.json`, which it refers to, inside (JSON Schema 2020-12,
/// 9.3, bundling).
pub fn matrix_schema() -> String {
    let read = |text| serde_json::from_str::<Value>(text).expect("the schemas are JSON");
    let (mut schema, verdict) = (read(MATRIX_SCHEMA), read(VERDICT_SCHEMA));
    schema["$defs"]["verdict.schema.json"] = verdict;
    let mut text = serde_json::to_string_pretty(&schema).expect("plain data");
    text.push('\n');
    text
}
