//! tmp
mod violation;
pub use violation::{ErrorCode, MAX_VIOLATIONS, Place, Violation, in_order};
