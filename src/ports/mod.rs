//! The doors to the outside. Each is one enum or struct: the choice is visible, the calls are static.
