use serde_json::json;

use super::table;

#[test]
fn references_apply_with_their_siblings() {
    let name = json!({ "$ref": "#/components/schemas/Name", "description": "Whose?" });
    table(name, &[json!("ada")], &[(json!(""), &["# too-short"])]);
    let stricter = json!({ "$ref": "#/components/schemas/Name", "pattern": "^a" });
    table(
        stricter,
        &[json!("ada")],
        &[(json!(""), &["# pattern", "# too-short"]), (json!("bob"), &["# pattern"])],
    );
}

#[test]
fn schemas_may_be_recursive() {
    let schema = json!({ "$ref": "#/components/schemas/Comment" });
    table(
        schema,
        &[json!({ "text": "a", "replies": [{ "text": "b", "replies": [] }] })],
        &[(
            json!({ "text": "a", "replies": [{ "text": "b" }, { "replies": [{ "text": "too long" }], "x": 1 }] }),
            &["#/replies/1/replies/0/text too-long", "#/replies/1/text required", "#/replies/1/x unknown"],
        )],
    );
}

#[test]
fn all_of() {
    let schema = json!({ "allOf": [{ "type": "string", "minLength": 2 }, { "pattern": "^a" }] });
    table(schema, &[json!("ab")], &[(json!("b"), &["# pattern", "# too-short"]), (json!(1), &["# type"])]);
}

#[test]
fn any_of_with_null() {
    let schema = json!({ "anyOf": [{ "$ref": "#/components/schemas/Comment" }, { "type": "null" }] });
    table(
        schema,
        &[json!(null), json!({ "text": "a" })],
        &[(json!(1), &["# type"]), (json!({ "text": "" }), &["#/text too-short"])],
    );
    let shape = json!({ "anyOf": [{ "$ref": "#/components/schemas/Shape" }, { "type": "null" }] });
    table(
        shape,
        &[json!(null), json!({ "kind": "circle", "radius": 1 })],
        &[(json!({ "kind": "circle" }), &["#/radius required"])],
    );
    let two =
        json!({ "anyOf": [{ "type": "string", "maxLength": 1 }, { "type": "string", "pattern": "^b" }] });
    table(two, &[json!("a"), json!("bb")], &[(json!("aa"), &["# invalid"])]);
}

#[test]
fn the_discriminator_selects_the_branch() {
    let schema = json!({ "$ref": "#/components/schemas/Shape" });
    table(
        schema,
        &[json!({ "kind": "circle", "radius": 1 }), json!({ "kind": "square", "side": 1 })],
        &[
            (json!({ "kind": "circle", "side": 1 }), &["#/radius required", "#/side unknown"]),
            (json!({ "kind": "line" }), &["#/kind not-in-enum"]),
            (json!({ "radius": 1 }), &["#/kind required"]),
            (json!({ "kind": 1 }), &["#/kind type"]),
            (json!("circle"), &["# type"]),
        ],
    );
}
