//! Channel service: rules and queries. The only writer of the `channels` table.
use entity::channel;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter,
    QuerySelect, Select, Set, sea_query::LockType,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::types::{Channel, ChannelAudience, ChannelInput, ChannelPatch, ChannelQuery, location_path};
use crate::{
    domain::{event::EventType, id::Id, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::Precondition,
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
    },
    infra::{
        audit_log::Changes,
        clock::Clock,
        db::{Db, Tx},
        queue::NewJob,
    },
};

/// Kind of the job that deletes the messages of a deleted channel.
pub const PURGE_MESSAGES_JOB: &str = "channels.purge";

/// The data of [`PURGE_MESSAGES_JOB`].
#[derive(Serialize, Deserialize)]
pub struct PurgeJob {
    pub channel: Uuid,
}

#[derive(Clone)]
pub struct Channels {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

/// Returns the condition for the channels that the caller can read. Every query of channels and messages uses
/// it.
pub fn readable_by(viewer: Option<&Principal>) -> Condition {
    let (public, accounts) = (ChannelAudience::Public, ChannelAudience::Accounts);
    match viewer {
        Some(viewer) if viewer.role.is_staff() => Condition::all(),
        Some(_) => Condition::all().add(channel::Column::Audience.is_in([public, accounts])),
        None => Condition::all().add(channel::Column::Audience.eq(public)),
    }
}

/// Selects the channels that the caller can read.
pub fn visible_to(viewer: Option<&Principal>) -> Select<channel::Entity> {
    channel::Entity::find().filter(readable_by(viewer))
}

/// Locks a channel that the caller can read, for an update of the channel or of its messages.
///
/// The lock serializes the writers of a channel. A repeated request therefore finds the message of the first
/// one, and the audience of an event is the audience of the channel at the commit. `FOR NO KEY UPDATE` still
/// allows inserts that reference the channel.
pub async fn load_for_update(tx: &Tx, caller: &Principal, id: Id<Channel>) -> Result<channel::Model> {
    let find = visible_to(Some(caller)).filter(channel::Column::Id.eq(id.0));
    let row = find.lock(LockType::NoKeyUpdate).one(&**tx).await?;
    row.ok_or(Error::NotFound("channel"))
}

impl From<channel::Model> for Channel {
    fn from(row: channel::Model) -> Self {
        let channel::Model { id, name, description, audience, version, created_at, updated_at } = row;
        Channel {
            id: Id::from(id),
            name: name.into(),
            description: description.map(Into::into),
            audience,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            version,
        }
    }
}

impl Channels {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Channels { db, clock, cursors }
    }

    pub async fn list(&self, viewer: Option<&Principal>, query: &ChannelQuery) -> Result<Page<Channel>> {
        let mut find = visible_to(viewer);
        if let Some(audience) = query.audience {
            find = find.filter(channel::Column::Audience.eq(audience));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("channels {:?}", query.audience),
            order: vec![SortKey::ascending(channel::Column::Name), SortKey::ascending(channel::Column::Id)],
            params: &query.paging,
        };
        let position = |row: &channel::Model| vec![SortValue::Text(row.name.clone()), SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        Ok(Page { data: rows.into_iter().map(Channel::from).collect(), pagination })
    }

    pub async fn get(&self, viewer: Option<&Principal>, id: Id<Channel>) -> Result<Channel> {
        let find = visible_to(viewer).filter(channel::Column::Id.eq(id.0));
        let row = find.one(self.db.read()).await?;
        row.map(Channel::from).ok_or(Error::NotFound("channel"))
    }

    pub async fn create(
        &self,
        editor: &Principal,
        new: ChannelInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Channel>> {
        let now = self.clock.now();
        let reload =
            |location: String| async move { self.get(Some(editor), id_of_location(&location)?).await };
        let work = async move |tx: Tx| {
            let ChannelInput { name, description, audience } = new;
            let row = channel::ActiveModel {
                id: Set(Uuid::now_v7()),
                name: Set(name.into()),
                description: Set(description.map(Into::into)),
                audience: Set(audience),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
            };
            let channel = Channel::from(row.insert(&*tx).await.map_err(Error::on_unique_violation("name"))?);
            emit(&tx, EventType::ChannelCreated, &channel, audience, now);
            Ok(channel)
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn update(
        &self,
        editor: &Principal,
        id: Id<Channel>,
        patch: ChannelPatch,
        precondition: Precondition,
    ) -> Result<Channel> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let before = load_for_update(&tx, &editor, id).await?;
                let current = Channel::from(before.clone());
                precondition.check(&current.etag())?;
                let mut row = before.clone();
                let ChannelPatch { name, description, audience } = patch;
                row.name = name.map_or(row.name, String::from);
                row.description = description.apply_to(row.description);
                row.audience = audience.unwrap_or(row.audience);
                if row == before {
                    return Ok(current);
                }
                row.version += 1;
                row.updated_at = now;
                tx.record_changes(id, Changes::between(&before, &row));
                let row = row.into_active_model().reset_all();
                let channel =
                    Channel::from(row.update(&*tx).await.map_err(Error::on_unique_violation("name"))?);
                // The wider of the two audiences, because callers that lose access must receive this event.
                let audience = Ord::min(current.audience, channel.audience);
                emit(&tx, EventType::ChannelUpdated, &channel, audience, now);
                Ok(channel)
            })
            .await
    }

    /// Deletes a channel and enqueues the job that deletes its messages.
    pub async fn delete(
        &self,
        editor: &Principal,
        id: Id<Channel>,
        precondition: Precondition,
    ) -> Result<()> {
        let (editor, now) = (editor.clone(), self.clock.now());
        let deleted = self.db.write(async move |tx| {
            let row = load_for_update(&tx, &editor, id).await?;
            let mut deleted = Channel::from(row.clone());
            precondition.check(&deleted.etag())?;
            row.delete(&*tx).await?;
            deleted.version += 1;
            emit(&tx, EventType::ChannelDeleted, &deleted, deleted.audience, now);
            // A channel can have many messages: they are deleted in batches, outside of this request.
            tx.enqueue(
                NewJob::new(PURGE_MESSAGES_JOB, &PurgeJob { channel: id.0 })?.max_attempts(i32::MAX),
                now,
            )
            .await?;
            Ok::<_, Error>(())
        });
        deleted.await
    }
}

fn emit(tx: &Tx, kind: EventType, channel: &Channel, audience: ChannelAudience, now: i64) {
    tx.emit(kind, channel.id, location_path(channel.id), channel.version, audience.into(), now);
}
