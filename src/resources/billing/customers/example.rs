//! Examples for the OpenAPI document: the customer Evil Rabbit.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{Customer, CustomerInput, CustomerQuery, CustomerRef, CustomerSummary};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
};

const CUSTOMER_ID: &str = "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f";
const NAME: &str = "Evil Rabbit";
const EMAIL: &str = "evil@rabbit.acme.test";
const IMAGE_URL: &str = "/customers/evil-rabbit.png";

/// Returns the id of the example customer.
pub fn example_id() -> Id<Customer> {
    CUSTOMER_ID.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

impl Example for Customer {
    fn example() -> Self {
        Customer {
            id: example_id(),
            name: NAME.into(),
            email: EMAIL.into(),
            image_url: Some(IMAGE_URL.into()),
            invoices_count: 1,
            created_at: Timestamp(1_763_629_200_000),
            updated_at: Timestamp(1_763_715_600_000),
            version: 1,
        }
    }
}

impl Example for CustomerSummary {
    fn example() -> Self {
        let Customer { id, name, email, image_url, invoices_count, created_at, updated_at, .. } =
            Customer::example();
        CustomerSummary {
            id,
            name: Some(name),
            email: Some(email),
            image_url,
            invoices_count: Some(invoices_count),
            created_at: Some(created_at),
            updated_at: Some(updated_at),
        }
    }
}

impl Example for CustomerRef {
    fn example() -> Self {
        CustomerRef {
            id: example_id(),
            name: NAME.into(),
            email: EMAIL.into(),
            image_url: Some(IMAGE_URL.into()),
        }
    }
}

impl Example for CustomerInput {
    fn example() -> Self {
        CustomerInput { name: NAME.into(), email: EMAIL.into(), image_url: Some(IMAGE_URL.into()) }
    }
}

impl Example for CustomerQuery {
    fn example() -> Self {
        CustomerQuery {
            paging: PageParams::example(),
            email: Some(EMAIL.into()),
            created_from: "2026-01-01T00:00:00Z".parse().ok(),
            created_before: "2027-01-01T00:00:00Z".parse().ok(),
            q: Some("rabbit".into()),
            sort: Some("name,-createdAt".into()),
            fields: Some("id,name,email".into()),
        }
    }
}
