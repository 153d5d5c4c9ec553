//! `tenon user` and `tenon key`: accounts and keys for those who hold the machine.
use std::{io::Read, process::ExitCode};

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::{app, say};
use crate::{
    config::Config,
    contract::{caller::Role, time::Timestamp},
    resources::api_keys::{NewApiKey, Scope},
};

#[derive(Subcommand)]
pub enum User {
    /// Make an account, or bring it to this role and password
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
    /// reader, author, editor, accountant or admin
    #[arg(long, default_value = "reader")]
    role: Role,
    /// Read the password from standard input: its first line
    #[arg(long, required = true)]
    password_stdin: bool,
}

impl User {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let User::Create(CreateUser { email, name, role, password_stdin: _ }) = self;
        let at = email.find('@').is_some_and(|at| at > 0 && email[at..].contains('.'));
        if !at || email.len() > 254 {
            return Err(format!("{email} is no e-mail address"));
        }
        let mut text = String::new();
        let read = std::io::stdin().take(4096).read_to_string(&mut text);
        read.map_err(|error| format!("cannot read the password: {error}"))?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        let app = app(config).await?;
        let user = app.users.appoint(&email, &name, role, password).await.map_err(|error| told(&error))?;
        say(&format!("{} {role} {email}\n", user.id));
        Ok(ExitCode::SUCCESS)
    }
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
    /// What it may be used for, such as posts:read,posts:write
    #[arg(long, value_delimiter = ',', required = true)]
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
        let app = app(config).await?;
        let owner = app.users.owner_of_keys(owner.as_deref()).await.map_err(|error| error.to_string())?;
        let owner = owner.ok_or("there is no such account: make it with tenon user create")?;
        let now = app.clock.now();
        let expires_at = expires.map(|span| Timestamp(now + span.num_milliseconds()));
        let new = NewApiKey { name, scopes, expires_at };
        let issued = app.api_keys.create(&owner, new).await.map_err(|error| told(&error))?;
        say(&format!("{}\n", issued.key));
        Ok(ExitCode::SUCCESS)
    }
}

/// An error in words that name each place.
fn told(error: &crate::contract::problem::Error) -> String {
    use crate::contract::problem::Error;
    match error {
        Error::Invalid(all) => all.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

fn span(text: &str) -> Result<TimeDelta, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: i64 = number.parse().map_err(|_| format!("{text} is no span such as 90d"))?;
    let span = match unit {
        "d" if (1..=36_500).contains(&number) => TimeDelta::try_days(number),
        "h" if (1..=876_000).contains(&number) => TimeDelta::try_hours(number),
        _ => None,
    };
    span.ok_or_else(|| format!("{text} is no span such as 90d or 12h"))
}
