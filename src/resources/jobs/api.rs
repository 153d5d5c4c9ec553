//! What clients can do with jobs.
use poem_openapi::OpenApi;

use super::{
    service::Jobs,
    types::{Job, JobQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Accepted, Found, Listed},
        cache::Cache,
        caller::{Admins, Caller},
        id::Id,
        problem::{Conflict, Fault, Invalid, NotFound},
        request::{IfNoneMatch, Path, Query},
    },
};

pub struct JobsApi(pub Jobs);

#[OpenApi(prefix_path = "/api/jobs", tag = "Tag::Jobs")]
impl JobsApi {
    /// List jobs, newest first
    ///
    /// Done ones are kept for three days, dead ones for thirty.
    #[oai(path = "/", method = "get", operation_id = "jobsList")]
    async fn list(
        &self,
        _caller: Caller<Admins>,
        query: Query<JobQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Job>, Fault<Invalid>> {
        Ok(Listed::fresh(self.0.list(&query).await?, &known.0, &query.target, Cache::Private))
    }

    /// Read a job
    ///
    /// How far it is, and why the last try failed.
    #[oai(path = "/:id", method = "get", operation_id = "jobsRead")]
    async fn read(
        &self,
        _caller: Caller<Admins>,
        /// The job's id.
        id: Path<Id<Job>>,
        known: IfNoneMatch,
    ) -> Result<Found<Job>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(id.0).await?, &known.0))
    }

    /// Do a job again
    ///
    /// One that is dead or done; all jobs can be done twice without harm.
    #[oai(path = "/:id/retry", method = "post", operation_id = "jobsRetry")]
    async fn retry(
        &self,
        _caller: Caller<Admins>,
        /// The job's id.
        id: Path<Id<Job>>,
    ) -> Result<Accepted<Job>, Fault<(NotFound, Conflict)>> {
        Ok(Accepted::new(self.0.retry(id.0).await?))
    }
}
