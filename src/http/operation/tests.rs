use sea_orm::Iterable;
use uuid::Uuid;

use super::*;
use crate::domain::principal::Via;

const TAG: Tag = Tag { name: "WoodenThings", description: "" };
const SIGNATURE: SignatureScheme =
    SignatureScheme { name: "thing_signature", header: "Thing-Signature", description: "" };
const EDITORS: Access = Access::Authenticated { allowed: &[Allowed::Role(Role::Editor)], api_keys: true };
const SESSION_ONLY: Access = Access::Authenticated { allowed: &[Allowed::All], api_keys: false };

fn operation(method: &str, access: Access) -> Operation {
    let mut operation = Operation::new(method, "/api/things", "thingsTest", &TAG);
    operation.set_access(access);
    operation
}

fn json() -> MediaType {
    MediaType { name: "application/json", schema: MetaSchemaRef::Reference("Thing".to_owned()) }
}

fn errors(operation: Operation) -> Vec<u16> {
    operation.complete().errors.into_iter().collect()
}

#[test]
fn adds_the_errors_of_all_operations() {
    assert_eq!(errors(operation("GET", Access::Public)), [400, 414, 429, 431, 500, 503]);
    let mut unlimited = operation("GET", Access::Signed(SIGNATURE));
    unlimited.rate_limit = None;
    assert_eq!(errors(unlimited), [400, 414, 431, 500, 503]);
    assert!(errors(operation("DELETE", Access::Public)).contains(&507));
}

#[test]
fn adds_the_errors_of_credentials() {
    for access in [Access::Optional, EDITORS, SESSION_ONLY] {
        let errors = errors(operation("GET", access));
        assert!(errors.contains(&401) && errors.contains(&403), "{access:?}: {errors:?}");
    }
}

#[test]
fn adds_the_errors_of_parameters_bodies_and_responses() {
    let added = |change: fn(&mut Operation)| {
        let mut operation = operation("POST", Access::Public);
        let before = operation.clone().complete().errors;
        change(&mut operation);
        operation.complete().errors.difference(&before).copied().collect::<Vec<u16>>()
    };
    let with_path = |operation: &mut Operation| {
        let schema = MetaSchemaRef::Reference("Id".to_owned());
        operation.path_parameters.push(PathParameter { name: "id", description: "", schema });
    };
    let with_body = |operation: &mut Operation| {
        operation.body = Some(RequestBody {
            description: None,
            content: vec![json()],
            format: BodyFormat::Json,
            max_bytes: None,
            too_large_hint: None,
        });
    };
    let with_content = |operation: &mut Operation| {
        let response = ResponseSpec { content: vec![json()], ..ResponseSpec::empty(200, &[], "") };
        operation.responses.push(response);
    };
    assert_eq!(added(with_path), [404]);
    assert_eq!(added(with_body), [408, 413, 415]);
    assert_eq!(added(with_content), [406]);
    assert_eq!(added(|operation| operation.parameters.push(Parameter::Header("If-Match"))), [412, 428]);
    assert_eq!(
        added(|operation| operation.parameters.push(Parameter::Header("Idempotency-Key"))),
        [409, 422]
    );
}

#[test]
fn only_updates_accept_prefer() {
    for (method, expected) in
        [("GET", false), ("POST", false), ("PUT", true), ("PATCH", true), ("DELETE", false)]
    {
        assert_eq!(operation(method, Access::Public).complete().has_header("Prefer"), expected, "{method}");
    }
}

#[test]
fn only_idempotent_requests_have_replayed_responses() {
    for idempotent in [false, true] {
        let mut operation = operation("POST", Access::Public);
        operation.responses.push(ResponseSpec::empty(204, &["Idempotent-Replayed", "ETag"], ""));
        if idempotent {
            operation.parameters.push(Parameter::Header("Idempotency-Key"));
        }
        let headers = operation.complete().responses.remove(0).headers;
        assert_eq!(headers.iter().any(|header| header.name == "Idempotent-Replayed"), idempotent);
        assert!(headers.iter().any(|header| header.name == "ETag"));
    }
}

#[test]
fn the_scope_follows_from_tag_and_method() {
    let scope = |method: &str, access: Access| operation(method, access).scope().map(|Scope(name)| name);
    assert_eq!(scope("GET", EDITORS).as_deref(), Some("wooden-things:read"));
    assert_eq!(scope("PATCH", EDITORS).as_deref(), Some("wooden-things:write"));
    assert_eq!(scope("GET", Access::Optional).as_deref(), Some("wooden-things:read"));
    for access in [Access::Public, Access::Signed(SIGNATURE), SESSION_ONLY] {
        assert_eq!(scope("GET", access), None, "{access:?}");
    }
    let operations = [operation("GET", EDITORS), operation("GET", EDITORS), operation("PUT", SESSION_ONLY)];
    assert_eq!(scopes_of(&operations).len(), 1);
}

#[test]
fn groups_include_roles() {
    let caller = |role| Principal { user: Uuid::nil(), role, via: Via::Cli };
    for role in Role::iter() {
        assert!(Allowed::All.may_include(&caller(role)));
        assert!(Allowed::Owner(Ownership::Personal).may_include(&caller(role)));
        let content_owner = Allowed::Owner(Ownership::Content);
        assert_eq!(
            content_owner.may_include(&caller(role)),
            !matches!(role, Role::Reader | Role::Accountant)
        );
        assert_eq!(Allowed::Role(Role::Editor).may_include(&caller(role)), role == Role::Editor);
    }
}

#[test]
fn lists_each_media_type_of_successes_once() {
    let mut operation = operation("GET", Access::Public);
    for status in [200, 201, 307] {
        let content = vec![json(), MediaType { name: "text/csv", ..json() }];
        operation.responses.push(ResponseSpec { content, ..ResponseSpec::empty(status, &[], "") });
    }
    operation.responses[2].content[0].name = "text/html";
    assert_eq!(operation.produces(), ["application/json", "text/csv"]);
}

#[test]
#[should_panic(expected = "thingsTest: two arguments declare the callers")]
fn rejects_two_declarations_of_callers() {
    operation("GET", Access::Public).set_access(Access::Optional);
}

#[test]
#[should_panic(expected = "thingsTest: an argument must declare the callers")]
fn rejects_an_operation_without_callers() {
    Operation::new("GET", "/api/things", "thingsTest", &TAG).complete();
}
