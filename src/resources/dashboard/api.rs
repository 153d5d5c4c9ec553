//! What clients can ask of the dashboard.
use poem_openapi::OpenApi;

use super::{
    service::DashboardService,
    types::{Dashboard, DashboardQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::Found,
        cache::Cache,
        caller::{Accountants, Caller},
        problem::{Fault, NotFound},
        redirect::Spoken,
        request::{IfNoneMatch, Query},
    },
};

pub struct DashboardApi(pub DashboardService);

#[OpenApi(prefix_path = "/api/v2/dashboard", tag = "Tag::Dashboard")]
impl DashboardApi {
    /// Read what an office looks at first
    ///
    /// Totals, twelve months, the latest five invoices and the rates between the currencies, in one answer and of
    /// one currency. The parts are read at the same time, and one that takes longer than two seconds is left out
    /// and named in `failed`.
    #[oai(path = "/", method = "get", operation_id = "dashboardRead")]
    async fn read(
        &self,
        _accountant: Caller<Accountants>,
        query: Query<DashboardQuery>,
        known: IfNoneMatch,
    ) -> Result<Spoken<Found<Dashboard>>, Fault<NotFound>> {
        let place = self.0.place(query.locale.clone())?;
        let version = self.0.version(&place).await;
        let whole = Dashboard::tag(&version, &[]);
        if let Some(unchanged) = Found::unchanged(&whole, &known.0, Cache::Private) {
            return Ok(Spoken(unchanged, place.locale));
        }
        Ok(Spoken(Found::new(self.0.read(&place, version).await?, &known.0), place.locale))
    }
}
