//! Parses source files into the paths that they use.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, GenericArgument, ItemMod, ItemUse, Macro, PathArguments, UseTree,
    visit::{self, Visit},
};

/// A source file, and the absolute paths that it uses outside of tests.
pub struct Module {
    pub file: String,
    /// The path of the module below the crate: `["http", "etag"]`.
    pub path: Vec<String>,
    pub uses: BTreeSet<Vec<String>>,
}

impl Module {
    pub fn top(&self) -> &str {
        self.path.first().map_or("lib", String::as_str)
    }

    pub fn name(&self) -> &str {
        self.path.last().map_or("lib", String::as_str)
    }

    /// Returns the folder of the resource, or two segments of the path of another module.
    pub fn owner(&self) -> String {
        let first = |length: usize| self.path[..length.min(self.path.len())].join("/");
        let in_group = self.path.len() > 3 && Path::new("src").join(first(3)).is_dir();
        first(if self.top() == "resources" && in_group { 3 } else { 2 })
    }

    /// Returns whether the file uses the module or item `path`, or something in it, except in `except`.
    pub fn uses_any(&self, path: &str, except: &str) -> bool {
        let parts: Vec<&str> = path.split("::").collect();
        let except: Vec<&str> = except.split("::").filter(|part| !part.is_empty()).collect();
        let starts = |used: &[String], with: &[&str]| {
            used.len() >= with.len() && used.iter().zip(with).all(|(a, b)| a == b)
        };
        self.uses.iter().any(|used| starts(used, &parts) && (except.is_empty() || !starts(used, &except)))
    }
}

/// Parses all files of a folder of the repository, without test modules.
pub fn sources(folder: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for_each_file(folder, &mut |file, text| found.push(parse_text(file, text)));
    found
}

/// Calls a function with the path and the text of each Rust file of a folder of the repository.
pub fn for_each_file(folder: &str, found: &mut dyn FnMut(&str, &str)) {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), folder, found);
}

fn read(folder: &Path, name: &str, found: &mut dyn FnMut(&str, &str)) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let file = format!("{name}/{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            read(&path, &file, found);
        } else if file.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            found(&file, &text);
        }
    }
}

/// Parses the text of a file.
pub fn parse_text(file: &str, text: &str) -> Module {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let below = file.split_once("src/").map_or(file, |(_, below)| below);
    let mut path: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib")) {
        path.pop();
    }
    let is_test = path.iter().any(|part| part == "tests" || part.ends_with("_tests"));
    let mut collector = Collector { module: path.clone(), ..Collector::default() };
    collector.visit_file(&parsed);
    let uses = if is_test { BTreeSet::new() } else { collector.resolved() };
    Module { file: file.to_owned(), path, uses }
}

/// Returns the modules that a file declares at its top level.
pub fn declared_modules(file: &str, text: &str) -> BTreeSet<String> {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let name = |item: &syn::Item| match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    };
    parsed.items.iter().filter_map(name).collect()
}

/// Returns the names of the types with `#[operations]` on an `impl`; of a generic type, the name of its argument.
pub fn operation_types(file: &str, text: &str) -> Vec<String> {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let is_operations = |attribute: &Attribute| attribute.path().is_ident("operations");
    let name = |item: &syn::Item| match item {
        syn::Item::Impl(item) if item.attrs.iter().any(is_operations) => innermost_name(&item.self_ty),
        _ => None,
    };
    parsed.items.iter().filter_map(name).collect()
}

fn innermost_name(of: &syn::Type) -> Option<String> {
    let syn::Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(argument) => innermost_name(argument),
            _ => None,
        },
        _ => Some(last.ident.to_string()),
    }
}

/// Returns the last name of each path in the calls of a macro at the top level of a file.
pub fn macro_names(file: &str, text: &str, name: &str) -> Vec<String> {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut names = Vec::new();
    for item in parsed.items {
        if let syn::Item::Macro(item) = item
            && item.mac.path.is_ident(name)
        {
            let tokens: Vec<TokenTree> = item.mac.tokens.into_iter().collect();
            for pair in tokens.windows(2) {
                if let [TokenTree::Ident(name), next] = pair
                    && !matches!(next, TokenTree::Punct(punct) if punct.as_char() == ':')
                {
                    names.push(name.to_string());
                }
            }
        }
    }
    names
}

/// Returns the functions with an attribute named `test`, such as `#[tokio::test]`.
pub fn test_attributes(file: &str, text: &str) -> Vec<String> {
    functions_with(&["test"], file, text)
}

/// Returns the names of the functions with an attribute whose last segment is one of `attributes`.
pub fn functions_with(attributes: &[&str], file: &str, text: &str) -> Vec<String> {
    struct Functions<'a>(&'a [&'a str], Vec<String>);
    impl<'ast> Visit<'ast> for Functions<'_> {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            let is_test = |attribute: &Attribute| {
                let name = attribute.path().segments.last();
                name.is_some_and(|segment| self.0.iter().any(|wanted| segment.ident == wanted))
            };
            if function.attrs.iter().any(is_test) {
                self.1.push(function.sig.ident.to_string());
            }
            visit::visit_item_fn(self, function);
        }
    }
    let mut functions = Functions(attributes, Vec::new());
    functions.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
    functions.1
}

#[derive(Default)]
struct Collector {
    /// The path of the current module.
    module: Vec<String>,
    /// Absolute paths of `use` items, by the name that they introduce.
    imports: BTreeMap<String, Vec<String>>,
    uses: BTreeSet<Vec<String>>,
    /// Paths that are not resolved yet.
    paths: BTreeSet<Vec<String>>,
}

impl Collector {
    /// Resolves the first segments of the paths by the imports.
    fn resolved(&self) -> BTreeSet<Vec<String>> {
        let resolve = |path: &Vec<String>| match self.imports.get(&path[0]) {
            Some(import) => [import, &path[1..]].concat(),
            None => path.clone(),
        };
        self.uses.iter().cloned().chain(self.paths.iter().map(resolve)).collect()
    }

    /// Replaces `self` and `super` by the path of the module.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let relative = path.first().is_some_and(|first| first == "self") || ups > 0;
        if !relative {
            return path.to_vec();
        }
        let base = &self.module[..self.module.len().saturating_sub(ups)];
        let rest = &path[ups.max(1)..];
        [&["crate".to_owned()], base, rest].concat()
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: &[String]) {
        let join = |name: String| [prefix, &[name]].concat();
        let (name, path) = match tree {
            UseTree::Path(path) => return self.use_tree(&path.tree, &join(path.ident.to_string())),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.use_tree(tree, prefix)),
            UseTree::Glob(_) => (String::new(), prefix.to_vec()),
            UseTree::Rename(rename) => (rename.rename.to_string(), join(rename.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => {
                (prefix.last().cloned().unwrap_or_default(), prefix.to_vec())
            }
            UseTree::Name(name) => (name.ident.to_string(), join(name.ident.to_string())),
        };
        let path = self.absolute(&path);
        self.imports.insert(name, path.clone());
        self.uses.insert(path);
    }

    /// Collects the paths in the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.add(&std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.add(&path);
    }

    fn add(&mut self, path: &[String]) {
        if path.len() > 1 {
            let path = self.absolute(path);
            self.paths.insert(path);
        }
    }
}

/// Returns whether an item is compiled for tests only.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.use_tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_test_only(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.tokens(item.tokens.clone());
    }
}
