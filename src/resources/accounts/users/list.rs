//! The paginated list of accounts.
use entity::user;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoSimpleExpr, QueryFilter, Select,
    sea_query::{Expr, ExprTrait, Func, SimpleExpr},
};

use super::{
    row::to_user,
    types::{User, UserQuery},
};
use crate::http::{
    cursor::{CursorKey, PageQuery, SortKey, SortValue},
    pagination::Page,
    problem::Result,
    search::like_contains,
};

/// The e-mail address, or an empty string: imported authors have none, and the cursor needs a non-null sort
/// key.
fn email_or_empty() -> SimpleExpr {
    Func::coalesce([user::Column::Email.into_simple_expr(), Expr::val("")]).into()
}

fn filtered(query: &UserQuery) -> Select<user::Entity> {
    let mut find = user::Entity::find();
    if let Some(role) = query.role {
        find = find.filter(user::Column::Role.eq(role));
    }
    if let Some(status) = query.status {
        find = find.filter(user::Column::Status.eq(status));
    }
    for term in query.q.iter().flat_map(|terms| terms.split_whitespace()) {
        // Only ASCII letters are case-folded: `LOWER` of SQLite and PostgreSQL differ for other letters.
        let pattern = like_contains(&term.to_ascii_lowercase());
        let name = Expr::expr(Func::lower(user::Column::Name.into_simple_expr())).like(pattern.clone());
        find = find.filter(Condition::any().add(name).add(email_or_empty().like(pattern)));
    }
    find
}

pub(super) async fn page<C: ConnectionTrait>(
    db: &C,
    key: &CursorKey,
    query: &UserQuery,
) -> Result<Page<User>> {
    let sort = query.sort.as_deref().unwrap_or("-createdAt");
    let (name, descending) = (sort.trim_start_matches('-'), sort.starts_with('-'));
    let column = match name {
        "name" => user::Column::Name.into_simple_expr(),
        "email" => email_or_empty(),
        _ => user::Column::CreatedAt.into_simple_expr(),
    };
    let id = SortKey { column: user::Column::Id.into_simple_expr(), descending };
    let UserQuery { role, status, q, .. } = query;
    let list = format!("users {role:?} {status:?} {q:?} {sort}");
    let slice = PageQuery {
        cursor_key: key,
        list_id: list,
        order: vec![SortKey { column, descending }, id],
        params: &query.paging,
    };
    let cursor_keys = |row: &user::Model| {
        let first = match name {
            "name" => SortValue::Text(row.name.clone()),
            "email" => SortValue::Text(row.email.clone().unwrap_or_default()),
            _ => SortValue::Number(row.created_at),
        };
        vec![first, SortValue::Id(row.id)]
    };
    let (rows, pagination) = slice.fetch(db, filtered(query), |find| find, cursor_keys).await?;
    Ok(Page { data: rows.into_iter().map(to_user).collect(), pagination })
}
