//! Tests of the rules: each fails with its message for a document that violates it.
use std::panic;

use serde_json::Value;

use crate::{REPLACEMENT, operations, schemas};

/// A test of a rule, a part of its message, and the change that violates the rule: a JSON pointer and the new value,
/// or an empty string to remove the value.
type Violation = (fn(), &'static str, &'static str, &'static str);

const OPERATION_VIOLATIONS: &[Violation] = &[
    (
        operations::operation_ids_are_unique_and_start_with_the_tag,
        "the operationId starts with the tag",
        "/paths/~1api~1posts/get/operationId",
        r#""listPosts""#,
    ),
    (
        operations::operation_ids_are_unique_and_start_with_the_tag,
        "duplicate operationId",
        "/paths/~1api~1posts/get/operationId",
        r#""postsCreate""#,
    ),
    (
        operations::operation_ids_contain_a_known_verb,
        "and a known verb",
        "/paths/~1api~1posts/get/operationId",
        r#""postsFetch""#,
    ),
    (
        operations::no_path_matches_two_templates,
        "both /api/posts/{post} and /api/posts/slug",
        "/paths/~1api~1posts~1slug",
        "{}",
    ),
    (
        operations::no_path_matches_two_templates,
        "both /api/docs/{path} and /api/docs/{path}/revisions",
        "/paths/~1api~1docs~1{path}~1revisions",
        "{}",
    ),
    (operations::tags_are_described_used_and_sorted, "left == right", "/tags/0/name", r#""Zebras""#),
    (operations::tags_are_described_used_and_sorted, "Posts", "/tags/7/description", r#""Posts""#),
    (
        operations::tags_are_described_used_and_sorted,
        "the tag is declared",
        "/paths/~1api~1posts/get/tags/0",
        r#""Articles""#,
    ),
    (
        operations::summaries_and_descriptions_have_their_form,
        "a summary has",
        "/paths/~1api~1posts/get/summary",
        r#""list posts.""#,
    ),
    (
        operations::summaries_and_descriptions_have_their_form,
        "a description has",
        "/paths/~1api~1posts/get/description",
        "",
    ),
    (
        operations::operations_declare_their_permissions,
        "x-authz lists",
        "/paths/~1api~1posts/get/x-authz/allow",
        r#"["friends"]"#,
    ),
    (
        operations::operations_declare_their_permissions,
        "security is optional",
        "/paths/~1api~1posts/get/x-authz/allow",
        r#"["editor"]"#,
    ),
    (
        operations::operations_declare_their_permissions,
        "an API key requires",
        "/paths/~1api~1posts/get/security/2/api_key/0",
        r#""all""#,
    ),
    (
        operations::operations_declare_their_permissions,
        "declares 401 and 403",
        "/paths/~1api~1posts/get/responses/401",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "every operation declares 400",
        "/paths/~1api~1posts/get/responses/503",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "have a rate limit",
        "/paths/~1api~1posts/get/responses/429",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "with a path parameter declares 404",
        "/paths/~1api~1posts~1{post}/get/responses/404",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "with a body declares 408",
        "/paths/~1api~1posts/post/responses/408",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "with If-Match declares 412",
        "/paths/~1api~1posts~1{post}/put/responses/428",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "with Idempotency-Key declares 409",
        "/paths/~1api~1posts/post/responses/409",
        "",
    ),
    (
        operations::operations_declare_their_errors,
        "declare 422",
        "/paths/~1api~1posts/get/responses/422",
        r#"{}"#,
    ),
    (
        operations::operations_declare_their_errors,
        "a read declares 304",
        "/paths/~1api~1posts/get/responses/304",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "all successful responses",
        "/paths/~1api~1posts~1{post}/put/responses/204/content",
        r#"{ "text/plain": {} }"#,
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "there is a 2xx",
        "/paths/~1api~1posts~1{post}/delete/responses/204",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "a read with If-None-Match",
        "/paths/~1api~1posts/get/responses/200/headers/ETag",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "304 has",
        "/paths/~1api~1posts/get/responses/304/headers/ETag",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "201 has",
        "/paths/~1api~1posts/post/responses/201/headers/Location",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "a deprecated operation",
        "/paths/~1api~1v1~1invoices/get/responses/302/headers/Sunset",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "308 have",
        "/paths/~1api~1posts~1{post}/get/responses/308/headers/Location",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "401 has",
        "/components/responses/Unauthorized/headers/WWW-Authenticate",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "429 and 503 have",
        "/components/responses/ServiceUnavailable/headers/Retry-After",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "415 has",
        "/components/responses/UnsupportedMediaType/headers/Accept",
        "",
    ),
    (
        operations::responses_have_one_body_type_and_the_required_headers,
        "every response has",
        "/components/responses/NotFound/headers/X-Request-Id",
        "",
    ),
    (
        operations::writes_accept_idempotency_keys_and_preconditions,
        "POST accepts",
        "/components/parameters/IdempotencyKey/name",
        r#""Key""#,
    ),
    (
        operations::writes_accept_idempotency_keys_and_preconditions,
        "PUT and PATCH accept",
        "/components/parameters/Prefer/name",
        r#""Preference""#,
    ),
    (
        operations::writes_accept_idempotency_keys_and_preconditions,
        "PATCH accepts a merge patch",
        "/paths/~1api~1me/patch/requestBody/content",
        r#"{ "application/json": {} }"#,
    ),
    (
        operations::lists_have_page_parameters_and_links,
        "a list has the parameters",
        "/paths/~1api~1posts/get/responses/200/headers/Link",
        "",
    ),
    (
        operations::errors_are_problems,
        "every error",
        "/components/responses/NotFound/content/application~1problem+json/examples",
        "",
    ),
    (
        operations::bodies_have_examples,
        "a request body",
        "/paths/~1api~1posts/post/requestBody/content/application~1json/example",
        "",
    ),
    (
        operations::bodies_have_examples,
        "a successful response",
        "/paths/~1api~1posts/get/responses/200/content/application~1json/example",
        "",
    ),
    (
        operations::creates_have_links,
        "201 of a collection",
        "/paths/~1api~1posts/post/responses/201/links",
        "",
    ),
];

const SCHEMA_VIOLATIONS: &[Violation] = &[
    (
        schemas::strings_have_a_length,
        "a string has minLength",
        "/components/schemas/PostInput/properties/title/maxLength",
        "",
    ),
    (
        schemas::patterns_are_portable,
        "a pattern is short ASCII",
        "/components/schemas/PostInput/properties/slug/pattern",
        r#""^[\\u0061-\\u007a]+$""#,
    ),
    (
        schemas::strings_have_a_length,
        "a pattern is anchored",
        "/components/schemas/PostInput/properties/slug/pattern",
        r#""[a-z]+""#,
    ),
    (
        schemas::strings_have_a_length,
        "a pattern has a message",
        "/components/schemas/PostInput/properties/slug/pattern",
        r#""^[a-f]+$""#,
    ),
    (
        schemas::numbers_and_arrays_are_bounded,
        "an integer has",
        "/components/schemas/Post/properties/commentsCount/maximum",
        "",
    ),
    (
        schemas::numbers_and_arrays_are_bounded,
        "an array has",
        "/components/schemas/PostInput/properties/tags/maxItems",
        "",
    ),
    (
        schemas::objects_are_closed_components_with_descriptions,
        "an object has additionalProperties",
        "/components/schemas/Post/additionalProperties",
        "",
    ),
    (
        schemas::objects_are_closed_components_with_descriptions,
        "an object is a named",
        "/components/schemas/Post/properties/author",
        r#"{ "type": "object", "additionalProperties": false }"#,
    ),
    (
        schemas::objects_are_closed_components_with_descriptions,
        "a required property",
        "/components/schemas/Post/required/0",
        r#""nothing""#,
    ),
    (
        schemas::objects_are_closed_components_with_descriptions,
        "has no description",
        "/components/schemas/Post/description",
        "",
    ),
    (
        schemas::objects_are_closed_components_with_descriptions,
        "Post.title has no description",
        "/components/schemas/Post/properties/title/description",
        "",
    ),
    (
        schemas::only_merge_patches_accept_null,
        "only merge patches accept",
        "/components/schemas/Post/properties/excerpt/type",
        r#"["string", "null"]"#,
    ),
    (
        schemas::parameters_have_a_description_and_an_example,
        "has no description",
        "/components/parameters/IfMatch/description",
        "",
    ),
    (
        schemas::parameters_have_a_description_and_an_example,
        "has no example",
        "/components/parameters/IfMatch/example",
        "",
    ),
    (
        schemas::parameters_have_a_description_and_an_example,
        "TooLarge",
        "/paths/~1api~1posts/get/parameters/0/example",
        r#"20000"#,
    ),
    (schemas::examples_are_valid, "NotInEnum", "/components/schemas/Me/example/role", r#""king""#),
];

/// Returns the document with a changed value. Leaked, because `document` returns a static reference.
fn changed(pointer: &str, value: &str) -> &'static Value {
    let mut document = tenon::api::DOCUMENT.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("an absolute pointer");
    let name = name.replace("~1", "/");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no parent of {pointer}"));
    match (parent, serde_json::from_str(value).ok()) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name, value)),
        (Value::Object(fields), None) => {
            fields.remove(&name).unwrap_or_else(|| panic!("no value at {pointer}"));
        }
        (Value::Array(items), Some(value)) => {
            items[name.parse::<usize>().expect("an index")] = value;
        }
        _ => panic!("cannot change {pointer}"),
    }
    Box::leak(Box::new(document))
}

fn assert_violation((test, expected, pointer, value): &Violation) {
    REPLACEMENT.set(Some(changed(pointer, value)));
    let result = panic::catch_unwind(test);
    REPLACEMENT.set(None);
    let message = result.err().map(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    let message = message.unwrap_or_else(|| panic!("no rule rejects the change at {pointer}"));
    assert!(message.contains(expected), "the change at {pointer} violates another rule: {message}");
}

#[test]
fn each_rule_for_operations_can_fail() {
    OPERATION_VIOLATIONS.iter().for_each(assert_violation);
}

#[test]
fn each_rule_for_schemas_can_fail() {
    SCHEMA_VIOLATIONS.iter().for_each(assert_violation);
}
