//! Adds indexes for lists of posts and comments. `post_tags.listed_at` sorts the posts of one tag: it is the publication
//! time of the post, 0 while the post is a draft or deleted. Triggers maintain it. A transaction that adds a tag to a
//! post must hold the lock of the post, as all writers do.
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The sort columns of lists. Each index begins with the filter for posts that are not deleted, and ends with the filter
/// for published posts, so that only the rows of the page are read.
const SORTS: [&str; 3] = ["created_at", "updated_at", "title"];

const SQLITE_UP: &str = r#"
CREATE TABLE "post_tags_listed" (
    "post_id" uuid_text NOT NULL, "tag_id" uuid_text NOT NULL, "position" int NOT NULL,
    "listed_at" integer NOT NULL DEFAULT 0,
    PRIMARY KEY ("post_id", "tag_id"),
    FOREIGN KEY ("post_id") REFERENCES "posts" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "post_tags_listed" SELECT "post_id", "tag_id", "position",
    CASE WHEN "deleted_at" IS NULL THEN "published_at" ELSE 0 END
    FROM "post_tags" JOIN "posts" ON "posts"."id" = "post_tags"."post_id";
DROP TABLE "post_tags";
ALTER TABLE "post_tags_listed" RENAME TO "post_tags";
CREATE TRIGGER "tr_post_tags_listed_at" AFTER INSERT ON "post_tags" BEGIN
    UPDATE "post_tags" SET "listed_at" = (
        SELECT CASE WHEN "deleted_at" IS NULL THEN "published_at" ELSE 0 END FROM "posts" WHERE "id" = NEW."post_id"
    ) WHERE "post_id" = NEW."post_id" AND "tag_id" = NEW."tag_id";
END;
CREATE TRIGGER "tr_posts_listed_at" AFTER UPDATE OF "published_at", "deleted_at" ON "posts" BEGIN
    UPDATE "post_tags" SET "listed_at" = CASE WHEN NEW."deleted_at" IS NULL THEN NEW."published_at" ELSE 0 END
    WHERE "post_id" = NEW."id";
END;
"#;

const POSTGRES_UP: &str = r#"
DROP INDEX "ix_post_tags_tag_id_post_id";
ALTER TABLE "post_tags" ADD COLUMN "listed_at" bigint NOT NULL DEFAULT 0;
UPDATE "post_tags" SET "listed_at" = "posts"."published_at"
    FROM "posts" WHERE "posts"."id" = "post_tags"."post_id" AND "posts"."deleted_at" IS NULL;
CREATE FUNCTION "post_tags_listed_at"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW."listed_at" := (
        SELECT CASE WHEN "deleted_at" IS NULL THEN "published_at" ELSE 0 END FROM "posts" WHERE "id" = NEW."post_id"
    );
    -- A missing post is reported by the foreign key.
    NEW."listed_at" := coalesce(NEW."listed_at", 0);
    RETURN NEW;
END $$;
CREATE TRIGGER "tr_post_tags_listed_at" BEFORE INSERT ON "post_tags"
    FOR EACH ROW EXECUTE FUNCTION "post_tags_listed_at"();
CREATE FUNCTION "posts_listed_at"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE "post_tags" SET "listed_at" = CASE WHEN NEW."deleted_at" IS NULL THEN NEW."published_at" ELSE 0 END
    WHERE "post_id" = NEW."id";
    RETURN NULL;
END $$;
CREATE TRIGGER "tr_posts_listed_at" AFTER UPDATE OF "published_at", "deleted_at" ON "posts"
    FOR EACH ROW EXECUTE FUNCTION "posts_listed_at"();
"#;

const SQLITE_DOWN: &str = r#"
DROP TRIGGER "tr_posts_listed_at";
DROP TRIGGER "tr_post_tags_listed_at";
DROP INDEX "ix_post_tags_tag_id_listed_at_post_id";
ALTER TABLE "post_tags" DROP COLUMN "listed_at";
"#;

const POSTGRES_DOWN: &str = r#"
DROP TRIGGER "tr_posts_listed_at" ON "posts";
DROP TRIGGER "tr_post_tags_listed_at" ON "post_tags";
DROP FUNCTION "posts_listed_at"();
DROP FUNCTION "post_tags_listed_at"();
DROP INDEX "ix_post_tags_tag_id_listed_at_post_id";
ALTER TABLE "post_tags" DROP COLUMN "listed_at";
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let sql = if m.get_database_backend() == DbBackend::Postgres { POSTGRES_UP } else { SQLITE_UP };
        m.get_connection().execute_unprepared(sql).await?;
        create_index(m, "post_tags", &["tag_id", "listed_at", "post_id"], false).await?;
        for column in SORTS {
            m.drop_index(Index::drop().name(format!("ix_posts_{column}_id")).to_owned()).await?;
            create_index(m, "posts", &["deleted_at", column, "id", "published_at"], false).await?;
        }
        create_index(m, "comments", &["created_at", "id"], false).await?;
        create_index(m, "comments", &["author_id", "created_at", "id"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let sql = if m.get_database_backend() == DbBackend::Postgres { POSTGRES_DOWN } else { SQLITE_DOWN };
        m.get_connection().execute_unprepared(sql).await?;
        create_index(m, "post_tags", &["tag_id", "post_id"], false).await?;
        for column in SORTS {
            let name = format!("ix_posts_deleted_at_{column}_id_published_at");
            m.drop_index(Index::drop().name(name).to_owned()).await?;
            create_index(m, "posts", &[column, "id"], false).await?;
        }
        for name in ["ix_comments_created_at_id", "ix_comments_author_id_created_at_id"] {
            m.drop_index(Index::drop().name(name).to_owned()).await?;
        }
        Ok(())
    }
}
