//! The paths of the API, which have precedence over redirects.
use super::{operation::Operation, router::Router};

/// The path templates of the operations, and the paths of the server's own pages.
#[derive(Default)]
pub struct OperationPaths {
    router: Router,
    templates: Vec<String>,
}

impl OperationPaths {
    pub fn new(operations: &[Operation], pages: Vec<String>) -> Self {
        let mut paths = OperationPaths::default();
        for operation in operations {
            paths.add(operation.path.to_owned(), operation.many_segments);
        }
        for page in pages {
            paths.add(page, false);
        }
        paths
    }

    fn add(&mut self, template: String, many_segments: bool) {
        self.router.add(&template, many_segments, self.templates.len());
        self.templates.push(template);
    }

    /// Returns the template that a request path matches.
    pub fn template(&self, path: &str) -> Option<&str> {
        let found = self.router.find(path)?;
        self.templates.get(found.index).map(String::as_str)
    }
}
