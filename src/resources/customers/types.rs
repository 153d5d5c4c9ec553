//! How a customer looks on the wire.
use poem_openapi::Object;
use serde::Serialize;

use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, patch::Given, time::Timestamp,
};

/// A customer as a whole.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// What the customer is known by for good.
    pub id: Id<Customer>,
    /// The name that stands on invoices.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The e-mail address, in lower case; unique.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The address of a picture, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// How many invoices the customer has, in whatever state.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub invoices_count: i64,
    /// When the customer was first written down.
    pub created_at: Timestamp,
    /// When the customer was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Customer {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of_parts(&[&self.id.to_string(), &self.version.to_string(), &self.invoices_count.to_string()])
    }
    fn location(&self) -> String {
        format!("/api/v2/customers/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// A customer in a list: `fields` says which members come along.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSummary {
    /// What the customer is known by for good.
    pub id: Id<Customer>,
    /// The name that stands on invoices.
    #[oai(validator(min_length = "1", max_length = "100"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The e-mail address, in lower case; unique.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The address of a picture, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// How many invoices the customer has, in whatever state.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoices_count: Option<i64>,
    /// When the customer was first written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the customer was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A customer, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRef {
    /// The customer's id.
    pub id: Id<Customer>,
    /// The name that stands on invoices.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The e-mail address.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The address of a picture, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
}

/// A customer to be written down, or as one shall be from now on.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewCustomer {
    /// The name that stands on invoices, on one line; spaces around it are dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// The e-mail address. Its case does not matter.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The address of a picture (`https://…`), or its path on the site (`/…`).
    #[oai(validator(
        pattern = "^(https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*|/[^\\u0000-\\u0020\"<>\\\\^`{|}/][^\\u0000-\\u0020\"<>\\\\^`{|}]*)$",
        min_length = "2",
        max_length = "2000"
    ))]
    pub image_url: Option<String>,
}

/// What of a customer shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerPatch {
    /// The name that stands on invoices, on one line; spaces around it are dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// The e-mail address. Its case does not matter.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// The address of a picture (`https://…`), or its path on the site (`/…`); `null` clears it.
    #[oai(validator(
        pattern = "^(https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*|/[^\\u0000-\\u0020\"<>\\\\^`{|}/][^\\u0000-\\u0020\"<>\\\\^`{|}]*)$",
        min_length = "2",
        max_length = "2000"
    ))]
    pub image_url: Given<String>,
}

/// Which customers are listed, in which order, and what of them.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// The customer with this e-mail address, whatever its case.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// Customers that were written down at this time or later.
    #[oai(rename = "createdAt[gte]")]
    pub created_from: Option<Timestamp>,
    /// Customers that were written down before this time.
    #[oai(rename = "createdAt[lt]")]
    pub created_before: Option<Timestamp>,
    /// Words that the name or the e-mail address contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order: names of members between commas, each with `-` for falling. Equal customers follow by id.
    #[oai(validator(
        pattern = "^-?(name|email|createdAt)(,-?(name|email|createdAt)){0,2}$",
        min_length = "4",
        max_length = "30"
    ))]
    pub sort: Option<String>,
    /// Which members come along beside the id, between commas; left out: all.
    #[oai(validator(
        pattern = "^(id|name|email|imageUrl|invoicesCount|createdAt|updatedAt)(,(id|name|email|imageUrl|invoicesCount|createdAt|updatedAt)){0,6}$",
        min_length = "2",
        max_length = "80"
    ))]
    pub fields: Option<String>,
}

impl CustomerQuery {
    /// Whether a member is told.
    pub fn tells(&self, member: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.split(',').any(|field| field == member))
    }
}
