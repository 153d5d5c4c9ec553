//! An invoice as a locale shows it: in its currency, with the rate where there is one.
use entity::{customer, invoice};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    RelationTrait, Select,
};
use uuid::Uuid;

use super::types::{Invoice, InvoiceStatus, InvoiceSummary};
use crate::{
    contract::{
        date::Date,
        id::Id,
        locale::{Locale, Place},
        money::Currency,
        problem::{Error, Result},
        time::Timestamp,
    },
    resources::{
        customers::CustomerRef,
        rates::{Book, Exchanges, Rates},
    },
};

#[derive(Debug, FromQueryResult)]
pub struct Row {
    pub id: Uuid,
    pub number: i64,
    customer_id: Uuid,
    amount: i64,
    currency: String,
    status: String,
    pub date: String,
    version: i64,
    pub created_at: i64,
    updated_at: i64,
    customer_name: String,
    customer_email: String,
    customer_image: Option<String>,
}

pub fn rows(find: Select<invoice::Entity>) -> Select<invoice::Entity> {
    find.select_only()
        .columns([
            invoice::Column::Id,
            invoice::Column::Number,
            invoice::Column::CustomerId,
            invoice::Column::Amount,
            invoice::Column::Currency,
            invoice::Column::Status,
            invoice::Column::Date,
            invoice::Column::Version,
            invoice::Column::CreatedAt,
            invoice::Column::UpdatedAt,
        ])
        .column_as(customer::Column::Name, "customer_name")
        .column_as(customer::Column::Email, "customer_email")
        .column_as(customer::Column::ImageUrl, "customer_image")
}

/// Invoices with their customers: every read starts here.
pub fn joined() -> Select<invoice::Entity> {
    invoice::Entity::find().join(JoinType::InnerJoin, invoice::Relation::Customer.def())
}

/// How the rows of a place are shown.
pub struct Shown {
    locale: Locale,
    exchanges: Exchanges,
}

impl Shown {
    /// With the rates of what these rows are made out in, seen through `db`.
    pub async fn of<C: ConnectionTrait>(db: &C, place: Place, rates: &Rates, rows: &[Row]) -> Result<Self> {
        let exchanges = rates.exchanges_in(db, &currencies(rows)?, place.currency).await?;
        Ok(Shown { locale: place.locale, exchanges })
    }

    /// The same, by rates that were read before.
    pub fn by(book: &Book, place: &Place, rows: &[Row]) -> Result<Self> {
        let exchanges = book.exchanges(&currencies(rows)?, place.currency)?;
        Ok(Shown { locale: place.locale.clone(), exchanges })
    }

    /// Learns what these rows need beyond what is known; what is known stays as it is.
    pub async fn learn(&mut self, rates: &Rates, rows: &[Row]) -> Result<()> {
        let mut strange = Vec::new();
        for row in rows {
            let currency = row.currency()?;
            if !self.exchanges.knows(currency) && !strange.contains(&currency) {
                strange.push(currency);
            }
        }
        if !strange.is_empty() {
            self.exchanges.extend(rates.exchanges(&strange, self.exchanges.quote()).await?);
        }
        Ok(())
    }

    pub fn whole(&self, row: Row, with_customer: bool) -> Result<Invoice> {
        let (amount, original) = self.exchanges.shown(row.amount, row.currency()?)?;
        Ok(Invoice {
            id: Id::from(row.id),
            number: row.number,
            customer_id: Id::from(row.customer_id),
            customer: with_customer.then(|| row.customer()),
            amount,
            currency: self.exchanges.quote(),
            original,
            status: InvoiceStatus::parse(&row.status),
            date: row.day()?,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
            locale: self.locale.0.clone(),
        })
    }

    /// What of it was asked for.
    pub fn summary(&self, row: Row, fields: Option<&str>, with_customer: bool) -> Result<InvoiceSummary> {
        let wanted = |name: &str| fields.is_none_or(|fields| fields.split(',').any(|field| field == name));
        let whole = self.whole(row, with_customer)?;
        let money = wanted("amount");
        Ok(InvoiceSummary {
            id: whole.id,
            number: wanted("number").then_some(whole.number),
            customer_id: wanted("customerId").then_some(whole.customer_id),
            customer: whole.customer,
            amount: money.then_some(whole.amount),
            currency: money.then_some(whole.currency),
            original: whole.original.filter(|_| money),
            status: wanted("status").then_some(whole.status),
            date: wanted("date").then_some(whole.date),
        })
    }
}

fn currencies(rows: &[Row]) -> Result<Vec<Currency>> {
    rows.iter().map(Row::currency).collect()
}

impl Row {
    /// The invoice as it was made out.
    pub fn made_out(self) -> Result<InvoiceSummary> {
        Ok(InvoiceSummary {
            id: Id::from(self.id),
            number: Some(self.number),
            customer_id: Some(Id::from(self.customer_id)),
            customer: None,
            amount: Some(self.amount),
            currency: Some(self.currency()?),
            original: None,
            status: Some(InvoiceStatus::parse(&self.status)),
            date: Some(self.day()?),
        })
    }

    fn currency(&self) -> Result<Currency> {
        self.currency.parse().map_err(Error::Internal)
    }

    fn day(&self) -> Result<Date> {
        self.date.parse().map_err(|_| Error::Internal(format!("{} is no date", self.date)))
    }

    fn customer(&self) -> CustomerRef {
        CustomerRef {
            id: Id::from(self.customer_id),
            name: self.customer_name.clone(),
            email: self.customer_email.clone(),
            image_url: self.customer_image.clone(),
        }
    }
}

/// One invoice, if it is there.
pub async fn one<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Row> {
    let find = joined().filter(invoice::Column::Id.eq(id));
    rows(find).into_model::<Row>().one(db).await?.ok_or(Error::NotFound("invoice"))
}
