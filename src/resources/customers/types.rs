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
    /// The name that stands on invoices; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub name: String,
    /// The e-mail address. Its case does not matter.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The address of a picture, or its path on the site.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    pub image_url: Option<String>,
}

/// What of a customer shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerPatch {
    /// The name that stands on invoices; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub name: Option<String>,
    /// The e-mail address. Its case does not matter.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// The address of a picture, or its path on the site; `null` clears it.
    #[oai(validator(pattern = "^(https?:/)?/[^\\u0000-\\u0020]+$", min_length = "2", max_length = "2000"))]
    pub image_url: Given<String>,
}

/// Which customers are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CustomerQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Words that the name or the e-mail address contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order, with `-` for falling. Equal customers follow by id.
    #[oai(validator(pattern = "^-?(name|email|createdAt)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}
