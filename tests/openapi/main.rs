//! Laws over the document: each holds for every operation there is and every one to come.
mod broken_documents;
mod laws;
mod schemas;
mod traverse;

use std::{cell::Cell, fs};

use serde_json::Value;

thread_local! {
    /// What stands in the document's place, where a law is to fail.
    static IN_PLACE: Cell<Option<&'static Value>> = const { Cell::new(None) };
}

/// The document as the code gives it.
fn document() -> &'static Value {
    IN_PLACE.get().unwrap_or(&tenon::api::DOCUMENT)
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let now = tenon::api::to_yaml(&tenon::api::PUBLISHED);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    let then = fs::read_to_string(path).unwrap_or_default();
    assert!(now == then, "openapi.yaml is out of date: run `cargo openapi`, read the difference, commit it");
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
fn the_yaml_reads_back_as_the_document() {
    let read: Value = serde_saphyr::from_str(&tenon::api::to_yaml(document())).unwrap_or_default();
    assert_eq!(&read, document());
}

#[test]
fn the_projection_says_nothing_of_3_1() {
    let projected = tenon::api::to_openapi_30(document());
    assert_eq!(projected["openapi"], "3.0.3");
    traverse::visit(&projected, "", &mut |at, value| {
        assert!(!value["type"].is_array(), "{at} has several types");
        let siblings = value.as_object().map_or(0, serde_json::Map::len);
        assert!(value.get("$ref").is_none() || siblings == 1, "{at} has a reference with siblings");
    });
}
