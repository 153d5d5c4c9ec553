//! Lists and exports of redirects.
use entity::redirect;
use sea_orm::{EntityTrait, IntoSimpleExpr, QueryFilter, QueryOrder, sea_query::ExprTrait};

use super::{
    service::Redirects,
    status::RedirectStatus,
    types::{RedirectInput, RedirectQuery, RedirectSummary},
};
use crate::{
    domain::{audit::AuditAction, id::Id, search::search_key, timestamp::Timestamp},
    http::{
        cursor::{PageQuery, SortKey, SortValue},
        etag::ETag,
        pagination::Page,
        problem::Result,
        search::like_contains,
    },
    infra::audit_log::NewEntry,
};

impl From<redirect::Model> for RedirectSummary {
    fn from(row: redirect::Model) -> Self {
        let status = RedirectStatus::from_code(row.status.into()).unwrap_or_default();
        RedirectSummary {
            id: Id::from(row.id),
            kind: row.kind,
            source: row.source.into(),
            destination: row.destination.into(),
            permanent: status.is_permanent(),
            status,
            external: row.external != 0,
            starts_at: row.starts_at.map(Timestamp),
            ends_at: row.ends_at.map(Timestamp),
            hits: row.hits,
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl Redirects {
    /// Returns the ETag of a list. It changes with the rules and with their hit counts.
    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["redirects", "redirect hits"]).await?;
        Ok(ETag::weak_from_parts(&["redirects", &version.to_string(), target]))
    }

    /// Returns the ETag of an export in this format.
    pub async fn export_etag(&self, format: &str) -> Result<ETag> {
        let version = self.db.versions(&["redirects"]).await?;
        Ok(ETag::weak_from_parts(&["redirects", &version.to_string(), format]))
    }

    pub async fn list(&self, query: &RedirectQuery) -> Result<Page<RedirectSummary>> {
        let mut find = redirect::Entity::find();
        for term in query.q.as_deref().map(search_key).unwrap_or_default().split_whitespace() {
            find = find.filter(redirect::Column::Search.into_simple_expr().like(like_contains(term)));
        }
        let sort = query.sort.as_deref().unwrap_or("source");
        let (name, descending) = (sort.trim_start_matches('-'), sort.starts_with('-'));
        let column = match name {
            "source" => redirect::Column::Source,
            "hits" => redirect::Column::Hits,
            _ => redirect::Column::CreatedAt,
        };
        let key = |column: redirect::Column| SortKey { column: column.into_simple_expr(), descending };
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("redirects {:?} {sort}", query.q),
            order: vec![key(column), key(redirect::Column::Id)],
            params: &query.paging,
        };
        let sort_key = |row: &redirect::Model| {
            let first = match name {
                "source" => SortValue::Text(row.source.clone()),
                "hits" => SortValue::Number(row.hits),
                _ => SortValue::Number(row.created_at),
            };
            vec![first, SortValue::Id(row.id)]
        };
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, sort_key).await?;
        Ok(Page { data: rows.into_iter().map(RedirectSummary::from).collect(), pagination })
    }

    /// Exports all rules in ascending order of their sources.
    pub async fn export(&self) -> Result<Vec<RedirectInput>> {
        let entry = NewEntry::new(AuditAction::RedirectsExported, "", self.clock.now());
        self.db.record(vec![entry]).await?;
        let rows =
            redirect::Entity::find().order_by_asc(redirect::Column::Source).all(self.db.read()).await?;
        let rule = |row: redirect::Model| {
            let status = RedirectStatus::from_code(row.status.into()).unwrap_or_default();
            RedirectInput {
                source: row.source.into(),
                destination: row.destination.into(),
                permanent: status.is_permanent(),
                // Only 303 does not follow from `permanent`.
                status: Some(status).filter(|status| *status == RedirectStatus::SeeOther),
                external: row.external != 0,
                starts_at: row.starts_at.map(Timestamp),
                ends_at: row.ends_at.map(Timestamp),
            }
        };
        Ok(rows.into_iter().map(rule).collect())
    }
}
