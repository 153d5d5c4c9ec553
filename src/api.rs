//! The list of resources, the OpenAPI document, and the dispatcher that serves it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use futures_util::FutureExt;
use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{OpenApi, registry::Registry};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    domain::audit::AuthFailure,
    http::{
        operation::{Operation, Operations},
        operation_paths::OperationPaths,
    },
    openapi,
    resources::accounts::verified::CredentialKind,
    server::{Authenticator, Credential, Dispatcher, api_docs},
};

pub use crate::openapi::{access_page, to_openapi_30, to_yaml};

/// Registers the schemas of a resource.
type Register = fn(&mut Registry);
type Endpoints = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

macro_rules! resources {
    ($($($api:ident)::+($($service:ident),+);)*) => {
        /// The operations of each resource, and the function that registers their schemas.
        fn resources() -> Vec<(Vec<Operation>, Register)> {
            vec![$((
                <crate::resources::$($api)::+ as Operations>::operations(),
                <crate::resources::$($api)::+ as OpenApi>::register,
            )),*]
        }

        /// Returns the endpoints of all operations, connected to the services of `app`.
        fn endpoints(app: &App) -> Endpoints {
            let mut endpoints = Endpoints::new();
            $(crate::resources::$($api)::+($(app.$service.clone()),+).add_routes(&mut endpoints);)*
            endpoints
        }
    };
}

// Each resource with the services that it calls.
resources! {
    content::posts::PostsApi(posts);
    content::posts::PostRevisionsApi(posts);
    content::comments::CommentsApi(comments);
    content::tags::TagsApi(tags);
    content::documents::DocumentsApi(documents);
    content::documents::DocumentsByPathApi(documents);
    content::documents::DocumentRevisionsApi(documents);
    content::media::MediaApi(media);
    content::media::MediaFilesApi(media);
    redirects::RedirectsApi(redirects);
    redirects::RedirectFilesApi(redirects);
    chat::channels::ChannelsApi(channels);
    chat::messages::MessagesApi(messages);
    accounts::users::UsersApi(users);
    accounts::authors::AuthorsApi(authors);
    accounts::me::MeApi(users);
    accounts::sessions::SessionsApi(sessions);
    accounts::sessions::JwksApi(sessions);
    accounts::api_keys::ApiKeysApi(api_keys);
    audit::AuditApi(audit);
    billing::invoices::InvoicesApi(invoices);
    billing::invoices::InvoiceExportsApi(invoices);
    billing::invoices::LocaleRedirectApi(invoices);
    billing::invoices::InvoicesV1Api(invoices_v1);
    billing::customers::CustomersApi(customers);
    billing::rates::RatesApi(rates);
    billing::revenues::RevenuesApi(revenues);
    billing::dashboard::DashboardApi(dashboard);
    events::EventsApi(events);
    jobs::JobsApi(jobs);
    webhooks::outbound::WebhookEndpointsApi(webhook_endpoints);
    webhooks::outbound::WebhookDeliveriesApi(webhook_endpoints);
    webhooks::inbound::WebhookReceiversApi(webhook_events, webhooks_config);
    webhooks::inbound::WebhookEventsApi(webhook_events, jobs);
    upstreams::UpstreamsApi(upstreams);
    health::HealthApi(health);
}

/// All operations, in the order of the list of resources.
pub static OPERATIONS: LazyLock<Vec<Operation>> =
    LazyLock::new(|| resources().into_iter().flat_map(|(operations, _)| operations).collect());

/// The function that registers the schemas of an operation, by operation id.
static SCHEMAS: LazyLock<HashMap<&'static str, Register>> = LazyLock::new(|| {
    let of_resource = |(operations, register): (Vec<Operation>, Register)| {
        operations.into_iter().map(move |operation| (operation.id, register))
    };
    resources().into_iter().flat_map(of_resource).collect()
});

/// The OpenAPI 3.1 document. It depends on the code only, not on configuration or data. Generating it takes time and
/// memory, so `tenon serve` does not use it: it serves the embedded files of [`PUBLISHED`].
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut registry = Registry::new();
    resources().into_iter().for_each(|(_, register)| register(&mut registry));
    openapi::document(info(), &OPERATIONS, &registry)
});

/// The OpenAPI document as served and committed: [`DOCUMENT`] with shared components, and without most bounds and
/// headers of responses.
pub static PUBLISHED: LazyLock<Value> = LazyLock::new(|| openapi::publish(&DOCUMENT));

/// Returns the name and content of each file of [`PUBLISHED`] that the server embeds.
pub fn served_documents() -> [(&'static str, String); 3] {
    [
        ("openapi.yaml", to_yaml(&PUBLISHED)),
        ("openapi.json", PUBLISHED.to_string()),
        ("openapi-3.0.json", to_openapi_30(&PUBLISHED).to_string()),
    ]
}

fn info() -> Value {
    json!({
        "title": "Tenon",
        "summary": "A backend for front-end teams",
        "description": "Posts, documents, images, chat, invoices, redirects, webhooks and live events for a website and its \
        dashboard.\n\n\
        Every list is paginated, every resource has an ETag, and every error is a problem document (RFC 9457). \
        Requests are validated against this OpenAPI document: a request that violates it is rejected. No string may \
        contain the character U+0000. Five formats state what a portable pattern cannot. A `line` has a visible \
        character, and no control characters, line separators or bidirectional formatting characters. A `text` has a \
        visible character. A `web-url` has no white space, no control characters and none of ``\"<>\\^`{|}``. \
        A `no-controls` has no control characters. A `file-name` has a character other than spaces, control \
        characters, dots and slashes. If a redirect \
        rule matches a path that no operation has, the response is 307 or 308 with `Location`.",
        "version": env!("CARGO_PKG_VERSION"),
        "termsOfService": "https://github.com/tenon-api/tenon/blob/main/README.md",
        "contact": { "name": "Tenon", "url": "https://github.com/tenon-api/tenon", "email": "tenon@acme.test" },
        "license": { "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html" },
        "x-api-id": "0199c0de-0000-7000-8000-74656e6f6e00",
        "x-audience": "external-public"
    })
}

/// Returns the paths of all operations and of the API documentation, which have precedence over redirects.
pub fn operation_paths() -> Arc<OperationPaths> {
    static PATHS: LazyLock<Arc<OperationPaths>> =
        LazyLock::new(|| Arc::new(OperationPaths::new(&OPERATIONS, api_docs::paths())));
    PATHS.clone()
}

/// Returns the request of an operation as [`DOCUMENT`] states it, with the components of its resource.
fn request_document(operation: &Operation) -> Value {
    let mut registry = Registry::new();
    if let Some(register) = SCHEMAS.get(operation.id) {
        register(&mut registry);
    }
    openapi::request(operation, &OPERATIONS, &registry)
}

/// Creates the dispatcher: it validates requests against the OpenAPI document and calls the operations.
pub fn dispatcher(app: &App) -> Result<Dispatcher, String> {
    let sessions = app.sessions.clone();
    let authenticate = move |credential| {
        let sessions = sessions.clone();
        async move {
            match credential {
                Credential::Bearer(token) => sessions.authenticate_bearer(&token).await,
                Credential::Cookie(token) => sessions.authenticate_cookie(&token).await,
            }
        }
        .boxed()
    };
    let sessions = app.sessions.clone();
    let verified = move |credential: &Credential| match credential {
        Credential::Bearer(token) => sessions.verified(CredentialKind::Bearer, token),
        Credential::Cookie(token) => sessions.verified(CredentialKind::Cookie, token),
    };
    let failures = app.sessions.failures.clone();
    let record_failure = move |class: AuthFailure, account: Option<Uuid>, identity: String| {
        let failures = failures.clone();
        async move { failures.record(class, account, &identity).await }.boxed()
    };
    let (keys, known_keys) = (app.api_keys.clone(), app.api_keys.clone());
    let record_key = move |key: Uuid| {
        let keys = keys.clone();
        async move { keys.record_address(key).await }.boxed()
    };
    let authenticator = Authenticator {
        verify: Box::new(authenticate),
        verified: Box::new(verified),
        record_failure: Box::new(record_failure),
        record_key: Box::new(record_key),
        is_recorded: Box::new(move |key, address| known_keys.is_recorded(key, address)),
    };
    let mut dispatcher = Dispatcher::new(&OPERATIONS, request_document, endpoints(app), authenticator)?;
    dispatcher.form_limit = app.media.max_form_bytes();
    Ok(dispatcher)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::server::check_request;

    /// Returns a value without its examples and descriptions. A field named `description` is an object.
    fn rules(value: &Value) -> Value {
        let is_rule = |(name, field): &(&String, &Value)| {
            *name != "example" && !(*name == "description" && field.is_string())
        };
        match value {
            Value::Object(fields) => {
                let fields = fields.iter().filter(is_rule);
                Value::Object(fields.map(|(name, field)| (name.clone(), rules(field))).collect())
            }
            Value::Array(items) => items.iter().map(rules).collect(),
            value => value.clone(),
        }
    }

    #[test]
    fn compiles_the_request_of_every_operation() {
        for operation in OPERATIONS.iter() {
            check_request(operation, &request_document(operation))
                .unwrap_or_else(|error| panic!("{}: {error}", operation.id));
        }
    }

    #[test]
    fn the_dispatcher_enforces_the_document() {
        for operation in OPERATIONS.iter() {
            let (id, enforced) = (operation.id, request_document(operation));
            let item = &DOCUMENT["paths"][operation.path];
            let stated = &item[operation.method.as_str().to_lowercase()];
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let parameters = json!([list(&item["parameters"]), list(&stated["parameters"])].concat());
            assert_eq!(rules(&enforced["parameters"]), rules(&parameters), "{id}");
            assert_eq!(
                rules(&enforced["requestBody"]),
                rules(stated.get("requestBody").unwrap_or(&Value::Null)),
                "{id}"
            );
            for kind in ["schemas", "parameters"] {
                let all = &DOCUMENT["components"][kind];
                for (name, component) in
                    enforced["components"][kind].as_object().into_iter().flat_map(Map::iter)
                {
                    // The document has no unused components.
                    if let Some(stated) = all.get(name) {
                        assert_eq!(rules(component), rules(stated), "{id}: {name}");
                    }
                }
            }
        }
    }
}
