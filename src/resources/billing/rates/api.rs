//! Operations on exchange rates.
use macros::operations;

use super::{
    service::Rates,
    types::{RateQuery, RateTable},
};
use crate::{
    domain::money::Currency,
    http::{
        auth::OptionalAuth,
        extract::{IfNoneMatch, Query},
        problem::{ApiError, NotFound},
        response::GetResponse,
    },
};

pub struct RatesApi(pub Rates);

#[operations(prefix_path = "/api/rates", tag = "super::TAG")]
impl RatesApi {
    /// Get exchange rates
    ///
    /// Returns the rate of one unit of `base` in every other known currency, each with its date, its source
    /// and its state. The rates are stored ones: the request does not call an external service. Responds with
    /// 404 if no rate of `base` is known.
    #[oai(path = "/", method = "get", operation_id = "ratesGet")]
    async fn get(
        &self,
        _viewer: OptionalAuth,
        query: Query<RateQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<RateTable>, ApiError<NotFound>> {
        let base = query.base.unwrap_or(Currency::USD);
        Ok(GetResponse::new(self.0.snapshot().await?.table(base)?, &if_none_match.0))
    }
}
