//! The parts of the dashboard, each from the service that it belongs to.
use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::types::{Cards, Dashboard, DashboardPart};
use crate::{
    contract::{
        locale::{Locale, Locales, Place},
        problem::{Error, Result},
    },
    ports::db::Db,
    resources::{
        customers::Customers,
        invoices::Invoices,
        rates::{Book, Rate, Rates},
        revenues::Revenues,
    },
};

/// How long the parts have, all of them together.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct DashboardService {
    db: Db,
    customers: Customers,
    invoices: Invoices,
    rates: Rates,
    revenues: Revenues,
    locales: Locales,
}

impl DashboardService {
    pub fn new(
        db: Db,
        customers: Customers,
        invoices: Invoices,
        rates: Rates,
        revenues: Revenues,
        locales: Locales,
    ) -> Self {
        DashboardService { db, customers, invoices, rates, revenues, locales }
    }

    /// The locale with its currency; none means the first of the service.
    pub fn place(&self, locale: Option<Locale>) -> Result<Place> {
        let first = || self.locales.0.first().map(|(first, _)| first.clone()).unwrap_or_default();
        self.locales.place(locale.unwrap_or_else(first))
    }

    /// The version of the whole dashboard; one that nobody has had before, if it cannot be read in time.
    pub async fn version(&self, place: &Place) -> String {
        let reading = async {
            let version = self.db.versions(&["customers", "invoices", "revenues", "rates"]).await?;
            // Rates grow old by themselves, and months come by themselves.
            let (ages, month) = (self.rates.ages().await?, self.revenues.now());
            Ok(format!("{} {version} {month} {ages}", place.locale))
        };
        part("version", Instant::now() + PATIENCE, reading)
            .await
            .unwrap_or_else(|| Uuid::now_v7().to_string())
    }

    /// What of it can be read in time; nothing at all is a failure.
    pub async fn read(&self, place: &Place, version: String) -> Result<Dashboard> {
        let end = Instant::now() + PATIENCE;
        // Once for all parts, so that none shows other rates than its neighbour.
        // They have a part of the time: the parts need the rest.
        let book = &part("book", Instant::now() + PATIENCE / 4, self.rates.book())
            .await
            .unwrap_or_else(Book::unread);
        let (cards, revenues, latest, rates) = tokio::join!(
            part("cards", end, self.cards(place, book)),
            part("revenues", end, self.revenues.year(place, book)),
            part("latest", end, self.invoices.latest(place, book)),
            part("rates", end, self.rates(place, book)),
        );
        let parts = [
            (DashboardPart::Cards, cards.is_none()),
            (DashboardPart::Revenues, revenues.is_none()),
            (DashboardPart::Latest, latest.is_none()),
            (DashboardPart::Rates, rates.is_none()),
        ];
        let failed: Vec<DashboardPart> =
            parts.iter().filter(|(_, failed)| *failed).map(|(part, _)| *part).collect();
        if failed.len() == parts.len() {
            return Err(Error::Unavailable("no part of the dashboard can be read now"));
        }
        let (locale, currency) = (place.locale.clone(), place.currency);
        Ok(Dashboard { locale, currency, cards, revenues, latest, rates, failed, version })
    }

    async fn cards(&self, place: &Place, rates: &Book) -> Result<Cards> {
        let (totals, customers) =
            tokio::try_join!(self.invoices.totals(place, rates), self.customers.count())?;
        let (collected, pending, invoices) = totals;
        Ok(Cards { collected, pending, invoices, customers })
    }

    async fn rates(&self, place: &Place, rates: &Book) -> Result<Vec<Rate>> {
        Ok(rates.exchanges(&self.locales.currencies(), place.currency)?.rates())
    }
}

/// A part, if it is there in time; the log says why it is not.
async fn part<T>(name: &str, end: Instant, reading: impl Future<Output = Result<T>>) -> Option<T> {
    match timeout_at(end, reading).await {
        Ok(Ok(part)) => Some(part),
        Ok(Err(error)) => {
            tracing::error!(part = name, %error, "a part of the dashboard could not be read");
            None
        }
        Err(_) => {
            tracing::warn!(part = name, "a part of the dashboard was not read in time");
            None
        }
    }
}
