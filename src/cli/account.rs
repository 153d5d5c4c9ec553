//! `tenon user` and `tenon key`: accounts and keys for those who hold the machine.
use std::{io::Read, process::ExitCode};

use chrono::TimeDelta;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use entity::user;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::{app, given, say, told::told};
use crate::{
    app::App,
    config::Config,
    contract::{
        answer::Resource,
        attempt::Outcome,
        caller::{Principal, Role, Via},
        etag::Precondition,
        id::Id,
        patch::Given,
        problem::{Error, Result as Done},
        secret::Secret,
        time::Timestamp,
    },
    resources::{
        api_keys::{NewApiKey, Scope},
        users::{NewUser, Status, User as Account, UserPatch, password},
    },
};

#[derive(Subcommand)]
pub enum User {
    /// Make an account, or give a known one a new password and, with --role, another role
    ///
    /// A known account is open again afterwards, its sessions and API keys end, and it keeps its name.
    Create(CreateUser),
}

#[derive(Args)]
pub struct CreateUser {
    /// What the account signs in with
    #[arg(long)]
    email: String,
    /// The name that is shown
    #[arg(long)]
    name: String,
    /// What the account may do. Without it, a new account is a reader, and a known one keeps its role. The last
    /// admin stays one
    #[arg(long, value_parser = roles())]
    role: Option<Role>,
    /// Read the password from standard input: its first line
    #[arg(long, required = true)]
    password_stdin: bool,
}

impl User {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let User::Create(CreateUser { email, name, role, password_stdin: _ }) = self;
        let mut text = String::new();
        let read = std::io::stdin().take(4096).read_to_string(&mut text);
        read.map_err(|error| format!("cannot read the password: {error}"))?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        given::fits("NewUser", &json!({ "email": email, "name": name, "password": password }))?;
        password::check(&Secret::new(password.clone())).map_err(|error| format!("the password: {error}"))?;
        let app = app(config).await?;
        let account = appoint(&app, NewUser { email, name, password, role }).await;
        let account = account.map_err(|error| told(&error))?;
        say(&format!("{} {} {}\n", account.id, account.role, account.email.unwrap_or_default()));
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes the account, or changes the one that has this address, as an admin would: under the same rules.
async fn appoint(app: &App, new: NewUser) -> Done<Account> {
    let operator = Principal { user: Uuid::nil(), role: Role::Admin, via: Via::Machine };
    let email = user::Column::Email.eq(new.email.to_lowercase());
    let Some(known) = user::Entity::find().filter(email).one(app.db.read()).await? else {
        return match app.users.create(Some(&operator), new, None).await? {
            Outcome::Fresh(account) => Ok(account),
            Outcome::Again(_) => Err(Error::Raced),
        };
    };
    let patch = UserPatch {
        name: None,
        bio: Given::default(),
        url: Given::default(),
        avatar_url: Given::default(),
        email: None,
        role: new.role,
        status: Some(Status::Active),
        password: Some(new.password),
        current_password: None,
    };
    app.users.patch(&operator, Id::from(known.id), patch, Precondition::default(), Account::etag).await
}

#[derive(Subcommand)]
pub enum Key {
    /// Make an API key and print it, alone
    Create(CreateKey),
}

#[derive(Args)]
pub struct CreateKey {
    /// What the key is called
    #[arg(long)]
    name: String,
    /// What it may be used for, with commas between, such as posts:read,posts:write
    #[arg(long, value_delimiter = ',', required = true, value_parser = scopes())]
    scopes: Vec<Scope>,
    /// When it ends, such as 90d or 12h [default: never]
    #[arg(long, value_parser = span)]
    expires: Option<TimeDelta>,
    /// Whose key it is [default: the first admin]
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
}

impl Key {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let Key::Create(CreateKey { name, scopes, expires, owner }) = self;
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        given::fits("NewApiKey", &json!({ "name": name, "scopes": words }))?;
        let app = app(config).await?;
        let found = app.users.owner_of_keys(owner.as_deref()).await.map_err(|error| told(&error))?;
        let found = found.ok_or_else(|| match &owner {
            Some(email) => {
                format!("there is no account {email} that may be used: make it with tenon user create")
            }
            None => "--owner names no account, and there is no admin: name one, or make an admin with \
                     tenon user create --role admin"
                .to_owned(),
        })?;
        let now = app.clock.now();
        let expires_at = expires.map(|span| Timestamp(now + span.num_milliseconds()));
        let new = NewApiKey { name, scopes, expires_at };
        let issued = app.api_keys.create(&found, new).await.map_err(|error| told(&error))?;
        say(&format!("{}\n", issued.key));
        Ok(ExitCode::SUCCESS)
    }
}

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|text| text.parse::<Role>().map_err(Wrong))
}

fn scopes() -> impl TypedValueParser<Value = Scope> {
    let words = Scope::ALL.iter().map(|scope| scope.as_str());
    PossibleValuesParser::new(words).try_map(|text| text.parse::<Scope>().map_err(Wrong))
}

/// What clap takes for an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

fn span(text: &str) -> Result<TimeDelta, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let hours = text.strip_suffix('h').and_then(|hours| hours.parse().ok());
    let span = match (days, hours) {
        (Some(days @ 1..=36_500), _) => TimeDelta::try_days(days),
        (_, Some(hours @ 1..=876_000)) => TimeDelta::try_hours(hours),
        _ => None,
    };
    span.ok_or_else(|| format!("{text} is no span such as 90d or 12h"))
}
