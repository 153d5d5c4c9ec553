//! Keyset paging: a cursor is the place of a page's last entry in the order of the list, signed, and bound
//! to the list, its filters and its sort. One row more is read than asked for, so that a page knows whether
//! another follows.
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, Order, QuerySelect, Select,
    Value,
    sea_query::{Asterisk, Expr, ExprTrait, IntoCondition, SelectStatement, SimpleExpr},
};
use serde_json::json;

use super::{
    page::{Pagination, Paging},
    problem::{Error, Result},
};

const FORM: u8 = 1;

/// The key that cursors are signed with; shared by all processes of one service.
#[derive(Clone)]
pub struct CursorKey(Arc<hmac::Key>);

impl CursorKey {
    pub fn new(secret: &[u8]) -> Self {
        CursorKey(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    fn seal(&self, list: &str, place: &[Key]) -> String {
        let values: Vec<_> = place.iter().map(Key::to_json).collect();
        let mut bytes = vec![FORM];
        bytes.extend(serde_json::to_vec(&values).unwrap_or_default());
        let tag = self.tag(list, &bytes);
        bytes.extend_from_slice(&tag.as_ref()[..16]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, list: &str, cursor: &str) -> Option<Vec<Key>> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
        let own = self.tag(list, signed);
        aws_lc_rs::constant_time::verify_slices_are_equal(&own.as_ref()[..16], tag).ok()?;
        let values: Vec<serde_json::Value> = serde_json::from_slice(signed.strip_prefix(&[FORM])?).ok()?;
        values.iter().map(Key::from_json).collect()
    }

    fn tag(&self, list: &str, signed: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(list.as_bytes());
        context.update(&[0]);
        context.update(signed);
        context.sign()
    }
}

/// The value of a sort key in one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    Number(i64),
    Text(String),
    Id(uuid::Uuid),
}

impl Key {
    fn to_json(&self) -> serde_json::Value {
        match self {
            Key::Number(number) => json!(number),
            Key::Text(text) => json!(text),
            Key::Id(id) => json!({ "id": id.to_string() }),
        }
    }

    fn from_json(value: &serde_json::Value) -> Option<Key> {
        if let Some(number) = value.as_i64() {
            return Some(Key::Number(number));
        }
        match value.as_str() {
            Some(text) => Some(Key::Text(text.to_owned())),
            None => value.get("id")?.as_str()?.parse().ok().map(Key::Id),
        }
    }

    fn value(self) -> Value {
        match self {
            Key::Number(number) => number.into(),
            Key::Text(text) => text.into(),
            Key::Id(id) => id.into(),
        }
    }
}

/// One key of an order; the last one of a list must be unique, so that the order is total.
#[derive(Clone)]
pub struct SortKey {
    pub column: SimpleExpr,
    pub descending: bool,
}

/// A list in a total order, of which a page is asked for.
pub struct Slice<'a> {
    pub key: &'a CursorKey,
    /// Names the list, its filters and its sort; equal text, equal list.
    pub list: String,
    pub order: Vec<SortKey>,
    pub paging: &'a Paging,
}

impl SortKey {
    pub fn rising(column: impl IntoSimpleExpr) -> Self {
        SortKey { column: column.into_simple_expr(), descending: false }
    }

    pub fn falling(column: impl IntoSimpleExpr) -> Self {
        SortKey { column: column.into_simple_expr(), descending: true }
    }
}

impl Slice<'_> {
    /// The entries of this page among what `find` finds, with what `shown` selects of them, and where in the
    /// list they lie; `place` reads an entry's sort keys. Counts only if it is asked to.
    pub async fn page<C, E, R>(
        &self,
        db: &C,
        find: Select<E>,
        shown: impl FnOnce(Select<E>) -> Select<E>,
        place: impl Fn(&R) -> Vec<Key>,
    ) -> Result<(Vec<R>, Pagination)>
    where
        C: ConnectionTrait,
        E: EntityTrait,
        R: FromQueryResult,
    {
        let total = match self.paging.counts() {
            true => {
                let counted = find.clone().select_only().expr(Expr::col(Asterisk).count());
                Some(counted.into_tuple::<i64>().one(db).await?.unwrap_or(0))
            }
            false => None,
        };
        let mut find = shown(find);
        self.apply(QuerySelect::query(&mut find))?;
        let mut rows = find.into_model::<R>().all(db).await?;
        let pagination = self.close(&mut rows, total, place);
        Ok((rows, pagination))
    }

    /// The same of entries that are at hand, all of them and in the order of the list.
    pub fn cut<T>(&self, all: Vec<T>, place: impl Fn(&T) -> Vec<Key>) -> Result<(Vec<T>, Pagination)> {
        let total = self.paging.counts().then_some(all.len() as i64);
        let limit = self.paging.limit as usize;
        let skipped = match &self.paging.after {
            Some(cursor) => {
                let last = self.key.open(&self.list, cursor).ok_or(Error::InvalidCursor)?;
                all.iter().position(|entry| place(entry) == last).map_or(all.len(), |at| at + 1)
            }
            None => (self.paging.page as usize - 1) * limit,
        };
        let mut entries: Vec<T> = all.into_iter().skip(skipped).take(limit + 1).collect();
        let pagination = self.close(&mut entries, total, place);
        Ok((entries, pagination))
    }

    /// Adds order, place and limit to a select.
    fn apply(&self, select: &mut SelectStatement) -> Result<()> {
        match &self.paging.after {
            Some(cursor) => {
                let place = self.key.open(&self.list, cursor).ok_or(Error::InvalidCursor)?;
                if place.len() != self.order.len() {
                    return Err(Error::InvalidCursor);
                }
                select.cond_where(self.behind(place));
            }
            None => {
                select.offset(u64::from(self.paging.page - 1) * u64::from(self.paging.limit));
            }
        }
        for key in &self.order {
            let order = if key.descending { Order::Desc } else { Order::Asc };
            select.order_by_expr(key.column.clone(), order);
        }
        select.limit(u64::from(self.paging.limit) + 1);
        Ok(())
    }

    /// `(a, b, c)` behind the place, in the order of the list: a behind, or a equal and (b behind, or …).
    fn behind(&self, place: Vec<Key>) -> Condition {
        let mut keys = self.order.iter().zip(place).rev();
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

    /// Drops the row read beyond the limit and says how the list goes on; `place` reads a row's sort keys.
    fn close<R>(&self, rows: &mut Vec<R>, total: Option<i64>, place: impl Fn(&R) -> Vec<Key>) -> Pagination {
        let more = rows.len() > self.paging.limit as usize;
        rows.truncate(self.paging.limit as usize);
        let next = rows.last().filter(|_| more).map(|row| self.key.seal(&self.list, &place(row)));
        Pagination::new(self.paging, total, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_its_own_list_and_unchanged() {
        let key = CursorKey::new(b"0123456789abcdef0123456789abcdef");
        let place = vec![Key::Number(-5), Key::Text("ä".into()), Key::Id(uuid::Uuid::now_v7())];
        let cursor = key.seal("posts?tag=rust", &place);
        assert_eq!(key.open("posts?tag=rust", &cursor), Some(place));
        assert_eq!(key.open("posts?tag=go", &cursor), None);
        assert_eq!(CursorKey::new(b"another").open("posts?tag=rust", &cursor), None);
        for i in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap_or_default();
            let opened = key.open("posts?tag=rust", &forged);
            assert!(opened.is_none() || forged == cursor, "{forged}");
        }
    }
}
