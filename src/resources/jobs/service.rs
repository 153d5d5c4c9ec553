//! Job service: queries of the queue, and retries.
use entity::job;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::types::{Job, JobQuery};
use crate::{
    domain::{audit::AuditAction, id::Id},
    http::{
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::{Error, Result},
    },
    infra::{
        audit_log::NewEntry,
        clock::Clock,
        db::{Db, Tx},
    },
};

#[derive(Clone)]
pub struct Jobs {
    db: Db,
    clock: Clock,
    cursors: CursorKey,
}

impl Jobs {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Jobs { db, clock, cursors }
    }

    pub async fn list(&self, query: &JobQuery) -> Result<Page<Job>> {
        let mut find = job::Entity::find();
        if let Some(state) = query.state {
            find = find.filter(job::Column::State.eq(state));
        }
        if let Some(kind) = &query.kind {
            find = find.filter(job::Column::Kind.eq(kind.as_str()));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("jobs {:?} {:?}", query.state, query.kind),
            // Ids are UUIDv7 and ascend with time.
            order: vec![SortKey::descending(job::Column::Id)],
            params: &query.paging,
        };
        let position = |row: &job::Model| vec![SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        Ok(Page { data: rows.into_iter().map(Job::from).collect(), pagination })
    }

    pub async fn get(&self, id: Id<Job>) -> Result<Job> {
        let row = job::Entity::find_by_id(id.0).one(self.db.read()).await?;
        row.map(Job::from).ok_or(Error::NotFound("job"))
    }

    /// Enqueues a job that is done or dead again.
    pub async fn retry(&self, id: Id<Job>) -> Result<Job> {
        let now = self.clock.now();
        self.db
            .write(async move |tx: Tx| {
                let retried = tx.retry_job(id.0, now).await?;
                let row = job::Entity::find_by_id(id.0).one(&*tx).await?.ok_or(Error::NotFound("job"))?;
                match retried {
                    true => {
                        tx.record(NewEntry::new(AuditAction::JobRetried, id, now));
                        Ok(row.into())
                    }
                    false => Err(Error::Conflict("only a job in the state done or dead can be retried")),
                }
            })
            .await
    }
}
