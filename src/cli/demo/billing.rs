//! Demo customers, invoices and redirects.
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        date::{Date, Month},
        id::Id,
        money::Currency,
        timestamp::Timestamp,
    },
    http::problem::{Error, Result},
    infra::db::Tx,
    resources::{
        billing::{
            customers::{CustomerInput, ImportedCustomer, example_id},
            invoices::{ImportedInvoice, InvoiceInput, InvoiceStatus},
        },
        redirects::{ImportOptions, RedirectMap, RedirectReplacement, formats},
    },
};

const CUSTOMERS: [(&str, &str); 6] = [
    ("Evil Rabbit", "evil@rabbit.acme.test"),
    ("Grace Joiner", "grace@joiner.acme.test"),
    ("Café Écluse", "bonjour@ecluse.acme.test"),
    ("Hobel & Söhne", "kontor@hobel.acme.test"),
    ("Kiku Woodworks", "kiku@woodworks.acme.test"),
    ("The Oak Library", "desk@oak-library.acme.test"),
];

use InvoiceStatus::{Draft, Paid, Pending, Void};

/// Index of the customer, amount in minor units, currency, status, and age in months.
const INVOICES: [(usize, i64, &str, InvoiceStatus, u32); 18] = [
    (0, 15_795, "USD", Pending, 0),
    (1, 20_348, "USD", Paid, 0),
    (2, 148_000, "EUR", Pending, 0),
    (4, 98_000, "JPY", Draft, 0),
    (3, 61_250, "EUR", Paid, 1),
    (5, 250_000, "USD", Paid, 1),
    (0, 4_500, "USD", Void, 1),
    (1, 89_900, "USD", Paid, 2),
    (2, 32_000, "EUR", Paid, 3),
    (5, 120_000, "GBP", Paid, 4),
    (4, 210_000, "JPY", Paid, 5),
    (3, 77_700, "EUR", Pending, 5),
    (1, 44_800, "USD", Paid, 6),
    (0, 54_246, "USD", Paid, 7),
    (5, 32_545, "USD", Paid, 8),
    (2, 18_000, "EUR", Paid, 9),
    (4, 301_000, "JPY", Paid, 10),
    (3, 95_000, "EUR", Paid, 11),
];

pub async fn fill(app: &App, tx: &Tx) -> Result<()> {
    let mut customers = Vec::with_capacity(CUSTOMERS.len());
    for (i, (name, email)) in CUSTOMERS.into_iter().enumerate() {
        // The first customer has the id of the examples in the OpenAPI document.
        let id = if i == 0 { example_id().0 } else { Uuid::now_v7() };
        let new = CustomerInput { name: name.into(), email: email.into(), image_url: None };
        let source = format!("demo/customers/{i}");
        app.customers.import(tx, ImportedCustomer { source, id: Some(id), new }).await?;
        customers.push(id);
    }
    let today = Timestamp(app.clock.now()).date();
    // Oldest first, so that invoice numbers ascend with the dates.
    for (i, (customer, amount, currency, status, months_ago)) in INVOICES.into_iter().enumerate().rev() {
        let currency: Currency = currency.parse().map_err(Error::Internal)?;
        let new = InvoiceInput {
            customer_id: Id::from(customers[customer]),
            amount,
            status,
            date: Some(day(today, months_ago)),
        };
        let source = format!("demo/invoices/{i}");
        app.invoices.import(tx, ImportedInvoice { source, id: None, currency, new }).await?;
    }
    let rule = |destination: &str, permanent| RedirectReplacement {
        destination: destination.into(),
        permanent,
        status: None,
        external: false,
        starts_at: None,
        ends_at: None,
    };
    let map = RedirectMap::new(vec![
        ("-api-v1-revenues".to_owned(), rule("/api/v2/revenues/en-us", false)),
        ("/handbook/*".to_owned(), rule("/api/docs/*", true)),
    ]);
    app.redirects.import(tx, formats::from_map(map), ImportOptions::default()).await?;
    Ok(())
}

/// Returns today, or the first day of the month `months_ago` months before.
fn day(today: Date, months_ago: u32) -> Date {
    if months_ago == 0 { today } else { Month::from_date(today).minus_months(months_ago).first_day() }
}
