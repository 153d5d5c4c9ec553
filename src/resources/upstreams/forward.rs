//! One request to an upstream: what goes out, and what of its answer comes in. Fields of the caller stay here, but for
//! the id of its request, and so do those of the upstream.
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    service::Upstreams,
    types::{Destination, Question, Relayed},
};
use crate::{
    contract::{
        check,
        problem::{Error, Result},
    },
    ports::outgoing::{Answer, Field, Refused},
};

const JSON: &str = "application/json";

impl Upstreams {
    /// The JSON that the upstream answers with.
    pub(super) async fn forward(
        &self,
        to: &Destination,
        question: &Question,
        body: Option<Relayed>,
    ) -> Result<Box<RawValue>> {
        let body = body.map(|body| Bytes::from(String::from(Box::<str>::from(body.0))));
        let fields = fields(to, question, body.is_some());
        let answer = self.outgoing.request(&address(to, question), &fields, body).await;
        let answer = answer.map_err(|refused| told(&to.name, &refused))?;
        taken(&to.name, answer)
    }
}

fn address(to: &Destination, question: &Question) -> String {
    let query = question.query.query.iter().filter(|query| !query.is_empty());
    let query: String = query.map(|query| format!("?{query}")).collect();
    format!("{}/{}{query}", to.base, question.path)
}

fn fields<'a>(to: &'a Destination, question: &'a Question, body: bool) -> Vec<Field<'a>> {
    let mut fields = vec![("accept", JSON), ("x-request-id", question.trace.as_str())];
    fields.extend(body.then_some(("content-type", JSON)));
    fields.extend(to.authorization.as_ref().map(|secret| ("authorization", secret.expose().as_str())));
    fields
}

/// What a caller is told of an upstream that gave no answer; addresses go to the log alone.
fn told(name: &str, refused: &Refused) -> Error {
    tracing::warn!(upstream = name, cause = %refused, "an upstream gave no answer");
    let words = match refused {
        Refused::Slow(..) => {
            return Error::GatewayTimeout(format!("the upstream {name} gave no whole answer in time"));
        }
        Refused::Field(field) => {
            return Error::Internal(format!("the field {field} cannot be sent to the upstream {name}"));
        }
        Refused::Private(..) | Refused::Open | Refused::Url(_) => "is at an address that may not be asked",
        Refused::Long(..) => "answered with more than 1 MiB",
        Refused::Encoded(_) => "answered in a content coding that nobody asked for",
        Refused::Broken(..) => "gave no whole answer",
        Refused::Unknown(_) | Refused::Closed(..) | Refused::Tls(..) => "cannot be reached",
    };
    Error::BadGateway(format!("the upstream {name} {words}"))
}

/// The JSON of an answer that is a success and nothing else.
fn taken(name: &str, answer: Answer) -> Result<Box<RawValue>> {
    let status = answer.status;
    let refused =
        |words: &str| Err(Error::BadGateway(format!("the upstream {name} answered with {status}{words}")));
    if !(200..300).contains(&status) {
        return refused("");
    }
    if answer.body.is_empty() {
        return refused(", but with nothing");
    }
    if answer.content_type != JSON {
        return refused(", but not with application/json");
    }
    // Read strictly, so that nobody behind reads another thing in it.
    let sound = check::parse(&answer.body).is_ok();
    let text = String::from_utf8(answer.body).ok().filter(|_| sound);
    match text.and_then(|text| serde_json::from_str::<Box<RawValue>>(&text).ok()) {
        Some(json) => Ok(json),
        None => refused(", but with JSON that cannot be read"),
    }
}
