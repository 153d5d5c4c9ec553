//! JSON Schema validation: bodies and parameters are validated against the schemas of the OpenAPI document,
//! and all violations are reported at once.
mod coerce;
mod compile;
mod format;
mod json;
mod keyword;
mod number;
mod params;
mod pattern;
mod place;
mod query;
mod schema;
#[cfg(test)]
mod tests;
mod violation;
mod walk;
mod words;

pub use compile::Compiler;
pub use json::{JsonError, MAX_DEPTH, parse};
pub use params::Params;
pub use query::{MAX_PARAMETERS, MAX_QUERY, decode};
pub use schema::Schema;
pub use violation::{ErrorCode, MAX_VIOLATIONS, Place, Violation, in_order};
pub use words::words;
