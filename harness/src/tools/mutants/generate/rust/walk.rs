//! Walks the syntax of a file.

use super::*;

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // Of tests, and of what is built for the tests on the host, nothing is a mutant.
        let of_tests = module.attrs.iter().any(|attribute| {
            let text = self.of(attribute);
            text.contains("test") || text.contains("not(target_os")
        });
        if !of_tests {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = slug(
            self.of(&*item.self_ty)
                .split('<')
                .next()
                .unwrap_or_default(),
        );
        let before = self.owner.replace(name);
        visit::visit_item_impl(self, item);
        self.owner = before;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !APART.contains(&item.sig.ident.to_string().as_str()) {
            self.item(item, &item.sig.ident);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !APART.contains(&item.sig.ident.to_string().as_str()) {
            self.item(item, &item.sig.ident);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.item(item, &item.ident);
        self.constant(&item.ident, &item.ty, &item.expr);
        match (&*item.ty, &*item.expr) {
            (Type::Array(_), Expr::Array(array)) if self.arch.is_some() => {
                self.rows(&array.elems, true);
                array
                    .elems
                    .iter()
                    .for_each(|element| self.visit_expr(element));
            }
            // Assertions about offsets.
            (Type::Tuple(_), _) => {}
            _ => visit::visit_item_const(self, item),
        }
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.item(item, &item.ident);
        self.constant(&item.ident, &item.ty, &item.expr);
        if item.ident != "MODES" {
            visit::visit_impl_item_const(self, item);
        }
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let name = item.ident.as_ref().or(item.mac.path.get_ident());
        if let Some(name) = name {
            let name = name.clone();
            self.item(item, &name);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.step(statement);
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_array(&mut self, array: &'ast syn::ExprArray) {
        self.rows(&array.elems, false);
        visit::visit_expr_array(self, array);
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        let named = match &field.expr {
            Expr::Path(path) => {
                let last = path.path.segments.last().map(|last| last.ident.to_string());
                last.is_some_and(|name| name.len() > 1 && name.chars().all(|c| !c.is_lowercase()))
            }
            Expr::Lit(literal) => matches!(literal.lit, Lit::Int(_)) && self.of(literal) != "0",
            _ => false,
        };
        if named && self.arch.is_some() {
            let what = format!("{}-zeroed", self.of(&field.member));
            self.replace(Kind::Bit, &field.expr, "0", what);
        }
        visit::visit_field_value(self, field);
    }

    fn visit_expr_macro(&mut self, expression: &'ast syn::ExprMacro) {
        let call = &expression.mac;
        if is_one_of(call, &READS)
            && let Some(name) = first_literal(call)
        {
            self.replace(
                Kind::Register,
                call,
                "0",
                format!("read-{}-zeroed", slug(&name)),
            );
        }
        // Alone in an `unsafe` block.
        self.register_write(call);
        visit::visit_expr_macro(self, expression);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        match &binary.op {
            BinOp::BitOr(_) if self.arch.is_some() => {
                let terms = chain(binary, |op| matches!(op, BinOp::BitOr(_)));
                self.terms(Kind::Bit, &terms);
                return terms.iter().for_each(|term| self.visit_expr(term));
            }
            BinOp::Or(_) | BinOp::And(_) => {
                let op = std::mem::discriminant(&binary.op);
                let terms = chain(binary, |other| std::mem::discriminant(other) == op);
                if !terms.iter().any(|term| has_let(term)) {
                    self.terms(Kind::Bound, &terms);
                }
                return terms.iter().for_each(|term| self.visit_expr(term));
            }
            BinOp::BitAnd(_) if self.arch.is_some() => {
                let end = binary.span().byte_range().end;
                let what = format!("mask-{}-dropped", slug(self.of(&binary.right)));
                let start = binary.left.span().byte_range().end;
                self.add(Kind::Bit, start..end, "", what);
            }
            op => {
                if let Some(other) = shifted(op) {
                    let what = format!("{}-is-{}", slug(self.of(&binary.left)), name_of(other));
                    self.replace(Kind::Bound, op, other, what);
                }
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_if(&mut self, expression: &'ast syn::ExprIf) {
        self.guard(&expression.cond, &expression.then_branch);
        visit::visit_expr_if(self, expression);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            let what = format!("always-{}", slug(self.of(&**guard)));
            self.replace(Kind::Bound, &**guard, "true", what);
        }
        if let (Some(_), Pat::Or(alternatives)) = (self.arch, &arm.pat) {
            self.alternatives(alternatives);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "min" && call.args.len() == 1 {
            let range = call.receiver.span().byte_range().end..call.span().byte_range().end;
            let what = format!("min-{}-dropped", slug(self.of(&call.args[0])));
            self.add(Kind::Bound, range, "", what);
        }
        visit::visit_expr_method_call(self, call);
    }
}
