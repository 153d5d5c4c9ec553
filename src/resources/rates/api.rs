//! What clients can learn of rates.
use poem_openapi::OpenApi;

use super::{
    service::Rates,
    types::{RateQuery, RateTable},
};
use crate::{
    api::Tag,
    contract::{
        answer::Found,
        caller::Viewer,
        money::Currency,
        problem::{Fault, Invalid},
        request::{IfNoneMatch, Query},
    },
};

pub struct RatesApi(pub Rates);

#[OpenApi(prefix_path = "/api/rates", tag = "Tag::Rates")]
impl RatesApi {
    /// Read what currencies are worth
    ///
    /// Every rate that is known, by the day for which it holds, with who told it and how far it can be trusted.
    /// Nobody outside is asked for the answer.
    #[oai(path = "/", method = "get", operation_id = "ratesRead")]
    async fn read(
        &self,
        _viewer: Viewer,
        query: Query<RateQuery>,
        known: IfNoneMatch,
    ) -> Result<Found<RateTable>, Fault<Invalid>> {
        let base = query.base.unwrap_or(Currency::USD);
        Ok(Found::new(self.0.book().await?.table(base)?, &known.0))
    }
}
