//! What may happen to webhook endpoints. With its neighbours the only writer of their tables.
use entity::webhook_endpoint as endpoint;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Set,
};
use uuid::Uuid;

use super::{
    deliver,
    fan::take_turns,
    filter::{kept, wanted},
    log,
    rights::{may_hear, may_lead},
    secret,
    types::{
        DisabledReason, EndpointState, IssuedWebhookEndpoint, NewWebhookEndpoint, WebhookEndpoint,
        WebhookEndpointPatch, WebhookEndpointQuery, WebhookFormat,
    },
};
use crate::{
    contract::{
        answer::Resource,
        caller::Principal,
        check::ErrorCode,
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::Precondition,
        id::Id,
        page::Page,
        patch::Given,
        problem::{Error, Result},
        secret::Secret,
        text::trimmed,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
        outgoing::Outgoing,
    },
};

/// How long the secret before a rotation still signs, in milliseconds.
const OVERLAP: i64 = 24 * 3_600_000;

/// Each event is a delivery for each of them.
const MOST: u64 = 100;

#[derive(Clone)]
pub struct WebhookEndpoints {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) cursors: CursorKey,
    pub(super) outgoing: Outgoing,
    /// Where CloudEvents come from.
    pub(super) source: String,
}

impl WebhookEndpoints {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, outgoing: Outgoing, source: String) -> Self {
        let outgoing = Outgoing { patience: deliver::PATIENCE, ..outgoing };
        WebhookEndpoints { db, clock, cursors, outgoing, source }
    }

    pub async fn list(&self, query: &WebhookEndpointQuery) -> Result<Page<WebhookEndpoint>> {
        let mut find = endpoint::Entity::find();
        if let Some(state) = query.state {
            find = find.filter(endpoint::Column::State.eq(state.as_str()));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("webhook-endpoints {:?}", query.state),
            order: vec![SortKey::falling(endpoint::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &endpoint::Model| vec![Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), find, |find| find, place).await?;
        let now = self.clock.now();
        Ok(Page { data: rows.into_iter().map(|row| wire(row, now)).collect(), pagination })
    }

    pub async fn read(&self, id: Id<WebhookEndpoint>) -> Result<WebhookEndpoint> {
        let row = endpoint::Entity::find_by_id(id.0).one(self.db.read()).await?;
        Ok(wire(row.ok_or(Error::NotFound("webhook endpoint"))?, self.clock.now()))
    }

    pub async fn create(&self, admin: &Principal, new: NewWebhookEndpoint) -> Result<IssuedWebhookEndpoint> {
        self.may_call(&new.url)?;
        may_hear(admin, &kept(&new.events))?;
        let (now, secret) = (self.clock.now(), secret::fresh()?);
        let signs = secret.clone();
        let row = self
            .db
            .write(async move |tx: Tx| {
                take_turns(&tx).await?;
                if endpoint::Entity::find().count(&*tx).await? >= MOST {
                    return Err(Error::Clash(format!(
                        "there are {MOST} webhook endpoints: delete one first"
                    )));
                }
                let row = endpoint::ActiveModel {
                    id: Set(Uuid::now_v7()),
                    url: Set(new.url),
                    description: Set(words(new.description)),
                    events: Set(kept(&new.events)),
                    format: Set(new.format.as_str().to_owned()),
                    secret: Set(signs.expose().clone().into()),
                    previous_secret: Set(None),
                    previous_until: Set(None),
                    state: Set(EndpointState::Enabled.as_str().to_owned()),
                    disabled_reason: Set(None),
                    failing_since: Set(None),
                    since: Set(tx.newest_event().await?),
                    version: Set(1),
                    created_at: Set(now),
                    updated_at: Set(now),
                };
                Ok::<_, Error>(row.insert(&*tx).await?)
            })
            .await?;
        Ok(issued(row, secret, now))
    }

    pub async fn patch(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
        patch: WebhookEndpointPatch,
        when: Precondition,
    ) -> Result<WebhookEndpoint> {
        if let Some(url) = &patch.url {
            self.may_call(url)?;
        }
        let (admin, now) = (admin.clone(), self.clock.now());
        let changed = self.db.write(async move |tx: Tx| {
            let known = held(&tx, id).await?;
            let row = patched(&tx, &known, patch).await?;
            may_hear(&admin, &known.events)?;
            may_hear(&admin, &row.events)?;
            if row.url != known.url {
                may_lead(&tx, &admin, id.0).await?;
            }
            when.check(&wire(known.clone(), now).etag())?;
            if row == known {
                return Ok(known);
            }
            if row.state == "disabled" && known.state == "enabled" {
                log::give_up_all(&tx, id.0, now).await?;
            }
            let mut row = row.into_active_model().reset_all();
            row.version = Set(known.version + 1);
            row.updated_at = Set(now);
            Ok::<_, Error>(row.update(&*tx).await?)
        });
        Ok(wire(changed.await?, now))
    }

    pub async fn remove(&self, admin: &Principal, id: Id<WebhookEndpoint>, when: Precondition) -> Result<()> {
        let (admin, now) = (admin.clone(), self.clock.now());
        let gone = self.db.write(async move |tx: Tx| {
            let known = held(&tx, id).await?;
            may_hear(&admin, &known.events)?;
            when.check(&wire(known.clone(), now).etag())?;
            tx.not_later(&deliver::key(id.0)).await?;
            known.delete(&*tx).await?;
            // Its log may be long, and nobody is to wait for that.
            Ok::<_, Error>(log::forget_later(&tx, id.0, now).await?)
        });
        gone.await
    }

    /// A new secret; the old one signs too for another day.
    pub async fn rotate(&self, admin: &Principal, id: Id<WebhookEndpoint>) -> Result<IssuedWebhookEndpoint> {
        let (now, secret) = (self.clock.now(), secret::fresh()?);
        let (admin, signs) = (admin.clone(), secret.clone());
        let rotated = self.db.write(async move |tx: Tx| {
            let known = held(&tx, id).await?;
            may_hear(&admin, &known.events)?;
            let (old, version) = (known.secret.clone(), known.version);
            let mut row = known.into_active_model();
            row.previous_secret = Set(Some(old));
            row.previous_until = Set(Some(now + OVERLAP));
            row.secret = Set(signs.expose().clone().into());
            row.version = Set(version + 1);
            row.updated_at = Set(now);
            Ok::<_, Error>(row.update(&*tx).await?)
        });
        Ok(issued(rotated.await?, secret, now))
    }

    /// Refuses what would never be called, as far as that is known without asking for the name.
    fn may_call(&self, url: &str) -> Result<()> {
        let refused = |why: &str| Error::at("#/url", ErrorCode::Invalid, why);
        self.outgoing.allows(url).map_err(|error| refused(&error.to_string()))
    }
}

/// The endpoint as it is after the patch.
async fn patched(tx: &Tx, known: &endpoint::Model, patch: WebhookEndpointPatch) -> Result<endpoint::Model> {
    let mut row = known.clone();
    row.url = patch.url.unwrap_or(row.url);
    row.description = match patch.description {
        Given::Absent => row.description,
        given => words(given.over(None)),
    };
    row.events = patch.events.map_or(row.events, |events| kept(&events));
    row.format = patch.format.map_or(row.format, |format| format.as_str().to_owned());
    match patch.state.filter(|state| state.as_str() != known.state) {
        Some(EndpointState::Disabled) => {
            row.state = EndpointState::Disabled.as_str().to_owned();
            row.disabled_reason = Some(DisabledReason::Asked.as_str().to_owned());
        }
        Some(EndpointState::Enabled) => {
            row.state = EndpointState::Enabled.as_str().to_owned();
            row.disabled_reason = None;
            row.failing_since = None;
            row.since = tx.newest_event().await?;
        }
        None => {}
    }
    Ok(row)
}

/// The row, locked against others that change it.
pub(super) async fn held(tx: &Tx, id: Id<WebhookEndpoint>) -> Result<endpoint::Model> {
    let row = endpoint::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    row.ok_or(Error::NotFound("webhook endpoint"))
}

fn words(text: Option<String>) -> Option<String> {
    text.map(|text| trimmed(&text)).filter(|text| !text.is_empty())
}

fn issued(row: endpoint::Model, secret: Secret<String>, now: i64) -> IssuedWebhookEndpoint {
    IssuedWebhookEndpoint { endpoint: wire(row, now), secret: secret.expose().clone() }
}

fn wire(row: endpoint::Model, now: i64) -> WebhookEndpoint {
    let events = wanted(&row.events).iter().filter_map(|word| word.parse().ok()).collect();
    WebhookEndpoint {
        id: row.id.into(),
        url: row.url,
        description: row.description,
        events,
        format: WebhookFormat::parse(&row.format),
        state: EndpointState::parse(&row.state),
        disabled_reason: row.disabled_reason.as_deref().map(DisabledReason::parse),
        previous_until: row.previous_until.filter(|until| now < *until).map(Timestamp),
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        version: row.version,
    }
}
