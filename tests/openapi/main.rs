//! Rules for the OpenAPI document, checked for every operation, parameter and schema.
mod broken_documents;
mod operations;
mod schemas;
mod traverse;

use std::{cell::Cell, fs, io::Read};

use serde_json::Value;

thread_local! {
    /// Replaces the document in the tests of the rules.
    static REPLACEMENT: Cell<Option<&'static Value>> = const { Cell::new(None) };
}

/// Returns the complete OpenAPI document, or its replacement.
fn document() -> &'static Value {
    REPLACEMENT.get().unwrap_or(&tenon::api::DOCUMENT)
}

#[test]
fn openapi_yaml_matches_the_code() {
    let generated = tenon::api::to_yaml(&tenon::api::PUBLISHED);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(generated == committed, "openapi.yaml is out of date: run `cargo openapi` and review the change");
}

#[test]
fn the_embedded_documents_match_the_code() {
    for (name, generated) in tenon::api::served_documents() {
        let path = format!("{}/assets/openapi/{name}.gz", env!("CARGO_MANIFEST_DIR"));
        let mut embedded = String::new();
        let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        flate2::read::GzDecoder::new(file).read_to_string(&mut embedded).expect("the file is valid gzip");
        assert!(generated == embedded, "assets/openapi/{name}.gz is out of date: run `cargo openapi`");
    }
}

#[test]
fn the_committed_access_page_is_current() {
    let generated = tenon::api::access_page(&tenon::api::OPERATIONS);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md");
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        generated == committed,
        "docs/access.md is out of date: run `cargo openapi`, review the difference, commit it"
    );
}

#[test]
fn the_yaml_parses_to_the_same_document() {
    let parsed: Value = serde_saphyr::from_str(&tenon::api::to_yaml(document())).unwrap_or_default();
    assert_eq!(&parsed, document());
}

#[test]
fn the_3_0_document_has_no_3_1_features() {
    let projected = tenon::api::to_openapi_30(document());
    assert_eq!(projected["openapi"], "3.0.3");
    traverse::visit(&projected, "", &mut |at, value| {
        assert!(!value["type"].is_array(), "{at}: OpenAPI 3.0 has no type arrays");
        let siblings = value.as_object().map_or(0, serde_json::Map::len);
        assert!(
            value.get("$ref").is_none() || siblings == 1,
            "{at}: OpenAPI 3.0 ignores the siblings of `$ref`"
        );
    });
}
