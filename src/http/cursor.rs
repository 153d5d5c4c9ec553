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
use serde_json::json;

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
        let values: Vec<_> = position.iter().map(SortValue::to_json).collect();
        let mut bytes = vec![VERSION];
        bytes.extend(serde_json::to_vec(&values).unwrap_or_default());
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
        let values: Vec<serde_json::Value> = serde_json::from_slice(signed.strip_prefix(&[VERSION])?).ok()?;
        values.iter().map(SortValue::from_json).collect()
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
#[derive(Debug, Clone, PartialEq)]
pub enum SortValue {
    Number(i64),
    Text(String),
    Id(uuid::Uuid),
}

impl SortValue {
    fn to_json(&self) -> serde_json::Value {
        match self {
            SortValue::Number(number) => json!(number),
            SortValue::Text(text) => json!(text),
            SortValue::Id(id) => json!({ "id": id.to_string() }),
        }
    }

    fn from_json(value: &serde_json::Value) -> Option<SortValue> {
        if let Some(number) = value.as_i64() {
            return Some(SortValue::Number(number));
        }
        match value.as_str() {
            Some(text) => Some(SortValue::Text(text.to_owned())),
            None => value.get("id")?.as_str()?.parse().ok().map(SortValue::Id),
        }
    }

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
            true => {
                let count = find.clone().select_only().expr(Expr::col(Asterisk).count());
                Some(count.into_tuple::<i64>().one(db).await?.unwrap_or(0))
            }
            false => None,
        };
        let mut query = select(find);
        self.apply(QuerySelect::query(&mut query))?;
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

    /// Adds the order, the start position and the limit to a query.
    fn apply(&self, select: &mut SelectStatement) -> Result<()> {
        match &self.params.after {
            Some(cursor) => {
                let position = self.cursor_key.decode(&self.list_id, cursor).ok_or(Error::InvalidCursor)?;
                if position.len() != self.order.len() {
                    return Err(Error::InvalidCursor);
                }
                select.cond_where(self.after(position));
            }
            None => {
                select.offset(u64::from(self.params.page - 1) * u64::from(self.params.limit));
            }
        }
        for key in &self.order {
            let order = if key.descending { Order::Desc } else { Order::Asc };
            select.order_by_expr(key.column.clone(), order);
        }
        select.limit(u64::from(self.params.limit) + 1);
        Ok(())
    }

    /// Returns the condition for rows after `position`: `a > x OR (a = x AND (b > y OR (b = y AND …)))`.
    ///
    /// A row comparison `(a, b) > (x, y)` cannot be used: the keys may have different directions.
    fn after(&self, position: Vec<SortValue>) -> Condition {
        let mut keys = self.order.iter().zip(position).rev();
        let mut condition: Option<Condition> = None;
        for (key, value) in &mut keys {
            let value = Expr::val(value.value());
            let strictly = match key.descending {
                true => key.column.clone().lt(value.clone()),
                false => key.column.clone().gt(value.clone()),
            };
            condition = Some(match condition {
                None => strictly.into_condition(),
                Some(rest) => Condition::any()
                    .add(strictly)
                    .add(Condition::all().add(key.column.clone().eq(value)).add(rest)),
            });
        }
        condition.unwrap_or_else(Condition::all)
    }

    /// Removes the additional row and creates the pagination object.
    fn finish<R>(
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
