//! One folder per resource.
