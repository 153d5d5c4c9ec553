//! Version 1 of the list of invoices (deprecated): amounts in their original currencies. Clients from
//! configured countries are redirected to a locale of version 2.
use macros::operations;
use poem_openapi::{Enum, Object, types::Example};

use super::{
    service::Invoices,
    types::{InvoiceFilter, InvoiceSort, InvoiceStatus, InvoiceSummary},
};
use crate::{
    config::{CountryLocales, GeoConfig},
    domain::names::names_type,
    http::{
        auth::{Accountants, Caller},
        cache_control::CacheControl,
        deprecation::{Deprecated, DeprecationPolicy},
        etag::ETag,
        extract::{Client, IfNoneMatch, Query},
        negotiation::{CountryResponse, OrCountryRedirect},
        pagination::{Page, PageParams},
        problem::{ApiError, BadRequest, Result},
        response::ListResponse,
    },
    infra::geoip::GeoIp,
};

/// Version 1 of the list of invoices.
#[derive(Clone)]
pub struct InvoicesV1 {
    invoices: Invoices,
    countries: GeoIp,
    /// The locales that clients from some countries are redirected to.
    routes: CountryLocales,
    /// The header in which a proxy sends the country of the client.
    country_header: Option<String>,
}

/// Whether the country of the client is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Geo {
    /// Redirect by country. This is the default.
    Auto,
    /// Do not redirect.
    Off,
}

names_type! {
    /// The sort order of invoices in version 1.
    pub struct InvoiceV1Sort {
        names: ["date", "number", "createdAt"],
        signed: true,
        max: 1,
        example: "-date",
    }
}

/// Filters, order and page of a list of invoices.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceV1Query {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only invoices with this status.
    pub status: Option<InvoiceStatus>,
    /// The sort field, with `-` for descending order. Ties are sorted by id.
    pub sort: Option<InvoiceV1Sort>,
    /// `off` disables the redirect by country.
    pub geo: Option<Geo>,
}

impl Example for InvoiceV1Query {
    fn example() -> Self {
        InvoiceV1Query {
            paging: PageParams::example(),
            status: Some(InvoiceStatus::Pending),
            sort: Some("-date".into()),
            geo: Some(Geo::Off),
        }
    }
}

impl InvoicesV1 {
    pub fn new(invoices: Invoices, countries: GeoIp, config: &GeoConfig) -> Self {
        InvoicesV1 {
            invoices,
            countries,
            routes: config.geo_routes.clone(),
            country_header: config.geo_header.as_ref().map(|header| header.text.clone()),
        }
    }

    /// Returns the location for clients from this country; `None` if the country is unknown or has no route.
    /// The country header of a proxy has precedence over the GeoIP database.
    fn redirect_location(&self, client: &Client, query: &Query<InvoiceV1Query>) -> Option<String> {
        if query.geo == Some(Geo::Off) {
            return None;
        }
        let country = client.country.or_else(|| self.countries.country(client.ip()?))?;
        let (_, locale) = self.routes.0.iter().find(|(from, _)| *from == country)?;
        // Ignores routes to a locale that is not configured.
        self.invoices.resolve_locale(locale.clone()).ok()?;
        Some(format!("/api/v2/invoices/{locale}{}", query_without_geo(&query.target)))
    }

    /// Returns a page of invoices in their original currencies.
    async fn list(&self, query: &InvoiceV1Query) -> Result<Page<InvoiceSummary>> {
        let filter = InvoiceFilter {
            status: query.status,
            sort: query.sort.as_deref().map(InvoiceSort::from),
            customer: None,
            currency: None,
            date_from: None,
            date_before: None,
            q: None,
        };
        self.invoices.list_unconverted(&query.paging, &filter).await
    }

    async fn etag(&self, target: &str) -> Result<ETag> {
        let version = self.invoices.db.versions(&["invoices", "customers"]).await?;
        Ok(ETag::weak_from_parts(&["invoices v1", &version.to_string(), target]))
    }
}

/// Returns the query of a request target without `geo`, which version 2 does not have. All other parameters
/// stay unchanged.
fn query_without_geo(target: &str) -> String {
    let pairs = target.split_once('?').map_or("", |(_, query)| query).split('&');
    let pairs: Vec<&str> =
        pairs.filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("geo")).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The deprecation schedule of version 1.
struct V1Schedule;

impl DeprecationPolicy for V1Schedule {
    const DEPRECATED: i64 = 1_795_219_200_000;
    const SUNSET: i64 = 1_826_755_200_000;
    const DOCS_URL: &'static str = "/swagger#/Invoices/invoicesListV1";
    const SUCCESSOR_URL: &'static str = "/api/v2/invoices";
}

pub struct InvoicesV1Api(pub InvoicesV1);

#[operations(prefix_path = "/api/v1/invoices", tag = "super::TAG")]
impl InvoicesV1Api {
    /// List invoices in their original currencies
    ///
    /// Deprecated: use `/api/v2/invoices`. This version ends on 21 November 2027. Newest invoices come first.
    /// Clients from configured countries are redirected to their locale in version 2, unless the request
    /// contains `geo=off`.
    #[oai(path = "/", method = "get", operation_id = "invoicesListV1")]
    async fn list_v1(
        &self,
        _accountant: Caller<Accountants>,
        client: Client,
        query: Query<InvoiceV1Query>,
        if_none_match: IfNoneMatch,
    ) -> Result<Deprecated<CountryResponse<ListResponse<InvoiceSummary>>, V1Schedule>, ApiError<BadRequest>>
    {
        let response = match self.0.redirect_location(&client, &query) {
            Some(location) => OrCountryRedirect::Redirect(location),
            None => {
                let etag = self.0.etag(&query.target).await?;
                OrCountryRedirect::Body(
                    match ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
                        Some(unchanged) => unchanged,
                        None => ListResponse::new(
                            self.0.list(&query).await?,
                            &etag,
                            &query.target,
                            CacheControl::Private,
                        ),
                    },
                )
            }
        };
        Ok(Deprecated::new(CountryResponse { response, country_header: self.0.country_header.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::query_without_geo;

    #[test]
    fn the_query_stays_unchanged_without_geo() {
        for (target, query) in [
            ("/x", ""),
            ("/x?", ""),
            ("/x?geo=auto", ""),
            ("/x?page=2&geo=auto&sort=-date", "?page=2&sort=-date"),
            ("/x?status=p%61id&&limit=5", "?status=p%61id&limit=5"),
        ] {
            assert_eq!(query_without_geo(target), query, "{target}");
        }
    }
}
