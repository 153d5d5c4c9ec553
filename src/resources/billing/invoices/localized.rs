//! Representations of invoices in the currency of a locale.
use entity::{customer, invoice};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    RelationTrait, Select,
};
use uuid::Uuid;

use super::types::{Invoice, InvoiceStatus, InvoiceSummary};
use crate::{
    domain::{
        date::Date,
        id::Id,
        locale::{Locale, LocaleCurrency},
        money::Currency,
        timestamp::Timestamp,
    },
    http::problem::{Error, Result},
    infra::rows::{FromRow, RowReader},
    resources::billing::{
        customers::CustomerRef,
        rates::{ExchangeRates, RateSnapshot, Rates},
    },
};

/// An invoice with the columns of its customer.
#[derive(Debug, FromQueryResult)]
pub struct InvoiceRow {
    pub id: Uuid,
    pub number: i64,
    customer_id: Uuid,
    amount: i64,
    currency: String,
    status: InvoiceStatus,
    pub date: String,
    version: i64,
    pub created_at: i64,
    updated_at: i64,
    customer_name: String,
    customer_email: String,
    customer_image: Option<String>,
}

impl FromRow for InvoiceRow {
    fn from_row(row: &mut RowReader<'_>) -> std::result::Result<Self, DbErr> {
        // In the order of `select_rows`.
        Ok(InvoiceRow {
            id: row.take()?,
            number: row.take()?,
            customer_id: row.take()?,
            amount: row.take()?,
            currency: row.take()?,
            status: row.take_enum()?,
            date: row.take()?,
            version: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
            customer_name: row.take()?,
            customer_email: row.take()?,
            customer_image: row.take()?,
        })
    }
}

/// Selects the columns of an [`InvoiceRow`].
pub fn select_rows(find: Select<invoice::Entity>) -> Select<invoice::Entity> {
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

/// Selects invoices joined with their customers.
pub fn with_customers() -> Select<invoice::Entity> {
    invoice::Entity::find().join(JoinType::InnerJoin, invoice::Relation::Customer.def())
}

/// Converts rows to representations in one locale.
pub struct Localizer {
    locale: Locale,
    exchange_rates: ExchangeRates,
}

impl Localizer {
    /// Creates a localizer, and reads the rates of the currencies of these rows on the connection `db`.
    pub async fn load<C: ConnectionTrait>(
        db: &C,
        display: LocaleCurrency,
        rates: &Rates,
        rows: &[InvoiceRow],
    ) -> Result<Self> {
        let exchange_rates = rates.exchange_rates_in(db, &currencies(rows)?, display.currency).await?;
        Ok(Localizer { locale: display.locale, exchange_rates })
    }

    /// Creates a localizer with the rates of a snapshot.
    pub fn with_snapshot(
        snapshot: &RateSnapshot,
        display: &LocaleCurrency,
        rows: &[InvoiceRow],
    ) -> Result<Self> {
        let exchange_rates = snapshot.exchange_rates(&currencies(rows)?, display.currency)?;
        Ok(Localizer { locale: display.locale.clone(), exchange_rates })
    }

    /// Reads the rates of these rows that are not loaded yet. Loaded rates stay unchanged, so that one export
    /// uses one rate per currency.
    pub async fn load_missing_rates(&mut self, rates: &Rates, rows: &[InvoiceRow]) -> Result<()> {
        let mut missing = Vec::new();
        for row in rows {
            let currency = row.currency()?;
            if !self.exchange_rates.contains(currency) && !missing.contains(&currency) {
                missing.push(currency);
            }
        }
        if !missing.is_empty() {
            self.exchange_rates.extend(rates.exchange_rates(&missing, self.exchange_rates.quote()).await?);
        }
        Ok(())
    }

    /// Returns the representation of one invoice, without its payments.
    pub fn invoice(&self, row: InvoiceRow, with_customer: bool) -> Result<Invoice> {
        let (amount, original) = self.exchange_rates.convert(row.amount, row.currency()?)?;
        Ok(Invoice {
            id: Id::from(row.id),
            number: row.number,
            customer_id: Id::from(row.customer_id),
            customer: with_customer.then(|| row.customer()),
            amount,
            currency: self.exchange_rates.quote(),
            original,
            status: row.status,
            date: row.day()?,
            payments: Vec::new(),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
            locale: self.locale.0.clone(),
        })
    }

    /// Returns the requested fields of an invoice.
    pub fn summary(
        &self,
        row: InvoiceRow,
        fields: Option<&str>,
        with_customer: bool,
    ) -> Result<InvoiceSummary> {
        let is_requested =
            |name: &str| fields.is_none_or(|fields| fields.split(',').any(|field| field == name));
        let invoice = self.invoice(row, with_customer)?;
        let with_amount = is_requested("amount");
        Ok(InvoiceSummary {
            id: invoice.id,
            number: is_requested("number").then_some(invoice.number),
            customer_id: is_requested("customerId").then_some(invoice.customer_id),
            customer: invoice.customer,
            amount: with_amount.then_some(invoice.amount),
            currency: with_amount.then_some(invoice.currency),
            original: invoice.original.filter(|_| with_amount),
            status: is_requested("status").then_some(invoice.status),
            date: is_requested("date").then_some(invoice.date),
        })
    }
}

fn currencies(rows: &[InvoiceRow]) -> Result<Vec<Currency>> {
    rows.iter().map(InvoiceRow::currency).collect()
}

impl InvoiceRow {
    /// Returns the invoice in its original currency, without its customer.
    pub fn unconverted(self) -> Result<InvoiceSummary> {
        Ok(InvoiceSummary {
            id: Id::from(self.id),
            number: Some(self.number),
            customer_id: Some(Id::from(self.customer_id)),
            customer: None,
            amount: Some(self.amount),
            currency: Some(self.currency()?),
            original: None,
            status: Some(self.status),
            date: Some(self.day()?),
        })
    }

    fn currency(&self) -> Result<Currency> {
        self.currency.parse().map_err(Error::Internal)
    }

    fn day(&self) -> Result<Date> {
        self.date.parse().map_err(|_| Error::Internal(format!("{} is not a date", self.date)))
    }

    fn customer(&self) -> CustomerRef {
        CustomerRef {
            id: Id::from(self.customer_id),
            name: self.customer_name.clone().into(),
            email: self.customer_email.clone().into(),
            image_url: self.customer_image.clone().map(Into::into),
        }
    }
}

/// Finds one invoice.
pub async fn find_row<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<InvoiceRow> {
    let find = with_customers().filter(invoice::Column::Id.eq(id));
    select_rows(find).into_model::<InvoiceRow>().one(db).await?.ok_or(Error::NotFound("invoice"))
}
