//! `tenon user` and `tenon api-key`: manages accounts and API keys with direct access to the database.
use std::{io::Read, process::ExitCode};

use chrono::TimeDelta;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use entity::user;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, Iterable, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::{app, errors::message, existing_app, print, validate};
use crate::{
    api::OPERATIONS,
    app::App,
    config::Config,
    domain::{id::Id, scope::Scope, secret::Secret, timestamp::Timestamp},
    http::{
        auth::{Principal, Role, Via},
        etag::Precondition,
        extract::Client,
        idempotency::Outcome,
        merge_patch::Patch,
        operation::scopes_of,
        problem::{Error, Result as ServiceResult},
        response::Resource,
    },
    resources::accounts::{
        api_keys::{ApiKeyInput, Expiry},
        users::{Status, User as Account, UserInput, UserPatch, password_rules},
    },
};

#[derive(Subcommand)]
pub enum UserCommand {
    /// Create an account, or reset the password of an existing one and, with --role, its role
    ///
    /// An existing account is activated and retains its name. Its sessions are revoked and its API keys are
    /// deleted.
    Create(CreateUser),
}

#[derive(Args)]
pub struct CreateUser {
    /// E-mail address to sign in with
    #[arg(long)]
    email: String,
    /// Display name
    #[arg(long)]
    name: String,
    /// Role of the account. By default, a new account is a reader and an existing one retains its role. The
    /// role of the last active admin cannot be changed
    #[arg(long, value_parser = roles())]
    role: Option<Role>,
    /// Read the password from the first line of standard input
    #[arg(long, required = true)]
    password_stdin: bool,
}

impl UserCommand {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let UserCommand::Create(CreateUser { email, name, role, password_stdin: _ }) = self;
        let mut text = String::new();
        let read = std::io::stdin().take(4096).read_to_string(&mut text);
        read.map_err(|error| format!("cannot read the password: {error}"))?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        validate::body("UserInput", &json!({ "email": email, "name": name, "password": password }))?;
        password_rules::validate(&Secret::new(password.clone()), &[&name], &[&email])
            .map_err(|error| format!("password: {error}"))?;
        let app = app(config).await?;
        let account = create_or_reset_user(
            &app,
            UserInput { email: email.into(), name: name.into(), password: password.into(), role },
        )
        .await;
        let account = account.map_err(|error| message(&error))?;
        print(&format!("{} {} {}\n", account.id, account.role, account.email.unwrap_or_default()));
        Ok(ExitCode::SUCCESS)
    }
}

/// Creates the account, or resets the existing one with this e-mail address. The rules of the API for admins
/// apply.
async fn create_or_reset_user(app: &App, new: UserInput) -> ServiceResult<Account> {
    let operator = Principal { user: Uuid::nil(), role: Role::Admin, via: Via::Cli };
    let email = user::Column::Email.eq(new.email.as_str());
    let Some(existing) = user::Entity::find().filter(email).one(app.db.read()).await? else {
        return match app.users.create(Some(&operator), new, &Client::default(), None).await? {
            Outcome::New(account) => Ok(account),
            Outcome::Replayed(_) => Err(Error::WriteConflict),
        };
    };
    let patch = UserPatch {
        name: None,
        bio: Patch::default(),
        url: Patch::default(),
        avatar_url: Patch::default(),
        email: None,
        role: new.role,
        status: Some(Status::Active),
        password: Some(new.password),
        current_password: None,
    };
    app.users.patch(&operator, Id::from(existing.id), patch, Precondition::default(), Account::etag).await
}

#[derive(Subcommand)]
pub enum ApiKeyCommand {
    /// Create an API key and print it
    Create(CreateApiKey),
}

#[derive(Args)]
pub struct CreateApiKey {
    /// Name of the key
    #[arg(long)]
    name: String,
    /// Comma-separated scopes, such as posts:read,posts:write
    #[arg(long, value_delimiter = ',', required = true, value_parser = scopes())]
    scopes: Vec<Scope>,
    /// Lifetime, such as 90d or 12h, or never [default: 365d]
    #[arg(long, value_parser = lifetime)]
    expires: Option<Lifetime>,
    /// E-mail address of the owner [default: the oldest admin]
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
}

impl ApiKeyCommand {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let ApiKeyCommand::Create(CreateApiKey { name, scopes, expires, owner }) = self;
        let scope_names: Vec<&str> = scopes.iter().map(|scope| scope.0.as_str()).collect();
        validate::body("ApiKeyInput", &json!({ "name": name, "scopes": scope_names }))?;
        let app = existing_app(config).await?;
        let owner_found =
            app.users.find_key_owner(owner.as_deref()).await.map_err(|error| message(&error))?;
        let principal = owner_found.ok_or_else(|| match &owner {
            Some(email) => {
                format!("--owner: no active account {email}. Create it with tenon user create")
            }
            None => "there is no active admin: set --owner, or create an admin with \
                     tenon user create --role admin"
                .to_owned(),
        })?;
        let now = app.clock.now();
        let (expires_at, expires) = match expires {
            Some(Lifetime::Limited(duration)) => (Some(Timestamp(now + duration.num_milliseconds())), None),
            Some(Lifetime::Unlimited) => (None, Some(Expiry::Never)),
            None => (None, None),
        };
        let new = ApiKeyInput { name: name.into(), scopes, expires_at, expires };
        let issued = app.api_keys.create(&principal, new).await.map_err(|error| message(&error))?;
        print(&format!("{}\n", issued.key.as_str()));
        Ok(ExitCode::SUCCESS)
    }
}

fn roles() -> impl TypedValueParser<Value = Role> {
    // clap needs names that live as long as the process.
    let names = Role::iter().map(|role| &*role.to_value().leak());
    PossibleValuesParser::new(names).try_map(|text| Role::try_from_value(&text))
}

fn scopes() -> impl TypedValueParser<Value = Scope> {
    let names = scopes_of(&OPERATIONS).into_iter().map(|Scope(name)| &*name.leak());
    PossibleValuesParser::new(names).map(Scope)
}

/// The lifetime of a new API key.
#[derive(Debug, Clone, Copy)]
enum Lifetime {
    Limited(TimeDelta),
    Unlimited,
}

/// Parses a number of days or hours, or `never`: `90d`, `12h`. At most 100 years.
fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime::Unlimited);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let hours = text.strip_suffix('h').and_then(|hours| hours.parse().ok());
    let duration = match (days, hours) {
        (Some(days @ 1..=36_500), _) => TimeDelta::try_days(days),
        (_, Some(hours @ 1..=876_000)) => TimeDelta::try_hours(hours),
        _ => None,
    };
    duration.map(Lifetime::Limited).ok_or_else(|| {
        format!("must be a duration such as 90d or 12h, at most 100 years, or never, got {text}")
    })
}
