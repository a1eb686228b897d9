//! Questions about pieces of syntax.

use syn::{BinOp, Expr, Stmt};

/// A marker in front of a constant: bits that must stay clear, each of which is set once.
const CLEAR: &str = "// mutants: clear bits ";

/// The operands of operators of one kind that are joined.
pub fn chain(binary: &syn::ExprBinary, same: impl Fn(&BinOp) -> bool + Copy) -> Vec<&Expr> {
    let mut terms = match &*binary.left {
        Expr::Binary(left) if same(&left.op) => chain(left, same),
        left => vec![left],
    };
    terms.push(&binary.right);
    terms
}

/// The statement in an `unsafe` block that holds nothing else.
pub fn inner(expression: &Expr) -> &Expr {
    match expression {
        Expr::Unsafe(block) => match &block.block.stmts[..] {
            [Stmt::Expr(only, _)] => inner(only),
            _ => expression,
        },
        _ => expression,
    }
}

pub fn assigned(left: &str) -> String {
    left.strip_prefix("self.").unwrap_or(left).to_owned()
}

pub fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::BitOrAssign(_) | BinOp::BitAndAssign(_) | BinOp::AddAssign(_)
    )
}

/// The comparison whose bound is one further.
pub fn shifted(op: &BinOp) -> Option<&'static str> {
    Some(match op {
        BinOp::Lt(_) => "<=",
        BinOp::Le(_) => "<",
        BinOp::Gt(_) => ">=",
        BinOp::Ge(_) => ">",
        _ => return None,
    })
}

pub fn name_of(op: &str) -> &'static str {
    match op {
        "<" => "less",
        "<=" => "at-most",
        ">" => "more",
        _ => "at-least",
    }
}

pub fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

pub fn is_one_of(call: &syn::Macro, names: &[&str]) -> bool {
    let name = call.path.get_ident().map(ToString::to_string);
    name.is_some_and(|name| names.contains(&name.as_str()))
}

pub fn first_literal(call: &syn::Macro) -> Option<String> {
    let first = call.tokens.clone().into_iter().next()?;
    let text = first.to_string();
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// The bits that the marker in front of a constant names; its name is at byte `at`.
pub fn clear_bits(text: &str, at: usize) -> Vec<u32> {
    let mut above = text[..at].lines().rev().skip(1).map(str::trim_start);
    let marker = above
        .by_ref()
        .take_while(|line| line.starts_with("//"))
        .find_map(|line| line.strip_prefix(CLEAR));
    let bits = marker.unwrap_or_default().split(',');
    bits.filter_map(|bit| bit.trim().parse().ok()).collect()
}
