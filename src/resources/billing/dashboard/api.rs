//! The operation of the dashboard.
use macros::operations;

use super::{
    service::DashboardService,
    types::{Dashboard, DashboardQuery},
};
use crate::http::{
    auth::{Accountants, Caller},
    cache_control::CacheControl,
    extract::{IfNoneMatch, Query},
    negotiation::WithLanguage,
    problem::{ApiError, NotFound},
    response::GetResponse,
};

pub struct DashboardApi(pub DashboardService);

#[operations(prefix_path = "/api/v2/dashboard", tag = "super::TAG")]
impl DashboardApi {
    /// Get the billing dashboard
    ///
    /// Returns totals, the last twelve months, the latest five invoices and exchange rates, with all amounts
    /// in one currency. The parts are loaded concurrently. A part that fails or takes longer than two seconds
    /// is omitted and named in `failed`.
    #[oai(path = "/", method = "get", operation_id = "dashboardGet")]
    async fn get(
        &self,
        _accountant: Caller<Accountants>,
        query: Query<DashboardQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<WithLanguage<GetResponse<Dashboard>>, ApiError<NotFound>> {
        let display = self.0.resolve_locale(query.locale.clone())?;
        let version = self.0.version(&display).await;
        let etag = Dashboard::etag_of(&version, &[]);
        if let Some(unchanged) = GetResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(WithLanguage(unchanged, display.locale));
        }
        Ok(WithLanguage(
            GetResponse::new(self.0.get(&display, version).await?, &if_none_match.0),
            display.locale,
        ))
    }
}
