//! Pages of accounts.
use entity::user;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoSimpleExpr, QueryFilter, Select,
    sea_query::{Expr, ExprTrait, Func, SimpleExpr},
};

use super::{
    row::wire,
    types::{User, UserQuery},
};
use crate::contract::{
    cursor::{CursorKey, Key, Slice, SortKey},
    page::Page,
    problem::Result,
    text::containing,
};

/// Imported authors have no e-mail; an order needs a value for each row.
fn email() -> SimpleExpr {
    Func::coalesce([user::Column::Email.into_simple_expr(), Expr::val("")]).into()
}

fn filtered(query: &UserQuery) -> Select<user::Entity> {
    let mut find = user::Entity::find();
    if let Some(role) = query.role {
        find = find.filter(user::Column::Role.eq(role.as_str()));
    }
    if let Some(status) = query.status {
        find = find.filter(user::Column::Status.eq(status.as_str()));
    }
    for word in query.q.iter().flat_map(|words| words.split_whitespace()) {
        // Only ASCII letters are folded: beyond them the databases disagree.
        let part = containing(&word.to_ascii_lowercase());
        let name = Expr::expr(Func::lower(user::Column::Name.into_simple_expr())).like(part.clone());
        find = find.filter(Condition::any().add(name).add(email().like(part)));
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
        "email" => email(),
        _ => user::Column::CreatedAt.into_simple_expr(),
    };
    let id = SortKey { column: user::Column::Id.into_simple_expr(), descending };
    let UserQuery { role, status, q, .. } = query;
    let list = format!("users {role:?} {status:?} {q:?} {sort}");
    let slice = Slice { key, list, order: vec![SortKey { column, descending }, id], paging: &query.paging };
    let place = |row: &user::Model| {
        let first = match name {
            "name" => Key::Text(row.name.clone()),
            "email" => Key::Text(row.email.clone().unwrap_or_default()),
            _ => Key::Number(row.created_at),
        };
        vec![first, Key::Id(row.id)]
    };
    let (rows, pagination) = slice.page(db, filtered(query), |find| find, place).await?;
    let data = rows.into_iter().map(wire).collect::<Result<_>>()?;
    Ok(Page { data, pagination })
}
