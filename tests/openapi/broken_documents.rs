//! Each law, held against a document that breaks it: a law that cannot fail is none.
use std::panic;

use serde_json::Value;

use crate::{IN_PLACE, laws, schemas};

/// A law, its words, and the change to the document that breaks it: a place, and the JSON that stands there then,
/// or nothing where it is taken away.
type Breach = (fn(), &'static str, &'static str, &'static str);

const OF_OPERATIONS: &[Breach] = &[
    (
        laws::every_operation_has_one_id_that_starts_with_its_tag,
        "an id is unique",
        "/paths/~1api~1posts/get/operationId",
        r#""listPosts""#,
    ),
    (
        laws::every_operation_has_one_id_that_starts_with_its_tag,
        "stands twice",
        "/paths/~1api~1posts/get/operationId",
        r#""postsCreate""#,
    ),
    (
        laws::an_operation_id_is_a_tag_and_a_verb,
        "has a known verb",
        "/paths/~1api~1posts/get/operationId",
        r#""postsFetch""#,
    ),
    (
        laws::no_path_matches_two_templates,
        "both /api/posts/{post} and /api/posts/slug",
        "/paths/~1api~1posts~1slug",
        "{}",
    ),
    (
        laws::no_path_matches_two_templates,
        "both /api/docs/{path} and /api/docs/{path}/revisions",
        "/paths/~1api~1docs~1{path}~1revisions",
        "{}",
    ),
    (laws::tags_are_described_used_and_sorted, "left == right", "/tags/0/name", r#""Zebras""#),
    (laws::tags_are_described_used_and_sorted, "Posts", "/tags/7/description", r#""Posts""#),
    (
        laws::tags_are_described_used_and_sorted,
        "its tag is described",
        "/paths/~1api~1posts/get/tags/0",
        r#""Articles""#,
    ),
    (
        laws::summaries_are_short_commands,
        "a summary is there",
        "/paths/~1api~1posts/get/summary",
        r#""list posts.""#,
    ),
    (laws::summaries_are_short_commands, "a description is there", "/paths/~1api~1posts/get/description", ""),
    (
        laws::who_may_call_is_stated,
        "x-authz names",
        "/paths/~1api~1posts/get/x-authz/allow",
        r#"["friends"]"#,
    ),
    (
        laws::who_may_call_is_stated,
        "security is stated",
        "/paths/~1api~1posts/get/x-authz/allow",
        r#"["editor"]"#,
    ),
    (
        laws::who_may_call_is_stated,
        "an API key has a scope",
        "/paths/~1api~1posts/get/security/2/api_key/0",
        r#""all""#,
    ),
    (laws::who_may_call_is_stated, "whoever may be refused", "/paths/~1api~1posts/get/responses/401", ""),
    (
        laws::what_is_taken_can_be_refused,
        "every operation can say 400",
        "/paths/~1api~1posts/get/responses/503",
        "",
    ),
    (laws::what_is_taken_can_be_refused, "have budgets", "/paths/~1api~1posts/get/responses/429", ""),
    (
        laws::what_is_taken_can_be_refused,
        "a path parameter",
        "/paths/~1api~1posts~1{post}/get/responses/404",
        "",
    ),
    (
        laws::what_is_taken_can_be_refused,
        "a body can be too slow",
        "/paths/~1api~1posts/post/responses/408",
        "",
    ),
    (
        laws::what_is_taken_can_be_refused,
        "If-Match can fail",
        "/paths/~1api~1posts~1{post}/put/responses/428",
        "",
    ),
    (
        laws::what_is_taken_can_be_refused,
        "an Idempotency-Key can be in use",
        "/paths/~1api~1posts/post/responses/409",
        "",
    ),
    (laws::what_is_taken_can_be_refused, "422 is for", "/paths/~1api~1posts/get/responses/422", r#"{}"#),
    (
        laws::what_is_taken_can_be_refused,
        "If-None-Match on a read",
        "/paths/~1api~1posts/get/responses/304",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "one success has a body",
        "/paths/~1api~1posts~1{post}/put/responses/204/content",
        r#"{ "text/plain": {} }"#,
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "there is a success",
        "/paths/~1api~1posts~1{post}/delete/responses/204",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "read with a validator",
        "/paths/~1api~1posts/get/responses/200/headers/ETag",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "304 carries",
        "/paths/~1api~1posts/get/responses/304/headers/ETag",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "201 carries",
        "/paths/~1api~1posts/post/responses/201/headers/Location",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "an operation that ends",
        "/paths/~1api~1v1~1invoices/get/responses/302/headers/Sunset",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "308 carry",
        "/paths/~1api~1posts~1{post}/get/responses/308/headers/Location",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "401 carries",
        "/components/responses/Unauthorized/headers/WWW-Authenticate",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "429 and 503 carry",
        "/components/responses/ServiceUnavailable/headers/Retry-After",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "415 carries",
        "/components/responses/UnsupportedMediaType/headers/Accept",
        "",
    ),
    (
        laws::answers_have_one_shape_and_their_headers,
        "every answer carries",
        "/components/responses/NotFound/headers/X-Request-Id",
        "",
    ),
    (laws::writes_can_be_made_safe, "POST takes", "/components/parameters/IdempotencyKey/name", r#""Key""#),
    (laws::writes_can_be_made_safe, "PUT and PATCH take", "/components/parameters/Prefer/name", r#""Wish""#),
    (
        laws::writes_can_be_made_safe,
        "PATCH takes a merge patch",
        "/paths/~1api~1me/patch/requestBody/content",
        r#"{ "application/json": {} }"#,
    ),
    (laws::lists_are_pages, "a list has page", "/paths/~1api~1posts/get/responses/200/headers/Link", ""),
    (
        laws::failures_are_problems,
        "every failure",
        "/components/responses/NotFound/content/application~1problem+json/examples",
        "",
    ),
    (
        laws::bodies_have_examples,
        "a request body",
        "/paths/~1api~1posts/post/requestBody/content/application~1json/example",
        "",
    ),
    (
        laws::bodies_have_examples,
        "a success with a body",
        "/paths/~1api~1posts/get/responses/200/content/application~1json/example",
        "",
    ),
    (
        laws::creates_link_to_what_can_be_done_with_what_they_made,
        "201 of a collection",
        "/paths/~1api~1posts/post/responses/201/links",
        "",
    ),
];

const OF_SCHEMAS: &[Breach] = &[
    (
        schemas::strings_are_bounded_and_have_a_form,
        "a string has maxLength",
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
        schemas::strings_are_bounded_and_have_a_form,
        "a pattern is anchored",
        "/components/schemas/PostInput/properties/slug/pattern",
        r#""[a-z]+""#,
    ),
    (
        schemas::strings_are_bounded_and_have_a_form,
        "a pattern has words",
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
        "an array says",
        "/components/schemas/PostInput/properties/tags/maxItems",
        "",
    ),
    (
        schemas::objects_are_closed_named_and_described,
        "an object is closed",
        "/components/schemas/Post/additionalProperties",
        "",
    ),
    (
        schemas::objects_are_closed_named_and_described,
        "an object stands",
        "/components/schemas/Post/properties/author",
        r#"{ "type": "object", "additionalProperties": false }"#,
    ),
    (
        schemas::objects_are_closed_named_and_described,
        "what is required",
        "/components/schemas/Post/required/0",
        r#""nothing""#,
    ),
    (
        schemas::objects_are_closed_named_and_described,
        "is not described",
        "/components/schemas/Post/description",
        "",
    ),
    (
        schemas::objects_are_closed_named_and_described,
        "Post.title is not described",
        "/components/schemas/Post/properties/title/description",
        "",
    ),
    (
        schemas::nothing_in_an_answer_is_null,
        "only merge patches",
        "/components/schemas/Post/properties/excerpt/type",
        r#"["string", "null"]"#,
    ),
    (
        schemas::parameters_are_described_with_an_example,
        "is not described",
        "/components/parameters/IfMatch/description",
        "",
    ),
    (
        schemas::parameters_are_described_with_an_example,
        "has no example",
        "/components/parameters/IfMatch/example",
        "",
    ),
    (
        schemas::parameters_are_described_with_an_example,
        "TooLarge",
        "/paths/~1api~1posts/get/parameters/0/example",
        r#"20000"#,
    ),
    (schemas::examples_are_valid, "NotInEnum", "/components/schemas/Me/example/role", r#""king""#),
];

/// The document with `now` at a place.
fn changed(at: &str, now: &str) -> &'static Value {
    let mut document = tenon::api::DOCUMENT.clone();
    let (above, name) = at.rsplit_once('/').expect("a pointer");
    let name = name.replace("~1", "/");
    let above = document.pointer_mut(above).unwrap_or_else(|| panic!("{at} is not there"));
    match (above, serde_json::from_str(now).ok()) {
        (Value::Object(members), Some(now)) => drop(members.insert(name, now)),
        (Value::Object(members), None) => {
            members.remove(&name).unwrap_or_else(|| panic!("{at} is not there"));
        }
        (Value::Array(entries), Some(now)) => {
            entries[name.parse::<usize>().expect("a place")] = now;
        }
        _ => panic!("{at} cannot be changed"),
    }
    Box::leak(Box::new(document))
}

fn fails_with((test, says, at, now): &Breach) {
    IN_PLACE.set(Some(changed(at, now)));
    let failed = panic::catch_unwind(test);
    IN_PLACE.set(None);
    let told = failed.err().map(|told| {
        let text = told.downcast_ref::<String>().cloned();
        text.or_else(|| told.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    let told = told.unwrap_or_else(|| panic!("nobody minds the change at {at}"));
    assert!(told.contains(says), "the change at {at} breaks another law: {told}");
}

#[test]
fn each_law_of_operations_can_be_broken() {
    OF_OPERATIONS.iter().for_each(fails_with);
}

#[test]
fn each_law_of_schemas_can_be_broken() {
    OF_SCHEMAS.iter().for_each(fails_with);
}
