//! The keys of a scenario's file, as the code has them; the page about them is held against this list.

use super::accounts::{self, Hv};
use super::{Case, raw};
use crate::config::audit;
use crate::config::disk;
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The page about scenarios: each key has a heading of its own.
pub const PAGE: &str = include_str!("../../../docs/scenario.md");

/// Older names of keys, which are read as well.
const ALIASES: [&str; 1] = ["witness.hypercall"];

/// Every key, with the table that it is in before it: `guest`, `step.name`, `witness.npf`.
pub fn keys() -> Vec<String> {
    let tables = [
        ("", fields::<raw::Scenario>()),
        ("step.", fields::<raw::Step>()),
        ("strand.", fields::<raw::Strand>()),
        ("strand.step.", fields::<raw::StrandStep>()),
        ("result.", fields::<raw::CaseResult>()),
        ("send.", fields::<raw::Send>()),
        ("forbid.", fields::<raw::Forbid>()),
        ("disk.", fields::<disk::Raw>()),
        ("disk.file.", fields::<disk::RawFile>()),
        ("case.", fields::<Case>()),
        ("hv.", fields::<Hv>()),
        ("witness.", fields::<accounts::Witness>()),
        ("witness.npf.", fields::<accounts::Range>()),
        ("audit.", fields::<audit::Raw>()),
        ("audit.window.", fields::<audit::RawWindow>()),
    ];
    let keys = tables.into_iter().flat_map(|(table, fields)| {
        let fields = fields.iter();
        fields.map(move |field| format!("{table}{field}"))
    });
    let mut keys: Vec<_> = keys
        .filter(|key| !ALIASES.contains(&key.as_str()))
        .collect();
    keys.sort();
    keys
}

/// The names that serde knows the fields of a type by.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    let told = T::deserialize(Asked(&mut found));
    debug_assert!(told.is_err(), "there is nothing to make it of");
    found
}

/// Has no data; takes note of the fields that it is asked for.
struct Asked<'f>(&'f mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no data"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("no data"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
