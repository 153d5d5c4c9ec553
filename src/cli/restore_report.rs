//! The accounts and API keys that a restored database contains. Keys that were revoked after the backup are valid again.
use entity::{api_key, job, user};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait,
};

use crate::{
    domain::timestamp::Timestamp,
    infra::db::Db,
    resources::{
        content::posts::PUBLISH_JOB,
        webhooks::{inbound, outbound},
    },
};

/// Maximum number of accounts and of API keys that are listed.
const MAX_LISTED: u64 = 100;

/// The kinds of jobs with effects that others observe. Every database has jobs of the other kinds.
const VISIBLE_JOBS: [&str; 3] = [outbound::DELIVER_JOB, inbound::HANDLE_EVENT_JOB, PUBLISH_JOB];

/// Returns the lines of the report.
pub async fn credentials(db: &Db) -> Result<String, DbErr> {
    let count = user::Entity::find().count(db.read()).await?;
    let mut lines = Vec::new();
    if count > 0 {
        let accounts = if count == 1 { "account was" } else { "accounts were" };
        lines.push(format!("{count} {accounts} restored with the password, role and state of that time:"));
    }
    let users = user::Entity::find().order_by_asc(user::Column::Role).order_by_asc(user::Column::Email);
    for user in users.limit(MAX_LISTED).all(db.read()).await? {
        let email = user.email.as_deref().unwrap_or("without e-mail address");
        lines.push(format!("  {} {email} ({})", user.role, status(user.status)));
    }
    lines.extend(remaining(count));
    let count = api_key::Entity::find().count(db.read()).await?;
    if count > 0 {
        let keys = if count == 1 { "API key was" } else { "API keys were" };
        lines.push(format!("{count} {keys} restored; delete those that were revoked after the backup:"));
    }
    let keys = api_key::Entity::find()
        .join(JoinType::InnerJoin, api_key::Relation::User.def())
        .select_also(user::Entity)
        .order_by_asc(api_key::Column::CreatedAt)
        .limit(MAX_LISTED);
    for (key, owner) in keys.all(db.read()).await? {
        let owner = owner.and_then(|owner| owner.email).unwrap_or_default();
        let expires = key.expires_at.map_or("never".to_owned(), |end| Timestamp(end).to_string());
        lines.push(format!("  {} \"{}\" of {owner}: {}, expires {expires}", key.id, key.name, key.scopes));
    }
    lines.extend(remaining(count));
    let waiting = job::Column::State.eq(job::JobState::Ready);
    let waiting = job::Entity::find().filter(waiting).filter(job::Column::Kind.is_in(VISIBLE_JOBS));
    let jobs = waiting.count(db.read()).await?;
    if jobs > 0 {
        let jobs = if jobs == 1 { "1 job waits".to_owned() } else { format!("{jobs} jobs wait") };
        lines.push(format!("{jobs} for the start of the service, such as webhook deliveries"));
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

fn status(status: user::Status) -> &'static str {
    match status {
        user::Status::Active => "active",
        user::Status::Disabled => "disabled",
    }
}

fn remaining(count: u64) -> Option<String> {
    let remaining = count.checked_sub(MAX_LISTED).filter(|remaining| *remaining > 0)?;
    Some(format!("  and {remaining} more"))
}
