//! Entries of JSON files, held against the document like the bodies of requests, and given to their services.
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use poem_openapi::types::ParseFromJSON;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::given::Form;
use crate::{
    app::App,
    contract::{
        check::ErrorCode,
        problem::{Error, Result},
    },
    import::{CustomerRecord, ImportedRecord, InvoiceRecord, Record, RevenueRecord, Year},
    ports::db::Tx,
    resources::{
        customers::{ImportedCustomer, NewCustomer},
        imports::Effect,
        invoices::{ImportedInvoice, NewInvoice},
        redirects::{RedirectMap, formats},
        revenues::ImportedRevenue,
    },
};

/// What entries must look like, compiled once.
pub struct Forms {
    customer: Form,
    invoice: Form,
    revenue: Form,
    redirects: Form,
    year: Year,
    /// Customers that a dry run would have made before their invoices came.
    tried: Mutex<HashSet<Uuid>>,
}

impl Forms {
    pub fn new(year: Year) -> std::result::Result<Self, String> {
        Ok(Forms {
            customer: Form::of("NewCustomer")?,
            invoice: Form::of("NewInvoice")?,
            revenue: Form::of("RevenueFigure/properties/amount")?,
            redirects: Form::of("RedirectMap")?,
            year,
            tried: Mutex::default(),
        })
    }

    /// Writes an entry through the service that it belongs to.
    pub async fn put(&self, app: &App, tx: &Tx, entry: ImportedRecord, dry_run: bool) -> Result<Effect> {
        let ImportedRecord { file, record } = entry;
        match record {
            Record::Customer(record) => self.customer(app, tx, file, record).await,
            Record::Invoice(record) => self.invoice(app, tx, file, record, dry_run).await,
            Record::Revenue(record) => self.revenue(app, tx, record).await,
            Record::Redirects(rules) => self.redirects(app, tx, rules).await,
        }
    }

    async fn customer(&self, app: &App, tx: &Tx, file: String, record: CustomerRecord) -> Result<Effect> {
        let mut body = json!({ "name": record.name, "email": record.email });
        if let Some(image) = record.image_url {
            body["imageUrl"] = image.into();
        }
        let new: NewCustomer = typed(&self.customer, body)?;
        let (source, id) = named(record.id, file)?;
        self.tried().extend(id);
        app.customers.import(tx, ImportedCustomer { source, id, new }).await
    }

    async fn invoice(
        &self,
        app: &App,
        tx: &Tx,
        file: String,
        record: InvoiceRecord,
        dry_run: bool,
    ) -> Result<Effect> {
        let body = json!({
            "customerId": record.customer_id,
            "amount": record.amount,
            "status": record.status,
            "date": record.date,
        });
        let new: NewInvoice = typed(&self.invoice, body)?;
        let currency = record.currency.parse().map_err(wrong("currency"))?;
        let (source, id) = named(record.id, file)?;
        let customer = new.customer_id.0;
        match app.invoices.import(tx, ImportedInvoice { source, id, currency, new }).await {
            Err(Error::Unfit(..)) if dry_run && self.tried().contains(&customer) => Ok(Effect::Created),
            done => done,
        }
    }

    async fn revenue(&self, app: &App, tx: &Tx, record: RevenueRecord) -> Result<Effect> {
        self.revenue.hold(&record.amount.into(), "#/amount").map_err(Error::Invalid)?;
        let month = self.year.month(&record.month);
        let form = "is no month: use 2026-11 (in the years 1900 to 2199) or its English name";
        let month = month.ok_or_else(|| Error::at("#/month", ErrorCode::Format, form))?;
        let currency = record.currency.parse().map_err(wrong("currency"))?;
        // A name alone stays the month that it meant at first; one of a year that was given is that month.
        let source = match self.year {
            Year::Of(_) => month.to_string(),
            Year::Before(_) => record.month,
        };
        let amount = record.amount;
        app.revenues.import(tx, &ImportedRevenue { source, month, amount, currency }).await
    }

    async fn redirects(&self, app: &App, tx: &Tx, rules: Map<String, Value>) -> Result<Effect> {
        let map: RedirectMap = typed(&self.redirects, Value::Object(rules))?;
        let done = app.redirects.import(tx, formats::from_map(map).map_err(Error::Invalid)?).await?;
        Ok(match (done.created, done.updated) {
            (1.., _) => Effect::Created,
            (_, 1..) => Effect::Updated,
            _ => Effect::Unchanged,
        })
    }
}

impl Forms {
    fn tried(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn typed<T: ParseFromJSON>(form: &Form, body: Value) -> Result<T> {
    form.hold(&body, "#").map_err(Error::Invalid)?;
    T::parse_from_json(Some(body)).map_err(|error| Error::Internal(error.into_message()))
}

fn wrong(member: &str) -> impl Fn(String) -> Error {
    move |why| Error::at(&format!("#/{member}"), ErrorCode::Format, &why)
}

/// What an entry is known by when it is imported again: its own id, else its place in the file.
fn named(id: Option<String>, file: String) -> Result<(String, Option<Uuid>)> {
    match id {
        None => Ok((file, None)),
        Some(id) => match id.parse() {
            Ok(uuid) => Ok((id, Some(uuid))),
            Err(_) => Err(Error::at("#/id", ErrorCode::Format, "is no UUID")),
        },
    }
}
