//! Operations on background jobs.
use macros::operations;

use super::{
    service::Jobs,
    types::{Job, JobQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Admins, Caller},
        cache_control::CacheControl,
        extract::{IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, Conflict, NotFound},
        response::{AcceptedResponse, GetResponse, ListResponse},
    },
};

pub struct JobsApi(pub Jobs);

#[operations(prefix_path = "/api/jobs", tag = "super::TAG")]
impl JobsApi {
    /// List background jobs
    ///
    /// Newest first. Done jobs are stored for 3 days, dead jobs for 30 days.
    #[oai(path = "/", method = "get", operation_id = "jobsList")]
    async fn list(
        &self,
        _caller: Caller<Admins>,
        query: Query<JobQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Job>, ApiError<BadRequest>> {
        Ok(ListResponse::with_content_etag(
            self.0.list(&query).await?,
            &if_none_match.0,
            &query.target,
            CacheControl::Private,
        ))
    }

    /// Get a background job
    ///
    /// Returns the state of the job and the error of its last attempt.
    #[oai(path = "/:id", method = "get", operation_id = "jobsGet")]
    async fn get(
        &self,
        _caller: Caller<Admins>,
        /// The id of the job.
        id: Path<Id<Job>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Job>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(id.0).await?, &if_none_match.0))
    }

    /// Retry a background job
    ///
    /// Enqueues a job that is `dead` or `done` again. All jobs are idempotent.
    #[oai(path = "/:id/retry", method = "post", operation_id = "jobsRetry")]
    async fn retry(
        &self,
        _caller: Caller<Admins>,
        /// The id of the job.
        id: Path<Id<Job>>,
    ) -> Result<AcceptedResponse<Job>, ApiError<(NotFound, Conflict)>> {
        Ok(AcceptedResponse::new(self.0.retry(id.0).await?))
    }
}
