//! `switches TREE LIST`: wraps each check in `TREE/src` by a switch that can be turned off while the program runs, and writes to LIST what each
//! switch is: number, kind, file, line and text, parted by tabs. `scripts/switches` builds such a copy and says which checks no test misses.
//!
//! Kinds:
//! - `refuse`: the condition of an `if` without `else` whose block refuses. Off, it is false.
//! - `try`: a statement `expression?;`. Off, its error is passed over.
//! - `tail`: the last expression of a function that gives `Result<(), _>`. Off, it is `Ok(())`.
//!
//! Left alone: code of tests, constants and constant functions, and what stands within macros.

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
const REFUSES: [&str; 10] = [
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

/// The files, but those that have no checks: the program's entry, and the switches themselves.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, walkdir::Error> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let path = entry?.into_path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && !path.ends_with("src/main.rs") && !path.ends_with("src/switch.rs") {
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

    /// The parts of a condition: what binds names by `let` stays as it is.
    fn condition(&mut self, condition: &syn::Expr) {
        match condition {
            syn::Expr::Let(_) | syn::Expr::Lit(_) => {}
            syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)) && binds(condition) => {
                self.condition(&both.left);
                self.condition(&both.right);
            }
            _ => {
                let switch = self.switch("refuse", condition.span());
                self.wrap(
                    condition.span(),
                    format!("crate::switch::refuse({switch}, "),
                    ")".to_owned(),
                );
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
        let said = tail.to_token_stream().to_string();
        let is_check = matches!(
            tail,
            syn::Expr::Call(_) | syn::Expr::MethodCall(_) | syn::Expr::If(_) | syn::Expr::Match(_)
        );
        if is_unit && is_check && said != "Ok (())" && !said.starts_with("Err (") {
            let switch = self.switch("tail", tail.span());
            self.wrap(tail.span(), format!("crate::switch::tail({switch}, "), ")".to_owned());
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
        if !is_of_tests(&item.attrs) {
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
        let said = item.then_branch.to_token_stream().to_string();
        if item.else_branch.is_none() && REFUSES.iter().any(|word| said.contains(word)) {
            self.condition(&item.cond);
        }
        visit::visit_expr_if(self, item);
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
