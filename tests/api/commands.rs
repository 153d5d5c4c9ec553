//! The command-line interface: output, exit codes, error messages and files.
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
};

use entity::user;
use sea_orm::{ConnectionTrait, EntityTrait};
use tenon::infra::db::{Db, Tx};
use uuid::Uuid;

use crate::support::PASSWORD;

/// A temporary directory in which commands run; deleted with the value.
pub struct Sandbox(pub PathBuf);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn code(&self) -> Option<i32> {
        self.code
    }
    pub fn stderr(&self) -> &str {
        &self.stderr
    }
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let sandbox = Sandbox(std::env::temp_dir().join(format!("tenon-commands-{}", Uuid::now_v7())));
        fs::create_dir_all(sandbox.0.join("tmp")).expect("the directory is created");
        sandbox
    }

    /// Runs the binary with the data directory of this sandbox and no other environment variables.
    pub fn run(&self, variables: &[(&str, &str)], input: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TENON_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(arguments)
            .args(["--data-dir", &self.0.join("data").display().to_string()])
            .env("TMPDIR", self.0.join("tmp"))
            .envs(variables.iter().copied())
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // A command that reads no input may have closed the pipe.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the process exits");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub fn tenon(&self, arguments: &[&str]) -> Output {
        self.run(&[], "", arguments)
    }

    fn create_user(&self, email: &str, options: &[&str]) -> Output {
        let arguments = ["user", "create", "--name", "Ada", "--password-stdin", "--email", email];
        self.run(&[], PASSWORD, &[&arguments[..], options].concat())
    }

    /// Returns the e-mail address and the role of each row in the database.
    fn roles(&self) -> Vec<(String, String)> {
        let url = format!("sqlite://{}", self.0.join("data/tenon.db").display());
        let rows = async {
            let db = Db::open(&url).await.expect("the database opens");
            let rows = user::Entity::find().all(db.read()).await.expect("the query succeeds");
            db.close().await.expect("the database closes");
            rows
        };
        let rows = tokio::runtime::Runtime::new().expect("a runtime").block_on(rows);
        let mut roles: Vec<_> =
            rows.into_iter().map(|row| (row.email.unwrap_or_default(), row.role.to_string())).collect();
        roles.sort();
        roles
    }

    pub fn has_data(&self) -> bool {
        self.0.join("data").exists()
    }
}

impl Output {
    /// Asserts the exit code 0.
    #[track_caller]
    pub fn succeeds(self) -> Output {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Asserts the exit code and the error message, and that no error of a library is printed.
    #[track_caller]
    pub fn fails(&self, code: i32, message: &str) {
        assert!(self.code == Some(code) && self.stderr.contains(message), "{message}: {self:?}");
        for internal in ["Error:", "error returned from", "pool timed out", "panicked"] {
            assert!(!self.stderr.contains(internal), "{self:?}");
        }
    }
}

#[api_test]
fn user_create_retains_the_role_of_an_existing_user_by_default() {
    let sandbox = Sandbox::new();
    sandbox.create_user("ada@acme.test", &["--role", "admin"]).succeeds();
    let again = sandbox.create_user("Ada@ACME.test", &[]).succeeds();
    assert!(again.stdout.ends_with(" admin ada@acme.test\n"), "{again:?}");
    sandbox.create_user("ada@acme.test", &["--role", "reader"]).fails(1, "this is the last active admin");
    let new = sandbox.create_user("bob@acme.test", &[]).succeeds();
    assert!(new.stdout.ends_with(" reader bob@acme.test\n"), "{new:?}");
    let pair = |email: &str, role: &str| (email.to_owned(), role.to_owned());
    assert_eq!(sandbox.roles(), [pair("ada@acme.test", "admin"), pair("bob@acme.test", "reader")]);
    sandbox.create_user("bob@acme.test", &["--role", "admin"]).succeeds();
    sandbox.create_user("ada@acme.test", &["--role", "editor"]).succeeds();
    assert_eq!(sandbox.roles(), [pair("ada@acme.test", "editor"), pair("bob@acme.test", "admin")]);
    assert!(sandbox.tenon(&["user", "create", "--help"]).stdout.contains("retains its role"));
}

#[api_test]
fn commands_validate_input_like_the_api() {
    let sandbox = Sandbox::new();
    let user = |email: &str, name: &str, password: &str| {
        let arguments = ["user", "create", "--password-stdin", "--email", email, "--name", name];
        sandbox.run(&[], password, &arguments)
    };
    let long = "x".repeat(101);
    user("ada@acme.test", "", PASSWORD).fails(1, "--name: ");
    user("ada@acme.test", " ", PASSWORD).fails(1, "--name: ");
    user("ada@acme.test", &long, PASSWORD).fails(1, "--name: ");
    user("acme.test", "Ada", PASSWORD).fails(1, "--email: ");
    user("ada lovelace@acme.test", "Ada", PASSWORD).fails(1, "--email: ");
    user("ada@acme.test", "Ada", "short\nlong enough").fails(1, "password: must be 8 to 128 characters");
    user("ada@acme.test", "Ada", "").fails(1, "password: ");
    user("ada@acme.test", "Ada", "12345678").fails(1, "password: must not be a commonly used password");
    let similar = "password: must not consist mostly of the name of the account";
    user("ada@acme.test", "Ada Turner", "turner99").fails(1, similar);
    let both = user("acme.test", "", PASSWORD);
    both.fails(1, "--email: ");
    both.fails(1, "--name: ");
    sandbox.tenon(&["api-key", "create", "--name", "", "--scopes", "posts:read"]).fails(1, "--name: ");
    sandbox.tenon(&["import", "markdown", ".", "--author", " "]).fails(1, "--author: ");
    assert!(!sandbox.has_data());
}

#[api_test]
fn api_key_create_requires_scopes_and_an_active_owner() {
    let sandbox = Sandbox::new();
    let key = |scopes: &str, options: &[&str]| {
        sandbox.tenon(&[&["api-key", "create", "--name", "ci", "--scopes", scopes], options].concat())
    };
    let help = sandbox.tenon(&["api-key", "create", "--help"]).stdout;
    for scope in ["authors:read", "posts:write", "users:write"] {
        assert!(help.contains(scope), "{help}");
        for invalid in ["", "posts", "posts:read,posts"] {
            key(invalid, &[]).fails(2, scope);
        }
    }
    key("posts:read", &["--expires", "9é"]).fails(2, "90d");
    assert!(!sandbox.has_data());
    key("posts:read", &[]).fails(1, "there is no database tenon.db in the folder");
    sandbox.tenon(&["migrate", "up"]).succeeds();
    key("posts:read", &[]).fails(1, "there is no active admin");
    key("posts:read", &["--owner", "ada@acme.test"]).fails(1, "no active account ada@acme.test");
    sandbox.create_user("ada@acme.test", &["--role", "admin"]).succeeds();
    for lifetime in ["90d", "never"] {
        let created = key("posts:read,posts:write", &["--expires", lifetime]).succeeds();
        assert!(created.stdout.starts_with("tenon_"), "{created:?}");
    }
}

#[api_test]
fn rejects_invalid_settings_and_warns_about_unknown_ones() {
    let sandbox = Sandbox::new();
    for (variable, value, message) in [
        ("TENON_PUBLIC_URL", "api.acme.test", "public_url: must be an absolute"),
        ("TENON_LOG", "loud", "log: must be error, warn"),
        ("TENON_LOG_FORMAT", "xml", "log_format: must be text or json, got xml"),
        ("TENON_DATABASE_URL", "mysql://ada:geheim@127.0.0.1/tenon", "database_url: must be sqlite://"),
    ] {
        let rejected = sandbox.run(&[(variable, value)], "", &["config"]);
        rejected.fails(1, message);
        assert!(!rejected.stderr.contains("geheim"), "{rejected:?}");
    }
    let several = [("TENON_LOG", "loud"), ("TENON_LOG_FORMAT", "xml")];
    for command in ["config", "doctor"] {
        let rejected = sandbox.run(&several, "", &[command]);
        let output = format!("{}{}", rejected.stdout, rejected.stderr);
        assert!(
            rejected.code == Some(1) && output.contains("log: must") && output.contains("log_format: must")
        );
    }
    let unknown = [("TENON_LISTN", "127.0.0.1:0"), ("TENON_SERVICE_HOST", "10.0.0.1"), ("TENON_CONFIG_", "")];
    let warned = sandbox.run(&unknown, "", &["config"]).succeeds();
    assert!(
        warned.stderr.contains("TENON_LISTN is not a setting and is ignored; did you mean TENON_LISTEN?")
    );
    assert!(warned.stderr.contains("TENON_SERVICE_HOST is not a setting and is ignored\n"), "{warned:?}");
    let known = [("TENON_LISTEN", "127.0.0.1:0"), ("TENON_TEST_DATABASE", "postgres://127.0.0.1/postgres")];
    assert_eq!(sandbox.run(&known, "", &["config"]).succeeds().stderr, "");
}

#[api_test]
fn failed_imports_and_dry_runs_create_no_files() {
    let sandbox = Sandbox::new();
    let folder = |name: &str| sandbox.0.join(name).display().to_string();
    fs::create_dir_all(sandbox.0.join("pictures")).expect("a folder");
    fs::write(sandbox.0.join("pictures/oak.png"), "").expect("a file");
    fs::create_dir_all(sandbox.0.join("book/guides")).expect("a folder");
    let post = "+++\ntitle = \"Oak\"\n+++\nA tree that is older than its village.\n";
    fs::write(sandbox.0.join("book/guides/oak.md"), post).expect("a file");
    for kind in ["markdown", "documents"] {
        sandbox.tenon(&["import", kind, &folder("nowhere")]).fails(1, "cannot read the folder");
        sandbox.tenon(&["import", kind, &folder("pictures")]).fails(1, "no Markdown files");
        let preview = sandbox.tenon(&["import", kind, &folder("book"), "--dry-run", "--json"]).succeeds();
        assert!(preview.stdout.contains("\"created\""), "{preview:?}");
        assert!(!sandbox.has_data(), "{kind}");
        assert_eq!(fs::read_dir(sandbox.0.join("tmp")).expect("a folder").count(), 0, "{kind}");
    }
    let help = sandbox.tenon(&["import", "documents", "--help"]).succeeds().stdout;
    assert!(!help.contains("posts") && !help.contains("--author"), "{help}");
    sandbox.tenon(&["import", "markdown", &folder("book")]).succeeds();
    let preview = sandbox.tenon(&["import", "markdown", &folder("book"), "--dry-run"]).succeeds();
    assert!(preview.stdout.contains("unchanged"), "the dry run queries the existing database: {preview:?}");
}

#[api_test]
fn json_import_accepts_files_in_any_order() {
    let sandbox = Sandbox::new();
    let file = |name: &str, text: &str| {
        let path = sandbox.0.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let customer = "d6e15727-9fe1-4961-8c5b-ea44a9bd81aa";
    let invoice = |amount: &str, status: &str| {
        format!(r#"{{"customerId":"{customer}","amount":{amount},"status":"{status}","date":"2022-12-06"}}"#)
    };
    let invoices =
        file("invoices.json", &format!("[{},{}]", invoice("15795", "pending"), invoice("1", "paid")));
    let customers = file(
        "customers.json",
        &format!(r#"[{{"id":"{customer}","name":"Evil Rabbit","email":"evil@rabbit.test","shoe":43}}]"#),
    );
    let revenues = file("revenues.json", r#"[{"month":"Jan","amount":200000,"currency":"USD"}]"#);
    let redirects =
        file("redirects.json", r#"{"-api-v1-old":{"destination":"/api/v2/new","permanent":true}}"#);
    let files = [invoices.as_str(), &redirects, &revenues, &customers];
    let import = |options: &[&str]| sandbox.tenon(&[&["import", "json"], &files[..], options].concat());
    let preview = import(&["--dry-run"]).succeeds();
    assert!(preview.stdout.contains("5 created, 0 updated, 0 unchanged"), "{preview:?}");
    assert!(!sandbox.has_data());
    let imported = import(&[]).succeeds();
    assert!(
        imported.stdout.contains("5 created") && imported.stdout.contains("unused fields: shoe (1)"),
        "{imported:?}"
    );
    assert!(import(&[]).succeeds().stdout.contains("0 created, 0 updated, 5 unchanged"));
    file("invoices.json", &format!("[{},{}]", invoice("15795", "paid"), invoice("1", "paid")));
    let again: serde_json::Value =
        serde_json::from_str(&import(&["--json"]).succeeds().stdout).expect("JSON");
    assert_eq!(again["updated"], serde_json::json!([format!("{invoices}#1")]));
    sandbox.tenon(&["import", "json", "nowhere.json"]).fails(1, "file not found: nowhere.json");
}

#[api_test]
fn json_import_rejects_a_redirect_cycle_of_two_files() {
    let sandbox = Sandbox::new();
    let file = |name: &str, text: &str| {
        let path = sandbox.0.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let first = file("first.json", r#"{"/a":{"destination":"/b"}}"#);
    let second = file("second.json", r#"{"/b":{"destination":"/a"}}"#);
    let output = sandbox.tenon(&["import", "json", &first, &second]);
    let cycle = "second.json: /b: must not form a redirect cycle: /b -> /a -> /b";
    assert!(output.code == Some(1) && output.stdout.contains(cycle), "{output:?}");
}

#[api_test]
fn json_import_names_the_invalid_record_and_field() {
    let sandbox = Sandbox::new();
    let customer = "d6e15727-9fe1-4961-8c5b-ea44a9bd81aa";
    let file = |text: &str| {
        let path = sandbox.0.join("wrong.json");
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let invoice = |amount: &str, status: &str| {
        format!(r#"{{"customerId":"{customer}","amount":{amount},"status":"{status}","date":"2022-12-06"}}"#)
    };
    let known = format!(r#"[{{"id":"{customer}","name":"Evil Rabbit","email":"evil@rabbit.test"}}]"#);
    sandbox.tenon(&["import", "json", &file(&known)]).succeeds();
    for year in ["0", "1899", "2200"] {
        sandbox.tenon(&["import", "json", "--year", year, "wrong.json"]).fails(2, "1900..=2199");
    }
    for (text, message) in [
        ("7", "must be an array of records or an object of redirects"),
        (r#"{"-a":{"destination":"//evil.test","permanent":true}}"#, "wrong.json: "),
        ("[", "invalid JSON"),
        (r#"[{"name":"Nobody"}]"#, "wrong.json#1: unknown record type: expected a customer (email)"),
        (r#"[{"name":"","email":"evil"}]"#, "; name: must be 1 to "),
        (r#"[{"id":"7","name":"A","email":"a@b.test"}]"#, "id: must be a UUID"),
        (r#"[{"name":"Twin","email":"Evil@Rabbit.test"}]"#, "email: already exists"),
        (
            r#"[{"month":"2020-01","amount":1},{"month":"2020-01","amount":2}]"#,
            "wrong.json#2: duplicate of an earlier record in this file",
        ),
        (r#"{"/okay":{"destination":"//evil.test"}}"#, "wrong.json: /okay: "),
        (r#"{"bare":{"destination":"/new"}}"#, "bare: must begin with a slash"),
        (r#"[{"month":"Foo","amount":1}]"#, "month: must be a month"),
        (r#"[{"month":"0001-01","amount":1}]"#, "month: must be a month"),
        (r#"[{"month":"2200-01","amount":1}]"#, "month: must be a month"),
        (r#"[{"month":"2020-01","amount":-1}]"#, "amount: "),
        (r#"[{"month":"2020-01","amount":1,"currency":"€"}]"#, "currency: "),
        (r#"[{"month":"2020-01","amount":1,"currency":"XTS"}]"#, "XTS, which has no exchange rate"),
        (&format!("[{}]", invoice("1.5", "paid")), "expected i64"),
        (&format!("[{}]", invoice("1", "lost")), "status: "),
        (
            &format!("[{}]", invoice("1", "paid").replace("d6", "00")),
            "must be the id of an existing customer",
        ),
    ] {
        let invalid = file(text);
        let output = sandbox.tenon(&["import", "json", &invalid]);
        assert!(output.code == Some(1) && output.stdout.contains(message), "{text}: {output:?}");
    }
}

#[api_test]
fn reports_an_unreachable_database() {
    let sandbox = Sandbox::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let unresponsive = TcpListener::bind("127.0.0.1:0").expect("a port");
    let unresponsive_address = unresponsive.local_addr().expect("a port");
    for (address, message) in [(closed, "refused"), (unresponsive_address, "no response within 3 s")] {
        let url = format!("postgres://ada:geheim@{address}/tenon?sslmode=disable");
        let failed = sandbox.tenon(&["migrate", "status", "--database-url", &url]);
        failed.fails(1, message);
        failed.fails(1, &format!("PostgreSQL at {address}"));
        assert!(!failed.stderr.contains("geheim"), "{failed:?}");
    }
    fs::write(sandbox.0.join("text.db"), "no database ".repeat(100)).expect("a file");
    let url = format!("sqlite://{}", sandbox.0.join("text.db").display());
    sandbox.tenon(&["migrate", "up", "--database-url", &url]).fails(1, "file is not a database");
    let below = format!("{url}/tenon.db");
    sandbox.tenon(&["migrate", "up", "--database-url", &below]).fails(1, "error: cannot create the folder");
}

#[api_test]
fn migrate_down_requires_confirmation_and_names_what_is_dropped() {
    let sandbox = Sandbox::new();
    sandbox.create_user("ada@acme.test", &["--role", "admin"]).succeeds();
    let before = sandbox.tenon(&["migrate", "status"]).succeeds().stdout;
    let count = before.lines().count();
    let message = format!("--steps: must be at most {count}, the number of applied migrations, got 99");
    sandbox.tenon(&["migrate", "down", "--steps", "99", "--yes"]).fails(1, &message);
    let rejected = sandbox.tenon(&["migrate", "down", "--steps", &count.to_string()]);
    rejected.fails(1, "Confirm with --yes");
    for line in ["000001_accounts: ", "table users (1 row)", "table posts (0 rows)", "column events.post ("] {
        assert!(rejected.stderr.contains(line), "{line}: {rejected:?}");
    }
    assert_eq!(sandbox.tenon(&["migrate", "status"]).succeeds().stdout, before);
    sandbox
        .tenon(&["migrate", "down"])
        .fails(1, "000029_media_dominant_color: column media.dominant_color (");
    assert_eq!(sandbox.tenon(&["migrate", "status"]).succeeds().stdout, before);
    sandbox.tenon(&["migrate", "down", "--yes"]).succeeds();
    // The next migration only adds an index.
    let down = sandbox.tenon(&["migrate", "down"]).succeeds().stdout;
    assert_eq!(down, "reverted m20261129_000028_audit_request\n");
    let rejected = sandbox.tenon(&["migrate", "down"]);
    assert!(!rejected.stderr.contains("users"), "only the reverted steps are listed: {rejected:?}");
    let rest = count - 2;
    let down = sandbox.tenon(&["migrate", "down", "--steps", &rest.to_string(), "--yes"]).succeeds().stdout;
    assert_eq!(down.lines().filter(|line| line.starts_with("reverted m2026")).count(), rest, "{down}");
    assert!(!sandbox.tenon(&["migrate", "status"]).succeeds().stdout.contains("applied"));
    let up = sandbox.tenon(&["migrate", "up"]).succeeds().stdout;
    assert_eq!(up.lines().filter(|line| line.starts_with("applied m2026")).count(), count, "{up}");
    assert_eq!(sandbox.tenon(&["migrate", "up"]).succeeds().stdout, "no migration is pending\n");
}

#[api_test]
fn migrate_down_and_an_older_program_are_rejected_by_a_database_in_use_or_newer() {
    let sandbox = Sandbox::new();
    sandbox.create_user("ada@acme.test", &["--role", "admin"]).succeeds();
    let url = format!("sqlite://{}", sandbox.0.join("data/tenon.db").display());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let db = runtime.block_on(Db::open(&url)).expect("the database opens");
    let down = ["migrate", "down", "--yes"];
    sandbox.tenon(&down).fails(1, "the database is in use: stop the service, then repeat the command");
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    let insert = db.write(async move |tx: Tx| tx.execute_unprepared(newer).await);
    runtime.block_on(insert).expect("the row is inserted");
    runtime.block_on(db.close()).expect("the database closes");
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let key = ["api-key", "create", "--name", "ci", "--scopes", "posts:read"];
    for command in [&down[..], &serve, &key, &["migrate", "up"]] {
        sandbox.tenon(command).fails(1, "m29991231_000001_later of a newer program: use that program");
    }
}

#[api_test]
fn commands_that_do_not_create_a_database_name_the_folder() {
    let sandbox = Sandbox::new();
    for command in [
        &["audit", "verify"][..],
        &["migrate", "status"],
        &["migrate", "down", "--yes"],
        &["secret-key", "rotate"],
        &["api-key", "create", "--name", "ci", "--scopes", "posts:read"],
        &["backup", "backup.tar"],
        &["doctor"],
    ] {
        let failed = sandbox.tenon(command);
        assert_eq!(failed.code, Some(1), "{command:?}: {failed:?}");
        let output = format!("{}{}", failed.stdout, failed.stderr);
        let folder = sandbox.0.join("data").display().to_string();
        assert!(output.contains("there is no database") && output.contains(&folder), "{output}");
        assert!(!sandbox.has_data() && !sandbox.0.join("backup.tar").exists(), "{command:?}");
    }
    sandbox.tenon(&["migrate", "status"]).fails(1, "set --data-dir");
    sandbox.tenon(&["migrate", "up"]).succeeds();
    assert!(sandbox.has_data());
}

#[api_test]
fn openapi_requires_no_data_directory() {
    let sandbox = Sandbox::new();
    let help = sandbox.tenon(&["openapi", "--help"]).succeeds().stdout;
    assert!(!help.contains("--data-dir") && !help.contains("--database-url"), "{help}");
    assert!(sandbox.tenon(&["openapi"]).succeeds().stdout.starts_with("openapi: "));
    assert!(!sandbox.has_data());
}

/// Starts a server that sends one of these response bodies per connection; returns its URL.
fn start_rate_server(bodies: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/v6/key", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for body in bodies {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 2000]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
            let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[api_test]
fn rates_fetch_stores_rates_and_rejects_large_changes() {
    let sandbox = Sandbox::new();
    sandbox.tenon(&["rates", "fetch"]).fails(1, "there is no source of rates: set rates_url");
    assert!(!sandbox.has_data());
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let response_body = |rates: &str| {
        format!(
            "{{\"result\":\"success\",\"base_code\":\"USD\",\"time_last_update_unix\":{now},\"rates\":{rates}}}"
        )
    };
    let (valid, large_change) =
        (response_body("{\"EUR\":0.9,\"JPY\":150}"), response_body("{\"EUR\":9,\"JPY\":151}"));
    let url = start_rate_server(vec![valid, large_change.clone(), large_change, "<html>".to_owned()]);
    let fetch = |options: &[(&str, &str)]| {
        sandbox.run(&[&[("TENON_RATES_URL", url.as_str())], options].concat(), "", &["rates", "fetch"])
    };
    fetch(&[]).fails(1, "rates_url: must start with https://, unless allow_private_networks = true");
    let private_networks = [("TENON_ALLOW_PRIVATE_NETWORKS", "on")];
    fetch(&private_networks).fails(1, "there is no database");
    sandbox.tenon(&["migrate", "up"]).succeeds();
    let first = fetch(&private_networks).succeeds();
    assert!(
        first.stdout.starts_with("EUR 0.9\nJPY 150\n2 rates of ") && first.stdout.contains("127.0.0.1"),
        "{first:?}"
    );
    let second = fetch(&private_networks).succeeds();
    assert!(second.stdout.starts_with("JPY 151\n1 rate of "), "{second:?}");
    assert!(second.stderr.contains("EUR from 0.9 to 9"), "{second:?}");
    let variables = [&[("TENON_RATES_URL", url.as_str())], &private_networks[..]].concat();
    let forced = sandbox.run(&variables, "", &["rates", "fetch", "--allow-large-changes"]).succeeds();
    assert!(forced.stdout.starts_with("EUR 9\nJPY 151\n2 rates of "), "{forced:?}");
    let third = fetch(&private_networks);
    assert!(!third.stderr.contains("key"), "{third:?}");
    third.fails(1, "are invalid");
    fetch(&private_networks).fails(1, "cannot connect to 127.0.0.1");
}
