//! What may happen to channels. The only writer of the `channels` table.
use entity::{channel, message};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter,
    QuerySelect, Select, Set, sea_query::LockType,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::types::{Channel, ChannelAudience, ChannelPatch, ChannelQuery, NewChannel, address};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        caller::Principal,
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::Precondition,
        event::{EventType, of},
        id::Id,
        page::Page,
        problem::{Error, Result},
        text::trimmed,
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
        queue::{Claimed, Failed, NewJob},
    },
};

pub const FORGET: &str = "channels.forget";

#[derive(Serialize, Deserialize)]
struct Silent {
    channel: Uuid,
}

#[derive(Clone)]
pub struct Channels {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

/// Which channels this caller may read. Every read of channels, and of what is said in them, asks here.
pub fn readable(viewer: Option<&Principal>) -> Condition {
    let (public, accounts) = (ChannelAudience::Public.as_str(), ChannelAudience::Accounts.as_str());
    match viewer {
        Some(viewer) if viewer.role.is_staff() => Condition::all(),
        Some(_) => Condition::all().add(channel::Column::Audience.is_in([public, accounts])),
        None => Condition::all().add(channel::Column::Audience.eq(public)),
    }
}

/// The channels that this caller may read.
pub fn visible_to(viewer: Option<&Principal>) -> Select<channel::Entity> {
    channel::Entity::find().filter(readable(viewer))
}

/// The channel, if the caller may read it. From here on nobody else changes it or writes in it: what is sent again finds
/// what was sent before, and whatever happens is told to those who may read the channel when it does. The weaker lock
/// lets others go on to refer to the channel.
pub async fn held(tx: &Tx, caller: &Principal, id: Id<Channel>) -> Result<channel::Model> {
    let find = visible_to(Some(caller)).filter(channel::Column::Id.eq(id.0));
    let row = find.lock(LockType::NoKeyUpdate).one(&**tx).await?;
    row.ok_or(Error::NotFound("channel"))
}

impl From<channel::Model> for Channel {
    fn from(row: channel::Model) -> Self {
        let channel::Model { id, name, description, audience, version, created_at, updated_at } = row;
        Channel {
            id: Id::from(id),
            name,
            description,
            audience: ChannelAudience::parse(&audience),
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
            find = find.filter(channel::Column::Audience.eq(audience.as_str()));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("channels {:?}", query.audience),
            order: vec![SortKey::rising(channel::Column::Name), SortKey::rising(channel::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &channel::Model| vec![Key::Text(row.name.clone()), Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), find, |find| find, place).await?;
        Ok(Page { data: rows.into_iter().map(Channel::from).collect(), pagination })
    }

    pub async fn read(&self, viewer: Option<&Principal>, id: Id<Channel>) -> Result<Channel> {
        let find = visible_to(viewer).filter(channel::Column::Id.eq(id.0));
        let row = find.one(self.db.read()).await?;
        row.map(Channel::from).ok_or(Error::NotFound("channel"))
    }

    pub async fn create(&self, new: NewChannel, attempt: Option<Attempt>) -> Result<Outcome<Channel>> {
        let now = self.clock.now();
        once(&self.db, attempt, async move |tx| {
            let NewChannel { name, description, audience } = new;
            let row = channel::ActiveModel {
                id: Set(Uuid::now_v7()),
                name: Set(trimmed(&name)),
                description: Set(description),
                audience: Set(audience.as_str().to_owned()),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
            };
            let made = Channel::from(row.insert(&*tx).await.map_err(Error::taken("name"))?);
            tell(&tx, EventType::ChannelCreated, &made, audience, now);
            Ok(made)
        })
        .await
    }

    pub async fn patch(
        &self,
        editor: &Principal,
        id: Id<Channel>,
        patch: ChannelPatch,
        when: Precondition,
    ) -> Result<Channel> {
        let (editor, now) = (editor.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let before = held(&tx, &editor, id).await?;
                let was = Channel::from(before.clone());
                when.check(&was.etag())?;
                let mut row = before.clone();
                let ChannelPatch { name, description, audience } = patch;
                row.name = name.map_or(row.name, |name| trimmed(&name));
                row.description = description.over(row.description);
                row.audience = audience.map_or(row.audience, |audience| audience.as_str().to_owned());
                if row == before {
                    return Ok(was);
                }
                row.version += 1;
                row.updated_at = now;
                let row = row.into_active_model().reset_all();
                let made = Channel::from(row.update(&*tx).await.map_err(Error::taken("name"))?);
                // Whoever cannot read it any more learns that much, and nothing that comes after.
                tell(&tx, EventType::ChannelUpdated, &made, was.audience.wider(made.audience), now);
                Ok(made)
            })
            .await
    }

    /// Removes a channel with all that was said in it.
    pub async fn remove(&self, editor: &Principal, id: Id<Channel>, when: Precondition) -> Result<()> {
        let (editor, now) = (editor.clone(), self.clock.now());
        let gone = self.db.write(async move |tx| {
            let row = held(&tx, &editor, id).await?;
            let mut gone = Channel::from(row.clone());
            when.check(&gone.etag())?;
            row.delete(&*tx).await?;
            gone.version += 1;
            tell(&tx, EventType::ChannelDeleted, &gone, gone.audience, now);
            // Much may have been said in it, and nobody is to wait for that.
            tx.later(NewJob::new(FORGET, &Silent { channel: id.0 })?.attempts(i32::MAX), now).await?;
            Ok::<_, Error>(())
        });
        gone.await
    }

    /// Forgets what was said in a channel that is gone, a few messages at a time.
    pub async fn forget_gone(&self, job: &Claimed) -> Result<(), Failed> {
        let Silent { channel } = job.data()?;
        loop {
            let some = message::Entity::find().select_only().column(message::Column::Id);
            let some = some.filter(message::Column::ChannelId.eq(channel)).limit(SOME);
            let some: Vec<Uuid> = some.into_tuple().all(self.db.read()).await?;
            let last = (some.len() as u64) < SOME;
            let gone = message::Entity::delete_many().filter(message::Column::Id.is_in(some));
            self.db.write(async move |tx: Tx| gone.exec(&*tx).await.map(drop)).await?;
            if last {
                return Ok(());
            }
        }
    }
}

/// Messages that one statement takes away: no statement may last.
const SOME: u64 = 1000;

fn tell(tx: &Tx, kind: EventType, channel: &Channel, audience: ChannelAudience, now: i64) {
    tx.tell(of(kind, channel.id, address(channel.id), channel.version, audience.told(), now));
}
