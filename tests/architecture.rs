//! The dependency rule of docs/architecture.md, and the ownership of tables.
//! The sources are parsed: text in comments and strings does not count.
#[path = "architecture/parse.rs"]
mod parse;

use std::collections::{BTreeMap, BTreeSet};

use parse::{
    Module, declared_modules, for_each_file, functions_with, macro_names, operation_types, parse_text,
    sources, test_attributes,
};

/// The top-level modules that a module may use. `main` and `lib` have no rule.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("images", &[]),
    ("schema", &["domain"]),
    ("infra", &["domain"]),
    ("http", &["schema", "domain", "infra", "images"]),
    ("openapi", &["http", "schema", "domain"]),
    ("server", &["http", "schema", "domain", "infra"]),
    ("import", &["schema", "domain"]),
    ("resources", &["config", "http", "schema", "domain", "infra", "images"]),
    ("config", &["domain", "infra", "server"]),
    ("backup", &["config", "resources", "domain", "infra", "http"]),
    ("app", &["backup", "config", "resources", "http", "domain", "infra"]),
    ("api", &["app", "resources", "openapi", "server", "http", "domain"]),
    ("worker", &["app", "import", "resources", "http", "domain", "infra"]),
    (
        "cli",
        &[
            "worker",
            "api",
            "app",
            "backup",
            "config",
            "import",
            "resources",
            "server",
            "http",
            "schema",
            "domain",
            "infra",
        ],
    ),
];

/// Crates and modules that a file must not use: the top-level module, the file name (empty for all), the crates and
/// modules, and the reason.
const FORBIDDEN: &[(&str, &str, &[&str], &str)] = &[
    ("images", "", &["crate", "poem", "sea_orm", "entity", "tokio"], "images accept and return bytes"),
    ("domain", "", &["sea_orm", "entity", "poem", "hyper", "axum"], "value types have no HTTP or SQL"),
    ("schema", "", &["sea_orm", "entity"], "a schema has no SQL"),
    ("openapi", "", &["sea_orm", "entity"], "the OpenAPI document depends on types only"),
    ("server", "", &["sea_orm", "entity"], "the server receives values and closures"),
    ("resources", "api", &["sea_orm", "entity", "crate::infra::db"], "an operation calls its service"),
    ("resources", "service", &["poem", "poem_openapi", "hyper"], "a service has no HTTP"),
    ("resources", "types", &["sea_orm", "poem", "hyper", "crate::infra"], "types are data"),
    ("resources", "sender", &["poem", "hyper"], "the HTTP client is in infra"),
    ("resources", "forward", &["poem", "hyper"], "the HTTP client is in infra"),
];

/// The modules of `http` that use the database.
const HTTP_WITH_ROWS: &[&str] = &["cursor", "idempotency", "pagination", "problem", "search"];

/// Uses that break a rule, with the reason. An entry that is no longer needed fails the test.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/domain/event.rs", "entity", "the group of an audience is an enum of a column"),
    ("src/domain/principal.rs", "entity", "the role is an enum of a column"),
];

/// A dependency of a group of resources that closes a cycle, and the reason.
const GROUP_EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "accounts",
    "content",
    "the transaction that changes a user also changes the uploader of media and preview links",
)];

/// Tables with several writers, and the reason.
const SHARED_TABLES: &[(&str, &str)] =
    &[("sequence", "a row per counter: of events, of invoice numbers and of dispatched events")];

fn product() -> Vec<Module> {
    let modules = sources("src");
    assert!(modules.len() > 200, "found only {} source files", modules.len());
    modules
}

/// Returns the violations that are not exceptions, and the exceptions without a violation.
fn unexpected(found: &BTreeSet<(String, String)>) -> Vec<String> {
    let known = |path: &str, used: &str| EXCEPTIONS.iter().any(|(p, u, _)| *p == path && *u == used);
    let violations = found.iter().filter(|(path, used)| !known(path, used));
    let mut lines: Vec<String> = violations.map(|(path, used)| format!("{path} uses {used}")).collect();
    let is_stale = |path: &str, used: &str| !found.contains(&(path.to_owned(), used.to_owned()));
    let stale = EXCEPTIONS.iter().filter(|(path, used, _)| is_stale(path, used));
    lines.extend(stale.map(|(path, used, _)| format!("{path} no longer uses {used}: remove the exception")));
    lines
}

/// Returns the uses that break a rule of this file: the path of the file, and the used module.
fn violations(modules: &[Module]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for module in modules {
        let allowed =
            DEPENDENCIES.iter().find(|(name, _)| *name == module.top()).map(|(_, allowed)| *allowed);
        let mut report = |used: &str| found.insert((module.file.clone(), used.to_owned()));
        for used in module.uses.iter().filter(|used| used[0] == "crate" && used.len() > 1) {
            if allowed.is_some_and(|allowed| used[1] != module.top() && !allowed.contains(&used[1].as_str()))
            {
                report(&used[..2].join("::"));
            }
        }
        for (top, name, forbidden, _) in FORBIDDEN {
            if module.top() != *top || !name.is_empty() && module.name() != *name {
                continue;
            }
            for forbidden in *forbidden {
                let own = format!("crate::{top}");
                if module.uses_any(forbidden, &own) {
                    report(forbidden);
                }
            }
        }
        let has_rows = HTTP_WITH_ROWS.contains(&module.name());
        for database in ["sea_orm", "entity"] {
            if module.top() == "http" && !has_rows && module.uses_any(database, "") {
                report(database);
            }
        }
    }
    found
}

#[test]
fn modules_use_only_the_modules_below_them() {
    let modules = product();
    let unknown: Vec<&str> = modules
        .iter()
        .map(Module::top)
        .filter(|top| !DEPENDENCIES.iter().any(|(name, _)| name == top))
        .collect();
    assert!(
        unknown.iter().all(|top| ["main", "lib"].contains(top)),
        "add these modules to DEPENDENCIES: {unknown:?}"
    );
    let lines = unexpected(&violations(&modules));
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn the_allowed_dependencies_have_no_cycle() {
    let edges: BTreeSet<(String, String)> = DEPENDENCIES
        .iter()
        .flat_map(|(from, to)| to.iter().map(|to| ((*from).to_owned(), (*to).to_owned())))
        .collect();
    assert_eq!(cycle(&edges), Vec::<String>::new());
}

#[test]
fn groups_of_resources_have_no_cycle() {
    let mut edges = BTreeSet::new();
    for module in product().iter().filter(|module| module.top() == "resources") {
        let Some(group) = module.path.get(1) else { continue };
        for used in &module.uses {
            if let [first, second, other, ..] = &used[..]
                && first == "crate"
                && second == "resources"
                && other != group
            {
                edges.insert((group.clone(), other.clone()));
            }
        }
    }
    assert!(edges.len() > 5, "{edges:?}");
    for (from, to, _) in GROUP_EXCEPTIONS {
        assert!(edges.remove(&((*from).to_owned(), (*to).to_owned())), "{from} no longer uses {to}");
        let mut closed = edges.clone();
        closed.insert(((*from).to_owned(), (*to).to_owned()));
        assert!(!cycle(&closed).is_empty(), "{from} can use {to} without a cycle: remove the exception");
    }
    assert_eq!(cycle(&edges), Vec::<String>::new());
}

/// Returns the nodes that remain after all nodes without a successor or a predecessor are removed: none if there
/// is no cycle.
fn cycle(edges: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut edges = edges.clone();
    loop {
        let before = edges.len();
        let from: BTreeSet<String> = edges.iter().map(|(from, _)| from.clone()).collect();
        let to: BTreeSet<String> = edges.iter().map(|(_, to)| to.clone()).collect();
        edges.retain(|edge| from.contains(&edge.1) && to.contains(&edge.0));
        if edges.len() == before {
            return edges.into_iter().map(|(from, _)| from).collect::<BTreeSet<_>>().into_iter().collect();
        }
    }
}

/// Returns the folders that write each table. A resource owns its folder; the files of other modules own themselves.
fn writers(modules: &[Module]) -> BTreeMap<String, BTreeSet<String>> {
    let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in modules {
        for used in &module.uses {
            if let [first, table, rest @ ..] = &used[..]
                && first == "entity"
                && is_write(rest)
            {
                writers.entry(table.clone()).or_default().insert(module.owner());
            }
        }
    }
    writers
}

/// Returns whether a path below the module of a table writes it.
fn is_write(rest: &[String]) -> bool {
    match rest {
        [model, ..] if model == "ActiveModel" => true,
        [entity, function, ..] if entity == "Entity" => {
            ["insert", "update", "delete"].iter().any(|verb| function.starts_with(verb))
        }
        _ => false,
    }
}

#[test]
fn each_table_has_one_writer() {
    let writers = writers(&product());
    assert!(writers.len() > 20, "{writers:?}");
    let shared = |table: &str| SHARED_TABLES.iter().any(|(name, _)| *name == table);
    let several: Vec<_> =
        writers.iter().filter(|(table, owners)| owners.len() > 1 && !shared(table)).collect();
    assert!(several.is_empty(), "{several:#?}");
    let stale: Vec<_> = SHARED_TABLES
        .iter()
        .filter(|(table, _)| writers.get(*table).is_none_or(|owners| owners.len() < 2))
        .collect();
    assert!(stale.is_empty(), "these tables have one writer: {stale:?}");
}

/// Returns the files that read environment variables.
fn environment_readers(modules: &[Module]) -> Vec<&str> {
    let reads = |module: &Module| {
        ["var", "var_os", "vars", "vars_os"]
            .iter()
            .any(|function| module.uses_any(&format!("std::env::{function}"), ""))
    };
    modules.iter().filter(|module| reads(module)).map(|module| module.file.as_str()).collect()
}

#[test]
fn only_the_configuration_reads_environment_variables() {
    let modules = product();
    let readers = environment_readers(&modules);
    assert!(!readers.is_empty(), "the configuration was not found");
    assert!(readers.iter().all(|file| file.starts_with("src/config")), "{readers:?}");
}

#[test]
fn readers_of_environment_variables_are_found() {
    for call in ["var(\"A\")", "var_os(\"A\")", "vars()", "vars_os()"] {
        let text = format!("use std::env;\nfn f() {{ env::{call}; }}");
        assert_eq!(environment_readers(&[parse_text("src/infra/a.rs", &text)]), ["src/infra/a.rs"], "{call}");
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    let readers: Vec<String> = product()
        .iter()
        .filter(|module| {
            module.uses_any("std::time::SystemTime::now", "") || module.uses_any("chrono::Utc::now", "")
        })
        .map(|module| module.file.clone())
        .collect();
    assert_eq!(readers, ["src/infra/clock.rs"]);
}

#[test]
fn operations_are_registered() {
    let (mut declared, mut listed) = (Vec::new(), BTreeSet::new());
    for_each_file("src", &mut |file, text| {
        declared.extend(operation_types(file, text).into_iter().map(|name| (file.to_owned(), name)));
        listed.extend(macro_names(file, text, "resources"));
        listed.extend(macro_names(file, text, "providers"));
    });
    assert!(declared.len() > 30, "found only {declared:?}");
    let missing: Vec<String> = declared
        .iter()
        .filter(|(_, name)| !listed.contains(name))
        .map(|(file, name)| format!("`{name}` of {file}"))
        .collect();
    assert!(
        missing.is_empty(),
        "add to `resources!` in src/api.rs, or a webhook provider to `providers!` in \
         src/resources/webhooks/inbound/providers/mod.rs:\n{}",
        missing.join("\n")
    );
}

#[test]
fn migrations_are_registered() {
    let (mut files, mut registered) = (Vec::new(), BTreeSet::new());
    for_each_file("migration/src", &mut |file, text| match file
        .trim_start_matches("migration/src/")
        .trim_end_matches(".rs")
    {
        "lib" => registered = parse_text(file, text).uses,
        name if name.starts_with('m') => files.push(name.to_owned()),
        _ => {}
    });
    assert!(files.len() > 10, "found only {files:?}");
    let is_missing = |name: &String| !registered.contains(&vec![name.clone(), "Migration".to_owned()]);
    let missing: Vec<String> = files
        .into_iter()
        .filter(is_missing)
        .map(|name| format!("`Box::new({name}::Migration),` in `migrations` of migration/src/lib.rs"))
        .collect();
    assert!(missing.is_empty(), "add\n{}", missing.join("\n"));
}

/// Returns the functions with an attribute that rustc drops in a test binary without libtest harness.
fn dropped_tests(file: &str, text: &str) -> Vec<String> {
    test_attributes(file, text).into_iter().map(|function| format!("{file}: {function}")).collect()
}

#[test]
fn api_tests_are_registered() {
    let (mut dropped, mut declared, mut files) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for_each_file("tests/api", &mut |file, text| {
        dropped.extend(dropped_tests(file, text));
        match file.trim_start_matches("tests/api/").trim_end_matches(".rs") {
            "main" => declared = declared_modules(file, text),
            name if !name.contains('/') => _ = files.insert(name.to_owned()),
            _ => {}
        }
    });
    assert!(files.len() > 40, "the sources were not found");
    assert_eq!(files, declared, "tests/api/main.rs must declare every file");
    assert!(
        dropped.is_empty(),
        "tests/api has `harness = false`: use #[api_test] for\n{}",
        dropped.join("\n")
    );
}

#[test]
fn dropped_tests_are_found() {
    let found = |text: &str| dropped_tests("tests/api/a.rs", text);
    assert_eq!(found("#[test] fn a() {}"), ["tests/api/a.rs: a"]);
    assert_eq!(
        found("mod b { #[tokio::test(flavor = \"multi_thread\")] async fn c() {} }"),
        ["tests/api/a.rs: c"]
    );
    assert_eq!(found("#[api_test] fn a() {} /* #[test] */ const A: &str = \"#[test]\";"), [""; 0]);
}

/// Returns the paths of all tests, with the names of folders and files as modules.
fn test_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        for_each_file(folder, &mut |file, text| {
            let module = file.trim_end_matches(".rs").replace('/', "::");
            let functions = functions_with(&["test", "api_test"], file, text);
            paths.extend(functions.into_iter().map(|function| format!("{module}::{function}")));
        });
    }
    paths
}

/// Returns the tests and stages that the third column of the tables names: its text in backticks, without commands.
fn named_tests(page: &str) -> Vec<&str> {
    let cells = page.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(3));
    let spans = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    spans
        .filter(|span| {
            !span.starts_with("cargo ") && !span.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
        .collect()
}

/// Returns the names that are neither a stage nor a part of the path of a test.
fn missing_tests<'a>(page: &'a str, tests: &[String]) -> Vec<&'a str> {
    let commands = page.split("./tests/run ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next());
    let stage_exists = |name: &str| std::fs::exists(format!("tests/stages/{name}.sh")).unwrap_or(false);
    let names = named_tests(page).into_iter().filter(|name| !tests.iter().any(|path| path.contains(name)));
    commands.chain(names).filter(|name| !stage_exists(name)).collect()
}

#[test]
fn tests_and_stages_named_in_the_documentation_exist() {
    let page = std::fs::read_to_string("docs/reliability.md").expect("the page");
    assert!(named_tests(&page).len() > 40, "found only {:?}", named_tests(&page));
    assert_eq!(missing_tests(&page, &test_paths()), [""; 0], "rename or add these in docs/reliability.md");
}

#[test]
fn missing_tests_are_found() {
    let tests = ["tests::api::access::admits_the_declared_roles_only".to_owned()];
    let page = "| `./tests/run fuzz` | x |\n| `./tests/run none` | `KILLS` |\n| P1 | a | `access::`, stage `fuzz`; `gone` in `cargo test` |";
    assert_eq!(missing_tests(page, &tests), ["none", "gone"]);
}

#[test]
fn violations_are_found() {
    let used = |file: &str, text: &str| {
        violations(&[parse_text(file, text)]).into_iter().map(|(_, used)| used).collect::<Vec<_>>()
    };
    assert_eq!(used("src/http/etag.rs", "use sea_orm::Select;"), ["sea_orm"]);
    assert_eq!(used("src/http/etag.rs", "// sea_orm::Select\nconst A: &str = \"sea_orm::Select\";"), [""; 0]);
    assert_eq!(
        used("src/http/etag.rs", "use crate::{domain::id::Id, resources::jobs::Job};"),
        ["crate::resources"]
    );
    assert_eq!(used("src/http/a/b.rs", "use super::super::super::api::DOCUMENT;"), ["crate::api"]);
    assert_eq!(used("src/schema/a.rs", "fn f() { crate::server::run() }"), ["crate::server"]);
    assert_eq!(used("src/schema/a.rs", "fn f() { println!(\"{}\", crate::server::A) }"), ["crate::server"]);
    assert_eq!(used("src/schema/a.rs", "#[cfg(test)] mod tests { use crate::server::A; }"), [""; 0]);
    assert_eq!(used("src/resources/jobs/service.rs", "fn f(r: poem::Request) {}"), ["poem"]);
    assert_eq!(used("src/resources/jobs/api.rs", "use poem::Request; use entity::job;"), ["entity"]);
}

#[test]
fn writes_are_found() {
    let text = "use entity::{post, comment as row, user};\n\
        fn f() { post::Entity::update_many(); row::ActiveModel { a: 1 }; user::Entity::find(); }";
    let found = writers(&[parse_text("src/resources/content/tags/service.rs", text)]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["comment", "post"]);
    assert_eq!(found["post"].first().map(String::as_str), Some("resources/content/tags"));
}

#[test]
fn cycles_are_found() {
    let edges = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    assert_eq!(cycle(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])), Vec::<String>::new());
    assert_eq!(cycle(&edges(&[("a", "b"), ("b", "c"), ("c", "b")])), ["b", "c"]);
}
