//! The first generation of the invoices' list: as they were made out, and clients of some countries are led to
//! their own view of the second one.
use poem_openapi::{Enum, Object, OpenApi, types::Example};

use super::{
    service::Invoices,
    types::{InvoiceFilter, InvoiceStatus, InvoiceSummary},
};
use crate::{
    api::Tag,
    contract::{
        answer::Listed,
        cache::Cache,
        caller::{Accountants, Caller},
        deprecated::{Deprecated, Schedule},
        etag::ETag,
        locale::Locale,
        page::{Page, Paging},
        problem::{Fault, Invalid, Result},
        redirect::{ByCountry, Nearby},
        request::{Client, IfNoneMatch, Query},
    },
    ports::country::{Countries, Country},
};

/// Which countries are led to which locale.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub to: Vec<(Country, Locale)>,
    /// The field in which proxies tell of the country.
    pub told_by: Option<String>,
}

/// The first generation with what it needs to know of countries.
#[derive(Clone)]
pub struct Former {
    invoices: Invoices,
    countries: Countries,
    routes: Routes,
}

/// Whether the client's country is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Geo {
    /// It is, as without this.
    Auto,
    /// It is not.
    Off,
}

/// Which invoices are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct FormerInvoiceQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Invoices that are this far.
    pub status: Option<InvoiceStatus>,
    /// The order, with `-` for falling. Equal invoices follow by id.
    #[oai(validator(pattern = "^-?(date|number|createdAt)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
    /// `off` lists the invoices here, whatever the client's country is.
    pub geo: Option<Geo>,
}

impl Example for FormerInvoiceQuery {
    fn example() -> Self {
        FormerInvoiceQuery {
            paging: Paging::example(),
            status: Some(InvoiceStatus::Pending),
            sort: Some("-date".into()),
            geo: Some(Geo::Off),
        }
    }
}

impl Former {
    pub fn new(invoices: Invoices, countries: Countries, routes: Routes) -> Self {
        Former { invoices, countries, routes }
    }

    /// Where this client is led, if anywhere. What a proxy tells of the country counts more than the file, and
    /// no country is as good as one without a route.
    fn elsewhere(&self, client: &Client, query: &Query<FormerInvoiceQuery>) -> Option<String> {
        if query.geo == Some(Geo::Off) {
            return None;
        }
        let country = client.country.or_else(|| self.countries.of(client.ip()?))?;
        let (_, locale) = self.routes.to.iter().find(|(from, _)| *from == country)?;
        // A locale that this service does not have is no place to lead anybody to.
        self.invoices.place(locale.clone()).ok()?;
        Some(format!("/api/v2/invoices/{locale}{}", kept(&query.target)))
    }

    /// The invoices as they were made out.
    async fn list(&self, query: &FormerInvoiceQuery) -> Result<Page<InvoiceSummary>> {
        let filter = InvoiceFilter {
            status: query.status,
            sort: query.sort.clone(),
            customer: None,
            currency: None,
            date_from: None,
            date_before: None,
            q: None,
        };
        self.invoices.made_out(&query.paging, &filter).await
    }

    async fn etag(&self, target: &str) -> Result<ETag> {
        let version = self.invoices.db.versions(&["invoices", "customers"]).await?;
        Ok(ETag::weak(&["former invoices", &version.to_string(), target]))
    }
}

/// The query without `geo`, which the second generation does not know, as it was sent.
fn kept(target: &str) -> String {
    let pairs = target.split_once('?').map_or("", |(_, query)| query).split('&');
    let pairs: Vec<&str> =
        pairs.filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("geo")).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The end of the first generation.
struct First;

impl Schedule for First {
    const DEPRECATED: i64 = 1_795_219_200_000;
    const SUNSET: i64 = 1_826_755_200_000;
    const NOTES: &'static str = "/swagger#/Invoices/invoicesListV1";
    const SUCCESSOR: &'static str = "/api/v2/invoices";
}

pub struct FormerApi(pub Former);

#[OpenApi(prefix_path = "/api/v1/invoices", tag = "Tag::Invoices")]
impl FormerApi {
    /// List invoices as they were made out, newest first
    ///
    /// The first generation, until 21 November 2027; `/api/v2/invoices` follows it. Clients of some countries are
    /// led to the locale of theirs there, unless `geo=off` says otherwise.
    #[oai(path = "/", method = "get", operation_id = "invoicesListV1")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        client: Client,
        query: Query<FormerInvoiceQuery>,
        known: IfNoneMatch,
    ) -> Result<Deprecated<ByCountry<Listed<InvoiceSummary>>, First>, Fault<Invalid>> {
        let answer = match self.0.elsewhere(&client, &query) {
            Some(location) => Nearby::There(location),
            None => {
                let etag = self.0.etag(&query.target).await?;
                Nearby::Here(match Listed::unchanged(&etag, &known.0, Cache::Private) {
                    Some(unchanged) => unchanged,
                    None => Listed::new(self.0.list(&query).await?, &etag, &query.target, Cache::Private),
                })
            }
        };
        Ok(Deprecated::new(ByCountry { answer, told_by: self.0.routes.told_by.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn the_query_is_kept_as_it_was_sent() {
        for (target, query) in [
            ("/x", ""),
            ("/x?", ""),
            ("/x?geo=auto", ""),
            ("/x?page=2&geo=auto&sort=-date", "?page=2&sort=-date"),
            ("/x?status=p%61id&&limit=5", "?status=p%61id&limit=5"),
        ] {
            assert_eq!(kept(target), query, "{target}");
        }
    }
}
