//! Operations on customers.
use macros::operations;

use super::{
    service::Customers,
    types::{Customer, CustomerInput, CustomerPatch, CustomerQuery, CustomerSummary},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Accountants, Caller},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, NotFound, PreconditionFailed, PreconditionRequired,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, UpdateResponse},
    },
};

pub struct CustomersApi(pub Customers);

type UpdateStatuses = (NotFound, PreconditionFailed, PreconditionRequired, Conflict);

#[operations(prefix_path = "/api/v2/customers", tag = "super::TAG")]
impl CustomersApi {
    /// List customers by name
    ///
    /// Each customer includes the number of its invoices, unless `fields` omits it.
    #[oai(path = "/", method = "get", operation_id = "customersList")]
    #[operation(search = "q")]
    async fn list(
        &self,
        _accountant: Caller<Accountants>,
        query: Query<CustomerQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<CustomerSummary>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(self.0.list(&query).await?, &etag, &query.target, CacheControl::Private))
    }

    /// Create a customer
    ///
    /// The e-mail address must be unique (409).
    #[oai(path = "/", method = "post", operation_id = "customersCreate")]
    async fn create(
        &self,
        _accountant: Caller<Accountants>,
        key: IdempotencyKey,
        new: JsonBody<CustomerInput>,
    ) -> Result<CreateResponse<Customer>, ApiError<CreateErrors>> {
        Ok(CreateResponse::new(self.0.create(new.0, key.0).await?))
    }

    /// Get a customer
    ///
    /// The customer includes the number of its invoices.
    #[oai(path = "/:id", method = "get", operation_id = "customersGet")]
    async fn get(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Customer>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(id.0).await?, &if_none_match.0))
    }

    /// Replace a customer
    ///
    /// Fields that are omitted are cleared.
    #[oai(path = "/:id", method = "put", operation_id = "customersReplace")]
    async fn replace(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        if_match: IfMatch,
        new: JsonBody<CustomerInput>,
    ) -> Result<UpdateResponse<Customer>, ApiError<UpdateStatuses>> {
        Ok(UpdateResponse::new(self.0.replace(id.0, new.0, if_match.0).await?))
    }

    /// Update a customer
    ///
    /// The body is a JSON merge patch (RFC 7396). Invoices show the new name at once.
    #[oai(path = "/:id", method = "patch", operation_id = "customersUpdate")]
    async fn update(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        if_match: IfMatch,
        patch: MergePatch<CustomerPatch>,
    ) -> Result<UpdateResponse<Customer>, ApiError<UpdateStatuses>> {
        Ok(UpdateResponse::new(self.0.update(id.0, patch.0, if_match.0).await?))
    }

    /// Delete a customer
    ///
    /// A customer with invoices cannot be deleted (409).
    #[oai(path = "/:id", method = "delete", operation_id = "customersDelete")]
    async fn delete(
        &self,
        _accountant: Caller<Accountants>,
        /// The customer's id.
        id: Path<Id<Customer>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<UpdateStatuses>> {
        self.0.delete(id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
