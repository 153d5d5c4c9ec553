//! Dashboard service: loads each part from the service that owns it.
use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::types::{Cards, Dashboard, DashboardPart};
use crate::{
    domain::locale::{Locale, LocaleCurrency, Locales},
    http::problem::{Error, Result},
    infra::db::Db,
    resources::billing::{
        customers::Customers,
        invoices::Invoices,
        rates::{Rate, RateSnapshot, Rates},
        revenues::Revenues,
    },
};

/// The time limit for all parts together.
const TIMEOUT: Duration = Duration::from_secs(2);

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

    /// Returns the locale with its currency. The default is the first configured locale.
    pub fn resolve_locale(&self, locale: Option<Locale>) -> Result<LocaleCurrency> {
        let first = || self.locales.0.first().map(|(first, _)| first.clone()).unwrap_or_default();
        Ok(self.locales.resolve(locale.unwrap_or_else(first))?)
    }

    /// Returns the version of the complete dashboard. If it cannot be read in time, returns a new unique
    /// version, so that no cached response matches it.
    pub async fn version(&self, display: &LocaleCurrency) -> String {
        let load = async {
            let version = self.db.versions(&["customers", "invoices", "revenues", "rates"]).await?;
            // The state of a rate and the current month change with time, without a write.
            let (ages, month) = (self.rates.age_tag().await?, self.revenues.current_month());
            Ok(format!("{} {version} {month} {ages}", display.locale))
        };
        load_part("version", Instant::now() + TIMEOUT, load)
            .await
            .unwrap_or_else(|| Uuid::now_v7().to_string())
    }

    /// Returns the parts that can be loaded in time.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if no part can be loaded.
    pub async fn get(&self, display: &LocaleCurrency, version: String) -> Result<Dashboard> {
        let end = Instant::now() + TIMEOUT;
        // One snapshot for all parts, so that they use the same rates. Its timeout is a quarter of the total,
        // which leaves time for the parts that need no conversion.
        let snapshot = &load_part("snapshot", Instant::now() + TIMEOUT / 4, self.rates.snapshot())
            .await
            .unwrap_or_else(RateSnapshot::empty);
        let (cards, revenues, latest, rates) = tokio::join!(
            load_part("cards", end, self.cards(display, snapshot)),
            load_part("revenues", end, self.revenues.last_twelve_months(display, snapshot)),
            load_part("latest", end, self.invoices.latest(display, snapshot)),
            load_part("rates", end, self.rates(display, snapshot)),
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
            return Err(Error::Unavailable("the dashboard cannot be loaded: retry later"));
        }
        let (locale, currency) = (display.locale.clone(), display.currency);
        Ok(Dashboard { locale, currency, cards, revenues, latest, rates, failed, version })
    }

    async fn cards(&self, display: &LocaleCurrency, rates: &RateSnapshot) -> Result<Cards> {
        let (totals, customers) =
            tokio::try_join!(self.invoices.totals(display, rates), self.customers.count())?;
        let (collected, pending, invoices) = totals;
        Ok(Cards { collected, pending, invoices, customers })
    }

    async fn rates(&self, display: &LocaleCurrency, rates: &RateSnapshot) -> Result<Vec<Rate>> {
        Ok(rates.exchange_rates(&self.locales.currencies(), display.currency)?.rates())
    }
}

/// Loads a part until `end`. Logs an error or a timeout and returns `None`.
async fn load_part<T>(name: &str, end: Instant, load: impl Future<Output = Result<T>>) -> Option<T> {
    match timeout_at(end, load).await {
        Ok(Ok(part)) => Some(part),
        Ok(Err(error)) => {
            tracing::error!(part = name, %error, "could not load a part of the dashboard");
            None
        }
        Err(_) => {
            tracing::warn!(part = name, "loading a part of the dashboard timed out");
            None
        }
    }
}
