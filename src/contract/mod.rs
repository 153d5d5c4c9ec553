//! The words every resource speaks.
