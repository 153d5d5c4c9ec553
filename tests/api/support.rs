//! The world of a test: the real service in-process, on a database of its own. Every answer that it gives
//! is held against the document before the test sees it.
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use entity::user;
use futures_util::StreamExt;
use http_body_util::combinators::BoxBody;
use poem::{
    Addr, Body, Request, Response,
    http::{HeaderMap, Method, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, Database, Set, Statement};
use serde_json::{Value, json};
use tenon::{
    app::App,
    config::Config,
    domain::secret::Secret,
    http::auth::Role,
    infra::{clock::Clock, db::Db, query_log::QueryObserver},
    resources::accounts::users::Passwords,
    server::HttpService,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::contract_check;

/// After this time without an event, a stream has nothing more to say for now.
const QUIET: Duration = Duration::from_millis(200);

pub const PASSWORD: &str = "correct horse battery";
/// 2026-11-21T09:00:00Z; no test depends on the day it runs.
pub const START: i64 = 1_795_251_600_000;

/// A running service.
#[derive(Clone)]
pub struct Api {
    pub edge: Arc<HttpService>,
    pub app: App,
    pub clock: Clock,
    /// Where the bytes of pictures are.
    pub media: PathBuf,
    statements: Arc<Mutex<Vec<Statement>>>,
    token: Option<String>,
    headers: Vec<(String, String)>,
    peer: Option<IpAddr>,
}

/// An answer that keeps the contract.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
}

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = ["/dev/shm", "/tmp"].into_iter().map(PathBuf::from).find(|path| path.is_dir());
    let folder = base.unwrap_or_else(std::env::temp_dir).join(format!("tenon-tests-{}", Uuid::now_v7()));
    let _ = fs::create_dir_all(&folder);
    folder
});

/// A fresh database: a file, or a database of the server that `TENON_TEST_DATABASE` names.
async fn database(statements: &Arc<Mutex<Vec<Statement>>>) -> Db {
    let name = format!("t{}", Uuid::now_v7().simple());
    let url = match std::env::var("TENON_TEST_DATABASE") {
        Ok(server) => {
            let admin = Database::connect(&server).await.expect("the test server answers");
            admin
                .execute_unprepared(&format!("CREATE DATABASE {name}"))
                .await
                .expect("a database can be made");
            admin.close().await.expect("the connection closes");
            let (base, _) = server.rsplit_once('/').expect("the URL names a database");
            format!("{base}/{name}")
        }
        Err(_) => format!("sqlite://{}", FOLDER.join(format!("{name}.db")).display()),
    };
    let noted = statements.clone();
    let watch: QueryObserver =
        Arc::new(move |info| noted.lock().expect("whole").push(info.statement.clone()));
    let db = Db::open_observed(&url, Some(watch)).await.expect("the database opens");
    db.migrate().await.expect("the schema is made");
    db
}

impl Api {
    /// The service with its default settings and without budgets.
    pub async fn start() -> Api {
        Api::with(&[]).await
    }

    /// The service with some settings of its own.
    pub async fn with(settings: &[(&'static str, &str)]) -> Api {
        // The first of two wins.
        let mut flags: Vec<_> =
            settings.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
        flags.push(("rate_limits", Some("off".to_owned())));
        flags.push(("data_dir", Some("/nonexistent".to_owned())));
        let media = FOLDER.join(format!("media-{}", Uuid::now_v7().simple()));
        flags.push(("media_dir", Some(media.display().to_string())));
        let config = Config::read(&flags).expect("the settings are valid");
        let clock = Clock::fixed(START);
        let statements = Arc::default();
        let operations = tenon::api::operation_paths();
        let app = App::new(database(&statements).await, clock.clone(), &config, operations);
        let app = app.await.expect("the services start");
        let edge = Arc::new(tenon::cli::build_server(&app, &config).expect("the document compiles"));
        Api { edge, app, clock, media, statements, token: None, headers: Vec::new(), peer: None }
    }

    /// Another process on the same database.
    pub async fn again(&self) -> Api {
        let config =
            Config::read(&[("rate_limits", Some("off".to_owned()))]).expect("the settings are valid");
        let operations = tenon::api::operation_paths();
        let app = App::new(self.app.db.clone(), self.clock.clone(), &config, operations);
        let app = app.await.expect("the services start");
        let edge = Arc::new(tenon::cli::build_server(&app, &config).expect("the document compiles"));
        Api { edge, app, ..self.clone() }
    }

    /// The same service, asked with the credential of another client.
    pub fn like(&self, other: &Api) -> Api {
        Api { token: other.token.clone(), ..self.clone() }
    }

    /// A new account of this role, signed in.
    pub async fn sign_in(&self, role: Role) -> Api {
        let (api, _) = self.account(role).await;
        api
    }

    /// A new account of this role, signed in, with its e-mail.
    pub async fn account(&self, role: Role) -> (Api, String) {
        let email = self.user(role, &format!("{role} {}", Uuid::now_v7().simple())).await;
        let login = self.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(login.status, 200, "{login:?}");
        (self.bearer(login.body["accessToken"].as_str().expect("a token")), email)
    }

    /// A user that was not made through the API.
    pub async fn user(&self, role: Role, name: &str) -> String {
        static HASH: OnceCell<String> = OnceCell::const_new();
        let hash = HASH
            .get_or_init(|| async {
                Passwords::default()
                    .hash(Secret::new(PASSWORD.to_owned()))
                    .await
                    .expect("the password hashes")
            })
            .await
            .clone();
        let id = Uuid::now_v7();
        let email = format!("{}@acme.test", id.simple());
        let row = user::ActiveModel {
            id: Set(id),
            email: Set(Some(email.clone())),
            name: Set(name.to_owned()),
            bio: Set(None),
            url: Set(None),
            avatar_url: Set(None),
            role: Set(role.to_string()),
            status: Set("active".to_owned()),
            password_hash: Set(Some(hash.into())),
            source: Set(None),
            version: Set(1),
            created_at: Set(START),
            updated_at: Set(START),
        };
        let made = self.app.db.write(async move |tx| row.insert(&*tx).await).await;
        made.expect("the user is made");
        email
    }

    /// The same service, asked with this token.
    pub fn bearer(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same service, asked with one more header field.
    pub fn header(&self, name: &str, value: &str) -> Api {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    /// The same service, asked from this address.
    pub fn from(&self, peer: &str) -> Api {
        Api { peer: Some(peer.parse().expect("an address")), ..self.clone() }
    }

    /// The statements that the database got since it was asked last.
    pub fn statements(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock().expect("whole"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }
    /// A POST without a body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let typed = self.header("content-type", "application/merge-patch+json");
        typed.send(Method::PATCH, path, Some(body.to_string().into())).await
    }
    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.header("content-type", "application/json")
            .send(method, path, Some(body.to_string().into()))
            .await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Body>) -> Answer {
        let mut response = self.begin(method.clone(), path, body).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = whole(&mut response).await;
        let text = headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/"));
        let body = match text {
            true => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            false => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        };
        let answer = Answer { status, headers, bytes, body };
        contract_check::hold(&method, path.split('?').next().unwrap_or_default(), &answer);
        answer
    }

    /// An answer that has begun and of which nothing was read.
    pub async fn begin(&self, method: Method, path: &str, body: Option<Body>) -> Response {
        let mut request = Request::builder().method(method).uri_str(path).header("host", "tenon.test");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let mut request = request.body(body.unwrap_or_else(Body::empty));
        if let Some(peer) = self.peer {
            request = arriving_from(peer, request);
        }
        // On the heap: a test holds many requests, and its thread's stack is small.
        Box::pin(self.edge.respond(request)).await
    }
}

/// The bytes of an answer; of a stream what it has to say at once.
async fn whole(response: &mut Response) -> Vec<u8> {
    let live = response.content_type() == Some("text/event-stream");
    let body = response.take_body();
    if !live {
        return body.into_vec().await.expect("the body arrives");
    }
    let (mut pieces, mut bytes) = (body.into_bytes_stream().boxed(), Vec::new());
    while let Ok(Some(piece)) = tokio::time::timeout(QUIET, pieces.next()).await {
        bytes.extend_from_slice(&piece.expect("no error"));
    }
    bytes
}

fn arriving_from(peer: IpAddr, request: Request) -> Request {
    let peer = RemoteAddr(Addr::from(SocketAddr::from((peer, 4711))));
    let (parts, body) = poem::http::Request::<BoxBody<_, _>>::from(request).into_parts();
    Request::from_parts((parts, LocalAddr::default(), peer, Scheme::HTTP).into(), body.into())
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The answer, if it has this status; else the test fails and shows the problem.
    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }

    /// The places that a refusal names, each once, in the order in which they are named.
    pub fn places(&self) -> Vec<String> {
        let place = |entry: &Value| {
            let named = ["pointer", "parameter", "header"].iter().find_map(|kind| entry[*kind].as_str());
            named.unwrap_or("?").to_owned()
        };
        let mut places: Vec<String> =
            self.body["errors"].as_array().into_iter().flatten().map(place).collect();
        places.dedup();
        places
    }
}
