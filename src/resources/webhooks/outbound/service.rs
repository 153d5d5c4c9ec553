//! Webhook endpoint service: rules and queries. Only this folder writes `webhook_endpoints` and
//! `webhook_deliveries`.
use std::sync::Arc;

use entity::webhook_endpoint as endpoint;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    custom_headers, deliveries,
    delivery_metrics::DeliveryMetrics,
    dispatch::lock_position,
    filter::{parse, serialize},
    scopes::{check_filters, check_new_url},
    sealed_secrets, secret, sender,
    types::{
        DisabledReason, EndpointDescription, EndpointState, IssuedWebhookEndpoint, WebhookEndpoint,
        WebhookEndpointInput, WebhookEndpointPatch, WebhookEndpointQuery,
    },
};
use crate::{
    domain::{audit::AuditAction, id::Id, secret::Secret, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::Precondition,
        merge_patch::Patch,
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::{Changes, NewEntry},
        clock::Clock,
        db::{Db, Tx},
        http_client::{HttpClient, RequestUrl},
        sealing::Sealer,
    },
    resources::shared::secrets,
    schema::ErrorCode,
};

/// Time for which deliveries are also signed with the previous secret after a rotation, in milliseconds: 24
/// hours.
const OVERLAP: i64 = 24 * 3_600_000;

/// Maximum number of endpoints: each event creates one delivery for each of them.
const MAX_ENDPOINTS: u64 = 100;

#[derive(Clone)]
pub struct WebhookEndpoints {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub outgoing: HttpClient,
    pub deliveries_sent: Arc<DeliveryMetrics>,
    pub(super) sealer: Sealer,
    /// The `source` attribute of CloudEvents.
    pub(super) source: String,
}

impl WebhookEndpoints {
    pub fn new(
        db: Db,
        clock: Clock,
        cursors: CursorKey,
        sealer: Sealer,
        outgoing: HttpClient,
        source: String,
    ) -> Self {
        let outgoing = HttpClient { timeouts: sender::TIMEOUTS, ..outgoing };
        WebhookEndpoints { db, clock, cursors, sealer, outgoing, deliveries_sent: Arc::default(), source }
    }

    pub async fn list(&self, query: &WebhookEndpointQuery) -> Result<Page<WebhookEndpoint>> {
        let mut find = endpoint::Entity::find();
        if let Some(state) = query.state {
            find = find.filter(endpoint::Column::State.eq(state));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("webhook-endpoints {:?}", query.state),
            order: vec![SortKey::descending(endpoint::Column::Id)],
            params: &query.paging,
        };
        let position = |row: &endpoint::Model| vec![SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        let now = self.clock.now();
        Ok(Page { data: rows.into_iter().map(|row| to_wire(row, now)).collect(), pagination })
    }

    pub async fn get(&self, id: Id<WebhookEndpoint>) -> Result<WebhookEndpoint> {
        let row = endpoint::Entity::find_by_id(id.0).one(self.db.read()).await?;
        Ok(to_wire(row.ok_or(Error::NotFound("webhook endpoint"))?, self.clock.now()))
    }

    pub async fn create(
        &self,
        admin: &Principal,
        new: WebhookEndpointInput,
    ) -> Result<IssuedWebhookEndpoint> {
        self.check_url(&new.url)?;
        check_filters(admin, &serialize(&new.events))?;
        custom_headers::check(&new.headers)?;
        let secret = match &new.secret {
            Some(custom) => secret::check_custom(custom)?,
            None => secret::generate()?,
        };
        let (now, id) = (self.clock.now(), Uuid::now_v7());
        let sealed = sealed_secrets::seal(&self.sealer, id, &secret)?;
        let headers = custom_headers::seal(&self.sealer, id, &new.headers)?;
        let sealer = self.sealer.clone();
        let row = self
            .db
            .write(async move |tx: Tx| {
                secrets::require_current_key(&tx, &sealer).await?;
                lock_position(&tx).await?;
                if endpoint::Entity::find().count(&*tx).await? >= MAX_ENDPOINTS {
                    return Err(Error::ConflictWith(format!(
                        "at most {MAX_ENDPOINTS} webhook endpoints can exist: delete one first"
                    )));
                }
                let row = endpoint::ActiveModel {
                    id: Set(id),
                    url: Set(new.url.into()),
                    description: Set(new.description.and_then(non_empty)),
                    events: Set(serialize(&new.events)),
                    format: Set(new.format),
                    header_names: Set(headers.names),
                    header_values: Set(headers.values),
                    secret: Set(sealed),
                    previous_secret: Set(None),
                    previous_secret_until: Set(None),
                    state: Set(EndpointState::Enabled),
                    disabled_reason: Set(None),
                    failing_since: Set(None),
                    start_position: Set(tx.newest_event_position().await?),
                    version: Set(1),
                    created_at: Set(now),
                    updated_at: Set(now),
                };
                let row = row.insert(&*tx).await?;
                let changes = Changes::created([
                    ("events", Some(row.events.clone())),
                    ("headerNames", Some(row.header_names.clone())),
                ]);
                tx.record(NewEntry::new(AuditAction::EndpointCreated, id, now).with_changes(changes));
                Ok::<_, Error>(row)
            })
            .await?;
        Ok(issued(row, secret, now))
    }

    pub async fn update(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
        patch: WebhookEndpointPatch,
        precondition: Precondition,
    ) -> Result<WebhookEndpoint> {
        if let Some(url) = &patch.url {
            self.check_url(url)?;
        }
        custom_headers::check(patch.headers.as_deref().unwrap_or_default())?;
        let custom_secret = patch.secret.as_deref().map(secret::check_custom).transpose()?;
        let headers =
            patch.headers.as_deref().map(|headers| custom_headers::seal(&self.sealer, id.0, headers));
        let headers = headers.transpose()?;
        let (admin, now, sealer) = (admin.clone(), self.clock.now(), self.sealer.clone());
        let updated = self.db.write(async move |tx: Tx| {
            if headers.is_some() || custom_secret.is_some() {
                // Before the lock on the endpoint, as in a rotation of the secret key.
                secrets::require_current_key(&tx, &sealer).await?;
            }
            let current = load_for_update(&tx, id).await?;
            let mut row = apply(&tx, &current, patch).await?;
            check_filters(&admin, &current.events)?;
            check_filters(&admin, &row.events)?;
            if row.url != current.url {
                check_new_url(&tx, &admin, id.0).await?;
            }
            precondition.check(&to_wire(current.clone(), now).etag())?;
            if let Some(headers) = headers {
                (row.header_names, row.header_values) = (headers.names, headers.values);
            } else if row.header_values.is_some() && !is_same_origin(&row.url, &current.url) {
                return Err(Error::invalid_field("#/headers", ErrorCode::Required, HEADERS_OF_ORIGIN));
            }
            if let Some(custom) = &custom_secret {
                replace_secret(&sealer, &mut row, custom, now)?;
            }
            if row == current {
                return Ok(current);
            }
            if (current.state, row.state) == (EndpointState::Enabled, EndpointState::Disabled) {
                deliveries::fail_pending(&tx, id.0, now).await?;
            }
            let changes = Changes::between(&current, &row);
            tx.record(NewEntry::new(AuditAction::EndpointUpdated, id, now).with_changes(changes));
            let mut row = row.into_active_model().reset_all();
            row.version = Set(current.version + 1);
            row.updated_at = Set(now);
            Ok::<_, Error>(row.update(&*tx).await?)
        });
        Ok(to_wire(updated.await?, now))
    }

    pub async fn delete(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
        precondition: Precondition,
    ) -> Result<()> {
        let (admin, now) = (admin.clone(), self.clock.now());
        let deleted = self.db.write(async move |tx: Tx| {
            let current = load_for_update(&tx, id).await?;
            check_filters(&admin, &current.events)?;
            precondition.check(&to_wire(current.clone(), now).etag())?;
            tx.cancel(&sender::job_key(id.0)).await?;
            current.delete(&*tx).await?;
            tx.record(NewEntry::new(AuditAction::EndpointDeleted, id, now));
            // An endpoint can have many deliveries: a job deletes them outside of this request.
            Ok::<_, Error>(deliveries::enqueue_purge(&tx, id.0, now).await?)
        });
        deleted.await
    }

    /// Replaces the secret. For 24 hours, deliveries are also signed with the previous secret.
    pub async fn rotate_secret(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
    ) -> Result<IssuedWebhookEndpoint> {
        let (now, secret) = (self.clock.now(), secret::generate()?);
        let (admin, sealer) = (admin.clone(), self.sealer.clone());
        let new_secret = secret.clone();
        let rotated = self.db.write(async move |tx: Tx| {
            secrets::require_current_key(&tx, &sealer).await?;
            let current = load_for_update(&tx, id).await?;
            check_filters(&admin, &current.events)?;
            let mut row = current;
            replace_secret(&sealer, &mut row, &new_secret, now)?;
            row.version += 1;
            row.updated_at = now;
            let row = row.into_active_model().reset_all();
            tx.record(NewEntry::new(AuditAction::EndpointRotated, id, now));
            Ok::<_, Error>(row.update(&*tx).await?)
        });
        Ok(issued(rotated.await?, secret, now))
    }

    /// Rejects a URL that the HTTP client does not allow. Addresses that need a DNS query are checked later,
    /// on each request.
    fn check_url(&self, url: &str) -> Result<()> {
        let reject = |why: &str| Error::invalid_field("#/url", ErrorCode::Invalid, why);
        self.outgoing.check_url(url).map_err(|error| reject(&error.to_string()))
    }
}

const HEADERS_OF_ORIGIN: &str = "must be sent with a `url` of another origin: the stored values are credentials of the \
                                 previous receiver. Send an empty list to remove them";

fn is_same_origin(one: &str, other: &str) -> bool {
    match (RequestUrl::parse(one), RequestUrl::parse(other)) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => false,
    }
}

/// Sets the secret of an endpoint. The one before it also signs for 24 hours. The current secret changes nothing.
fn replace_secret(
    sealer: &Sealer,
    row: &mut endpoint::Model,
    secret: &Secret<String>,
    now: i64,
) -> Result<()> {
    // A previous secret that cannot sign fails all deliveries.
    let current = sealed_secrets::open(sealer, row.id, &row.secret)?;
    if current.as_ref() == Some(secret) {
        return Ok(());
    }
    row.previous_secret_until = current.is_some().then_some(now + OVERLAP);
    row.previous_secret = current.map(|_| row.secret.clone());
    row.secret = sealed_secrets::seal(sealer, row.id, secret)?;
    Ok(())
}

/// Returns the row with the patch applied, apart from secret and headers.
async fn apply(tx: &Tx, current: &endpoint::Model, patch: WebhookEndpointPatch) -> Result<endpoint::Model> {
    let mut row = current.clone();
    row.url = patch.url.map_or(row.url, String::from);
    row.description = match patch.description {
        Patch::Absent => row.description,
        Patch::Null => None,
        Patch::Value(description) => non_empty(description),
    };
    row.events = patch.events.map_or(row.events, |events| serialize(&events));
    row.format = patch.format.unwrap_or(row.format);
    match patch.state.filter(|state| *state != current.state) {
        Some(EndpointState::Disabled) => {
            row.state = EndpointState::Disabled;
            row.disabled_reason = Some(DisabledReason::ByAdmin);
        }
        Some(EndpointState::Enabled) => {
            row.state = EndpointState::Enabled;
            row.disabled_reason = None;
            row.failing_since = None;
            row.start_position = tx.newest_event_position().await?;
        }
        None => {}
    }
    Ok(row)
}

/// Locks the row for an update.
pub(super) async fn load_for_update(tx: &Tx, id: Id<WebhookEndpoint>) -> Result<endpoint::Model> {
    let row = endpoint::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    row.ok_or(Error::NotFound("webhook endpoint"))
}

fn non_empty(description: EndpointDescription) -> Option<String> {
    Some(String::from(description)).filter(|text| !text.is_empty())
}

fn issued(row: endpoint::Model, secret: Secret<String>, now: i64) -> IssuedWebhookEndpoint {
    IssuedWebhookEndpoint { endpoint: to_wire(row, now), secret: secret.expose().as_str().into() }
}

fn to_wire(row: endpoint::Model, now: i64) -> WebhookEndpoint {
    let events = parse(&row.events).iter().filter_map(|name| name.parse().ok()).collect();
    let header_names = custom_headers::names(&row).into_iter().map(Into::into).collect();
    WebhookEndpoint {
        id: row.id.into(),
        url: row.url.into(),
        description: row.description.map(Into::into),
        events,
        header_names,
        format: row.format,
        state: row.state,
        disabled_reason: row.disabled_reason,
        previous_secret_until: row.previous_secret_until.filter(|until| now < *until).map(Timestamp),
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    }
}
