//! The service under test: in-process, on a database of its own. Every response is validated against the
//! OpenAPI document.
use std::{
    env, fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use entity::{audit_entry, user};
use futures_util::StreamExt;
use http_body_util::combinators::BoxBody;
use poem::{
    Addr, Body, Request,
    http::{HeaderMap, Method, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, Database, EntityTrait, QueryFilter, Set, Statement,
};
use serde_json::{Value, json};
use tenon::{
    app::App,
    config::Config,
    domain::secret::Secret,
    http::auth::Role,
    infra::{clock::Clock, db::Db, query_log::QueryObserver, traces::observe_statements},
    resources::accounts::users::Passwords,
    server::HttpService,
};
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::contract_check;

/// Maximum time that a test waits for a condition. Long, so that only failing tests reach it on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub const PASSWORD: &str = "correct horse battery";
/// Seals the secrets in the database of a test.
pub const SECRET_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// The time of the clock when a test starts: 2026-11-21T09:00:00Z.
pub const START: i64 = 1_795_251_600_000;

/// A running service.
#[derive(Clone)]
pub struct Api {
    pub server: Arc<HttpService>,
    pub app: App,
    pub clock: Clock,
    /// The folder of the image files.
    pub media: PathBuf,
    statements: Arc<Mutex<Vec<Statement>>>,
    pub database_url: String,
    log: Arc<Mutex<Vec<Value>>>,
    settings: Arc<Vec<(&'static str, Option<String>)>>,
    /// Whether responses from the cache are compared with new ones.
    checks_hits: bool,
    pub token: Option<String>,
    headers: Vec<(String, String)>,
    peer: Option<IpAddr>,
}

/// A response that the OpenAPI document declares.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
}

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folders = env::var_os("TMPDIR").into_iter().chain(["/dev/shm", "/tmp"].map(Into::into));
    let base = folders.map(PathBuf::from).find(|path| path.is_dir());
    let folder = base.unwrap_or_else(env::temp_dir).join(format!("tenon-tests-{}", Uuid::now_v7()));
    let _ = fs::create_dir_all(&folder);
    folder
});

/// Creates a database: a file, or a database of the server in `TENON_TEST_DATABASE`. Returns its URL.
pub async fn create_database() -> String {
    let name = format!("t{}", Uuid::now_v7().simple());
    match env::var("TENON_TEST_DATABASE") {
        Ok(server) => {
            let admin = Database::connect(&server).await.expect("the database server accepts connections");
            admin
                .execute_unprepared(&format!("CREATE DATABASE {name}"))
                .await
                .expect("the database is created");
            admin.close().await.expect("the connection closes");
            let (base, _) = server.rsplit_once('/').expect("the URL names a database");
            format!("{base}/{name}")
        }
        Err(_) => format!("sqlite://{}", FOLDER.join(format!("{name}.db")).display()),
    }
}

/// Opens a database and creates its schema. Collects the statements.
async fn open_database(url: &str, statements: &Arc<Mutex<Vec<Statement>>>) -> Db {
    let log = statements.clone();
    let observer: QueryObserver =
        Arc::new(move |info| log.lock().expect("not poisoned").push(info.statement.clone()));
    let observer = observe_statements(Some(observer));
    let db = Db::open_observed(url, Some(observer)).await.expect("the database opens");
    db.migrate().await.expect("the schema is created");
    db
}

/// Builds the server. Its access log is collected in `log`.
fn server(app: &App, config: &Config, log: &Arc<Mutex<Vec<Value>>>) -> Arc<HttpService> {
    let mut server = tenon::cli::build_server(app, config).expect("the document compiles");
    let log = log.clone();
    let collect = move |line: &[u8]| {
        log.lock().expect("not poisoned").push(serde_json::from_slice(line).expect("JSON"));
    };
    server.access_log = tenon::cli::access_log(config, Box::new(collect));
    Arc::new(server)
}

impl Api {
    /// Starts the service with default settings, without rate limits.
    pub async fn start() -> Api {
        Api::with(&[]).await
    }

    /// Starts the service with these settings.
    pub async fn with(settings: &[(&'static str, &str)]) -> Api {
        Api::on(create_database().await, settings).await
    }

    /// Starts the service with these settings on an existing database.
    pub async fn on(database_url: String, settings: &[(&'static str, &str)]) -> Api {
        // The first value of a setting is used, so `settings` override the flags below.
        let mut flags: Vec<_> =
            settings.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
        flags.push(("rate_limits", Some("off".to_owned())));
        flags.push(("log_format", Some("json".to_owned())));
        flags.push(("cache_status", Some("on".to_owned())));
        flags.push(("secret_key", Some(SECRET_KEY.to_owned())));
        flags.push(("data_dir", Some("/nonexistent".to_owned())));
        let media = FOLDER.join(format!("media-{}", Uuid::now_v7().simple()));
        flags.push(("media_dir", Some(media.display().to_string())));
        let config = Config::read(&flags).expect("the settings are valid");
        let clock = Clock::fixed(START);
        let statements = Arc::default();
        let operations = tenon::api::operation_paths();
        let db = open_database(&database_url, &statements).await;
        let app = App::new(db, clock.clone(), &config, operations);
        let app = app.await.expect("the services start");
        let log = Arc::default();
        let server = server(&app, &config, &log);
        let (token, headers, peer) = (None, Vec::new(), None);
        Api {
            server,
            app,
            clock,
            media,
            statements,
            database_url,
            log,
            settings: Arc::new(flags),
            checks_hits: true,
            token,
            headers,
            peer,
        }
    }

    /// Starts another instance of the service, in the state of another process: it has connections of its own to the
    /// same database, and learns about commits from the database only.
    pub async fn other_process(&self) -> Api {
        let db = open_database(&self.database_url, &self.statements).await;
        tokio::spawn(db.clone().follow_commits());
        // Its responses may be stale for a short time.
        Api { checks_hits: false, ..self.instance(db).await }
    }

    /// Starts another instance of the service with the same connections.
    pub async fn second_instance(&self) -> Api {
        self.instance(self.app.db.clone()).await
    }

    /// Starts another instance of the service with the same connections and files, and with these settings.
    pub async fn restarted_with(&self, settings: &[(&'static str, &str)]) -> Api {
        self.instance_with(self.app.db.clone(), settings).await
    }

    async fn instance(&self, db: Db) -> Api {
        self.instance_with(db, &[]).await
    }

    async fn instance_with(&self, db: Db, settings: &[(&'static str, &str)]) -> Api {
        let changed = settings.iter().map(|(name, value)| (*name, Some((*value).to_owned())));
        let flags: Vec<_> = changed.chain(self.settings.iter().cloned()).collect();
        let config = Config::read(&flags).expect("the settings are valid");
        let operations = tenon::api::operation_paths();
        let app = App::new(db, self.clock.clone(), &config, operations);
        let app = app.await.expect("the services start");
        let server = server(&app, &config, &self.log);
        Api { server, app, ..self.clone() }
    }

    /// Returns a client with the credentials of another client.
    pub fn with_credentials_of(&self, other: &Api) -> Api {
        Api { token: other.token.clone(), ..self.clone() }
    }

    /// Creates an account with this role and signs in.
    pub async fn sign_in(&self, role: Role) -> Api {
        let (api, _) = self.account(role).await;
        api
    }

    /// Creates an account with this role and signs in. Returns also the e-mail address.
    pub async fn account(&self, role: Role) -> (Api, String) {
        let email = self.user(role, &format!("{role} {}", Uuid::now_v7().simple())).await;
        let login = self.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(login.status, 200, "{login:?}");
        (self.bearer(login.body["accessToken"].as_str().expect("a token")), email)
    }

    /// Inserts a user and returns the e-mail address.
    pub async fn user(&self, role: Role, name: &str) -> String {
        static HASH: OnceCell<String> = OnceCell::const_new();
        let hash = HASH
            .get_or_init(|| async {
                let passwords = Passwords::default();
                let slot = passwords.reserve().expect("a slot");
                passwords.hash(&slot, Secret::new(PASSWORD.to_owned())).await.expect("the password hashes")
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
            role: Set(role),
            status: Set(user::Status::Active),
            password_hash: Set(Some(hash.into())),
            source: Set(None),
            version: Set(1),
            created_at: Set(START),
            updated_at: Set(START),
        };
        let inserted = self.app.db.write(async move |tx| {
            tx.touch("users").await?;
            row.insert(&*tx).await
        });
        inserted.await.expect("the user is inserted");
        email
    }

    /// Returns a client with this bearer token.
    pub fn bearer(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Returns a client that sends one more header.
    pub fn header(&self, name: &str, value: &str) -> Api {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    /// Returns a client with this address.
    pub fn from(&self, peer: &str) -> Api {
        Api { peer: Some(peer.parse().expect("an address")), ..self.clone() }
    }

    /// Returns the statements that were executed since the last call.
    pub fn statements(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock().expect("not poisoned"))
    }

    /// Returns the lines of the access log since the last call.
    pub fn log_lines(&self) -> Vec<Value> {
        std::mem::take(&mut *self.log.lock().expect("not poisoned"))
    }

    /// Returns the single line of the access log since the last call.
    #[track_caller]
    pub fn log_line(&self) -> Value {
        let lines = self.log_lines();
        let [line] = &lines[..] else { panic!("expected one log line, got {lines:#?}") };
        line.clone()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.json(Method::POST, path, body).await
    }
    /// A POST without a body.
    pub async fn post_empty(&self, path: &str) -> Response {
        self.send(Method::POST, path, None).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Response {
        self.json(Method::PUT, path, body).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> Response {
        let typed = self.header("content-type", "application/merge-patch+json");
        typed.send(Method::PATCH, path, Some(body.to_string().into())).await
    }
    async fn json(&self, method: Method, path: &str, body: Value) -> Response {
        self.header("content-type", "application/json")
            .send(method, path, Some(body.to_string().into()))
            .await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Body>) -> Response {
        let mut response = self.send_streaming(method.clone(), path, body).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = read_body(&mut response).await;
        let text = headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/"));
        let body = match text {
            true => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            false => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        };
        let response = Response { status, headers, bytes, body };
        contract_check::validate_response(&method, path.split('?').next().unwrap_or_default(), &response);
        if let Some(id) = contract_check::write_to_audit(
            &method,
            path.split('?').next().unwrap_or_default(),
            response.status,
        ) {
            self.find_audit_entry(id, &response).await;
        }
        match response.headers.get("cache-status").is_some_and(|status| status == "tenon; hit") {
            true => Box::pin(self.check_hit(method, path, response)).await,
            false => response,
        }
    }

    /// Searches the entry of a write in the audit log.
    async fn find_audit_entry(&self, operation: &'static str, response: &Response) {
        let statements = self.statements.lock().expect("not poisoned").len();
        let find = audit_entry::Entity::find()
            .filter(audit_entry::Column::RequestId.eq(response.header("x-request-id")));
        // The test may have closed or changed the database.
        if matches!(find.one(self.app.db.read()).await, Ok(Some(_))) {
            contract_check::mark_audited(operation);
        }
        self.statements.lock().expect("not poisoned").truncate(statements);
    }

    /// Compares a response from the cache with a new one, so that every test finds stale responses.
    async fn check_hit(&self, method: Method, path: &str, hit: Response) -> Response {
        let is_encoded = self.headers.iter().any(|(name, _)| name == "accept-encoding");
        if !self.checks_hits || is_encoded || hit.headers.contains_key("ratelimit") {
            return hit;
        }
        // The cache does not serve requests with two `Accept-Encoding` headers.
        let uncached = self.header("accept-encoding", "identity").header("accept-encoding", "identity");
        let statements = self.statements.lock().expect("not poisoned").len();
        let lines = self.log.lock().expect("not poisoned").len();
        let created = uncached.send(method.clone(), path, None).await;
        self.statements.lock().expect("not poisoned").truncate(statements);
        self.log.lock().expect("not poisoned").truncate(lines);
        let version = |headers: &HeaderMap, bytes: &[u8]| (headers.get("etag").cloned(), bytes.to_vec());
        let known = version(&hit.headers, &hit.bytes);
        if version(&created.headers, &created.bytes) != known {
            // The new response may contain a write that is committed and not yet acknowledged. It must be visible soon.
            let replaced = async {
                loop {
                    let mut again = self.send_streaming(method.clone(), path, None).await;
                    let bytes = read_body(&mut again).await;
                    if version(again.headers(), &bytes) != known {
                        return;
                    }
                    sleep(Duration::from_millis(10)).await;
                }
            };
            let result = timeout(DEADLINE, replaced).await;
            result.unwrap_or_else(|_| panic!("{method} {path}: the cache has a stale response"));
        }
        hit
    }

    /// Returns the response before its body is read.
    pub async fn send_streaming(&self, method: Method, path: &str, body: Option<Body>) -> poem::Response {
        let mut request = Request::builder().method(method).uri_str(path).header("host", "tenon.test");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let mut request = request.body(body.unwrap_or_else(Body::empty));
        if let Some(peer) = self.peer {
            request = with_peer(peer, request);
        }
        // On the heap: the future of a test contains many requests.
        Box::pin(self.server.respond(request)).await
    }
}

/// Returns the body. Of an event stream, which has no end, it returns the first chunk.
async fn read_body(response: &mut poem::Response) -> Vec<u8> {
    let is_stream = response.content_type() == Some("text/event-stream");
    let body = response.take_body();
    if !is_stream {
        return body.into_vec().await.expect("the body is complete");
    }
    let mut chunks = body.into_bytes_stream().boxed();
    let first = timeout(DEADLINE, chunks.next()).await.expect("a chunk before the deadline");
    first.expect("a chunk").expect("no error").to_vec()
}

/// Polls until the condition returns a value.
///
/// # Panics
///
/// After [`DEADLINE`], with the name of the condition.
pub async fn poll_until<T>(name: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let poll = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("did not happen in time: {name}"))
}

fn with_peer(peer: IpAddr, request: Request) -> Request {
    let peer = RemoteAddr(Addr::from(SocketAddr::from((peer, 4711))));
    let (parts, body) = poem::http::Request::<BoxBody<_, _>>::from(request).into_parts();
    Request::from_parts((parts, LocalAddr::default(), peer, Scheme::HTTP).into(), body.into())
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails the test unless the response has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Response {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }

    /// Returns the pointers, parameters and headers of the errors, in order and without repetition.
    pub fn locations(&self) -> Vec<String> {
        let location = |error: &Value| {
            let location = ["pointer", "parameter", "header"].iter().find_map(|kind| error[*kind].as_str());
            location.unwrap_or("?").to_owned()
        };
        let errors = self.body["errors"].as_array();
        let mut locations: Vec<String> = errors.into_iter().flatten().map(location).collect();
        locations.dedup();
        locations
    }
}
