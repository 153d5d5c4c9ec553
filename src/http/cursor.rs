//! Keyset pagination.
//!
//! A cursor contains the sort values of a page's last item. It is signed and bound to the list, its filters
//! and its sort order, so that it cannot be forged or used with another list. Each query reads one row more
//! than the limit: the additional row shows whether another page follows.
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, Order, QuerySelect, Select,
    Value,
    sea_query::{Asterisk, Expr, ExprTrait, IntoCondition, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    pagination::{PageParams, Pagination},
    problem::{Error, Result},
};
use crate::domain::secret::constant_time_eq;

/// The version of the cursor encoding, the first byte of every cursor.
const VERSION: u8 = 1;

/// The HMAC key of cursors, shared by all processes of a service.
#[derive(Clone)]
pub struct CursorKey(Arc<hmac::Key>);

impl CursorKey {
    pub fn new(secret: &[u8]) -> Self {
        CursorKey(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// Encodes and signs a position in `list`.
    fn encode(&self, list: &str, position: &[SortValue]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(serde_json::to_vec(position).unwrap_or_default());
        let tag = self.tag(list, &bytes);
        bytes.extend_from_slice(&tag.as_ref()[..16]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Verifies and decodes a cursor of `list`.
    fn decode(&self, list: &str, cursor: &str) -> Option<Vec<SortValue>> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
        let expected = self.tag(list, signed);
        if !constant_time_eq(&expected.as_ref()[..16], tag) {
            return None;
        }
        serde_json::from_slice(signed.strip_prefix(&[VERSION])?).ok()
    }

    fn tag(&self, list: &str, signed: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(list.as_bytes());
        context.update(&[0]);
        context.update(signed);
        context.sign()
    }
}

/// The value of a sort key in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    Number(i64),
    Text(String),
    Id(#[serde(with = "id_object")] Uuid),
}

/// The encoding of an id in a cursor: an object, because text could have the form of an id.
mod id_object {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    #[derive(Serialize, Deserialize)]
    struct IdObject {
        id: Uuid,
    }

    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        IdObject { id: *id }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        IdObject::deserialize(deserializer).map(|object| object.id)
    }
}

impl SortValue {
    fn value(self) -> Value {
        match self {
            SortValue::Number(number) => number.into(),
            SortValue::Text(text) => text.into(),
            SortValue::Id(id) => id.into(),
        }
    }
}

/// A sort key. The last key of a list must be unique, so that the order is total.
#[derive(Clone)]
pub struct SortKey {
    pub column: SimpleExpr,
    pub descending: bool,
}

/// A page request for a list in a total order.
pub struct PageQuery<'a> {
    pub cursor_key: &'a CursorKey,
    /// Identifies the list, its filters and its sort order. A cursor is valid for an equal text only.
    pub list_id: String,
    pub order: Vec<SortKey>,
    pub params: &'a PageParams,
}

impl SortKey {
    pub fn ascending(column: impl IntoSimpleExpr) -> Self {
        SortKey { column: column.into_simple_expr(), descending: false }
    }

    pub fn descending(column: impl IntoSimpleExpr) -> Self {
        SortKey { column: column.into_simple_expr(), descending: true }
    }
}

impl PageQuery<'_> {
    /// Reads one page of the rows of `find`.
    ///
    /// `select` adds the columns and joins of the result, which the count does not need. `position` returns
    /// the sort values of a row. The rows are counted only if the client requests it.
    pub async fn fetch<C, E, R>(
        &self,
        db: &C,
        find: Select<E>,
        select: impl FnOnce(Select<E>) -> Select<E>,
        position: impl Fn(&R) -> Vec<SortValue>,
    ) -> Result<(Vec<R>, Pagination)>
    where
        C: ConnectionTrait,
        E: EntityTrait,
        R: FromQueryResult,
    {
        let total = match self.params.wants_total() {
            true => Some(count(db, find.clone()).await?),
            false => None,
        };
        let mut query = select(find);
        self.slice(QuerySelect::query(&mut query), &self.order)?;
        self.load(db, query, total, position).await
    }

    /// Reads the rows of a query that is limited to the page by [`PageQuery::slice`].
    pub async fn load<C, E, R>(
        &self,
        db: &C,
        query: Select<E>,
        total: Option<i64>,
        position: impl Fn(&R) -> Vec<SortValue>,
    ) -> Result<(Vec<R>, Pagination)>
    where
        C: ConnectionTrait,
        E: EntityTrait,
        R: FromQueryResult,
    {
        let mut rows = query.into_model::<R>().all(db).await?;
        let pagination = self.finish(&mut rows, total, position);
        Ok((rows, pagination))
    }

    /// Returns one page of items that are already in memory, complete and in order.
    pub fn paginate<T>(
        &self,
        all: Vec<T>,
        position: impl Fn(&T) -> Vec<SortValue>,
    ) -> Result<(Vec<T>, Pagination)> {
        let total = self.params.wants_total().then_some(all.len() as i64);
        let limit = self.params.limit as usize;
        let skipped = match &self.params.after {
            Some(cursor) => {
                let last = self.cursor_key.decode(&self.list_id, cursor).ok_or(Error::InvalidCursor)?;
                all.iter().position(|item| position(item) == last).map_or(all.len(), |index| index + 1)
            }
            None => (self.params.page as usize - 1) * limit,
        };
        let mut items: Vec<T> = all.into_iter().skip(skipped).take(limit + 1).collect();
        let pagination = self.finish(&mut items, total, position);
        Ok((items, pagination))
    }

    /// Adds the order, the start position and the limit to a query. `order` contains the columns of this
    /// query that have the values of the sort keys.
    pub fn slice(&self, select: &mut SelectStatement, order: &[SortKey]) -> Result<()> {
        match &self.params.after {
            Some(cursor) => {
                let position = self.cursor_key.decode(&self.list_id, cursor).ok_or(Error::InvalidCursor)?;
                if position.len() != order.len() {
                    return Err(Error::InvalidCursor);
                }
                select.cond_where(after(order, position));
            }
            None => {
                select.offset(u64::from(self.params.page - 1) * u64::from(self.params.limit));
            }
        }
        sort(select, order);
        select.limit(u64::from(self.params.limit) + 1);
        Ok(())
    }

    /// Removes the additional row and creates the pagination object.
    pub fn finish<R>(
        &self,
        rows: &mut Vec<R>,
        total: Option<i64>,
        position: impl Fn(&R) -> Vec<SortValue>,
    ) -> Pagination {
        let more = rows.len() > self.params.limit as usize;
        rows.truncate(self.params.limit as usize);
        let next =
            rows.last().filter(|_| more).map(|row| self.cursor_key.encode(&self.list_id, &position(row)));
        Pagination::new(self.params, total, next.map(Into::into))
    }
}

/// Counts the rows of a query.
pub async fn count<C: ConnectionTrait, E: EntityTrait>(db: &C, find: Select<E>) -> Result<i64> {
    let count = find.select_only().expr(Expr::col(Asterisk).count());
    Ok(count.into_tuple::<i64>().one(db).await?.unwrap_or(0))
}

/// Adds the order to a query.
pub fn sort(select: &mut SelectStatement, order: &[SortKey]) {
    for key in order {
        let direction = if key.descending { Order::Desc } else { Order::Asc };
        select.order_by_expr(key.column.clone(), direction);
    }
}

/// Returns the condition for rows after `position`.
///
/// If all keys have the same direction, it is a comparison of rows, `(a, b) > (x, y)`: the database starts at
/// this position of an index. Otherwise it is `a >= x AND (a > x OR (a = x AND (b < y OR …)))`, of which
/// the first part limits the range of an index.
fn after(order: &[SortKey], position: Vec<SortValue>) -> Condition {
    let strictly = |key: &SortKey, value: SimpleExpr| match key.descending {
        true => key.column.clone().lt(value),
        false => key.column.clone().gt(value),
    };
    let values = position.into_iter().map(|value| Expr::val(value.value()));
    if order.len() > 1 && order.iter().all(|key| key.descending == order[0].descending) {
        let columns = order.iter().map(|key| key.column.clone());
        let row = SortKey { column: Expr::tuple(columns), descending: order[0].descending };
        return Condition::all().add(strictly(&row, Expr::tuple(values)));
    }
    let mut condition: Option<Condition> = None;
    for (index, (key, value)) in order.iter().zip(values).enumerate().rev() {
        let after = strictly(key, value.clone());
        let Some(rest) = condition.take() else {
            condition = Some(after.into_condition());
            continue;
        };
        let equal = Condition::all().add(key.column.clone().eq(value.clone())).add(rest);
        let either = Condition::any().add(after).add(equal);
        let limit = match key.descending {
            true => key.column.clone().lte(value),
            false => key.column.clone().gte(value),
        };
        condition = Some(if index == 0 { Condition::all().add(limit).add(either) } else { either });
    }
    condition.unwrap_or_else(Condition::all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_cursors_of_other_lists_and_forged_cursors() {
        let key = CursorKey::new(b"0123456789abcdef0123456789abcdef");
        let position =
            vec![SortValue::Number(-5), SortValue::Text("ä".into()), SortValue::Id(uuid::Uuid::now_v7())];
        let cursor = key.encode("posts?tag=rust", &position);
        assert_eq!(key.decode("posts?tag=rust", &cursor), Some(position));
        assert_eq!(key.decode("posts?tag=go", &cursor), None);
        assert_eq!(CursorKey::new(b"another").decode("posts?tag=rust", &cursor), None);
        for i in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap_or_default();
            let decoded = key.decode("posts?tag=rust", &forged);
            assert!(decoded.is_none() || forged == cursor, "{forged}");
        }
    }
}
