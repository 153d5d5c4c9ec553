//! What may happen to customers. The only writer of the `customers` table.
use entity::{customer, invoice};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel,
    IntoSimpleExpr, ModelTrait, QueryFilter, QuerySelect, Select, Set, TryIntoModel,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};
use uuid::Uuid;

use super::types::{Customer, CustomerPatch, CustomerQuery, CustomerSummary, NewCustomer};
use crate::{
    contract::{
        answer::Resource,
        attempt::{Attempt, Outcome, once},
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::{ETag, Precondition},
        event::{Audience, EventType, of},
        id::Id,
        page::Page,
        problem::{Error, Result},
        sort::Sort,
        text::{containing, folded, trimmed},
        time::Timestamp,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
    },
};

#[derive(Clone)]
pub struct Customers {
    db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    id: Uuid,
    name: String,
    email: String,
    image_url: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
    invoices_count: i64,
}

impl From<Row> for Customer {
    fn from(row: Row) -> Self {
        Customer {
            id: Id::from(row.id),
            name: row.name,
            email: row.email,
            image_url: row.image_url,
            invoices_count: row.invoices_count,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
        }
    }
}

impl Row {
    /// What of it was asked for.
    fn summary(self, query: &CustomerQuery) -> CustomerSummary {
        let Customer { id, name, email, image_url, invoices_count, created_at, updated_at, .. } = self.into();
        CustomerSummary {
            id,
            name: Some(name).filter(|_| query.tells("name")),
            email: Some(email).filter(|_| query.tells("email")),
            image_url: image_url.filter(|_| query.tells("imageUrl")),
            invoices_count: Some(invoices_count).filter(|_| query.tells("invoicesCount")),
            created_at: Some(created_at).filter(|_| query.tells("createdAt")),
            updated_at: Some(updated_at).filter(|_| query.tells("updatedAt")),
        }
    }
}

/// Customers with the number of their invoices, if that is told: it is counted for each.
fn rows(find: Select<customer::Entity>, counted: bool) -> Select<customer::Entity> {
    let invoices = Query::select()
        .expr(Expr::col((invoice::Entity, invoice::Column::Id)).count())
        .from(invoice::Entity)
        .and_where(
            Expr::col((invoice::Entity, invoice::Column::CustomerId))
                .equals((customer::Entity, customer::Column::Id)),
        )
        .to_owned();
    let count = SimpleExpr::SubQuery(None, Box::new(invoices.into()));
    find.select_only()
        .columns([
            customer::Column::Id,
            customer::Column::Name,
            customer::Column::Email,
            customer::Column::ImageUrl,
            customer::Column::Version,
            customer::Column::CreatedAt,
            customer::Column::UpdatedAt,
        ])
        .expr_as(if counted { count } else { Expr::cust("CAST(0 AS BIGINT)") }, "invoices_count")
}

async fn whole<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Customer> {
    let row = rows(customer::Entity::find_by_id(id), true).into_model::<Row>().one(db).await?;
    row.map(Customer::from).ok_or(Error::NotFound("customer"))
}

impl Customers {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Customers { db, clock, cursors }
    }

    /// The version of every list of customers; changes with them and with their invoices.
    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["customers", "invoices"]).await?;
        Ok(ETag::weak(&["customers", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &CustomerQuery) -> Result<Page<CustomerSummary>> {
        let CustomerQuery { email, created_from, created_before, q, sort, paging, fields: _ } = query;
        let mut find = customer::Entity::find();
        if let Some(email) = email {
            find = find.filter(customer::Column::Email.eq(email.to_lowercase()));
        }
        if let Some(from) = created_from {
            find = find.filter(customer::Column::CreatedAt.gte(from.0));
        }
        if let Some(before) = created_before {
            find = find.filter(customer::Column::CreatedAt.lt(before.0));
        }
        for word in q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
            find = find.filter(customer::Column::Search.into_simple_expr().like(containing(word)));
        }
        let list = format!("customers {email:?} {created_from:?} {created_before:?} {q:?} {sort:?}");
        let sort = Sort::by(sort.as_deref().unwrap_or("name"));
        let key = |name: &str| {
            SortKey::rising(match name {
                "name" => customer::Column::Name,
                "email" => customer::Column::Email,
                _ => customer::Column::CreatedAt,
            })
        };
        let order = sort.keys(key, SortKey::rising(customer::Column::Id));
        let place = |row: &Row| {
            let value = |name: &str| match name {
                "name" => Key::Text(row.name.clone()),
                "email" => Key::Text(row.email.clone()),
                _ => Key::Number(row.created_at),
            };
            sort.place(value, row.id)
        };
        let shown = |find| rows(find, query.tells("invoicesCount"));
        let slice = Slice { key: &self.cursors, list, order, paging };
        let (found, pagination) = slice.page(self.db.read(), find, shown, place).await?;
        Ok(Page { data: found.into_iter().map(|row| row.summary(query)).collect(), pagination })
    }

    /// How many customers there are.
    pub async fn count(&self) -> Result<i64> {
        let all = customer::Entity::find().select_only().expr(customer::Column::Id.count());
        Ok(all.into_tuple::<i64>().one(self.db.read()).await?.unwrap_or_default())
    }

    pub async fn read(&self, id: Id<Customer>) -> Result<Customer> {
        whole(self.db.read(), id.0).await
    }

    pub async fn create(&self, new: NewCustomer, attempt: Option<Attempt>) -> Result<Outcome<Customer>> {
        let now = self.clock.now();
        once(&self.db, attempt, async move |tx| {
            let id = Uuid::now_v7();
            filled(empty(id, now), new).insert(&*tx).await.map_err(Error::taken("email"))?;
            tx.touch("customers").await?;
            tell(&tx, EventType::CustomerCreated, id, 1, now);
            whole(&*tx, id).await
        })
        .await
    }

    pub async fn replace(&self, id: Id<Customer>, new: NewCustomer, when: Precondition) -> Result<Customer> {
        self.change(id, when, move |_| new).await
    }

    pub async fn patch(
        &self,
        id: Id<Customer>,
        patch: CustomerPatch,
        when: Precondition,
    ) -> Result<Customer> {
        self.change(id, when, move |row| NewCustomer {
            name: patch.name.unwrap_or_else(|| row.name.clone()),
            email: patch.email.unwrap_or_else(|| row.email.clone()),
            image_url: patch.image_url.over(row.image_url.clone()),
        })
        .await
    }

    pub async fn remove(&self, id: Id<Customer>, when: Precondition) -> Result<()> {
        let at = self.clock.now();
        self.db
            .write(async move |tx| {
                let (row, now) = held(&tx, id, &when).await?;
                if now.invoices_count > 0 {
                    return Err(Error::Conflict("this customer has invoices: delete or move them first"));
                }
                tell(&tx, EventType::CustomerDeleted, row.id, row.version + 1, at);
                row.delete(&*tx).await?;
                tx.touch("customers").await?;
                Ok(())
            })
            .await
    }

    async fn change<F>(&self, id: Id<Customer>, when: Precondition, apply: F) -> Result<Customer>
    where
        F: FnOnce(&customer::Model) -> NewCustomer + Send + 'static,
    {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let (known, shown) = held(&tx, id, &when).await?;
                let mut row = filled(known.clone().into_active_model(), apply(&known));
                if row.clone().try_into_model()? == known {
                    return Ok(shown);
                }
                row.version = Set(known.version + 1);
                row.updated_at = Set(now);
                row.update(&*tx).await.map_err(Error::taken("email"))?;
                tx.touch("customers").await?;
                tell(&tx, EventType::CustomerUpdated, id.0, known.version + 1, now);
                whole(&*tx, id.0).await
            })
            .await
    }
}

pub(super) fn tell(tx: &Tx, kind: EventType, id: Uuid, version: i64, now: i64) {
    tx.tell(of(kind, id, format!("/api/v2/customers/{id}"), version, Audience::Office, now));
}

/// A new row, to be filled.
pub(super) fn empty(id: Uuid, now: i64) -> customer::ActiveModel {
    customer::ActiveModel {
        id: Set(id),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
}

pub(super) fn filled(mut row: customer::ActiveModel, new: NewCustomer) -> customer::ActiveModel {
    let (name, email) = (trimmed(&new.name), new.email.trim().to_lowercase());
    row.search = Set(folded(&format!("{name} {email}")));
    row.name = Set(name);
    row.email = Set(email);
    row.image_url = Set(new.image_url);
    row
}

/// The row for a change and what it is shown as, if it is there and is the version that is meant. It is locked
/// against others that change it or give it an invoice.
async fn held(tx: &Tx, id: Id<Customer>, when: &Precondition) -> Result<(customer::Model, Customer)> {
    let row = customer::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    let row = row.ok_or(Error::NotFound("customer"))?;
    let now = whole(&**tx, id.0).await?;
    when.check(&now.etag())?;
    Ok((row, now))
}
