//! Preview links: a signed token grants read access to one post until it expires or is deleted, or its creator loses the
//! right to edit the post.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::{post, post_slug, preview};
use ring::hmac;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    Set,
};
use uuid::Uuid;

use super::{
    key::PostKey,
    list::{load_full, visible_to},
    service::{Lookup, Posts},
    types::{Post, PreviewLink},
};
use crate::{
    domain::{audit::AuditAction, id::Id, secret::constant_time_eq, timestamp::Timestamp},
    http::{
        auth::{Ownership, Principal},
        problem::{Error, Result},
    },
    infra::{audit_log::NewEntry, db::Tx},
    resources::accounts::active::lock_active,
};

/// The lifetime of a preview link, in milliseconds.
const LIFETIME: i64 = 3 * 24 * 60 * 60 * 1000;

/// The HMAC-SHA-256 key of preview tokens.
#[derive(Clone)]
pub struct PreviewKey(hmac::Key);

impl PreviewKey {
    pub fn new(secret: &[u8]) -> Self {
        PreviewKey(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns the token of a link: its id and the first 128 bits of the signature, both in base64url.
    fn sign(&self, link: Uuid) -> String {
        let tag = hmac::sign(&self.0, link.as_bytes());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(link.as_bytes()), URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16]))
    }

    /// Verifies a token in constant time and returns the id of its link.
    fn verify(&self, token: &str) -> Option<Uuid> {
        let (id, _) = token.split_once('.')?;
        let id = Uuid::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let expected = self.sign(id);
        constant_time_eq(expected, token).then_some(id)
    }
}

impl Posts {
    pub async fn create_preview(&self, caller: &Principal, key: PostKey) -> Result<PreviewLink> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let link = Uuid::now_v7();
        let post = self
            .db
            .write(async move |tx| {
                // A concurrent request that takes the rights of the caller away must not miss this link.
                lock_active(&tx, &caller).await?;
                let post = find_owned(&*tx, &caller, &key).await?;
                let row = preview::ActiveModel {
                    id: Set(link),
                    post_id: Set(post),
                    created_by: Set(caller.user),
                    expires_at: Set(now + LIFETIME),
                    created_at: Set(now),
                };
                row.insert(&*tx).await?;
                tx.record(NewEntry::new(AuditAction::PreviewCreated, post, now));
                Ok::<_, Error>(post)
            })
            .await?;
        let token = self.previews.sign(link);
        let url = format!("/api/posts/{post}?preview={token}");
        Ok(PreviewLink {
            id: Id::from(link),
            url: url.into(),
            token: token.into(),
            expires_at: Timestamp(now + LIFETIME),
        })
    }

    /// Deletes expired links.
    pub async fn delete_expired_previews(&self) -> Result<()> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                preview::Entity::delete_many().filter(preview::Column::ExpiresAt.lte(now)).exec(&*tx).await?;
                Ok(())
            })
            .await
    }

    /// Deletes all preview links, and returns their number. After a restore, deleted links would be valid again.
    pub async fn delete_all_previews(&self) -> Result<u64> {
        self.db
            .write(async move |tx| Ok(preview::Entity::delete_many().exec(&*tx).await?.rows_affected))
            .await
    }

    /// Deletes all preview links of a post.
    pub async fn delete_previews(&self, caller: &Principal, key: PostKey) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                lock_active(&tx, &caller).await?;
                let post = find_owned(&*tx, &caller, &key).await?;
                let delete = preview::Entity::delete_many().filter(preview::Column::PostId.eq(post));
                if delete.exec(&*tx).await?.rows_affected > 0 {
                    tx.record(NewEntry::new(AuditAction::PreviewsDeleted, post, now));
                }
                Ok(())
            })
            .await
    }

    /// Returns the post of a preview link. The token replaces the caller's own rights.
    pub async fn get_by_preview(&self, key: &PostKey, token: &str) -> Result<Lookup<Post>> {
        let link = self.previews.verify(token).ok_or(Error::NotFound("post"))?;
        let link = preview::Entity::find_by_id(link).one(self.db.read()).await?;
        let link = link.filter(|link| link.expires_at > self.clock.now()).ok_or(Error::NotFound("post"))?;
        let find = post::Entity::find_by_id(link.post_id).filter(post::Column::DeletedAt.is_null());
        let mut post =
            load_full(self.db.read(), find).await?.map(Post::from).ok_or(Error::NotFound("post"))?;
        match key {
            PostKey::Id(id) if *id == post.id => {}
            PostKey::Slug(slug) if *slug == *post.slug => {}
            PostKey::Slug(slug) => {
                let former = post_slug::Entity::find_by_id(slug.clone()).one(self.db.read()).await?;
                former.filter(|former| former.post_id == link.post_id).ok_or(Error::NotFound("post"))?;
                return Ok(Lookup::Moved(post.slug.into()));
            }
            PostKey::Id(_) => return Err(Error::NotFound("post")),
        }
        post.previewed = true;
        Ok(Lookup::Current(post.redacted_for(None)))
    }
}

/// Deletes the preview links that a user has created, when the user loses the right to create them.
pub async fn delete_previews_by(tx: &Tx, user: Uuid) -> Result<()> {
    preview::Entity::delete_many().filter(preview::Column::CreatedBy.eq(user)).exec(&**tx).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct OwnedRow {
    id: Uuid,
    author_id: Uuid,
}

/// Returns the id of a post that the caller can edit.
async fn find_owned<C: ConnectionTrait>(db: &C, caller: &Principal, key: &PostKey) -> Result<Uuid> {
    let find = visible_to(Some(caller)).filter(key.matches());
    let find = find.select_only().columns([post::Column::Id, post::Column::AuthorId]);
    let row = find.into_model::<OwnedRow>().one(db).await?.ok_or(Error::NotFound("post"))?;
    match caller.edits(Ownership::Content, row.author_id) {
        true => Ok(row.id),
        false => Err(Error::Forbidden("only the author and editors can manage the preview links of a post")),
    }
}
