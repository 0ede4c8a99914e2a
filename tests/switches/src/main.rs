//! `switches TREE LIST`: wraps each check in `TREE/src` by a switch that can be turned off while the program runs, and writes to LIST what each
//! switch is: number, kind, file, line and text, parted by tabs. `scripts/switches` builds such a copy and says which checks no test misses.
//!
//! Kinds:
//! - `refuse`: the condition of an `if`, or of an arm, whose block refuses, and each side of its `||`. Off, it is false.
//! - `try`: a statement `expression?;`. Off, its error is passed over.
//! - `tail`: the last expression of a function that gives `Result<(), _>`. Off, it is `Ok(())`.
//! - `else`: the condition of an `if` whose `else` refuses, or of an arm beside one that does. Off, it is true.
//! - `both`: one side of an `&&` that lets something pass. Off, it is true.
//! - `such`: what a closure asks of one thing, in `filter`, `all` and the like. Off, it is true.
//! - `yes`: what a function that gives a `bool` ends with. Off, it is true.
//!
//! Left alone: code of tests, constants, constant functions and what writes texts, conditions of `while` and of an `if` that only chooses, what stands within macros.

#![expect(clippy::disallowed_methods, reason = "it rewrites a copy of the source")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{LineColumn, Span};
use quote::ToTokens;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// What a block says that refuses: this tree's own words.
const REFUSES: [&str; 18] = [
    "hits . add",
    "Code ::",
    "Mismatch",
    "Difference",
    "Trouble",
    "Problem",
    "Unable",
    "Doubt",
    "return Err",
    "return None",
    "return false",
    "Err (",
    "Error",
    "Refus",
    "refus",
    "wrong",
    "ndecided",
    "ontradicted",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tree, list] = &arguments[..] else {
        return Err("usage: switches TREE LIST".into());
    };
    let mut listed = String::new();
    let mut number = 1;
    for path in sources(&Path::new(tree).join("src"))? {
        let text = fs::read_to_string(&path)?;
        let file = syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if is_of_tests(&file.attrs) {
            continue;
        }
        let mut wrapper = Wrapper::new(&text, number);
        wrapper.visit_file(&file);
        for (kind, line, said) in &wrapper.switches {
            let below = path.strip_prefix(tree)?.display();
            writeln!(listed, "{number}\t{kind}\t{below}\t{line}\t{said}")?;
            number += 1;
        }
        fs::write(&path, wrapper.written())?;
    }
    fs::write(list, listed)?;
    Ok(())
}

/// Closures of these say which things count.
const ASKS: [&str; 9] = [
    "filter",
    "all",
    "any",
    "is_some_and",
    "is_ok_and",
    "is_none_or",
    "retain",
    "find",
    "take_while",
];

/// The files, but those that have no checks: the program's entry, and the switches themselves.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, walkdir::Error> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let path = entry?.into_path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && !path.ends_with("src/main.rs") && !path.ends_with("src/switch.rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    Ok(found)
}

struct Edit {
    at: usize,
    /// Closing parts come before opening ones; of two that open the outer one comes first, of two that close the inner one.
    order: (bool, isize),
    text: String,
}

struct Wrapper<'a> {
    text: &'a str,
    lines: Vec<usize>,
    first: usize,
    switches: Vec<(&'static str, usize, String)>,
    edits: Vec<Edit>,
    /// Whether what is true here lets something pass.
    is_admitting: bool,
}

impl<'a> Wrapper<'a> {
    fn new(text: &'a str, first: usize) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(ends).collect(),
            first,
            switches: Vec::new(),
            edits: Vec::new(),
            is_admitting: true,
        }
    }

    fn at(&self, place: LineColumn) -> usize {
        let begin = self.lines[place.line - 1];
        let rest = &self.text[begin..];
        let column = rest.char_indices().nth(place.column);
        begin + column.map_or(rest.len(), |(at, _)| at)
    }

    fn switch(&mut self, kind: &'static str, span: Span) -> usize {
        let said = &self.text[self.at(span.start())..self.at(span.end())];
        let words: Vec<&str> = said.split_whitespace().collect();
        let said = words.join(" ").chars().take(140).collect();
        self.switches.push((kind, span.start().line, said));
        self.first + self.switches.len() - 1
    }

    fn wrap(&mut self, span: Span, open: String, close: String) {
        let (from, to) = (self.at(span.start()), self.at(span.end()));
        self.edits.push(Edit {
            at: from,
            order: (true, -to.cast_signed()),
            text: open,
        });
        self.edits.push(Edit {
            at: to,
            order: (false, -from.cast_signed()),
            text: close,
        });
    }

    fn turn(&mut self, kind: &'static str, span: Span) {
        let switch = self.switch(kind, span);
        let function = if kind == "refuse" { "refuse" } else { "admit" };
        self.wrap(span, format!("crate::switch::{function}({switch}, "), ")".to_owned());
    }

    /// The parts of a condition: what binds names by `let` stays as it is.
    fn condition(&mut self, kind: &'static str, condition: &syn::Expr) {
        match condition {
            syn::Expr::Let(_) | syn::Expr::Lit(_) => {}
            syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)) && binds(condition) => {
                self.condition(kind, &both.left);
                self.condition(kind, &both.right);
            }
            _ => self.turn(kind, condition.span()),
        }
    }

    /// What is below a condition.
    fn below(&mut self, is_admitting: bool, expression: &syn::Expr) {
        let before = std::mem::replace(&mut self.is_admitting, is_admitting);
        self.visit_expr(expression);
        self.is_admitting = before;
    }

    /// Both sides of `&&` or `||`, the inner ones of several.
    fn sides(&mut self, kind: &'static str, both: &syn::ExprBinary) {
        for side in [&*both.left, &*both.right] {
            match side {
                syn::Expr::Binary(inner) if is_same(&inner.op, &both.op) => {}
                _ => self.turn(kind, side.span()),
            }
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let output = signature.output.to_token_stream().to_string();
        let is_unit = ["-> Result < () ", "-> io :: Result < () "]
            .iter()
            .any(|begin| output.starts_with(begin));
        let Some(syn::Stmt::Expr(tail, None)) = block.stmts.last() else {
            return;
        };
        let is_several = matches!(tail, syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)));
        if output == "-> bool" && !is_several && !matches!(tail, syn::Expr::Lit(_)) {
            self.turn("yes", tail.span());
        }
        let said = tail.to_token_stream().to_string();
        let is_check = matches!(
            tail,
            syn::Expr::Call(_) | syn::Expr::MethodCall(_) | syn::Expr::If(_) | syn::Expr::Match(_)
        );
        if is_unit && is_check && said != "Ok (())" && !said.starts_with("Err (") {
            // In `Ok(expression?)` it is the expression that fails.
            let checked = match tail {
                syn::Expr::Call(call) if said.starts_with("Ok (") => match call.args.first() {
                    Some(syn::Expr::Try(tried)) => &tried.expr,
                    _ => return,
                },
                _ => tail,
            };
            let switch = self.switch("tail", tail.span());
            self.wrap(checked.span(), format!("crate::switch::tail({switch}, "), ")".to_owned());
        }
    }

    fn written(mut self) -> String {
        self.edits.sort_by_key(|edit| (edit.at, edit.order));
        let mut written = String::new();
        let mut last = 0;
        for edit in &self.edits {
            written.push_str(&self.text[last..edit.at]);
            written.push_str(&edit.text);
            last = edit.at;
        }
        written.push_str(&self.text[last..]);
        written
    }
}

impl<'ast> Visit<'ast> for Wrapper<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}

    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let writes = item.trait_.as_ref().is_some_and(|(_, path, _)| {
            let last = path.segments.last();
            last.is_some_and(|last| last.ident == "Display" || last.ident == "Debug")
        });
        if !is_of_tests(&item.attrs) && !writes {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_of_tests(&item.attrs) && item.sig.constness.is_none() {
            self.function(&item.sig, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_of_tests(&item.attrs) && item.sig.constness.is_none() {
            self.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_expr_if(&mut self, item: &'ast syn::ExprIf) {
        if refuses(&item.then_branch) {
            self.condition("refuse", &item.cond);
            self.below(false, &item.cond);
        } else if item.else_branch.as_ref().is_some_and(|(_, other)| refuses(other)) {
            self.condition("else", &item.cond);
            self.below(true, &item.cond);
        }
        let before = std::mem::replace(&mut self.is_admitting, true);
        self.visit_block(&item.then_branch);
        if let Some((_, other)) = &item.else_branch {
            self.visit_expr(other);
        }
        self.is_admitting = before;
    }

    fn visit_expr_while(&mut self, item: &'ast syn::ExprWhile) {
        self.visit_block(&item.body);
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        self.visit_expr(&item.expr);
        for arm in &item.arms {
            if let Some((_, guard)) = &arm.guard
                && item.arms.iter().any(|arm| refuses(&arm.body))
            {
                let is_refusing = refuses(&arm.body);
                self.condition(if is_refusing { "refuse" } else { "else" }, guard);
                self.below(!is_refusing, guard);
            }
            self.below(true, &arm.body);
        }
    }

    fn visit_expr_unary(&mut self, item: &'ast syn::ExprUnary) {
        let is_not = matches!(item.op, syn::UnOp::Not(_));
        self.below(self.is_admitting != is_not, &item.expr);
    }

    fn visit_expr_binary(&mut self, item: &'ast syn::ExprBinary) {
        match item.op {
            syn::BinOp::And(_) if self.is_admitting && !binds(&syn::Expr::Binary(item.clone())) => {
                self.sides("both", item);
            }
            syn::BinOp::Or(_) if !self.is_admitting => self.sides("refuse", item),
            _ => {}
        }
        visit::visit_expr_binary(self, item);
    }

    fn visit_expr_method_call(&mut self, item: &'ast syn::ExprMethodCall) {
        let asks = ASKS.iter().any(|name| item.method == name);
        if let Some(syn::Expr::Closure(closure)) = item.args.first()
            && asks
            && self.is_admitting
            && !matches!(&*closure.body, syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)))
        {
            self.turn("such", closure.body.span());
        }
        if item.method == "then" || item.method == "then_some" {
            self.turn("such", item.receiver.span());
        }
        visit::visit_expr_method_call(self, item);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        // What has an attribute of its own can be a statement only.
        let is_plain = |tried: &syn::ExprTry| !self.text[self.at(tried.span().start())..].starts_with('#');
        if let syn::Stmt::Expr(syn::Expr::Try(tried), Some(_)) = statement
            && is_plain(tried)
        {
            let switch = self.switch("try", tried.span());
            let open = "{ let switched = (".to_owned();
            let judge =
                format!("); if crate::switch::passes({switch}, &switched) {{ let _ = switched; }} else {{ switched");
            let (from, inner, to) = (
                self.at(tried.span().start()),
                self.at(tried.expr.span().end()),
                self.at(tried.span().end()),
            );
            let before = (true, -to.cast_signed() - 1);
            self.edits.push(Edit {
                at: from,
                order: before,
                text: open,
            });
            let after = (false, 1 - from.cast_signed());
            self.edits.push(Edit {
                at: inner,
                order: after,
                text: judge,
            });
            self.edits.push(Edit {
                at: to,
                order: after,
                text: "; } }".to_owned(),
            });
        }
        visit::visit_stmt(self, statement);
    }
}

fn refuses(block: &impl ToTokens) -> bool {
    let said = block.to_token_stream().to_string();
    REFUSES.iter().any(|word| said.contains(word))
}

const fn is_same(one: &syn::BinOp, other: &syn::BinOp) -> bool {
    matches!(
        (one, other),
        (syn::BinOp::And(_), syn::BinOp::And(_)) | (syn::BinOp::Or(_), syn::BinOp::Or(_))
    )
}

fn binds(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let said = attribute.to_token_stream().to_string();
        said.contains("test") && !said.contains("not")
    })
}
