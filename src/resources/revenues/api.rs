//! What clients can ask of revenues.
use poem_openapi::OpenApi;

use super::{
    service::Revenues,
    types::{Revenue, RevenueQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::Listed,
        cache::Cache,
        caller::{Accountants, Caller},
        locale::Locale,
        problem::{Fault, Invalid, NotFound},
        request::{IfNoneMatch, Path, Query},
    },
};

pub struct RevenuesApi(pub Revenues);

#[OpenApi(prefix_path = "/api/v2/revenues", tag = "Tag::Revenues")]
impl RevenuesApi {
    /// List revenues by month
    ///
    /// Every month from the first with any revenue to the present one (UTC), and at least twelve; a month without
    /// any is 0. In the currency of the locale: `originals` says what was converted, and by which rate.
    #[oai(path = "/:locale", method = "get", operation_id = "revenuesList")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        /// The locale, such as `en-us` or `fr`.
        locale: Path<Locale>,
        query: Query<RevenueQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Revenue>, Fault<(Invalid, NotFound)>> {
        let place = self.0.place(locale.0)?;
        let etag = self.0.list_etag(&place, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(&place, &query).await?, &etag, &query.target, Cache::Private))
    }
}
