//! A running server and an access token for the benchmarks.
mod open;

use std::sync::Arc;

use tenon::{
    app::App,
    config::Config,
    http::{
        auth::{Principal, Role, Via},
        extract::Client,
        idempotency::Outcome,
    },
    resources::accounts::users::UserInput,
    server::{limits::Limits, listener},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use uuid::Uuid;

pub use open::{Failure, open};

const PASSWORD: &str = "correct horse battery";

pub struct Service {
    pub address: String,
    /// The access token.
    pub token: String,
    /// The server stops when this is dropped.
    _stop: watch::Sender<bool>,
}

impl Service {
    /// Starts the server; returns it with the id of a new user of this role.
    pub async fn start(app: &App, config: &Config, role: Role) -> Result<(Self, Uuid), Failure> {
        let server = Arc::new(tenon::cli::build_server(app, config)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(listener::serve(listener, Limits::default(), config.proxies(), server, stopping));
        let (user, email) = account(app, role).await?;
        let token = token(&address, &email).await?;
        Ok((Service { address, token, _stop: stop }, user))
    }
}

async fn account(app: &App, role: Role) -> Result<(Uuid, String), Failure> {
    let operator = Principal { user: Uuid::nil(), role: Role::Admin, via: Via::Cli };
    let email = format!("bench-{}@acme.test", Uuid::now_v7().simple());
    let (name, password) = ("Bench".to_owned(), PASSWORD.to_owned());
    let new = UserInput {
        email: email.clone().into(),
        name: name.into(),
        password: password.into(),
        role: Some(role),
    };
    match app.users.create(Some(&operator), new, &Client::default(), None).await? {
        Outcome::New(user) => Ok((user.id.0, email)),
        Outcome::Replayed(_) => Err("the account already exists".into()),
    }
}

async fn token(address: &str, email: &str) -> Result<String, Failure> {
    let body = format!("{{\"email\":\"{email}\",\"password\":\"{PASSWORD}\"}}");
    let length = body.len();
    let login = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(login.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (_, token) = response.split_once("\"accessToken\":\"").ok_or("no token")?;
    Ok(token.split('"').next().unwrap_or_default().to_owned())
}

/// Returns the resident memory of the process in bytes, server and client together.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
