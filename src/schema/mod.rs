//! JSON Schema validation: bodies and parameters are validated against the schemas of the OpenAPI document,
//! and all violations are reported at once.
mod coerce;
mod compile;
mod format;
mod json;
mod keywords;
mod messages;
mod node;
mod number;
mod params;
mod pattern;
mod pointer;
mod query;
#[cfg(test)]
mod tests;
mod validate;
mod violation;

pub use compile::Compiler;
pub use json::{JsonError, MAX_DEPTH, parse};
pub use messages::pattern_message;
pub use node::Schema;
pub use params::Params;
pub use query::{MAX_PARAMETERS, MAX_QUERY, form_decode};
pub use violation::{ErrorCode, Location, MAX_VIOLATIONS, Violation, counted, sorted};
