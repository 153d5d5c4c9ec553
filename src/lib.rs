//! Tenon: a backend for front-end teams. Each module depends only on modules below it.
pub mod api; //        the list of resources
pub mod app; //        construction of the services from the settings
pub mod backup; //     backups of the database and of the images
pub mod cli; //        command-line interface
pub mod config; //     typed settings
pub mod domain; //     value types without HTTP or SQL
pub mod http; //       HTTP types of handlers: responses, problems, pagination, authentication
pub mod images; //     decoding, normalization and resizing of images
pub mod import; //     import of Markdown and JSON files
pub mod infra; //      database, queue, event log, blobs, HTTP client, GeoIP, rate limiter, clock
pub mod openapi; //    the OpenAPI document
pub mod resources; //  one folder per resource
pub mod schema; //     JSON Schema validation of requests
pub mod server; //     connections, limits, dispatch, compression, access log
pub mod worker; //     the job loop and the schedules
