//! Request and response bodies of customers.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        names::names_type,
        text::{Email, Line, MediaUrl, SearchTerms},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
};

names_type! {
    /// The sort order of customers.
    pub struct CustomerSort {
        names: ["name", "email", "createdAt"],
        signed: true,
        max: 3,
        example: "name,-createdAt",
    }

    /// The fields of customers in lists.
    pub struct CustomerFields {
        names: ["id", "name", "email", "imageUrl", "invoicesCount", "createdAt", "updatedAt"],
        signed: false,
        max: 7,
        example: "id,name,email",
    }
}

/// A customer.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// The id of the customer. It never changes.
    pub id: Id<Customer>,
    /// The name on invoices.
    pub name: Line<100>,
    /// The e-mail address in lower case. Unique.
    pub email: Email,
    /// The URL of an image, or its path on the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<MediaUrl>,
    /// The number of invoices of the customer, regardless of their status.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub invoices_count: i64,
    /// When the customer was created.
    pub created_at: Timestamp,
    /// When the customer was last updated.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Customer {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::from_parts(&[&self.id.to_string(), &self.version.to_string(), &self.invoices_count.to_string()])
    }
    fn location(&self) -> String {
        format!("/api/v2/customers/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// A customer in a list, with the fields that the parameter `fields` names.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSummary {
    /// The id of the customer. It never changes.
    pub id: Id<Customer>,
    /// The name on invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Line<100>>,
    /// The e-mail address in lower case. Unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The URL of an image, or its path on the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<MediaUrl>,
    /// The number of invoices of the customer, regardless of their status.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoices_count: Option<i64>,
    /// When the customer was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the customer was last updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// The customer of another resource.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRef {
    /// The customer's id.
    pub id: Id<Customer>,
    /// The name on invoices.
    pub name: Line<100>,
    /// The e-mail address.
    pub email: Email,
    /// The URL of an image, or its path on the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<MediaUrl>,
}

/// A customer to create, or the new state of a customer.
#[derive(Debug, Clone, Object, Serialize, macros::MergePatch)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerInput {
    /// The name on invoices: one line. Leading and trailing white space is removed.
    pub name: Line<100>,
    /// The e-mail address. Stored in lower case.
    pub email: Email,
    /// The URL of an image (`https://…`), or its path on the site (`/…`).
    pub image_url: Option<MediaUrl>,
}

/// Filters, order, fields and page of a list of customers.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only the customer with this e-mail address. Case is ignored.
    pub email: Option<Email>,
    /// Only customers that were created at this time or later.
    #[oai(rename = "createdAt[gte]")]
    pub created_from: Option<Timestamp>,
    /// Only customers that were created before this time.
    #[oai(rename = "createdAt[lt]")]
    pub created_before: Option<Timestamp>,
    /// Search terms that the name or the e-mail address contains. Case and accents are ignored.
    pub q: Option<SearchTerms>,
    /// The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
    pub sort: Option<CustomerSort>,
    /// The fields to return in addition to the id, separated by commas. The default is all.
    pub fields: Option<CustomerFields>,
}

impl CustomerQuery {
    /// Returns whether a field is requested.
    pub fn includes(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.split(',').any(|field| field == name))
    }
}
