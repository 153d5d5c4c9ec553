//! What may happen to messages. The only writer of the `messages` table.
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::{channel, message, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, JoinType,
    ModelTrait, QueryFilter, QuerySelect, RelationTrait, Select, Set,
};
use uuid::Uuid;

use super::types::{Message, MessagePatch, MessageQuery, NewMessage, address};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::Principal,
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::Precondition,
        event::{Audience, EventType, of, told},
        id::Id,
        page::Page,
        problem::{Error, Result},
        text::trimmed,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
    resources::{
        channels::{self, Channel, ChannelAudience},
        standing::still_there,
        users::AuthorRef,
    },
};

#[derive(Clone)]
pub struct Messages {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct Row {
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

impl From<Row> for Message {
    fn from(row: Row) -> Self {
        Message {
            id: Id::from(row.id),
            channel_id: Id::from(row.channel_id),
            author: AuthorRef {
                id: Id::from(row.author_id),
                name: row.author_name,
                avatar_url: row.author_avatar,
                bio: None,
            },
            text: row.text,
            client_id: row.client_id.map(Id::from),
            created_at: Timestamp(row.created_at),
            edited_at: Some(Timestamp(row.updated_at)).filter(|_| row.version > 1),
            version: row.version,
            new: false,
        }
    }
}

/// The messages of the channels that this caller may read. Every read of messages starts here.
fn visible_to(viewer: Option<&Principal>) -> Select<message::Entity> {
    message::Entity::find()
        .join(JoinType::InnerJoin, message::Relation::Channel.def())
        .filter(channels::readable(viewer))
}

fn columns(find: Select<message::Entity>) -> Select<message::Entity> {
    find.select_only()
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

async fn whole<C: ConnectionTrait>(db: &C, find: Select<message::Entity>) -> Result<Message> {
    let row = columns(find).into_model::<Row>().one(db).await?;
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
        let there = channels::visible_to(viewer).filter(channel::Column::Id.eq(channel.0));
        there.one(self.db.read()).await?.ok_or(Error::NotFound("channel"))?;
        let slice = Slice {
            key: &self.cursors,
            list: format!("messages of {channel}"),
            order: vec![SortKey::falling(message::Column::Id)],
            paging: &query.paging,
        };
        let find = visible_to(viewer).filter(message::Column::ChannelId.eq(channel.0));
        let place = |row: &Row| vec![Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), find, columns, place).await?;
        Ok(Page { data: rows.into_iter().map(Message::from).collect(), pagination })
    }

    pub async fn read(&self, viewer: Option<&Principal>, id: Id<Message>) -> Result<Message> {
        whole(self.db.read(), visible_to(viewer).filter(message::Column::Id.eq(id.0))).await
    }

    /// Says something, once under each name that the author's client gives it.
    pub async fn create(
        &self,
        author: &Principal,
        channel: Id<Channel>,
        new: NewMessage,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Message>> {
        let (author, clock) = (author.clone(), self.clock.clone());
        once(&self.db, attempt, async move |tx| {
            still_there(&tx, &author).await?;
            let channel = channels::held(&tx, &author, channel).await?;
            let text = trimmed(&new.text);
            let client = new.client_id.map(|client| (client.0, hashed(&text)));
            if let Some((client_id, hash)) = &client
                && let Some(first) = sent(&tx, channel.id, author.user, *client_id).await?
            {
                return match first.client_digest.as_deref() == Some(hash.as_str()) {
                    true => whole(&*tx, message::Entity::find_by_id(first.id)).await,
                    false => Err(Error::Unfit("clientId", "names a message that said something else")),
                };
            }
            // Not before nobody else writes in the channel: where clocks agree, times and ids rise together.
            let (id, now) = (Uuid::now_v7(), clock.now());
            let (client_id, client_digest) = client.unzip();
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
            let made = whole(&*tx, message::Entity::find_by_id(id)).await?;
            tx.tell(told(EventType::MessageCreated, &made, id, 1, audience(&channel), now));
            Ok(Message { new: true, ..made })
        })
        .await
    }

    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<Message>,
        patch: MessagePatch,
        when: Precondition,
    ) -> Result<Message> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let (mut row, audience) = held(&tx, &caller, id).await?;
                if row.author_id != caller.user {
                    return Err(Error::Forbidden("only its author may change a message"));
                }
                let known = whole(&*tx, message::Entity::find_by_id(id.0)).await?;
                when.check(&known.etag())?;
                let text = patch.text.map(|text| trimmed(&text)).filter(|text| *text != row.text);
                let Some(text) = text else { return Ok(known) };
                row.text = text;
                row.version += 1;
                row.updated_at = now;
                let version = row.version;
                row.into_active_model().reset_all().update(&*tx).await?;
                let made = whole(&*tx, message::Entity::find_by_id(id.0)).await?;
                tx.tell(told(EventType::MessageUpdated, &made, id, version, audience, now));
                Ok(made)
            })
            .await
    }

    pub async fn remove(&self, caller: &Principal, id: Id<Message>, when: Precondition) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let (row, audience) = held(&tx, &caller, id).await?;
                if row.author_id != caller.user && !caller.role.edits() {
                    return Err(Error::Forbidden("only its author and editors may delete a message"));
                }
                when.check(&whole(&*tx, message::Entity::find_by_id(id.0)).await?.etag())?;
                let version = row.version + 1;
                row.delete(&*tx).await?;
                tx.tell(of(EventType::MessageDeleted, id, address(id), version, audience, now));
                Ok(())
            })
            .await
    }
}

/// Who may know of what happens in a channel.
fn audience(channel: &channel::Model) -> Audience {
    ChannelAudience::parse(&channel.audience).told()
}

/// What a text is compared by when it is sent again.
fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// What the author has sent to the channel under this name before.
async fn sent(tx: &Tx, channel: Uuid, author: Uuid, client_id: Uuid) -> Result<Option<message::Model>> {
    let find = message::Entity::find()
        .filter(message::Column::ChannelId.eq(channel))
        .filter(message::Column::AuthorId.eq(author))
        .filter(message::Column::ClientId.eq(client_id));
    Ok(find.one(&**tx).await?)
}

/// The row for a change, if its channel is there for the caller, and who may know of the change. The channel is held
/// first: whoever changes it or writes in it waits.
async fn held(tx: &Tx, caller: &Principal, id: Id<Message>) -> Result<(message::Model, Audience)> {
    let gone = || Error::NotFound("message");
    let find = message::Entity::find_by_id(id.0).select_only().column(message::Column::ChannelId);
    let channel: Uuid = find.into_tuple().one(&**tx).await?.ok_or_else(gone)?;
    let channel = channels::held(tx, caller, Id::from(channel)).await.map_err(|error| match error {
        Error::NotFound(_) => gone(),
        error => error,
    })?;
    let row = message::Entity::find_by_id(id.0).one(&**tx).await?.ok_or_else(gone)?;
    Ok((row, audience(&channel)))
}
