//! The fuzz targets: one function for each parser of untrusted input. Each checks a property of the parser, and panics
//! if it does not hold. `cargo fuzz` runs them with libFuzzer, and `tests/fuzz.rs` with generated input.
mod cookies;
mod cursors;
mod entity_tags;
mod front_matter;
mod input;
mod json;
mod multipart;
mod parameters;
mod ranges;
mod redirects_file;
mod signatures;
mod tokens;

pub use self::{
    cookies::cookies, cursors::cursors, entity_tags::entity_tags, front_matter::front_matter, json::json,
    multipart::multipart, parameters::parameters, ranges::ranges, redirects_file::redirects_file,
    signatures::signatures, tokens::tokens,
};
