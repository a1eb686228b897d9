//! The schemas of the JSON, held against what the code writes.
//!
//! The validator knows just the keywords that the schemas use, and refuses any other.

use crate::fabricated::{self, matrix, one_of_each, read, texts};
use crate::support::root;
use harness::judge::audit::Breach;
use harness::judge::verdict::Verdict;
use harness::records::report::Report;
use harness::reports::json::json;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;

/// The two schemas, by name.
struct Schemas {
    verdict: Value,
    matrix: Value,
    /// Whether a member that a schema does not have is refused.
    closed: bool,
}

impl Schemas {
    fn read() -> Self {
        let read = |name: &str| {
            let text = fs::read_to_string(root().join("harness/docs").join(name)).unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(schema["$id"], name);
            assert_eq!(
                schema["$schema"],
                "https://json-schema.org/draft/2020-12/schema"
            );
            schema
        };
        Self {
            verdict: read("verdict.schema.json"),
            matrix: read("matrix.schema.json"),
            closed: true,
        }
    }

    fn of_verdict(&self, value: &Value) -> Result<(), String> {
        self.holds(value, &self.verdict, &self.verdict, "")
    }

    fn of_matrix(&self, value: &Value) -> Result<(), String> {
        self.holds(value, &self.matrix, &self.matrix, "")
    }

    /// What a reference means, with the document that it is in.
    fn resolved(&self, reference: &str, document: &'_ Value) -> Option<(&Value, &Value)> {
        let (name, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let document = match name {
            "verdict.schema.json" => &self.verdict,
            "" if document["$id"] == self.verdict["$id"] => &self.verdict,
            "" => &self.matrix,
            _ => return None,
        };
        Some((document.pointer(pointer)?, document))
    }

    /// Says where a value, at a place, is not as a schema wants it.
    fn holds(
        &self,
        value: &Value,
        schema: &Value,
        document: &Value,
        at: &str,
    ) -> Result<(), String> {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, wanted) in schema {
            let fits = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" | "format" => true,
                "$ref" => {
                    let reference = wanted.as_str().unwrap();
                    let found = self.resolved(reference, document);
                    let (schema, document) = found.unwrap_or_else(|| panic!("no {reference}"));
                    self.holds(value, schema, document, at)?;
                    true
                }
                "anyOf" => {
                    let each = wanted.as_array().unwrap().iter();
                    let each: Vec<_> = each.map(|s| self.holds(value, s, document, at)).collect();
                    if each.iter().all(Result::is_err) {
                        let why = each.into_iter().filter_map(Result::err);
                        return Err(format!("{at}: {}", why.collect::<Vec<_>>().join("; or ")));
                    }
                    true
                }
                "type" => has_type(value, wanted),
                "const" => value == wanted,
                "enum" => wanted.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|n| n >= wanted.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= wanted.as_f64().unwrap()),
                "minItems" => value
                    .as_array()
                    .is_none_or(|a| a.len() as u64 >= wanted.as_u64().unwrap()),
                "maxItems" => value
                    .as_array()
                    .is_none_or(|a| a.len() as u64 <= wanted.as_u64().unwrap()),
                "pattern" => {
                    let pattern = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "items" => {
                    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.holds(item, wanted, document, &format!("{at}/{nth}"))?;
                    }
                    true
                }
                "required" => value.as_object().is_none_or(|members| {
                    let mut names = wanted.as_array().unwrap().iter();
                    names.all(|name| members.contains_key(name.as_str().unwrap()))
                }),
                "properties" | "additionalProperties" => {
                    if let Some(members) = value.as_object() {
                        self.members(members, schema, document, at)?;
                    }
                    true
                }
                other => panic!("the validator does not know {other}"),
            };
            if !fits {
                return Err(format!(
                    "{at} is {value:.100}, not as {keyword} wants it: {wanted:.100}"
                ));
            }
        }
        Ok(())
    }

    fn members(
        &self,
        members: &Map<String, Value>,
        schema: &Map<String, Value>,
        document: &Value,
        at: &str,
    ) -> Result<(), String> {
        let others = schema.get("additionalProperties");
        for (name, value) in members {
            let at = format!("{at}/{name}");
            match schema
                .get("properties")
                .and_then(|p| p.get(name))
                .or(others)
            {
                Some(schema) => self.holds(value, schema, document, &at)?,
                None if self.closed => return Err(format!("{at} is in no schema")),
                None => {}
            }
        }
        Ok(())
    }
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("there is no type {other}"),
    };
    match wanted {
        Value::String(name) => is(name),
        names => names
            .as_array()
            .unwrap()
            .iter()
            .any(|name| is(name.as_str().unwrap())),
    }
}

/// A value for each alternative of a schema, with all that may be in it; for a plain schema one.
fn examples(schemas: &Schemas, schema: &Value, document: &Value) -> Vec<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let (schema, document) = schemas.resolved(reference, document).unwrap();
        return examples(schemas, schema, document);
    }
    if let Some(value) = schema.get("const") {
        return vec![value.clone()];
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    let is_of_schemas = |s: &&Value| s.get("required").is_none() || s.get("properties").is_some();
    let alternatives = schema["anyOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(is_of_schemas);
    let alternatives: Vec<_> = alternatives.collect();
    if !alternatives.is_empty() {
        let each = alternatives.iter().map(|s| examples(schemas, s, document));
        return each.flatten().collect();
    }
    let of_type = |name: &str| match name {
        "object" => objects(schemas, schema, document),
        "array" => {
            let items = examples(schemas, &schema["items"], document);
            match schema["minItems"].as_u64() {
                Some(count) => vec![Value::Array(
                    items.into_iter().cycle().take(count as usize).collect(),
                )],
                None => vec![Value::Array(items)],
            }
        }
        "string" if schema.get("pattern").is_some() => vec!["rwx".into(), "none".into()],
        "string" => vec!["text".into()],
        "boolean" => vec![true.into()],
        "number" => vec![1.5.into()],
        "integer" => vec![7.into()],
        "null" => vec![Value::Null],
        other => panic!("there is no type {other}"),
    };
    match &schema["type"] {
        Value::String(name) => of_type(name),
        Value::Array(names) => names
            .iter()
            .flat_map(|name| of_type(name.as_str().unwrap()))
            .collect(),
        _ => panic!("{schema} has no type"),
    }
}

/// Objects in which each member takes each of its values once.
fn objects(schemas: &Schemas, schema: &Value, document: &Value) -> Vec<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        return vec![json!({ "key": "value" })];
    };
    let mut members = Vec::new();
    for (name, schema) in properties {
        members.push((name, examples(schemas, schema, document)));
    }
    // One of `gpa` and `va`, as the schema wants it.
    let choices: Vec<_> = match schema["anyOf"].as_array() {
        Some(choices) => choices.iter().map(|c| c["required"][0].as_str()).collect(),
        None => vec![None],
    };
    let count = members
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap_or(1);
    let mut objects = Vec::new();
    for choice in &choices {
        for nth in 0..count {
            let chosen = members.iter().filter(|(name, _)| {
                let optional = choices.iter().flatten().any(|c| c == name);
                !optional || *choice == Some(name.as_str())
            });
            let object =
                chosen.map(|(name, values)| ((*name).clone(), values[nth % values.len()].clone()));
            objects.push(Value::Object(object.collect()));
        }
    }
    objects
}

/// What a schema allows, the harness reads, and writes just the same: nothing is in the one and not in the
/// other.
#[test]
fn what_the_schema_of_a_verdict_allows_is_what_the_harness_writes() {
    let schemas = Schemas::read();
    let all = examples(&schemas, &schemas.verdict, &schemas.verdict);
    assert!(all.len() > 17, "{}", all.len());
    for example in all {
        schemas.of_verdict(&example).unwrap();
        let report: Report =
            serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{e}: {example:#}"));
        let written: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(written, example);
    }
}

#[test]
fn the_schema_has_every_kind_of_verdict_and_of_breach() {
    let schemas = Schemas::read();
    let tags = |name: &str, tag: &str| -> BTreeSet<String> {
        let all = schemas.verdict["$defs"][name]["anyOf"].as_array().unwrap();
        let tags = all
            .iter()
            .map(|one| one["properties"][tag]["const"].as_str().unwrap().to_owned());
        tags.collect()
    };
    let kinds = Verdict::KINDS.map(str::to_owned);
    assert_eq!(tags("verdict", "kind"), kinds.into());
    // What serde says there are.
    let error = serde_json::from_value::<Breach>(json!({ "breach": "?" }))
        .unwrap_err()
        .to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let names = names
        .split(", ")
        .map(|name| name.trim_matches('`').to_owned());
    assert_eq!(tags("breach", "breach"), names.collect());
}

#[test]
fn the_results_of_a_matrix_are_as_their_schema_says_whatever_a_guest_prints() {
    let schemas = Schemas::read();
    for text in texts() {
        let results = read(&one_of_each(&text));
        let written = json(&results);
        assert!(
            !written.trim_end().contains(|c: char| c.is_control()),
            "{text:?}"
        );
        let value: Value = serde_json::from_str(&written).unwrap();
        schemas.of_matrix(&value).unwrap();
        assert_eq!(value, one_of_each(&text), "it can be read back");
    }
    schemas.of_matrix(&matrix(Vec::new())).unwrap();
}

/// The versions of the schemas are those of the code.
#[test]
fn the_versions_are_those_of_the_code() {
    let schemas = Schemas::read();
    let version = |schema: &Value| schema["properties"]["version"]["const"].clone();
    assert_eq!(
        version(&schemas.verdict),
        harness::records::version::VERSION
    );
    assert_eq!(version(&schemas.matrix), harness::matrix::results::VERSION);
}

/// The validator that the tests above rest on sees what is wrong: a member that is missing, or of another type, or
/// that nobody knows.
#[test]
fn every_member_that_is_missing_or_wrong_is_found() {
    let mut schemas = Schemas::read();
    let good = matrix(vec![fabricated::case(
        ["a", "riscv64"],
        "riscv64",
        "failed",
        &[fabricated::with_results(fabricated::failed("x"), "y")],
    )]);
    schemas.of_matrix(&good).unwrap();
    let mut places = Vec::new();
    paths(&good, String::new(), &mut places);
    assert!(places.len() > 60, "{}", places.len());
    for place in places {
        let (above, name) = place.rsplit_once('/').unwrap();
        let mut wrong = good.clone();
        *wrong.pointer_mut(&place).unwrap() = json!({ "neither": "this" });
        assert!(
            schemas.of_matrix(&wrong).is_err(),
            "{place} is of another type"
        );
        let mut without = good.clone();
        if let Some(members) = without.pointer_mut(above).and_then(Value::as_object_mut) {
            members.remove(name);
            assert!(schemas.of_matrix(&without).is_err(), "{place} is missing");
            let mut more = good.clone();
            more.pointer_mut(above).unwrap()["more"] = 1.into();
            assert!(schemas.of_matrix(&more).is_err(), "{above} has more");
        }
    }
    // A reader is to bear with fields that later releases add.
    schemas.closed = false;
    let mut more = good;
    more["more"] = 1.into();
    schemas.of_matrix(&more).unwrap();
}

/// The pointers to everything in a value.
fn paths(value: &Value, at: String, found: &mut Vec<String>) {
    let mut inner = |name: String, value: &Value| {
        let at = format!("{at}/{name}");
        paths(value, at.clone(), found);
        found.push(at);
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| inner(name.clone(), value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(nth, value)| inner(nth.to_string(), value)),
        _ => {}
    }
}
