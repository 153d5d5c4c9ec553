//! Message service: rules and queries. The only writer of the `messages` table.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::{channel, message, user};
use ring::digest;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, JoinType,
    ModelTrait, QueryFilter, QuerySelect, RelationTrait, Select, Set,
};
use uuid::Uuid;

use super::types::{Message, MessageInput, MessagePatch, MessageQuery, location_path};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        timestamp::Timestamp,
    },
    http::{
        auth::{Ownership, Principal},
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
        queue::{ClaimedJob, JobError},
    },
    resources::{
        accounts::{active::lock_active, users::AuthorRef},
        chat::channels::{self, Channel, PurgeJob},
    },
};

/// Maximum number of messages that one statement deletes, so that transactions are short.
const PURGE_BATCH: u64 = 1000;

#[derive(Clone)]
pub struct Messages {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct MessageRow {
    id: Uuid,
    channel_id: Uuid,
    author_id: Uuid,
    author_name: String,
    author_avatar: Option<String>,
    text: String,
    client_id: Option<Uuid>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Message {
            id: Id::from(row.id),
            channel_id: Id::from(row.channel_id),
            author: AuthorRef {
                id: Id::from(row.author_id),
                name: row.author_name.into(),
                avatar_url: row.author_avatar.map(Into::into),
                bio: None,
            },
            text: row.text.into(),
            client_id: row.client_id.map(Id::from),
            created_at: Timestamp(row.created_at),
            edited_at: Some(Timestamp(row.updated_at)).filter(|_| row.version > 1),
            version: row.version,
            new: false,
        }
    }
}

/// Selects the messages of the channels that the caller can read. All reads without a locked channel start
/// from this query.
fn visible_to(viewer: Option<&Principal>) -> Select<message::Entity> {
    message::Entity::find()
        .join(JoinType::InnerJoin, message::Relation::Channel.def())
        .filter(channels::readable_by(viewer))
}

fn columns(select: Select<message::Entity>) -> Select<message::Entity> {
    select
        .select_only()
        .columns([
            message::Column::Id,
            message::Column::ChannelId,
            message::Column::AuthorId,
            message::Column::Text,
            message::Column::ClientId,
            message::Column::Version,
            message::Column::CreatedAt,
            message::Column::UpdatedAt,
        ])
        .join(JoinType::InnerJoin, message::Relation::Author.def())
        .column_as(user::Column::Name, "author_name")
        .column_as(user::Column::AvatarUrl, "author_avatar")
}

async fn load_full<C: ConnectionTrait>(db: &C, query: Select<message::Entity>) -> Result<Message> {
    let row = columns(query).into_model::<MessageRow>().one(db).await?;
    row.map(Message::from).ok_or(Error::NotFound("message"))
}

impl Messages {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Messages { db, clock, cursors }
    }

    pub async fn list(
        &self,
        viewer: Option<&Principal>,
        channel: Id<Channel>,
        query: &MessageQuery,
    ) -> Result<Page<Message>> {
        let visible = channels::visible_to(viewer).filter(channel::Column::Id.eq(channel.0));
        visible.one(self.db.read()).await?.ok_or(Error::NotFound("channel"))?;
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("messages of {channel}"),
            order: vec![SortKey::descending(message::Column::Id)],
            params: &query.paging,
        };
        let query = visible_to(viewer).filter(message::Column::ChannelId.eq(channel.0));
        let position = |row: &MessageRow| vec![SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), query, columns, position).await?;
        Ok(Page { data: rows.into_iter().map(Message::from).collect(), pagination })
    }

    pub async fn get(&self, viewer: Option<&Principal>, id: Id<Message>) -> Result<Message> {
        load_full(self.db.read(), visible_to(viewer).filter(message::Column::Id.eq(id.0))).await
    }

    /// Inserts a message, at most once per `clientId` of the author in the channel.
    pub async fn create(
        &self,
        author: &Principal,
        channel: Id<Channel>,
        new: MessageInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Message>> {
        let reload =
            |location: String| async move { self.get(Some(author), id_of_location(&location)?).await };
        let (author, clock) = (author.clone(), self.clock.clone());
        let work = async move |tx: Tx| {
            lock_active(&tx, &author).await?;
            let channel = channels::load_for_update(&tx, &author, channel).await?;
            let text = String::from(new.text);
            let client_id = new.client_id.map(|client_id| (client_id.0, text_digest(&text)));
            if let Some((client_id, hash)) = &client_id
                && let Some(first) = find_by_client_id(&tx, channel.id, author.user, *client_id).await?
            {
                return match first.client_digest.as_deref() == Some(hash.as_str()) {
                    true => load_full(&*tx, message::Entity::find_by_id(first.id)).await,
                    false => Err(Error::InvalidState(
                        "clientId",
                        "is already used for a message with another text: send a new UUID",
                    )),
                };
            }
            // Created while the channel is locked, so that ids and times ascend in commit order if the clocks
            // of all processes are synchronized.
            let (id, now) = (Uuid::now_v7(), clock.now());
            let (client_id, client_digest) = client_id.unzip();
            let row = message::ActiveModel {
                id: Set(id),
                channel_id: Set(channel.id),
                author_id: Set(author.user),
                text: Set(text),
                client_id: Set(client_id),
                client_digest: Set(client_digest),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
            };
            row.insert(&*tx).await?;
            let message = load_full(&*tx, message::Entity::find_by_id(id)).await?;
            tx.emit(EventType::MessageCreated, id, message.location(), 1, audience(&channel), now);
            Ok(Message { new: true, ..message })
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn update(
        &self,
        caller: &Principal,
        id: Id<Message>,
        patch: MessagePatch,
        precondition: Precondition,
    ) -> Result<Message> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let (mut row, audience) = load_for_update(&tx, &caller, id).await?;
                if !caller.owns(Ownership::Personal, row.author_id) {
                    return Err(Error::Forbidden("only the author can update a message"));
                }
                let current = load_full(&*tx, message::Entity::find_by_id(id.0)).await?;
                precondition.check(&current.etag())?;
                let text = patch.text.map(String::from).filter(|text| *text != row.text);
                let Some(text) = text else { return Ok(current) };
                row.text = text;
                row.version += 1;
                row.updated_at = now;
                let version = row.version;
                tx.record_changes(id, Changes::names(["text"]));
                row.into_active_model().reset_all().update(&*tx).await?;
                let message = load_full(&*tx, message::Entity::find_by_id(id.0)).await?;
                tx.emit(EventType::MessageUpdated, id, message.location(), version, audience, now);
                Ok(message)
            })
            .await
    }

    pub async fn delete(
        &self,
        caller: &Principal,
        id: Id<Message>,
        precondition: Precondition,
    ) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let (row, audience) = load_for_update(&tx, &caller, id).await?;
                if !caller.edits(Ownership::Personal, row.author_id) {
                    return Err(Error::Forbidden("only the author and editors can delete a message"));
                }
                precondition.check(&load_full(&*tx, message::Entity::find_by_id(id.0)).await?.etag())?;
                let version = row.version + 1;
                row.delete(&*tx).await?;
                tx.emit(EventType::MessageDeleted, id, location_path(id), version, audience, now);
                Ok(())
            })
            .await
    }

    /// Deletes the messages of a deleted channel, in batches.
    pub async fn purge(&self, job: &ClaimedJob) -> Result<(), JobError> {
        let PurgeJob { channel } = job.data()?;
        loop {
            let batch = message::Entity::find().select_only().column(message::Column::Id);
            let batch = batch.filter(message::Column::ChannelId.eq(channel)).limit(PURGE_BATCH);
            let batch: Vec<Uuid> = batch.into_tuple().all(self.db.read()).await?;
            let last = (batch.len() as u64) < PURGE_BATCH;
            let deleted = message::Entity::delete_many().filter(message::Column::Id.is_in(batch));
            self.db.write(async move |tx: Tx| deleted.exec(&*tx).await.map(drop)).await?;
            if last {
                return Ok(());
            }
        }
    }
}

/// Returns the audience of the events of a channel.
fn audience(channel: &channel::Model) -> Audience {
    channel.audience.into()
}

/// Returns the digest that detects a repeated `clientId` with another text. It is stored because the text of
/// the first message may have been updated.
fn text_digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Returns the message with this `clientId` of the author in the channel.
async fn find_by_client_id(
    tx: &Tx,
    channel: Uuid,
    author: Uuid,
    client_id: Uuid,
) -> Result<Option<message::Model>> {
    let query = message::Entity::find()
        .filter(message::Column::ChannelId.eq(channel))
        .filter(message::Column::AuthorId.eq(author))
        .filter(message::Column::ClientId.eq(client_id));
    Ok(query.one(&**tx).await?)
}

/// Loads a message for an update, with the audience of its events, if the caller can read its channel. Locks
/// the channel first: all writers of channels and messages acquire the locks in this order.
async fn load_for_update(tx: &Tx, caller: &Principal, id: Id<Message>) -> Result<(message::Model, Audience)> {
    // Lock order: the account before the channel, as in the creation of a message.
    lock_active(tx, caller).await?;
    let not_found = || Error::NotFound("message");
    let query = message::Entity::find_by_id(id.0).select_only().column(message::Column::ChannelId);
    let channel: Uuid = query.into_tuple().one(&**tx).await?.ok_or_else(not_found)?;
    let channel =
        channels::load_for_update(tx, caller, Id::from(channel)).await.map_err(|error| match error {
            Error::NotFound(_) => not_found(),
            error => error,
        })?;
    let row = message::Entity::find_by_id(id.0).one(&**tx).await?.ok_or_else(not_found)?;
    Ok((row, audience(&channel)))
}
