//! Forms of access, each by an instruction of its own.

use crate::{forms, touch::Form};

/// All of them.
pub const ACCESSES: &[Form] = forms! {
    "lb", whole, ["lb t0, 0({a})"], "t0";
    "lhu", splits, ["lhu t0, 0({a})"], "t0";
    "lw", splits, ["lw t0, 0({a})"], "t0";
    "ld", splits, ["ld t0, 0({a})"], "t0";
    "c.ld", splits, ["mv a5, {a}", "c.ld a4, 0(a5)"], "a4", "a5";
    "sb", whole, ["sb zero, 0({a})"];
    "sh", splits, ["sh zero, 0({a})"];
    "sd", splits, ["sd zero, 0({a})"];
    "lr.d", whole, ["lr.d t0, ({a})"], "t0";
    "lr.d; sc.d", whole, ["lr.d t0, ({a})", "sc.d t1, t0, ({a})"], "t0", "t1";
    "amoadd.d", whole, ["amoadd.d t0, zero, ({a})"], "t0";
    "amoswap.w", whole, ["amoswap.w t0, zero, ({a})"], "t0";
    "jalr", whole, ["jalr ra, 0({a})"], "ra";
};
