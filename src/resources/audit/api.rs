//! Operations on the audit log.
use macros::operations;

use super::{
    service::Audit,
    types::{AuditEntry, AuditQuery},
};
use crate::http::{
    auth::{Admins, Caller},
    cache_control::CacheControl,
    extract::{IfNoneMatch, Query},
    problem::{ApiError, BadRequest},
    response::ListResponse,
};

pub struct AuditApi(pub Audit);

#[operations(prefix_path = "/api/audit", tag = "super::TAG")]
impl AuditApi {
    /// List audit entries
    ///
    /// Newest first. An entry is appended in the transaction of the change that it describes. Old entries are deleted
    /// after `audit_retention_days`.
    #[oai(path = "/", method = "get", operation_id = "auditList")]
    async fn list(
        &self,
        _caller: Caller<Admins>,
        query: Query<AuditQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<AuditEntry>, ApiError<BadRequest>> {
        Ok(ListResponse::with_content_etag(
            self.0.list(&query).await?,
            &if_none_match.0,
            &query.target,
            CacheControl::Private,
        ))
    }
}
