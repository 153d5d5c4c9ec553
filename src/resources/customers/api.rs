//! What clients can do with customers.
use poem_openapi::OpenApi;

use super::{
    service::Customers,
    types::{Customer, CustomerPatch, CustomerQuery, CustomerSummary, NewCustomer},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed},
        cache::Cache,
        caller::{Accountants, Caller},
        id::Id,
        problem::{Conflict, Fault, Invalid, NotFound, Once, Stale, Unconditional},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
};

pub struct CustomersApi(pub Customers);

type Kept = (NotFound, Stale, Unconditional, Conflict);

#[OpenApi(prefix_path = "/api/v2/customers", tag = "Tag::Customers")]
impl CustomersApi {
    /// List customers by name
    ///
    /// With the number of their invoices, unless `fields` leaves it out.
    #[oai(path = "/", method = "get", operation_id = "customersList")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        query: Query<CustomerQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<CustomerSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(&query).await?, &etag, &query.target, Cache::Private))
    }

    /// Write down a customer
    ///
    /// One e-mail address is one customer (409).
    #[oai(path = "/", method = "post", operation_id = "customersCreate")]
    async fn create(
        &self,
        _accountant: Caller<Accountants>,
        key: IdempotencyKey,
        new: Body<NewCustomer>,
    ) -> Result<Created<Customer>, Fault<Once>> {
        Ok(Created::new(self.0.create(new.0, key.0).await?))
    }

    /// Read a customer
    ///
    /// With the number of their invoices.
    #[oai(path = "/:id", method = "get", operation_id = "customersRead")]
    async fn read(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        known: IfNoneMatch,
    ) -> Result<Found<Customer>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(id.0).await?, &known.0))
    }

    /// Replace a customer
    ///
    /// What is left out is cleared.
    #[oai(path = "/:id", method = "put", operation_id = "customersReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        when: IfMatch,
        new: Body<NewCustomer>,
    ) -> Result<Changed<Customer>, Fault<Kept>> {
        Ok(Changed::new(self.0.replace(id.0, new.0, when.0).await?))
    }

    /// Change a customer
    ///
    /// A merge patch (RFC 7396). Invoices show the new name at once.
    #[oai(path = "/:id", method = "patch", operation_id = "customersPatch")]
    async fn patch(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        when: IfMatch,
        patch: Patch<CustomerPatch>,
    ) -> Result<Changed<Customer>, Fault<Kept>> {
        Ok(Changed::new(self.0.patch(id.0, patch.0, when.0).await?))
    }

    /// Delete a customer
    ///
    /// Whoever has invoices stays (409).
    #[oai(path = "/:id", method = "delete", operation_id = "customersRemove")]
    async fn remove(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Kept>> {
        self.0.remove(id.0, when.0).await?;
        Ok(Gone::new())
    }
}
