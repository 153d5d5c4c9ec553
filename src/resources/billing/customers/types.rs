//! Request and response bodies of customers.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
};

/// A customer.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// The id of the customer. It never changes.
    pub id: Id<Customer>,
    /// The name on invoices.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The e-mail address in lower case. Unique.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The URL of an image, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
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
    #[oai(validator(min_length = "1", max_length = "100"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The e-mail address in lower case. Unique.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The URL of an image, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
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
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The e-mail address.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The URL of an image, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
}

/// A customer to create, or the new state of a customer.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewCustomer {
    /// The name on invoices: one line. Leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// The e-mail address. Stored in lower case.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The URL of an image (`https://…`), or its path on the site (`/…`).
    #[oai(validator(
        pattern = "^(https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*|/[^\\u0000-\\u0020\"<>\\\\^`{|}/][^\\u0000-\\u0020\"<>\\\\^`{|}]*)$",
        min_length = "2",
        max_length = "2000"
    ))]
    pub image_url: Option<String>,
}

/// A merge patch of a customer: omitted fields stay unchanged, `null` clears a field.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerPatch {
    /// The name on invoices: one line. Leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// The e-mail address. Stored in lower case.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// The URL of an image (`https://…`), or its path on the site (`/…`). `null` clears it.
    #[oai(validator(
        pattern = "^(https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*|/[^\\u0000-\\u0020\"<>\\\\^`{|}/][^\\u0000-\\u0020\"<>\\\\^`{|}]*)$",
        min_length = "2",
        max_length = "2000"
    ))]
    pub image_url: Patch<String>,
}

/// Filters, order, fields and page of a list of customers.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only the customer with this e-mail address. Case is ignored.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// Only customers that were created at this time or later.
    #[oai(rename = "createdAt[gte]")]
    pub created_from: Option<Timestamp>,
    /// Only customers that were created before this time.
    #[oai(rename = "createdAt[lt]")]
    pub created_before: Option<Timestamp>,
    /// Search terms that the name or the e-mail address contains. Case and accents are ignored.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
    #[oai(validator(
        pattern = "^-?(name|email|createdAt)(,-?(name|email|createdAt)){0,2}$",
        min_length = "4",
        max_length = "30"
    ))]
    pub sort: Option<String>,
    /// The fields to return in addition to the id, separated by commas. The default is all.
    #[oai(validator(
        pattern = "^(id|name|email|imageUrl|invoicesCount|createdAt|updatedAt)(,(id|name|email|imageUrl|invoicesCount|createdAt|updatedAt)){0,6}$",
        min_length = "2",
        max_length = "80"
    ))]
    pub fields: Option<String>,
}

impl CustomerQuery {
    /// Returns whether a field is requested.
    pub fn includes(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.split(',').any(|field| field == name))
    }
}
