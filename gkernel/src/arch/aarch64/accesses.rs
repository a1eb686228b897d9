//! Forms of access, each by an instruction of its own.

use crate::{forms, touch::Form};

/// All of them.
pub const ACCESSES: &[Form] = forms! {
    "ldrb", whole, ["ldrb w9, [{a}]"], "x9";
    "ldr", splits, ["ldr x9, [{a}]"], "x9";
    "ldr, pre-index", splits, ["mov x10, {a}", "sub x10, x10, #16", "ldr x9, [x10, #16]!"], "x9", "x10";
    "ldp", splits, ["ldp x9, x10, [{a}]"], "x9", "x10";
    "ldxr", whole, ["ldxr x9, [{a}]"], "x9";
    "ldar", whole, ["ldar x9, [{a}]"], "x9";
    "strb", whole, ["strb wzr, [{a}]"];
    "str", splits, ["str xzr, [{a}]"];
    "str, post-index", splits, ["mov x10, {a}", "str xzr, [x10], #16"], "x10";
    "stp", splits, ["stp xzr, xzr, [{a}]"];
    "stlr", whole, ["stlr xzr, [{a}]"];
    "dc zva", whole, ["dc zva, {a}"];
    "cas", whole, [".arch_extension lse", "mov x9, xzr", "cas x9, xzr, [{a}]"], "x9";
    "ldadd", whole, [".arch_extension lse", "ldadd xzr, x9, [{a}]"], "x9";
    "swp", whole, [".arch_extension lse", "swp xzr, x9, [{a}]"], "x9";
    "blr", whole, ["blr {a}"], "x30";
    "prfm", splits, ["prfm pldl1keep, [{a}]"];
    "at s1e1r", splits, ["at s1e1r, {a}", "isb"];
};
