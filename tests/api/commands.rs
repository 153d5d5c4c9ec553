//! The program itself, as an operator runs it: what it says, what it refuses, and what it leaves behind.
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
};

use entity::user;
use sea_orm::EntityTrait;
use tenon::infra::db::Db;
use uuid::Uuid;

use crate::support::PASSWORD;

/// A folder for one test, gone with it.
pub struct Machine(pub PathBuf);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command ended with.
#[derive(Debug)]
pub struct Ended {
    code: Option<i32>,
    pub out: String,
    err: String,
}

impl Machine {
    pub fn new() -> Machine {
        let machine = Machine(std::env::temp_dir().join(format!("tenon-commands-{}", Uuid::now_v7())));
        fs::create_dir_all(machine.0.join("tmp")).expect("the folder is made");
        machine
    }

    /// Runs the program on the data folder of this machine, and nothing of this one's environment.
    pub fn run(&self, variables: &[(&str, &str)], input: &str, arguments: &[&str]) -> Ended {
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
            .expect("the program starts");
        // A program that has no use for it may have closed its end.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let ended = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ended { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
    }

    pub fn tenon(&self, arguments: &[&str]) -> Ended {
        self.run(&[], "", arguments)
    }

    fn user(&self, email: &str, more: &[&str]) -> Ended {
        let arguments = ["user", "create", "--name", "Ada", "--password-stdin", "--email", email];
        self.run(&[], PASSWORD, &[&arguments[..], more].concat())
    }

    /// The accounts with their roles, read from the database.
    fn roles(&self) -> Vec<(String, String)> {
        let url = format!("sqlite://{}", self.0.join("data/tenon.db").display());
        let rows = async {
            let db = Db::open(&url).await.expect("the database opens");
            let rows = user::Entity::find().all(db.read()).await.expect("there are accounts");
            db.close().await.expect("the database closes");
            rows
        };
        let rows = tokio::runtime::Runtime::new().expect("a runtime").block_on(rows);
        let mut roles: Vec<_> =
            rows.into_iter().map(|row| (row.email.unwrap_or_default(), row.role)).collect();
        roles.sort();
        roles
    }

    fn has_data(&self) -> bool {
        self.0.join("data").exists()
    }
}

impl Ended {
    #[track_caller]
    pub fn done(self) -> Ended {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The command has failed and says this; it never talks of the libraries below.
    #[track_caller]
    pub fn says(&self, code: i32, words: &str) {
        assert!(self.code == Some(code) && self.err.contains(words), "{words}: {self:?}");
        for foreign in ["Error:", "error returned from", "pool timed out", "panicked"] {
            assert!(!self.err.contains(foreign), "{self:?}");
        }
    }
}

#[api_test]
fn a_known_account_keeps_its_role_unless_one_is_given() {
    let machine = Machine::new();
    machine.user("ada@acme.test", &["--role", "admin"]).done();
    let again = machine.user("Ada@ACME.test", &[]).done();
    assert!(again.out.ends_with(" admin ada@acme.test\n"), "{again:?}");
    machine.user("ada@acme.test", &["--role", "reader"]).says(1, "this is the last active admin");
    let new = machine.user("bob@acme.test", &[]).done();
    assert!(new.out.ends_with(" reader bob@acme.test\n"), "{new:?}");
    let pair = |email: &str, role: &str| (email.to_owned(), role.to_owned());
    assert_eq!(machine.roles(), [pair("ada@acme.test", "admin"), pair("bob@acme.test", "reader")]);
    machine.user("bob@acme.test", &["--role", "admin"]).done();
    machine.user("ada@acme.test", &["--role", "editor"]).done();
    assert_eq!(machine.roles(), [pair("ada@acme.test", "editor"), pair("bob@acme.test", "admin")]);
    assert!(machine.tenon(&["user", "create", "--help"]).out.contains("retains its role"));
}

#[api_test]
fn accounts_and_keys_are_what_the_api_would_take() {
    let machine = Machine::new();
    let user = |email: &str, name: &str, password: &str| {
        let arguments = ["user", "create", "--password-stdin", "--email", email, "--name", name];
        machine.run(&[], password, &arguments)
    };
    let long = "x".repeat(101);
    user("ada@acme.test", "", PASSWORD).says(1, "--name: ");
    user("ada@acme.test", " ", PASSWORD).says(1, "--name: ");
    user("ada@acme.test", &long, PASSWORD).says(1, "--name: ");
    user("acme.test", "Ada", PASSWORD).says(1, "--email: ");
    user("ada lovelace@acme.test", "Ada", PASSWORD).says(1, "--email: ");
    user("ada@acme.test", "Ada", "short\nlong enough").says(1, "password: must be 8 to 128 characters");
    user("ada@acme.test", "Ada", "").says(1, "password: ");
    user("ada@acme.test", "Ada", "12345678").says(1, "password: ");
    let both = user("acme.test", "", PASSWORD);
    both.says(1, "--email: ");
    both.says(1, "--name: ");
    machine.tenon(&["api-key", "create", "--name", "", "--scopes", "posts:read"]).says(1, "--name: ");
    machine.tenon(&["import", "markdown", ".", "--author", " "]).says(1, "--author: ");
    assert!(!machine.has_data());
}

#[api_test]
fn keys_need_scopes_and_an_owner() {
    let machine = Machine::new();
    let key = |scopes: &str, more: &[&str]| {
        machine.tenon(&[&["api-key", "create", "--name", "ci", "--scopes", scopes], more].concat())
    };
    let help = machine.tenon(&["api-key", "create", "--help"]).out;
    for scope in ["authors:read", "posts:write", "users:write"] {
        assert!(help.contains(scope), "{help}");
        for wrong in ["", "posts", "posts:read,posts"] {
            key(wrong, &[]).says(2, scope);
        }
    }
    key("posts:read", &["--expires", "9é"]).says(2, "90d");
    assert!(!machine.has_data());
    key("posts:read", &[]).says(1, "there is no active admin");
    key("posts:read", &["--owner", "ada@acme.test"]).says(1, "no active account ada@acme.test");
    machine.user("ada@acme.test", &["--role", "admin"]).done();
    assert!(key("posts:read,posts:write", &["--expires", "90d"]).done().out.starts_with("tenon_"));
}

#[api_test]
fn settings_are_checked_by_whatever_reads_them() {
    let machine = Machine::new();
    for (variable, value, words) in [
        ("TENON_PUBLIC_URL", "api.acme.test", "public_url: must be an absolute"),
        ("TENON_LOG", "loud", "log: must be error, warn"),
        ("TENON_LOG_FORMAT", "xml", "log_format: must be text or json, got xml"),
        ("TENON_DATABASE_URL", "mysql://ada:geheim@127.0.0.1/tenon", "database_url: must be sqlite://"),
    ] {
        let refused = machine.run(&[(variable, value)], "", &["config"]);
        refused.says(1, words);
        assert!(!refused.err.contains("geheim"), "{refused:?}");
    }
    let foreign = [("TENON_LISTN", "127.0.0.1:0"), ("TENON_SERVICE_HOST", "10.0.0.1"), ("TENON_CONFIG_", "")];
    let warned = machine.run(&foreign, "", &["config"]).done();
    assert!(warned.err.contains("TENON_LISTN is not a setting and is ignored; did you mean TENON_LISTEN?"));
    assert!(warned.err.contains("TENON_SERVICE_HOST is not a setting and is ignored\n"), "{warned:?}");
    let known = [("TENON_LISTEN", "127.0.0.1:0"), ("TENON_TEST_DATABASE", "postgres://127.0.0.1/postgres")];
    assert_eq!(machine.run(&known, "", &["config"]).done().err, "");
}

#[api_test]
fn imports_leave_nothing_behind_that_was_not_asked_for() {
    let machine = Machine::new();
    let folder = |name: &str| machine.0.join(name).display().to_string();
    fs::create_dir_all(machine.0.join("pictures")).expect("a folder");
    fs::write(machine.0.join("pictures/oak.png"), "").expect("a file");
    fs::create_dir_all(machine.0.join("book/guides")).expect("a folder");
    let post = "+++\ntitle = \"Oak\"\n+++\nA tree that is older than its village.\n";
    fs::write(machine.0.join("book/guides/oak.md"), post).expect("a file");
    for kind in ["markdown", "documents"] {
        machine.tenon(&["import", kind, &folder("nowhere")]).says(1, "cannot read the folder");
        machine.tenon(&["import", kind, &folder("pictures")]).says(1, "no Markdown files");
        let tried = machine.tenon(&["import", kind, &folder("book"), "--dry-run", "--json"]).done();
        assert!(tried.out.contains("\"created\""), "{tried:?}");
        assert!(!machine.has_data(), "{kind}");
        assert_eq!(fs::read_dir(machine.0.join("tmp")).expect("a folder").count(), 0, "{kind}");
    }
    let help = machine.tenon(&["import", "documents", "--help"]).done().out;
    assert!(!help.contains("posts") && !help.contains("--author"), "{help}");
    machine.tenon(&["import", "markdown", &folder("book")]).done();
    let tried = machine.tenon(&["import", "markdown", &folder("book"), "--dry-run"]).done();
    assert!(tried.out.contains("unchanged"), "the database that is there is asked: {tried:?}");
}

#[api_test]
fn an_office_comes_in_from_json_files_in_any_order() {
    let machine = Machine::new();
    let file = |name: &str, text: &str| {
        let path = machine.0.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let customer = "d6e15727-9fe1-4961-8c5b-ea44a9bd81aa";
    let owes = |amount: &str, status: &str| {
        format!(r#"{{"customerId":"{customer}","amount":{amount},"status":"{status}","date":"2022-12-06"}}"#)
    };
    let invoices = file("invoices.json", &format!("[{},{}]", owes("15795", "pending"), owes("1", "paid")));
    let customers = file(
        "customers.json",
        &format!(r#"[{{"id":"{customer}","name":"Evil Rabbit","email":"evil@rabbit.test","shoe":43}}]"#),
    );
    let revenues = file("revenues.json", r#"[{"month":"Jan","amount":200000,"currency":"USD"}]"#);
    let redirects =
        file("redirects.json", r#"{"-api-v1-old":{"destination":"/api/v2/new","permanent":true}}"#);
    let files = [invoices.as_str(), &redirects, &revenues, &customers];
    let import = |more: &[&str]| machine.tenon(&[&["import", "json"], &files[..], more].concat());
    let tried = import(&["--dry-run"]).done();
    assert!(tried.out.contains("5 created, 0 updated, 0 unchanged"), "{tried:?}");
    assert!(!machine.has_data());
    let done = import(&[]).done();
    assert!(done.out.contains("5 created") && done.out.contains("unused fields: shoe (1)"), "{done:?}");
    assert!(import(&[]).done().out.contains("0 created, 0 updated, 5 unchanged"));
    file("invoices.json", &format!("[{},{}]", owes("15795", "paid"), owes("1", "paid")));
    let again: serde_json::Value = serde_json::from_str(&import(&["--json"]).done().out).expect("JSON");
    assert_eq!(again["updated"], serde_json::json!([format!("{invoices}#1")]));
    machine.tenon(&["import", "json", "nowhere.json"]).says(1, "file not found: nowhere.json");
}

#[api_test]
fn entries_that_do_not_fit_are_named_with_what_is_wrong() {
    let machine = Machine::new();
    let customer = "d6e15727-9fe1-4961-8c5b-ea44a9bd81aa";
    let file = |text: &str| {
        let path = machine.0.join("wrong.json");
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let owes = |amount: &str, status: &str| {
        format!(r#"{{"customerId":"{customer}","amount":{amount},"status":"{status}","date":"2022-12-06"}}"#)
    };
    let known = format!(r#"[{{"id":"{customer}","name":"Evil Rabbit","email":"evil@rabbit.test"}}]"#);
    machine.tenon(&["import", "json", &file(&known)]).done();
    for year in ["0", "1899", "2200"] {
        machine.tenon(&["import", "json", "--year", year, "wrong.json"]).says(2, "1900..=2199");
    }
    for (text, why) in [
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
        (&format!("[{}]", owes("1.5", "paid")), "expected i64"),
        (&format!("[{}]", owes("1", "lost")), "status: "),
        (&format!("[{}]", owes("1", "paid").replace("d6", "00")), "must be the id of an existing customer"),
    ] {
        let wrong = file(text);
        let ended = machine.tenon(&["import", "json", &wrong]);
        assert!(ended.code == Some(1) && ended.out.contains(why), "{text}: {ended:?}");
    }
}

#[api_test]
fn a_database_that_is_out_of_reach_is_told_at_once() {
    let machine = Machine::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|door| door.local_addr()).expect("a port");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_at = silent.local_addr().expect("a port");
    for (address, words) in [(closed, "refused"), (silent_at, "no response within 3 s")] {
        let url = format!("postgres://ada:geheim@{address}/tenon?sslmode=disable");
        let failed = machine.tenon(&["migrate", "status", "--database-url", &url]);
        failed.says(1, words);
        failed.says(1, &format!("PostgreSQL at {address}"));
        assert!(!failed.err.contains("geheim"), "{failed:?}");
    }
    fs::write(machine.0.join("text.db"), "no database ".repeat(100)).expect("a file");
    let url = format!("sqlite://{}", machine.0.join("text.db").display());
    machine.tenon(&["migrate", "up", "--database-url", &url]).says(1, "file is not a database");
    let below = format!("{url}/tenon.db");
    machine.tenon(&["migrate", "up", "--database-url", &below]).says(1, "error: cannot create the folder");
}

#[api_test]
fn several_steps_back_are_meant() {
    let machine = Machine::new();
    machine.user("ada@acme.test", &["--role", "admin"]).done();
    let before = machine.tenon(&["migrate", "status"]).done().out;
    let refused = machine.tenon(&["migrate", "down", "--steps", "99"]);
    refused.says(1, "Confirm with --yes");
    assert!(refused.err.contains("users (1)") && refused.err.contains("posts (0)"), "{refused:?}");
    assert!(refused.err.contains("_accounts"), "{refused:?}");
    assert_eq!(machine.tenon(&["migrate", "status"]).done().out, before);
    machine.tenon(&["migrate", "down"]).done();
    let refused = machine.tenon(&["migrate", "down", "--steps", "2"]);
    assert!(!refused.err.contains("users"), "only what the last steps made is lost: {refused:?}");
    assert_eq!(fs::read_dir(machine.0.join("tmp")).expect("a folder").count(), 0);
    let down = machine.tenon(&["migrate", "down", "--steps", "99", "--yes"]).done().out;
    assert!(!down.contains("applied"), "{down}");
}

#[api_test]
fn the_document_needs_no_data() {
    let machine = Machine::new();
    let help = machine.tenon(&["openapi", "--help"]).done().out;
    assert!(!help.contains("--data-dir") && !help.contains("--database-url"), "{help}");
    assert!(machine.tenon(&["openapi"]).done().out.starts_with("openapi: "));
    assert!(!machine.has_data());
}

/// A source of rates that gives each who comes one of these answers, and its address.
fn source(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/v6/key", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for body in answers {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let _ = stream.read(&mut [0; 2000]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
            let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[api_test]
fn rates_are_fetched_by_hand() {
    let machine = Machine::new();
    machine.tenon(&["rates", "fetch"]).says(1, "there is no source of rates: set rates_url");
    assert!(!machine.has_data());
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let told = |rates: &str| {
        format!(
            "{{\"result\":\"success\",\"base_code\":\"USD\",\"time_last_update_unix\":{now},\"rates\":{rates}}}"
        )
    };
    let (good, jump) = (told("{\"EUR\":0.9,\"JPY\":150}"), told("{\"EUR\":9,\"JPY\":151}"));
    let url = source(vec![good, jump.clone(), jump, "<html>".to_owned()]);
    let fetch = |more: &[(&str, &str)]| {
        machine.run(&[&[("TENON_RATES_URL", url.as_str())], more].concat(), "", &["rates", "fetch"])
    };
    fetch(&[]).says(1, "rates_url: must start with https://, unless allow_private_networks = true");
    let inside = [("TENON_ALLOW_PRIVATE_NETWORKS", "on")];
    let first = fetch(&inside).done();
    assert!(
        first.out.starts_with("EUR 0.9\nJPY 150\n2 rates of ") && first.out.contains("127.0.0.1"),
        "{first:?}"
    );
    let second = fetch(&inside).done();
    assert!(second.out.starts_with("JPY 151\n1 rate of "), "{second:?}");
    assert!(second.err.contains("EUR from 0.9 to 9"), "{second:?}");
    let variables = [&[("TENON_RATES_URL", url.as_str())], &inside[..]].concat();
    let meant = machine.run(&variables, "", &["rates", "fetch", "--allow-large-changes"]).done();
    assert!(meant.out.starts_with("EUR 9\nJPY 151\n2 rates of "), "{meant:?}");
    let third = fetch(&inside);
    assert!(!third.err.contains("key"), "{third:?}");
    third.says(1, "are invalid");
    fetch(&inside).says(1, "cannot connect to 127.0.0.1");
}
