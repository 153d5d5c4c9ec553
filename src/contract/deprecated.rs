//! Operations that are on their way out say so on every answer (RFC 9745, RFC 8594), and where to go instead.
use std::marker::PhantomData;

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use super::time::Timestamp;

/// What an old operation says of its end.
pub trait Schedule: Send + Sync + 'static {
    /// Since when it is deprecated, in milliseconds.
    const DEPRECATED: i64;
    /// When it stops answering, not before `DEPRECATED`.
    const SUNSET: i64;
    /// The address of what follows it.
    const SUCCESSOR: &'static str;
}

/// An answer of an old operation: the same with `Deprecation`, `Sunset` and a `Link` to the successor.
pub struct Deprecated<A, S>(pub A, PhantomData<fn() -> S>);

impl<A, S> Deprecated<A, S> {
    pub fn new(answer: A) -> Self {
        Deprecated(answer, PhantomData)
    }
}

impl<A: ApiResponse, S: Schedule> ApiResponse for Deprecated<A, S> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            for name in ["Deprecation", "Sunset", "Link"] {
                if response.headers.iter().all(|header| header.name != name) {
                    response.headers.push(MetaHeader {
                        name: name.to_owned(),
                        description: None,
                        required: true,
                        deprecated: false,
                        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
                    });
                }
            }
        }
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse, S: Schedule> IntoResponse for Deprecated<A, S> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        let fields = [
            ("deprecation", format!("@{}", S::DEPRECATED / 1000)),
            ("sunset", Timestamp(S::SUNSET).http_date()),
        ];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if let Ok(link) = HeaderValue::from_str(&format!("<{}>; rel=\"successor-version\"", S::SUCCESSOR)) {
            headers.append(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::answer::Gone;

    struct Old;
    impl Schedule for Old {
        const DEPRECATED: i64 = 1_795_251_600_000;
        const SUNSET: i64 = 1_826_787_600_000;
        const SUCCESSOR: &'static str = "/api/v2/things";
    }

    #[test]
    fn an_old_answer_says_when_it_ends_and_where_to_go() {
        let response = Deprecated::<_, Old>::new(Gone::new()).into_response();
        assert_eq!(response.header("deprecation"), Some("@1795251600"));
        assert_eq!(response.header("sunset"), Some("Sun, 21 Nov 2027 09:00:00 GMT"));
        assert_eq!(response.header("link"), Some("</api/v2/things>; rel=\"successor-version\""));
        let declared: Vec<String> = Deprecated::<Gone, Old>::meta().responses[0]
            .headers
            .iter()
            .map(|header| header.name.clone())
            .collect();
        assert_eq!(declared, ["Cache-Control", "Deprecation", "Sunset", "Link"]);
    }
}
