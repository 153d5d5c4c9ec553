//! The message about a stored value that its enum does not contain.
use sea_orm::DbErr;

/// The columns with an enum type: the name of the enum, and the table and the column.
const COLUMNS: &[(&str, &str)] = &[
    ("ActorKind", "audit_entries.actor"),
    ("ChannelAudience", "channels.audience"),
    ("CommentStatus", "comments.status"),
    ("EventAudience", "events.audience"),
    ("InvoiceStatus", "invoices.status"),
    ("Queue", "jobs.queue"),
    ("JobState", "jobs.state"),
    ("MediaType", "media.media_type"),
    ("PaymentProvider", "payment_references.provider"),
    ("PaymentOutcome", "payments.outcome"),
    ("PaymentProvider", "payments.provider"),
    ("RedirectKind", "redirects.kind"),
    ("Change", "revisions.change"),
    ("Role", "users.role"),
    ("Status", "users.status"),
    ("WebhookFormat", "webhook_deliveries.format"),
    ("DeliveryState", "webhook_deliveries.state"),
    ("DisabledReason", "webhook_endpoints.disabled_reason"),
    ("WebhookFormat", "webhook_endpoints.format"),
    ("EndpointState", "webhook_endpoints.state"),
    ("Provider", "webhook_events.provider"),
    ("WebhookEventState", "webhook_events.state"),
];

/// Returns the message about an unknown value of an enum, with the table, the column and the value; `None` for
/// other errors. SeaORM names only the enum.
pub fn unknown_value(error: &DbErr) -> Option<String> {
    let DbErr::Type(message) = error else { return None };
    let (name, value) = message.strip_prefix("unexpected value for ")?.split_once(" enum: ")?;
    let columns = COLUMNS.iter().filter(|(known, _)| *known == name).map(|(_, column)| *column);
    let columns: Vec<&str> = columns.collect();
    (!columns.is_empty()).then(|| format!("{}: unknown value {value:?}", columns.join(" or ")))
}

#[cfg(test)]
mod tests {
    use sea_orm::ActiveEnum;

    use super::*;
    use crate::{invoice::InvoiceStatus, webhook_endpoint::WebhookFormat};

    #[test]
    fn names_the_columns_and_the_value() {
        let message = |error: Option<DbErr>| error.as_ref().and_then(unknown_value).unwrap_or_default();
        let status = InvoiceStatus::try_from_value(&"lost".to_owned()).err();
        assert_eq!(message(status), "invoices.status: unknown value \"lost\"");
        let format = WebhookFormat::try_from_value(&"xml".to_owned()).err();
        assert_eq!(
            message(format),
            "webhook_deliveries.format or webhook_endpoints.format: unknown value \"xml\""
        );
        assert_eq!(unknown_value(&DbErr::Type("is not a date".to_owned())), None);
    }

    /// Returns the columns of the models in `src` whose type is an enum, as `COLUMNS` lists them.
    fn declared() -> Vec<(String, String)> {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let sources: Vec<String> =
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let is_enum = |name: &str| {
            sources.iter().any(|text| {
                let derived = text.split("DeriveActiveEnum)]").skip(1);
                derived
                    .filter_map(|rest| rest.split_once("pub enum ")?.1.split_once(' '))
                    .any(|it| it.0 == name)
            })
        };
        let mut columns = Vec::new();
        for text in &sources {
            let Some((_, rest)) = text.split_once("#[sea_orm(table_name = \"") else { continue };
            let Some((table, model)) = rest.split_once('"') else { continue };
            let model = model.split("\n}").next().unwrap_or_default();
            for field in model.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
                let Some((column, kind)) = field.trim_end_matches(',').split_once(": ") else { continue };
                let name = kind.strip_prefix("Option<").map_or(kind, |kind| kind.trim_end_matches('>'));
                if is_enum(name) {
                    columns.push((name.to_owned(), format!("{table}.{column}")));
                }
            }
        }
        columns.sort_by(|one, other| one.1.cmp(&other.1));
        columns
    }

    #[test]
    fn the_list_contains_every_column_with_an_enum_type() {
        let listed: Vec<(String, String)> =
            COLUMNS.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned())).collect();
        assert_eq!(listed, declared());
    }
}
