//! Tenon: a multi-user content and billing backend with an HTTP API.
pub mod api; //        the list of resources, and the OpenAPI document made from it
pub mod app; //        wiring: configuration, infrastructure, services
pub mod cli; //        the command line: serve, migrate, import, user, key, openapi
pub mod config; //     typed settings with defaults and descriptions
pub mod contract; //   HTTP vocabulary: responses, pagination, entity tags, problems, authentication, validation
pub mod edge; //       HTTP server: connections, limits, timeouts, dispatch, access log
pub mod import; //     import of Markdown files as posts and documents
pub mod jobs; //       background worker: job handlers and schedules
pub mod pictures; //   image decoding, sanitizing and resizing
pub mod ports; //      infrastructure: database, job queue, event log, blobs, HTTP client, rate limiter
pub mod resources; //  one folder for each resource
