//! Spans of SQL statements.
use std::borrow::Cow;

use sea_orm::{DbBackend, metric::Info};

use super::{
    Attribute, SpanKind,
    span::{FinishedSpan, unix_nanos},
};
use crate::infra::{audit_log::Origin, query_log::QueryObserver, traces::SpanContext};

/// Returns an observer that records a span for each statement of a sampled trace, and then calls another one.
pub fn observe_statements(next: Option<QueryObserver>) -> QueryObserver {
    std::sync::Arc::new(move |info: &Info<'_>| {
        record(info);
        if let Some(next) = &next {
            next(info);
        }
    })
}

fn record(info: &Info<'_>) {
    let origin = Origin::current();
    let Some(trace) = origin.trace().filter(|trace| trace.context.sampled) else { return };
    let end = unix_nanos();
    let system = match info.statement.db_backend {
        DbBackend::Sqlite => "sqlite",
        _ => "postgresql",
    };
    // The text has placeholders. The values may be personal data.
    let sql = info.statement.sql.clone();
    let verb =
        sql.split_ascii_whitespace().next().unwrap_or("statement").chars().take(20).collect::<String>();
    let mut attributes: Vec<(&'static str, Attribute)> = vec![
        // The second name is of former versions of the semantic conventions, which many collectors use.
        ("db.system.name", system.into()),
        ("db.system", system.into()),
        ("db.query.text", sql.into()),
    ];
    if info.failed {
        attributes.push(("error.type", "statement_failed".into()));
    }
    trace.tracer.finish(FinishedSpan {
        context: SpanContext { span_id: trace.tracer.new_span_id(), ..trace.context.clone() },
        parent: Some(trace.context.span_id),
        name: Cow::Owned(verb),
        kind: SpanKind::Client,
        start: end.saturating_sub(info.elapsed.as_nanos() as u64),
        end,
        attributes,
        failed: info.failed,
    });
}
