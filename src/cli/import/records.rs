//! Writes records of JSON files through their services. Validates them against the schemas of the OpenAPI
//! document, like request bodies.
use std::collections::HashSet;

use parking_lot::{Mutex, MutexGuard};
use poem_openapi::types::ParseFromJSON;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    cli::validate::BodySchema,
    http::problem::{Error, Result},
    import::{CustomerRecord, DefaultYear, ImportedRecord, InvoiceRecord, Record, RevenueRecord},
    infra::db::Tx,
    resources::{
        billing::{
            customers::{CustomerInput, ImportedCustomer},
            invoices::{ImportedInvoice, InvoiceInput},
            revenues::ImportedRevenue,
        },
        redirects::{ImportOptions, RedirectMap, formats},
        shared::import_log::ImportEffect,
    },
    schema::ErrorCode,
};

/// Validates and writes records, with the schemas compiled once.
pub struct RecordWriter {
    customer: BodySchema,
    invoice: BodySchema,
    revenue: BodySchema,
    redirects: BodySchema,
    year: DefaultYear,
    /// The ids of the customers imported so far. A dry run rolls back each batch, so the database does not
    /// contain the customers of earlier batches when their invoices are imported.
    imported_customers: Mutex<HashSet<Uuid>>,
}

impl RecordWriter {
    pub fn new(year: DefaultYear) -> std::result::Result<Self, String> {
        Ok(RecordWriter {
            customer: BodySchema::named("CustomerInput")?,
            invoice: BodySchema::named("InvoiceInput")?,
            revenue: BodySchema::named("RevenueFigure/properties/amount")?,
            redirects: BodySchema::named("RedirectMap")?,
            year,
            imported_customers: Mutex::default(),
        })
    }

    /// Writes a record through its service.
    pub async fn write(
        &self,
        app: &App,
        tx: &Tx,
        record: ImportedRecord,
        dry_run: bool,
    ) -> Result<ImportEffect> {
        let ImportedRecord { file, record } = record;
        match record {
            Record::Customer(record) => self.customer(app, tx, file, record).await,
            Record::Invoice(record) => self.invoice(app, tx, file, record, dry_run).await,
            Record::Revenue(record) => self.revenue(app, tx, record).await,
            Record::Redirects(rules) => self.redirects(app, tx, rules).await,
        }
    }

    async fn customer(
        &self,
        app: &App,
        tx: &Tx,
        file: String,
        record: CustomerRecord,
    ) -> Result<ImportEffect> {
        let mut body = json!({ "name": record.name, "email": record.email });
        if let Some(image) = record.image_url {
            body["imageUrl"] = image.into();
        }
        let new: CustomerInput = parse(&self.customer, body)?;
        let (source, id) = source_and_id(record.id, file)?;
        self.imported_customers().extend(id);
        app.customers.import(tx, ImportedCustomer { source, id, new }).await
    }

    async fn invoice(
        &self,
        app: &App,
        tx: &Tx,
        file: String,
        record: InvoiceRecord,
        dry_run: bool,
    ) -> Result<ImportEffect> {
        let body = json!({
            "customerId": record.customer_id,
            "amount": record.amount,
            "status": record.status,
            "date": record.date,
        });
        let new: InvoiceInput = parse(&self.invoice, body)?;
        let currency = record.currency.parse().map_err(field_error("currency"))?;
        let (source, id) = source_and_id(record.id, file)?;
        let customer = new.customer_id.0;
        match app.invoices.import(tx, ImportedInvoice { source, id, currency, new }).await {
            Err(Error::InvalidState(..)) if dry_run && self.imported_customers().contains(&customer) => {
                Ok(ImportEffect::Created)
            }
            result => result,
        }
    }

    async fn revenue(&self, app: &App, tx: &Tx, record: RevenueRecord) -> Result<ImportEffect> {
        self.revenue.validate(&record.amount.into(), "#/amount").map_err(Error::Invalid)?;
        let month = self.year.month(&record.month);
        let rule = "must be a month such as 2026-11 (years 1900 to 2199) or an English month name";
        let month = month.ok_or_else(|| Error::invalid_field("#/month", ErrorCode::Format, rule))?;
        let currency = record.currency.parse().map_err(field_error("currency"))?;
        // Identified by the text in the file: in the next year, `Jan` still means the month of the first import.
        // With --year, the month is unambiguous.
        let source = match self.year {
            DefaultYear::Fixed(_) => month.to_string(),
            DefaultYear::LastTwelveMonths(_) => record.month,
        };
        let amount = record.amount;
        app.revenues.import(tx, &ImportedRevenue { source, month, amount, currency }).await
    }

    async fn redirects(&self, app: &App, tx: &Tx, rules: Map<String, Value>) -> Result<ImportEffect> {
        let map: RedirectMap = parse(&self.redirects, Value::Object(rules))?;
        let options = ImportOptions { is_admin: true, ..ImportOptions::default() };
        let counts = app.redirects.import(tx, formats::from_map(map), options).await?.report;
        Ok(match (counts.created, counts.updated) {
            (1.., _) => ImportEffect::Created,
            (_, 1..) => ImportEffect::Updated,
            _ => ImportEffect::Unchanged,
        })
    }
}

impl RecordWriter {
    fn imported_customers(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.imported_customers.lock()
    }
}

fn parse<T: ParseFromJSON>(schema: &BodySchema, body: Value) -> Result<T> {
    schema.validate(&body, "#").map_err(Error::Invalid)?;
    T::parse_from_json(Some(body)).map_err(|error| Error::Internal(error.into_message()))
}

fn field_error(field: &str) -> impl Fn(String) -> Error {
    move |message| Error::invalid_field(&format!("#/{field}"), ErrorCode::Format, &message)
}

/// Returns the key that identifies a record in later imports: its id, or otherwise its position in the file.
fn source_and_id(id: Option<String>, file: String) -> Result<(String, Option<Uuid>)> {
    match id {
        None => Ok((file, None)),
        Some(id) => match id.parse() {
            Ok(uuid) => Ok((id, Some(uuid))),
            Err(_) => Err(Error::invalid_field("#/id", ErrorCode::Format, "must be a UUID")),
        },
    }
}
