//! The number of jobs that wait or run, by kind.
use std::collections::BTreeMap;

use entity::job::{self, JobState};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::infra::db::Db;

/// Maximum number of kinds. The jobs of further kinds are counted as [`OTHER`].
const MAX_KINDS: usize = 32;

const OTHER: &str = "other";

/// The jobs of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindDepth {
    /// Jobs that wait for their start, a retry or a worker.
    pub waiting: i64,
    /// Waiting jobs whose start has passed.
    pub due: i64,
    pub running: i64,
    /// The start of the oldest due job, in milliseconds since 1970.
    pub oldest_due: Option<i64>,
}

/// The jobs by kind.
pub type QueueDepth = BTreeMap<String, KindDepth>;

impl Db {
    /// Counts the jobs that wait or run, with one query.
    pub async fn queue_depth(&self, now: i64) -> Result<QueueDepth, DbErr> {
        let is_due = Expr::col(job::Column::RunAt).lte(now);
        let rows: Vec<(String, JobState, i64, i64, i64)> = job::Entity::find()
            .select_only()
            .column(job::Column::Kind)
            .column(job::Column::State)
            .column_as(job::Column::Id.count(), "jobs")
            .column_as(Expr::expr(Expr::case(is_due, 1).finally(0)).sum(), "due")
            .column_as(job::Column::RunAt.min(), "oldest")
            .filter(job::Column::State.is_in([JobState::Ready, JobState::Running]))
            .group_by(job::Column::Kind)
            .group_by(job::Column::State)
            .order_by_asc(job::Column::Kind)
            .into_tuple()
            .all(self.read())
            .await?;
        let mut depth = QueueDepth::new();
        for (kind, state, jobs, due, oldest) in rows {
            let is_known = depth.contains_key(&kind) || depth.len() < MAX_KINDS;
            let kind = depth.entry(if is_known { kind } else { OTHER.to_owned() }).or_default();
            if state == JobState::Running {
                kind.running += jobs;
                continue;
            }
            kind.waiting += jobs;
            kind.due += due;
            if due > 0 {
                kind.oldest_due = Some(Ord::min(kind.oldest_due.unwrap_or(oldest), oldest));
            }
        }
        Ok(depth)
    }
}
