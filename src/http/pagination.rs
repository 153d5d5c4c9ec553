//! Pagination: the `page`, `limit` and `after` parameters, the `pagination` object and the `Link` header.
use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{Example, Type},
};
use serde::Serialize;

use super::problem::Result;
use crate::{domain::text::Cursor, schema::form_decode};

/// The maximum number of items per page.
pub const MAX_LIMIT: u32 = 50;

fn default_page() -> u32 {
    1
}
fn default_limit() -> u32 {
    10
}

/// The pagination parameters of a list request.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct PageParams {
    /// The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
    #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "10000")))]
    pub page: u32,
    /// The maximum number of items per page.
    #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "50")))]
    pub limit: u32,
    /// The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
    /// added or removed since. A cursor is valid only for its list, filters and sort order.
    pub after: Option<Cursor>,
    /// Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
    /// with `after`.
    pub count: Option<Count>,
}

impl PageParams {
    pub fn wants_total(&self) -> bool {
        match self.count {
            Some(Count::Exact) => true,
            Some(Count::None) => false,
            None => self.after.is_none(),
        }
    }
}

/// The count mode of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Count {
    /// `total` and `pages` are exact.
    Exact,
    /// `total` and `pages` are omitted.
    None,
}

/// Totals of lists. A total is valid for one version of the collections that its list reads.
#[derive(Clone, Default)]
pub struct TotalCache(Arc<Mutex<HashMap<String, CachedTotal>>>);

#[derive(Clone, Copy)]
struct CachedTotal {
    version: i64,
    total: i64,
}

impl TotalCache {
    /// The maximum number of totals. All are dropped when it is reached.
    const CAPACITY: usize = 1024;
    /// The maximum length of a key in bytes, which bounds the memory. Totals with longer keys are not stored.
    const MAX_KEY: usize = 512;

    /// Returns the total of the list `key` in this version, or counts and stores it.
    ///
    /// `key` must contain the filters and everything else that the total depends on. `version` must be read
    /// before the count starts. A write during the count then changes the version, so the total, with or
    /// without that write, is not used for later versions.
    pub async fn get_or_count(
        &self,
        key: String,
        version: i64,
        count: impl Future<Output = Result<i64>>,
    ) -> Result<i64> {
        let cached = self.0.lock().get(&key).copied();
        if let Some(cached) = cached.filter(|cached| cached.version == version) {
            return Ok(cached.total);
        }
        let total = count.await?;
        if key.len() <= Self::MAX_KEY {
            let mut totals = self.0.lock();
            if totals.len() >= Self::CAPACITY {
                totals.clear();
            }
            totals.insert(key, CachedTotal { version, total });
        }
        Ok(total)
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub pagination: Pagination,
}

/// The position of a page in its list.
#[derive(Debug, Clone, Default, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// The number of this page. Absent if `after` was sent.
    #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The maximum number of items per page.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    pub limit: u32,
    /// The number of items that match the filters and are visible to the caller. Absent if not counted.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// The number of pages. Absent if not counted.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<i64>,
    /// The value of `after` for the next page. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
}

const CURSOR: &str = "AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ";

impl Example for PageParams {
    fn example() -> Self {
        PageParams { page: 1, limit: 10, after: Some(CURSOR.into()), count: Some(Count::Exact) }
    }
}

impl Example for Pagination {
    fn example() -> Self {
        Pagination {
            page: Some(1),
            limit: 10,
            total: Some(11),
            pages: Some(2),
            next_cursor: Some(CURSOR.into()),
        }
    }
}

impl Pagination {
    pub fn new(paging: &PageParams, total: Option<i64>, next_cursor: Option<Cursor>) -> Self {
        Pagination {
            page: paging.after.is_none().then_some(paging.page),
            limit: paging.limit,
            total,
            pages: total.map(|total| (total + i64::from(paging.limit) - 1) / i64::from(paging.limit)),
            next_cursor,
        }
    }
}

impl<T> Page<T> {
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(f).collect(), pagination: self.pagination }
    }
}

impl<T: Type> Page<T> {
    fn page_name() -> String {
        format!("{}Page", T::name())
    }

    pub fn page_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::page_name())
    }

    pub fn register_page(registry: &mut Registry) {
        registry.create_schema::<Page<T>, _>(Self::page_name(), |registry| {
            T::register(registry);
            Pagination::register(registry);
            let data = MetaSchema {
                description: Some("The items of this page, in the requested order."),
                items: Some(Box::new(T::schema_ref())),
                min_items: Some(0),
                max_items: Some(MAX_LIMIT as usize),
                ..MetaSchema::new("array")
            };
            MetaSchema {
                description: Some("One page of a list."),
                required: vec!["data", "pagination"],
                properties: vec![
                    ("data", MetaSchemaRef::Inline(Box::new(data))),
                    ("pagination", Pagination::schema_ref()),
                ],
                ..MetaSchema::new("object")
            }
        });
    }
}

/// Whether the links to other pages repeat this query parameter.
fn is_preserved(pair: &str) -> bool {
    let name = form_decode(pair.split('=').next().unwrap_or_default()).unwrap_or_default();
    !pair.is_empty() && name != "page" && name != "after"
}

/// The `Link` header of a page (RFC 8288): `first`, `prev`, `next` and `last`. Links repeat all other query
/// parameters.
pub struct Links(Vec<(&'static str, String)>);

impl Links {
    pub fn new(pagination: &Pagination, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let preserved: Vec<&str> = query.split('&').filter(|pair| is_preserved(pair)).collect();
        let link = |name: &str, value: &str| {
            let mut pairs = preserved.clone();
            let pair = format!("{name}={value}");
            pairs.push(&pair);
            format!("{path}?{}", pairs.join("&"))
        };
        let mut links = vec![("first", link("page", "1"))];
        match pagination.page {
            Some(page) => {
                if page > 1 {
                    links.push(("prev", link("page", &(page - 1).to_string())));
                }
                if pagination.next_cursor.is_some() && page < 10_000 {
                    links.push(("next", link("page", &(page + 1).to_string())));
                }
                if let Some(pages) = pagination.pages {
                    links.push(("last", link("page", &pages.clamp(1, 10_000).to_string())));
                }
            }
            None => {
                if let Some(cursor) = &pagination.next_cursor {
                    links.push(("next", link("after", cursor)));
                }
            }
        }
        Links(links)
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (rel, target)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}<{target}>; rel=\"{rel}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn counts_once_per_list_and_version() {
        let totals = TotalCache::default();
        let count = |list: &str, version, total| {
            let (totals, list) = (totals.clone(), list.to_owned());
            async move { totals.get_or_count(list, version, async move { Ok(total) }).await.expect("a total") }
        };
        assert_eq!(count("posts", 1, 5).await, 5);
        assert_eq!(count("posts", 1, 6).await, 5);
        assert_eq!(count("posts", 2, 6).await, 6);
        assert_eq!(count("drafts", 2, 7).await, 7);
        assert_eq!(count("posts", 2, 8).await, 6);
        let long = "x".repeat(TotalCache::MAX_KEY + 1);
        assert_eq!((count(&long, 2, 1).await, count(&long, 2, 2).await), (1, 2));
        for number in 0..TotalCache::CAPACITY {
            count(&number.to_string(), 2, 0).await;
        }
        assert!(totals.0.lock().len() <= TotalCache::CAPACITY);
    }

    #[test]
    fn links_repeat_the_filters() {
        let pagination = Pagination {
            page: Some(2),
            limit: 5,
            total: Some(20),
            pages: Some(4),
            next_cursor: Some("c".into()),
        };
        let links = Links::new(&pagination, "/api/posts?tag=rust&page=2&limit=5").to_string();
        assert_eq!(
            links,
            "</api/posts?tag=rust&limit=5&page=1>; rel=\"first\", </api/posts?tag=rust&limit=5&page=1>; rel=\"prev\", \
             </api/posts?tag=rust&limit=5&page=3>; rel=\"next\", </api/posts?tag=rust&limit=5&page=4>; rel=\"last\""
        );
    }

    #[test]
    fn links_of_a_list_without_a_query_have_only_the_page() {
        let pagination = Pagination { page: Some(1), limit: 5, ..Pagination::default() };
        for target in ["/api/posts", "/api/posts?", "/api/posts?page=3", "/api/posts?&after=x"] {
            assert_eq!(Links::new(&pagination, target).to_string(), "</api/posts?page=1>; rel=\"first\"");
        }
    }
}
