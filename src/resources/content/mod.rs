//! Content: posts, comments, tags, documents, media and their revisions.
pub mod comments;
pub mod documents;
pub mod media;
pub mod posts;
pub mod revisions;
pub mod tags;
pub mod trash;
