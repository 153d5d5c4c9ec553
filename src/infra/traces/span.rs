//! Spans: timed operations of a trace.
use std::{borrow::Cow, time::Instant};

use super::{Tracer, context::SpanContext};
use crate::infra::clock::system_time;

/// Maximum characters of the value of an attribute.
const MAX_TEXT: usize = 2048;

/// The role of a span, with the numbers of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Text(Cow<'static, str>),
    Number(i64),
}

impl From<&'static str> for Attribute {
    fn from(text: &'static str) -> Self {
        Attribute::Text(text.into())
    }
}

impl From<String> for Attribute {
    fn from(mut text: String) -> Self {
        if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(end);
        }
        Attribute::Text(text.into())
    }
}

impl From<u16> for Attribute {
    fn from(number: u16) -> Self {
        Attribute::Number(number.into())
    }
}

/// A span that has ended. Times are nanoseconds since 1970.
#[derive(Debug)]
pub struct FinishedSpan {
    pub context: SpanContext,
    pub parent: Option<u64>,
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub failed: bool,
}

/// The current span of a task. Its descendants are created from it.
#[derive(Debug, Clone)]
pub struct Trace {
    pub(super) tracer: Tracer,
    pub context: SpanContext,
}

impl Trace {
    /// Starts a span below this one.
    pub fn child(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
        let context = SpanContext { span_id: self.tracer.new_span_id(), ..self.context.clone() };
        Span::start(self.tracer.clone(), context, Some(self.context.span_id), name.into(), kind)
    }
}

/// A span that has not ended. It ends when it is dropped, so a cancelled operation has a span too. If the trace is not
/// sampled, it stores nothing.
#[derive(Debug)]
pub struct Span {
    tracer: Tracer,
    started: Instant,
    span: FinishedSpan,
}

impl Span {
    pub(super) fn start(
        tracer: Tracer,
        context: SpanContext,
        parent: Option<u64>,
        name: Cow<'static, str>,
        kind: SpanKind,
    ) -> Self {
        let (attributes, failed, end) = (Vec::new(), false, 0);
        let start = if context.sampled { unix_nanos() } else { 0 };
        let span = FinishedSpan { context, parent, name, kind, start, end, attributes, failed };
        Span { tracer, started: Instant::now(), span }
    }

    /// Returns the handle for descendants of this span.
    pub fn trace(&self) -> Trace {
        Trace { tracer: self.tracer.clone(), context: self.context().clone() }
    }

    pub fn context(&self) -> &SpanContext {
        &self.span.context
    }

    /// Moves the start of the span back to this time.
    pub fn started_at(&mut self, start: Instant) {
        let earlier = self.started.saturating_duration_since(start);
        self.started -= earlier;
        self.span.start = self.span.start.saturating_sub(earlier.as_nanos() as u64);
    }

    /// Returns whether the span is recorded. Otherwise, its attributes need not be computed.
    pub fn is_recorded(&self) -> bool {
        self.span.context.sampled
    }

    /// Returns the id of the trace, if the span is recorded.
    pub fn recorded_trace(&self) -> Option<u128> {
        self.is_recorded().then_some(self.span.context.trace_id)
    }

    pub fn set_name(&mut self, name: String) {
        self.span.name = name.into();
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Attribute>) {
        if self.is_recorded() {
            self.span.attributes.push((key, value.into()));
        }
    }

    /// Marks the operation as failed. `class` is a name of the kind of error.
    pub fn fail(&mut self, class: &'static str) {
        self.span.failed = true;
        self.set("error.type", class);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if !self.is_recorded() {
            return;
        }
        let placeholder = FinishedSpan {
            context: self.span.context.clone(),
            name: Cow::Borrowed(""),
            attributes: Vec::new(),
            ..self.span
        };
        let mut span = std::mem::replace(&mut self.span, placeholder);
        // The system clock may be set during the span.
        span.end = span.start + self.started.elapsed().as_nanos() as u64;
        self.tracer.finish(span);
    }
}

/// Returns the nanoseconds since 1970.
pub(super) fn unix_nanos() -> u64 {
    system_time().as_nanos() as u64
}
