//! Customer service: rules and queries. The only writer of the `customers` table.
use entity::{customer, invoice};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel,
    IntoSimpleExpr, ModelTrait, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};
use uuid::Uuid;

use super::types::{Customer, CustomerInput, CustomerPatch, CustomerQuery, CustomerSummary};
use crate::{
    domain::{
        event::{Audience, EventType},
        id::Id,
        search::search_key,
        timestamp::Timestamp,
    },
    http::{
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::{ETag, Precondition},
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
        search::like_contains,
        sort::Sort,
    },
    infra::{
        audit_log::Changes,
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
struct CustomerRow {
    id: Uuid,
    name: String,
    email: String,
    image_url: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
    invoices_count: i64,
}

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        Customer {
            id: Id::from(row.id),
            name: row.name.into(),
            email: row.email.into(),
            image_url: row.image_url.map(Into::into),
            invoices_count: row.invoices_count,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
        }
    }
}

impl CustomerRow {
    /// Returns the requested fields.
    fn summary(self, query: &CustomerQuery) -> CustomerSummary {
        let Customer { id, name, email, image_url, invoices_count, created_at, updated_at, .. } = self.into();
        CustomerSummary {
            id,
            name: Some(name).filter(|_| query.includes("name")),
            email: Some(email).filter(|_| query.includes("email")),
            image_url: image_url.filter(|_| query.includes("imageUrl")),
            invoices_count: Some(invoices_count).filter(|_| query.includes("invoicesCount")),
            created_at: Some(created_at).filter(|_| query.includes("createdAt")),
            updated_at: Some(updated_at).filter(|_| query.includes("updatedAt")),
        }
    }
}

/// Selects the columns of a [`CustomerRow`]. Counting invoices costs a subquery for each customer, so it is
/// optional.
fn select_rows(find: Select<customer::Entity>, with_count: bool) -> Select<customer::Entity> {
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
        .expr_as(if with_count { count } else { Expr::cust("CAST(0 AS BIGINT)") }, "invoices_count")
}

async fn load<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Customer> {
    let row = select_rows(customer::Entity::find_by_id(id), true).into_model::<CustomerRow>().one(db).await?;
    row.map(Customer::from).ok_or(Error::NotFound("customer"))
}

impl Customers {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey) -> Self {
        Customers { db, clock, cursors }
    }

    /// Returns the ETag of a list. It also changes with invoices, because the list contains their number.
    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["customers", "invoices"]).await?;
        Ok(ETag::weak_from_parts(&["customers", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &CustomerQuery) -> Result<Page<CustomerSummary>> {
        let CustomerQuery { email, created_from, created_before, q, sort, paging, fields: _ } = query;
        let mut find = customer::Entity::find();
        if let Some(email) = email {
            find = find.filter(customer::Column::Email.eq(email.as_str()));
        }
        if let Some(from) = created_from {
            find = find.filter(customer::Column::CreatedAt.gte(from.0));
        }
        if let Some(before) = created_before {
            find = find.filter(customer::Column::CreatedAt.lt(before.0));
        }
        for term in q.as_deref().map(search_key).unwrap_or_default().split_whitespace() {
            find = find.filter(customer::Column::Search.into_simple_expr().like(like_contains(term)));
        }
        let list = format!("customers {email:?} {created_from:?} {created_before:?} {q:?} {sort:?}");
        let sort = Sort::parse(sort.as_deref().unwrap_or("name"));
        let key = |name: &str| {
            SortKey::ascending(match name {
                "name" => customer::Column::Name,
                "email" => customer::Column::Email,
                _ => customer::Column::CreatedAt,
            })
        };
        let order = sort.keys(key, SortKey::ascending(customer::Column::Id));
        let sort_key = |row: &CustomerRow| {
            let value = |name: &str| match name {
                "name" => SortValue::Text(row.name.clone()),
                "email" => SortValue::Text(row.email.clone()),
                _ => SortValue::Number(row.created_at),
            };
            sort.position(value, row.id)
        };
        let select = |find| select_rows(find, query.includes("invoicesCount"));
        let slice = PageQuery { cursor_key: &self.cursors, list_id: list, order, params: paging };
        let (found, pagination) = slice.fetch(self.db.read(), find, select, sort_key).await?;
        Ok(Page { data: found.into_iter().map(|row| row.summary(query)).collect(), pagination })
    }

    /// Returns the number of customers.
    pub async fn count(&self) -> Result<i64> {
        let all = customer::Entity::find().select_only().expr(customer::Column::Id.count());
        Ok(all.into_tuple::<i64>().one(self.db.read()).await?.unwrap_or_default())
    }

    pub async fn get(&self, id: Id<Customer>) -> Result<Customer> {
        load(self.db.read(), id.0).await
    }

    pub async fn create(
        &self,
        new: CustomerInput,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Customer>> {
        let now = self.clock.now();
        let reload = |location: String| async move { self.get(id_of_location(&location)?).await };
        let work = async move |tx: Tx| {
            let id = Uuid::now_v7();
            let mut row = empty_row(id, now);
            apply(&mut row, new.into());
            let row = row.into_active_model().reset_all();
            row.insert(&*tx).await.map_err(Error::on_unique_violation("email"))?;
            tx.touch("customers").await?;
            emit(&tx, EventType::CustomerCreated, id, 1, now);
            load(&*tx, id).await
        };
        run_once(&self.db, attempt, work, reload).await
    }

    pub async fn replace(
        &self,
        id: Id<Customer>,
        new: CustomerInput,
        precondition: Precondition,
    ) -> Result<Customer> {
        self.update(id, new.into(), precondition).await
    }

    pub async fn update(
        &self,
        id: Id<Customer>,
        patch: CustomerPatch,
        precondition: Precondition,
    ) -> Result<Customer> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let (mut row, customer) = load_for_update(&tx, id, &precondition).await?;
                let before = row.clone();
                apply(&mut row, patch);
                if row == before {
                    return Ok(customer);
                }
                let row = update_row(&tx, row, now).await?;
                tx.touch("customers").await?;
                tx.record_changes(id, Changes::between(&before, &row));
                emit(&tx, EventType::CustomerUpdated, id.0, row.version, now);
                load(&*tx, id.0).await
            })
            .await
    }

    pub async fn delete(&self, id: Id<Customer>, precondition: Precondition) -> Result<()> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let (row, customer) = load_for_update(&tx, id, &precondition).await?;
                if customer.invoices_count > 0 {
                    return Err(Error::Conflict(
                        "the customer has invoices: delete them or change their customerId first",
                    ));
                }
                emit(&tx, EventType::CustomerDeleted, row.id, row.version + 1, now);
                row.delete(&*tx).await?;
                tx.touch("customers").await?;
                Ok(())
            })
            .await
    }
}

pub(super) fn emit(tx: &Tx, kind: EventType, id: Uuid, version: i64, now: i64) {
    tx.emit(kind, id, format!("/api/v2/customers/{id}"), version, Audience::Accountants, now);
}

/// Returns a new row without the columns that clients write.
pub(super) fn empty_row(id: Uuid, now: i64) -> customer::Model {
    customer::Model { id, version: 1, created_at: now, updated_at: now, ..customer::Model::default() }
}

/// Applies a patch to the columns of a row.
pub(super) fn apply(row: &mut customer::Model, patch: CustomerPatch) {
    let CustomerPatch { name, email, image_url } = patch;
    if let Some(name) = name {
        row.name = name.into();
    }
    if let Some(email) = email {
        row.email = email.into();
    }
    row.image_url = image_url.apply_to(row.image_url.take());
    row.search = search_key(&format!("{} {}", row.name, row.email));
}

/// Writes the next version of a row.
pub(super) async fn update_row(tx: &Tx, mut row: customer::Model, now: i64) -> Result<customer::Model> {
    row.version += 1;
    row.updated_at = now;
    let row = row.into_active_model().reset_all();
    row.update(&**tx).await.map_err(Error::on_unique_violation("email"))
}

/// Locks a row and checks the precondition. Returns the row and its representation. Until the transaction
/// ends, the lock blocks concurrent updates and new invoices for this customer.
async fn load_for_update(
    tx: &Tx,
    id: Id<Customer>,
    precondition: &Precondition,
) -> Result<(customer::Model, Customer)> {
    let row = customer::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    let row = row.ok_or(Error::NotFound("customer"))?;
    let customer = load(&**tx, id.0).await?;
    precondition.check(&customer.etag())?;
    Ok((row, customer))
}
