//! The paginated list of the caller's sessions.
use entity::session;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    service::{IDLE_TIMEOUT, Sessions},
    types::{Session, SessionQuery},
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::Result,
    },
};

impl Sessions {
    pub async fn list(&self, caller: &Principal, query: &SessionQuery) -> Result<Page<Session>> {
        let now = self.clock.now();
        let find = session::Entity::find()
            .filter(session::Column::UserId.eq(caller.user))
            .filter(session::Column::RevokedAt.is_null())
            .filter(session::Column::ExpiresAt.gt(now))
            .filter(session::Column::LastUsedAt.gte(now - IDLE_TIMEOUT));
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("sessions {}", caller.user),
            order: vec![
                SortKey::descending(session::Column::CreatedAt),
                SortKey::descending(session::Column::Id),
            ],
            params: &query.paging,
        };
        let cursor_keys =
            |row: &session::Model| vec![SortValue::Number(row.created_at), SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, cursor_keys).await?;
        let to_session = |row: session::Model| Session {
            id: Id::from(row.id),
            user_agent: row.user_agent.map(Into::into),
            address: row.ip.map(Into::into),
            created_at: Timestamp(row.created_at),
            last_used_at: Timestamp(row.last_used_at),
            expires_at: Timestamp(row.expires_at),
            current: caller.session() == Some(row.id),
        };
        Ok(Page { data: rows.into_iter().map(to_session).collect(), pagination })
    }
}
