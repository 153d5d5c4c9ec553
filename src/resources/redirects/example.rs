//! Examples for the OpenAPI document: a redirect from the first version of revenues to the second.
use poem_openapi::types::Example;

use super::status::RedirectStatus;
use super::types::{
    Redirect, RedirectImport, RedirectImportQuery, RedirectInput, RedirectKind, RedirectMap, RedirectQuery,
    RedirectReplacement, RedirectSummary,
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
};

const SOURCE: &str = "/api/v1/revenues";
const DESTINATION: &str = "/api/v2/revenues/en-us";
const CREATED: Timestamp = Timestamp(1_763_715_600_000);
const STARTS: Timestamp = Timestamp(1_763_629_200_000);
const ENDS: Timestamp = Timestamp(1_890_000_000_000);

fn id() -> Id<Redirect> {
    "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate())
}

impl Example for Redirect {
    fn example() -> Self {
        Redirect {
            id: id(),
            source: SOURCE.into(),
            kind: RedirectKind::Exact,
            destination: DESTINATION.into(),
            permanent: false,
            status: RedirectStatus::Temporary,
            external: false,
            starts_at: Some(STARTS),
            ends_at: Some(ENDS),
            created_at: CREATED,
            updated_at: CREATED,
            version: 1,
        }
    }
}

impl Example for RedirectSummary {
    fn example() -> Self {
        let example = Redirect::example();
        let Redirect { id, source, kind, destination, permanent, status, .. } = example;
        let Redirect { external, starts_at, ends_at, updated_at, .. } = example;
        RedirectSummary {
            id,
            source,
            kind,
            destination,
            permanent,
            status,
            external,
            starts_at,
            ends_at,
            hits: 42,
            updated_at,
        }
    }
}

impl Example for RedirectInput {
    fn example() -> Self {
        RedirectInput {
            source: SOURCE.into(),
            destination: DESTINATION.into(),
            permanent: false,
            status: None,
            external: false,
            starts_at: Some(STARTS),
            ends_at: Some(ENDS),
        }
    }
}

impl Example for RedirectReplacement {
    fn example() -> Self {
        RedirectReplacement {
            destination: DESTINATION.into(),
            permanent: false,
            status: None,
            external: false,
            starts_at: Some(STARTS),
            ends_at: Some(ENDS),
        }
    }
}

impl Example for RedirectQuery {
    fn example() -> Self {
        RedirectQuery {
            paging: PageParams::example(),
            q: Some("revenues".into()),
            sort: Some("-hits".into()),
        }
    }
}

impl Example for RedirectImport {
    fn example() -> Self {
        RedirectImport {
            created: 2,
            updated: 1,
            unchanged: 0,
            skipped: 1,
            warnings: vec!["line 4: the status 200 is a rewrite, which is not supported".into()],
            dry_run: false,
        }
    }
}

impl Example for RedirectImportQuery {
    fn example() -> Self {
        RedirectImportQuery { dry_run: Some(true), external: Some(false) }
    }
}

impl RedirectMap {
    /// Returns the map that the OpenAPI document shows.
    pub fn sample() -> Self {
        let to = |destination: &str, permanent| RedirectReplacement {
            destination: destination.into(),
            permanent,
            status: None,
            external: false,
            starts_at: None,
            ends_at: None,
        };
        RedirectMap::new(vec![
            ("-api-v1-revenues".into(), to(DESTINATION, false)),
            ("/old/*".into(), to("/new/*", true)),
        ])
    }
}
