//! Forms of access, each by an instruction of its own.

use crate::{forms, touch::Form};

/// All of them.
pub const ACCESSES: &[Form] = forms! {
    "mov al, m", whole, ["mov al, [{a}]"], "al";
    "mov rax, m", splits, ["mov rax, [{a}]"], "rax";
    "movups xmm0, m", splits, ["movups xmm0, [{a}]"];
    "cmp m, rax", splits, ["cmp [{a}], rax"];
    "push m", splits, ["push [{a}]", "pop rax"], "rax";
    "pop", splits, ["mov r8, rsp", "mov rsp, {a}", "pop rax", "mov rsp, r8"], "rax", "r8";
    "lodsb", whole, ["mov rsi, {a}", "lodsb"], "rsi", "al";
    "movsb from m", whole, ["mov rsi, {a}", "lea rdi, [rsp - 8]", "movsb"], "rsi", "rdi";
    "mov m, al", whole, ["mov [{a}], al"];
    "mov m, rax", splits, ["mov [{a}], rax"];
    "movups m, xmm0", splits, ["movups [{a}], xmm0"];
    "push", splits, ["mov r8, rsp", "lea rsp, [{a} + 8]", "push rax", "mov rsp, r8"], "r8";
    "stosb", whole, ["mov rdi, {a}", "stosb"], "rdi";
    "movsb to m", whole, ["mov rdi, {a}", "mov rsi, rsp", "movsb"], "rsi", "rdi";
    "add m, rax", splits, ["add [{a}], rax"];
    "inc m", whole, ["inc byte ptr [{a}]"];
    "xchg m, rax", splits, ["xchg [{a}], rax"], "rax";
    "lock xadd m, rax", splits, ["lock xadd [{a}], rax"], "rax";
    "lock cmpxchg m, rcx", splits, ["xor eax, eax", "lock cmpxchg [{a}], rcx"], "rax", "rcx";
    "call", whole, ["call {a}"];
    "prefetcht0", splits, ["prefetcht0 [{a}]"];
};
