//! Evil Rabbit, who buys tables, told the same way throughout the document.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{Customer, CustomerPatch, CustomerQuery, CustomerRef, NewCustomer};
use crate::contract::{id::Id, page::Paging, patch::Given, time::Timestamp};

const RABBIT: &str = "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f";
const NAME: &str = "Evil Rabbit";
const EMAIL: &str = "evil@rabbit.acme.test";
const PICTURE: &str = "/customers/evil-rabbit.png";

pub fn rabbit() -> Id<Customer> {
    RABBIT.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

impl Example for Customer {
    fn example() -> Self {
        Customer {
            id: rabbit(),
            name: NAME.into(),
            email: EMAIL.into(),
            image_url: Some(PICTURE.into()),
            invoices_count: 1,
            created_at: Timestamp(1_763_629_200_000),
            updated_at: Timestamp(1_763_715_600_000),
            version: 1,
        }
    }
}

impl Example for CustomerRef {
    fn example() -> Self {
        CustomerRef { id: rabbit(), name: NAME.into(), email: EMAIL.into(), image_url: Some(PICTURE.into()) }
    }
}

impl Example for NewCustomer {
    fn example() -> Self {
        NewCustomer { name: NAME.into(), email: EMAIL.into(), image_url: Some(PICTURE.into()) }
    }
}

impl Example for CustomerPatch {
    fn example() -> Self {
        CustomerPatch {
            name: Some("The Evil Rabbit".into()),
            email: Some(EMAIL.into()),
            image_url: Given::Value(PICTURE.into()),
        }
    }
}

impl Example for CustomerQuery {
    fn example() -> Self {
        CustomerQuery { paging: Paging::example(), q: Some("rabbit".into()), sort: Some("name".into()) }
    }
}
