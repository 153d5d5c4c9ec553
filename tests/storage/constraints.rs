//! Constraints of the tables, and the change counters of collections.
use std::time::Duration;

use entity::{collection, comment, post, post_tag, secret, tag, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryOrder,
    QuerySelect, Set, prelude::Uuid,
};
use tenon::infra::db::{Db, Tx};

use crate::support::*;

fn comment_on(post: Uuid, parent: Option<Uuid>, author: Uuid) -> comment::ActiveModel {
    comment::ActiveModel {
        id: Set(Uuid::now_v7()),
        post_id: Set(post),
        parent_id: Set(parent),
        author_id: Set(author),
        content: Set(String::new()),
        status: Set(comment::CommentStatus::Approved),
        depth: Set(0),
        version: Set(1),
        created_at: Set(0),
        updated_at: Set(0),
    }
}

fn user_named(name: &str) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(Uuid::now_v7()),
        email: Set(None),
        name: Set(name.to_owned()),
        bio: Set(None),
        url: Set(None),
        avatar_url: Set(None),
        role: Set(user::Role::Author),
        status: Set(user::Status::Active),
        password_hash: Set(None),
        source: Set(None),
        version: Set(1),
        created_at: Set(0),
        updated_at: Set(0),
    }
}

#[tokio::test]
async fn text_is_ordered_by_code_point() {
    let db = migrated().await;
    let sorted = ["", "-", "10", "9", "B", "a", "a b", "a-b", "ab", "z", "É", "é", "ж", "\u{ffff}", "😀"];
    db.write(async move |tx: Tx| {
        for name in sorted.iter().rev() {
            let row = tag::ActiveModel {
                id: Set(Uuid::now_v7()),
                slug: Set((*name).to_owned()),
                name: Set(String::new()),
                description: Set(None),
                listed_without_posts: Set(1),
                version: Set(1),
                created_at: Set(0),
                updated_at: Set(0),
            };
            row.insert(&*tx).await?;
        }
        Ok::<_, DbErr>(())
    })
    .await
    .unwrap();
    let slugs = tag::Entity::find().select_only().column(tag::Column::Slug).order_by_asc(tag::Column::Slug);
    let slugs: Vec<String> = slugs.into_tuple().all(db.read()).await.unwrap();
    assert_eq!(slugs, sorted);
}

#[tokio::test]
async fn rejects_a_reply_to_a_comment_of_another_post() {
    let db = migrated().await;
    let (author, here, there, first) = db
        .write(async move |tx: Tx| {
            let author = user_named("Ada").insert(&*tx).await?.id;
            let here = post_of(author, "here").insert(&*tx).await?.id;
            let there = post_of(author, "there").insert(&*tx).await?.id;
            let first = comment_on(here, None, author).insert(&*tx).await?.id;
            Ok::<_, DbErr>((author, here, there, first))
        })
        .await
        .unwrap();
    let reply = |post: Uuid| {
        db.write(async move |tx: Tx| comment_on(post, Some(first), author).insert(&*tx).await.map(|_| ()))
    };
    reply(here).await.unwrap();
    let error = reply(there).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("foreign key"), "{error:?}");
    // Deleting a post deletes its comments. An author with posts cannot be deleted.
    assert_eq!(comment::Entity::find().count(db.read()).await.unwrap(), 2);
    db.write(async move |tx: Tx| post::Entity::delete_by_id(here).exec(&*tx).await).await.unwrap();
    assert_eq!(comment::Entity::find().count(db.read()).await.unwrap(), 0);
    let delete = db.write(async move |tx: Tx| user::Entity::delete_by_id(author).exec(&*tx).await);
    assert!(delete.await.is_err());
}

#[tokio::test]
async fn counts_changes_of_committed_transactions_only() {
    let db = migrated().await;
    let touch = |fails: bool| {
        db.write(async move |tx: Tx| {
            tx.touch("posts").await?;
            tx.touch("tags").await?;
            if fails { Err(DbErr::Custom("on purpose".into())) } else { Ok(()) }
        })
    };
    assert_eq!(db.versions(&["posts", "tags"]).await.unwrap(), 0);
    touch(false).await.unwrap();
    assert_eq!(db.versions(&["posts"]).await.unwrap(), 1);
    touch(true).await.unwrap_err();
    touch(false).await.unwrap();
    assert_eq!(db.versions(&["posts", "tags"]).await.unwrap(), 4);
    // The migrations create one row.
    assert_eq!(collection::Entity::find().count(db.read()).await.unwrap(), 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_changes_in_any_order_does_not_deadlock() {
    let db = migrated().await;
    let writes = (0..40).map(|number: u32| {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            let (one, other) = if number.is_multiple_of(2) { ("posts", "tags") } else { ("tags", "posts") };
            db.write(async move |tx: Tx| {
                tx.touch(one).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
                tx.touch(other).await
            })
            .await
        })
    });
    for result in futures_util::future::join_all(writes).await {
        result.unwrap().unwrap();
    }
    let (posts, tags) = (db.versions(&["posts"]).await.unwrap(), db.versions(&["tags"]).await.unwrap());
    // On SQLite, writes that are committed together increase a version once.
    let expected = if on_sqlite(&db) { 1..=40 } else { 40..=40 };
    assert!(posts == tags && expected.contains(&posts), "{posts} {tags}");
}

#[tokio::test]
async fn read_connections_reject_writes() {
    let db = migrated().await;
    if on_sqlite(&db) {
        let row = secret::ActiveModel { name: Set("x".into()), value: Set(String::new().into()) };
        assert!(secret::Entity::insert(row).exec_without_returning(db.read()).await.is_err());
    }
}

#[tokio::test]
async fn the_tags_of_a_post_have_its_publication_time_while_it_is_public() {
    let db = migrated().await;
    let listed_at = |published_at: i64, deleted_at: Option<i64>| {
        db.write(async move |tx: Tx| {
            let row = post::Entity::find().one(&*tx).await?.unwrap();
            let mut row = row.into_active_model();
            row.published_at = Set(published_at);
            row.deleted_at = Set(deleted_at);
            row.update(&*tx).await?;
            let tags = post_tag::Entity::find().all(&*tx).await?;
            Ok::<_, DbErr>(tags.into_iter().map(|tag| tag.listed_at).collect::<Vec<_>>())
        })
    };
    let inserted = db
        .write(async move |tx: Tx| {
            let author = user_named("Ada").insert(&*tx).await?.id;
            let mut row = post_of(author, "here");
            row.published_at = Set(7);
            let post_id = row.insert(&*tx).await?.id;
            for (position, slug) in ["ash", "oak"].into_iter().enumerate() {
                let row = tag::ActiveModel {
                    id: Set(Uuid::now_v7()),
                    slug: Set(slug.to_owned()),
                    name: Set(slug.to_owned()),
                    description: Set(None),
                    listed_without_posts: Set(1),
                    version: Set(1),
                    created_at: Set(0),
                    updated_at: Set(0),
                };
                let tag_id = row.insert(&*tx).await?.id;
                let row = post_tag::ActiveModel {
                    post_id: Set(post_id),
                    tag_id: Set(tag_id),
                    position: Set(position as i32),
                    listed_at: NotSet,
                };
                post_tag::Entity::insert(row).exec_without_returning(&*tx).await?;
            }
            let tags = post_tag::Entity::find().all(&*tx).await?;
            Ok::<_, DbErr>(tags.into_iter().map(|tag| tag.listed_at).collect::<Vec<_>>())
        })
        .await
        .unwrap();
    assert_eq!(inserted, [7, 7]);
    assert_eq!(listed_at(0, None).await.unwrap(), [0, 0], "a draft");
    assert_eq!(listed_at(9, None).await.unwrap(), [9, 9]);
    assert_eq!(listed_at(9, Some(10)).await.unwrap(), [0, 0], "deleted");
    assert_eq!(listed_at(9, None).await.unwrap(), [9, 9], "restored");
}
