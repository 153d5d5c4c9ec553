//! Inserts mutants into a copy of the sources: `tenon-mutants SOURCES COPY MUTANTS`.
//!
//! MUTANTS is a list of cargo-mutants in JSON, with an `id` for each mutant. The function `crate::mutants::on` selects one of
//! them at run time, so that all mutants are compiled once. Prints the byte ranges of each mutant in the written files, so
//! that a compiler error can be attributed to a mutant, and the ids that have no place.
use std::{collections::BTreeMap, env, error::Error, fs, ops::Range, path::Path};

use serde_json::{Value, json};
use syn::{
    BinOp, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary,
    spanned::Spanned,
    visit::{self, Visit},
};

struct Mutant {
    id: u64,
    genre: String,
    range: Range<usize>,
    replacement: String,
}

/// Text to insert, in parts, and the mutant of each part.
struct Insertion {
    at: usize,
    /// The length of the enclosed code. At equal positions, the longest starts first and ends last.
    length: usize,
    is_start: bool,
    parts: Vec<(String, Option<u64>)>,
    /// All mutants that share the enclosed code.
    group: Vec<u64>,
}

struct Inserter<'a> {
    source: &'a str,
    mutants: Vec<Mutant>,
    insertions: Vec<Insertion>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, sources, copy, mutants] = &arguments[..] else {
        return Err("usage: tenon-mutants SOURCES COPY MUTANTS".into());
    };
    let mutants: Vec<Value> = serde_json::from_slice(&fs::read(mutants)?)?;
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for mutant in &mutants {
        files.entry(mutant["file"].as_str().ok_or("no file")?).or_default().push(mutant);
    }
    let (mut regions, mut unplaced) = (BTreeMap::new(), Vec::new());
    for (file, mutants) in files {
        let source = fs::read_to_string(Path::new(sources).join(file))?;
        let mutants = mutants.into_iter().map(|value| mutant(value, &source)).collect::<Option<Vec<_>>>();
        let ids: Vec<u64> = mutants.iter().flatten().map(|mutant| mutant.id).collect();
        let mut inserter = Inserter {
            source: &source,
            mutants: mutants.ok_or("an incomplete mutant")?,
            insertions: Vec::new(),
        };
        inserter.visit_file(&syn::parse_file(&source)?);
        unplaced
            .extend(ids.into_iter().filter(|id| !inserter.insertions.iter().any(|i| i.group.contains(id))));
        let (mut text, ranges) = inserter.render();
        if file == "src/lib.rs" {
            text.push_str("pub mod mutants;\n");
        }
        let target = Path::new(copy).join(file);
        fs::create_dir_all(target.parent().ok_or("no folder")?)?;
        // An equal file is not written, so that it is not compiled again.
        if fs::read_to_string(&target).ok().as_ref() != Some(&text) {
            fs::write(target, text)?;
        }
        regions.insert(file, ranges);
    }
    println!("{}", json!({ "regions": regions, "unplaced": unplaced }));
    Ok(())
}

fn mutant(value: &Value, source: &str) -> Option<Mutant> {
    let offset = |position: &Value| {
        let (line, column) = (position["line"].as_u64()?, position["column"].as_u64()?);
        let lines = source.split_inclusive('\n').take(line as usize - 1);
        let start: usize = lines.map(str::len).sum();
        let text = &source[start..];
        Some(start + text.char_indices().nth(column as usize - 1).map_or(text.len(), |(index, _)| index))
    };
    Some(Mutant {
        id: value["id"].as_u64()?,
        genre: value["genre"].as_str()?.to_owned(),
        range: offset(&value["span"]["start"])?..offset(&value["span"]["end"])?,
        replacement: value["replacement"].as_str()?.to_owned(),
    })
}

fn on(id: u64) -> String {
    format!("crate::mutants::on({id})")
}

impl Inserter<'_> {
    /// Returns the ids and replacements of the mutants of a kind at a position.
    fn mutants_at(&self, genre: &str, start: usize) -> Vec<&Mutant> {
        self.mutants.iter().filter(|m| m.genre == genre && m.range.start == start).collect()
    }

    fn insert(&mut self, at: usize, is_start: bool, length: usize, parts: Vec<(String, Option<u64>)>) {
        let group = parts.iter().filter_map(|(_, id)| *id).collect();
        self.insertions.push(Insertion { at, length, is_start, parts, group });
    }

    /// Encloses an expression in an `if` that selects the expression with one mutation, or the original.
    fn select(&mut self, expression: Range<usize>, genre: &str, starts: &[usize]) {
        let alternatives = starts.iter().flat_map(|start| self.mutants_at(genre, *start)).map(|mutant| {
            let before = &self.source[expression.start..mutant.range.start];
            let after = &self.source[mutant.range.end..expression.end];
            let mutated = format!("if {} {{ {before}{}{after} }} else ", on(mutant.id), mutant.replacement);
            (mutated, Some(mutant.id))
        });
        let mut parts: Vec<_> = alternatives.collect();
        if parts.is_empty() {
            return;
        }
        parts.insert(0, ("(".into(), None));
        parts.push(("{ ".into(), None));
        self.insert(expression.start, true, expression.len(), parts);
        self.insert(expression.end, false, expression.len(), vec![(" })".into(), None)]);
    }

    /// Returns the text with its insertions, and the byte ranges of the mutants: of each part, and of the enclosed code.
    fn render(mut self) -> (String, Vec<Value>) {
        // Without enclosed code, an insertion is the begin of a function.
        let order = |i: &Insertion| if i.is_start && i.length > 0 { usize::MAX - i.length } else { i.length };
        self.insertions.sort_by_key(|i| (i.at, i.is_start, order(i)));
        let (mut text, mut ranges, mut open) = (String::new(), Vec::new(), Vec::new());
        let mut position = 0;
        for insertion in &self.insertions {
            text.push_str(&self.source[position..insertion.at]);
            position = insertion.at;
            let start = text.len();
            for (part, id) in &insertion.parts {
                let start = text.len();
                text.push_str(part);
                ranges.extend(id.map(|id| json!([start, text.len(), [id]])));
            }
            match insertion.is_start {
                true if insertion.length > 0 => open.push((start, &insertion.group)),
                true => (),
                false => {
                    let (start, group) = open.pop().expect("a start for each end");
                    ranges.push(json!([start, text.len(), group]));
                }
            }
        }
        text.push_str(&self.source[position..]);
        (text, ranges)
    }
}

/// Returns whether a chain of `&&` has a `let`, which cannot be enclosed.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) => has_let(left) || has_let(right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Inserter<'_> {
    fn visit_block(&mut self, block: &'ast Block) {
        if let Some(first) = block.stmts.first() {
            let start = first.span().byte_range().start;
            let parts: Vec<_> = self
                .mutants_at("FnValue", start)
                .into_iter()
                .map(|m| (format!("if {} {{ return {}; }} ", on(m.id), m.replacement), Some(m.id)))
                .collect();
            if !parts.is_empty() {
                self.insert(start, true, 0, parts);
            }
        }
        visit::visit_block(self, block);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let operator = binary.op.span().byte_range().start;
            self.select(binary.span().byte_range(), "BinaryOperator", &[operator]);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        let operator = unary.op.span().byte_range().start;
        self.select(unary.span().byte_range(), "UnaryOperator", &[operator]);
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, literal: &'ast ExprStruct) {
        let fields: Vec<usize> = literal.fields.iter().map(|field| field.span().byte_range().start).collect();
        self.select(literal.span().byte_range(), "StructField", &fields);
        visit::visit_expr_struct(self, literal);
    }

    /// A deleted arm has a guard that fails.
    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        for arm in &expression.arms {
            let deleted = self.mutants_at("MatchArm", arm.span().byte_range().start);
            if let Some(id) = deleted.first().map(|mutant| mutant.id) {
                let end = arm.pat.span().byte_range().end;
                self.insert(end, true, 0, vec![(format!(" if !{}", on(id)), Some(id))]);
            }
            let Some((_, guard)) = &arm.guard else { continue };
            let range = guard.span().byte_range();
            let mut parts: Vec<_> = self
                .mutants_at("MatchArmGuard", range.start)
                .into_iter()
                .map(|mutant| match mutant.replacement.as_str() {
                    "true" => (format!("{} || ", on(mutant.id)), Some(mutant.id)),
                    _ => (format!("!{} && ", on(mutant.id)), Some(mutant.id)),
                })
                .collect();
            if parts.is_empty() || has_let(guard) {
                continue;
            }
            parts.insert(0, ("(".into(), None));
            parts.push(("(".into(), None));
            self.insert(range.start, true, range.len() + 1, parts);
            self.insert(range.end, false, range.len() + 1, vec![("))".into(), None)]);
        }
        visit::visit_expr_match(self, expression);
    }
}
