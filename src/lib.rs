//! The whole system on one page.
pub mod api; //        the contract assembled: every resource, one OpenAPI document
pub mod app; //        the service put together: ports, then services
pub mod cli; //        the command line: serve, migrate, import, user, key, openapi
pub mod config; //     every setting, with its default and its meaning
pub mod contract; //   the words every resource speaks: answers, pages, tags, problems, callers
pub mod edge; //       what every request passes before and after its operation
pub mod import; //     Markdown files into posts and documents
pub mod jobs; //       what happens after an answer: a file for each kind, and the loop
pub mod ports; //      the doors to the outside: database, clock, limiter
pub mod resources; //  one folder per resource
