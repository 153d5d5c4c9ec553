//! Secrets in the database: sealed with a key that is not in the database.
use std::{fs, path::PathBuf, sync::Arc};

use entity::{redacted::Redacted, secret, session, signing_key, webhook_endpoint};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};
use serde_json::json;
use tenon::{
    app::App,
    config::Config,
    domain::secret::{Secret, random_token},
    http::auth::Role,
    infra::{
        db::{Tx, sqlite_path},
        sealing::{Sealer, SecretKeys, key_id, read_key_file},
    },
    resources::accounts::sessions::{
        keys::{SigningKey, SigningKeys},
        refresh_token::RefreshToken,
        token::{AccessTokens, Grant},
    },
};
use uuid::Uuid;

use crate::{
    commands::Sandbox,
    support::{Api, PASSWORD, SECRET_KEY},
    webhook_receiver::Receiver,
};

/// Returns all sealed columns of the database.
async fn sealed_values(api: &Api) -> Vec<String> {
    let db = api.app.db.read();
    let secrets = secret::Entity::find().all(db).await.expect("the rows");
    let keys = signing_key::Entity::find().all(db).await.expect("the rows");
    let endpoints = webhook_endpoint::Entity::find().all(db).await.expect("the rows");
    assert!(!secrets.is_empty() && !keys.is_empty());
    let endpoints = endpoints.into_iter();
    let endpoints =
        endpoints.flat_map(|row| [Some(row.secret), row.previous_secret, row.header_values]).flatten();
    let secrets = secrets.into_iter().map(|row| row.value);
    let values = secrets.chain(keys.into_iter().map(|row| row.private_key)).chain(endpoints);
    values.map(Redacted::into_inner).collect()
}

async fn create_endpoint(api: &Api) -> (String, String) {
    let admin = api.sign_in(Role::Admin).await;
    let receiver = Receiver::start().await;
    let headers = json!([{ "name": "x-api-key", "value": "key-of-the-receiver" }]);
    let body = json!({ "url": receiver.url, "events": ["posts"], "headers": headers });
    let created = admin.post("/api/webhook-endpoints", body).await.is(201);
    let text = |name: &str| created.body[name].as_str().expect("a string").to_owned();
    (text("id"), text("secret"))
}

/// Starts the services on the database of `api` with these settings.
async fn start_again(api: &Api, settings: &[(&'static str, &str)]) -> Result<App, String> {
    let flags: Vec<_> = settings.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
    let config = Config::read(&flags).expect("the settings are valid");
    let (db, clock) = (api.app.db.clone(), api.clock.clone());
    App::new(db, clock, &config, tenon::api::operation_paths()).await.map_err(|error| error.to_string())
}

#[api_test]
async fn the_database_contains_no_usable_secret() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let (id, secret) = create_endpoint(&api).await;
    let admin = api.sign_in(Role::Admin).await;
    let rotated = admin.post_empty(&format!("/api/webhook-endpoints/{id}/rotate-secret")).await.is(200);
    for value in sealed_values(&api).await {
        assert!(key_id(&value).is_some(), "{value}");
        assert!(
            ![&secret, rotated.body["secret"].as_str().expect("a secret"), "key-of-the-receiver"]
                .iter()
                .any(|it| value.contains(*it))
        );
    }
    let sealer = Sealer::new(SecretKeys::parse(SECRET_KEY).expect("a key"), None);
    let row = webhook_endpoint::Entity::find().one(api.app.db.read()).await.expect("found").expect("a row");
    let previous = row.previous_secret.expect("the rotated secret");
    let opened = sealer.open(&format!("webhook_endpoints/{id}"), previous.expose()).expect("opens");
    assert_eq!(opened.expose(), secret.as_bytes());
}

#[api_test]
async fn a_signing_key_and_the_row_of_a_session_are_not_enough_for_a_token() {
    let api = Api::start().await;
    let email = api.user(Role::Admin, "Admin").await;
    let credentials = json!({ "email": email, "password": PASSWORD });
    let login = api.post("/api/auth/login", credentials).await.is(200).body;
    let refresh = RefreshToken::parse(login["refreshToken"].as_str().expect("a token")).expect("valid");
    let row = signing_key::Entity::find().one(api.app.db.read()).await.expect("found").expect("a row");
    let sealer = Sealer::new(SecretKeys::parse(SECRET_KEY).expect("a key"), None);
    let opened =
        sealer.open(&format!("signing_keys/{}", row.kid), row.private_key.expose()).expect("the key opens");
    let decode = |text: &[u8]| {
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
    };
    let keys = Arc::new(SigningKeys::default());
    let key = SigningKey {
        kid: row.kid,
        pkcs8: Secret::new(decode(opened.expose())),
        public: decode(row.public_key.as_bytes()),
        created_at: row.created_at,
        active_at: row.active_at,
        expires_at: row.expires_at,
    };
    keys.replace([key]).expect("a valid key");
    let session = session::Entity::find().one(api.app.db.read()).await.expect("found").expect("a session");
    let tokens = AccessTokens::new("tenon", "tenon", keys);
    let authenticate = async |session_secret: Secret<String>| {
        let (user, session, role) = (session.user_id, session.id, "admin".to_owned());
        let token = tokens.issue(&Grant { user, session, session_secret, role }, api.clock.now());
        api.app.sessions.authenticate_bearer(token.expect("a token").expose()).await.is_ok()
    };
    for guess in [&session.secret_hash, &session.family_hash, random_token().expose(), ""] {
        assert!(!authenticate(Secret::new(guess.to_owned())).await, "{guess}");
    }
    assert!(authenticate(refresh.session_secret()).await, "only the secret was wrong");
}

#[api_test]
async fn a_session_without_a_secret_gets_one_with_its_next_access_token() {
    let api = Api::start().await;
    let (email, reader) = (api.user(Role::Reader, "Reader").await, api.clone());
    let credentials = json!({ "email": email, "password": PASSWORD });
    let login = reader.post("/api/auth/login", credentials).await.is(200).body;
    let forget = async move |tx: Tx| {
        let update = session::Entity::update_many()
            .col_expr(session::Column::SecretHash, sea_orm::sea_query::Expr::value(""));
        update.exec(&*tx).await
    };
    api.app.db.write(forget).await.expect("written");
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let authenticate = async |token: String| api.app.sessions.authenticate_bearer(&token).await.is_ok();
    assert!(!authenticate(text(&login["accessToken"])).await);
    let refresh = json!({ "refreshToken": login["refreshToken"] });
    let refreshed = reader.post("/api/auth/refresh", refresh).await.is(200).body;
    assert!(authenticate(text(&refreshed["accessToken"])).await);
}

#[api_test]
async fn seals_the_secrets_of_an_earlier_version_at_the_start() {
    let api = Api::start().await;
    let plain = unseal(&api).await;
    let sealer = Sealer::new(SecretKeys::parse(SECRET_KEY).expect("a key"), None);
    start_again(&api, &[("secret_key", SECRET_KEY)]).await.expect("the services start");
    for value in sealed_values(&api).await {
        assert!(sealer.is_current(&value) && !value.contains(&plain), "{value}");
    }
}

/// Replaces the sealed value of the cursors by the value itself, as an earlier version stored it. Returns the value.
async fn unseal(api: &Api) -> String {
    let row = secret::Entity::find_by_id("cursors").one(api.app.db.read()).await;
    let row = row.expect("found").expect("a row");
    let sealer = Sealer::new(SecretKeys::parse(SECRET_KEY).expect("a key"), None);
    let opened = sealer.open("secrets/cursors", row.value.expose()).expect("opens").expose().clone();
    let plain = String::from_utf8(opened).expect("text");
    let (name, value) = (row.name, plain.clone());
    let unseal = async move |tx: Tx| {
        secret::ActiveModel { name: Set(name), value: Set(value.into()) }.update(&*tx).await
    };
    api.app.db.write(unseal).await.expect("written");
    plain
}

#[api_test]
async fn a_start_without_outdated_secrets_does_not_seal() {
    let api = Api::start().await;
    let seals = |api: &Api| {
        let ordered = |sql: &str| sql.contains("FROM \"webhook_endpoints\"") && sql.contains("ORDER BY");
        api.statements().iter().any(|statement| ordered(&statement.sql))
    };
    api.statements();
    start_again(&api, &[("secret_key", SECRET_KEY)]).await.expect("the services start");
    assert!(!seals(&api));
    unseal(&api).await;
    start_again(&api, &[("secret_key", SECRET_KEY)]).await.expect("the services start");
    assert!(seals(&api), "the statements of sealing are recognized");
}

#[api_test]
async fn the_file_contains_no_secret_that_an_earlier_version_stored() {
    let api = Api::start().await;
    // The files of PostgreSQL are not accessible.
    let Some(path) = sqlite_path(&api.database_url) else { return };
    let contains = |secret: &str| {
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let bytes = [fs::read(path).expect("the file"), fs::read(log).unwrap_or_default()].concat();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    let replaced = unseal(&api).await;
    // The first value remains in the log or on a free part of a page.
    let plain = random_token().expose().clone();
    let value = plain.clone();
    let replace = async move |tx: Tx| {
        secret::ActiveModel { name: Set("cursors".to_owned()), value: Set(value.into()) }.update(&*tx).await
    };
    api.app.db.write(replace).await.expect("written");
    assert!(contains(&replaced) && contains(&plain));
    start_again(&api, &[("secret_key", SECRET_KEY)]).await.expect("the services start");
    assert!(!contains(&replaced) && !contains(&plain));
}

#[api_test]
async fn a_secret_that_is_sealed_with_an_unknown_key_is_an_internal_error() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let (id, secret) = create_endpoint(&api).await;
    let admin = api.sign_in(Role::Admin).await;
    let other = Sealer::new(SecretKeys::generate().expect("a key"), None);
    let sealed = other.seal(&format!("webhook_endpoints/{id}"), secret.as_bytes()).expect("sealed");
    let (row_id, value) = (id.parse::<Uuid>().expect("an id"), sealed.clone());
    let replace = async move |tx: Tx| {
        let row = webhook_endpoint::Entity::find_by_id(row_id).one(&*tx).await?.expect("a row");
        let mut row = row.into_active_model();
        row.secret = Set(value.into());
        row.update(&*tx).await
    };
    api.app.db.write(replace).await.expect("written");
    api.log_lines();
    admin.post_empty(&format!("/api/webhook-endpoints/{id}/rotate-secret")).await.is(500);
    let line = api.log_line();
    assert_eq!((&line["level"], &line["code"]), (&json!("ERROR"), &json!("internal-server-error")));
    assert!(line["reason"].as_str().expect("a reason").contains("set secret_key or"), "{line}");
    let row = webhook_endpoint::Entity::find_by_id(row_id).one(api.app.db.read()).await;
    assert_eq!(row.expect("found").expect("a row").secret.expose(), sealed, "the secret is not replaced");
}

#[api_test]
async fn the_start_fails_with_another_secret_key() {
    let api = Api::start().await;
    let other = SecretKeys::generate().expect("a key");
    let known = SecretKeys::parse(SECRET_KEY).expect("a key").ids();
    let key = other.to_file().expose().trim().to_owned();
    let error = start_again(&api, &[("secret_key", &key)]).await.err().expect("an error");
    assert!(
        error.contains(&known) && error.contains(&other.ids()) && error.contains("secret_key_file"),
        "{error}"
    );
    let missing = std::env::temp_dir().join(format!("tenon-{}.key", Uuid::now_v7())).display().to_string();
    let error = start_again(&api, &[("secret_key_file", &missing)]).await.err().expect("an error");
    assert!(
        error.contains(&missing) && error.contains(&known) && error.contains("restore this file"),
        "{error}"
    );
    assert!(!PathBuf::from(missing).exists());
    start_again(&api, &[("secret_key", &format!("{key} {SECRET_KEY}"))]).await.expect("the services start");
    assert!(sealed_values(&api).await.iter().all(|value| key_id(value) == Some(&other.ids())));
}

#[api_test]
async fn the_key_is_rotated_while_the_service_runs() {
    let sandbox = Sandbox::new();
    let file = sandbox.0.join("secret.key");
    let path = file.display().to_string();
    let settings = [("secret_key", ""), ("secret_key_file", &path), ("allow_private_networks", "on")];
    let api = Api::with(&settings).await;
    let (first, secret) = create_endpoint(&api).await;
    let old = read_key_file(&file).expect("the key file was created");
    let url = api.database_url.clone();
    let variables = [("TENON_SECRET_KEY_FILE", path.as_str()), ("TENON_DATABASE_URL", url.as_str())];
    let rotate = || sandbox.run(&variables, "", &["secret-key", "rotate"]).succeeds();
    let output = rotate();
    let new = read_key_file(&file).expect("the key file");
    assert!(output.stdout.contains(&new.first().ids()) && new.ids() != old.ids(), "{output:?}");
    assert!(new.ids().ends_with(&old.ids()), "the previous key still opens");
    let note = format!(
        "backups that were made before need the key with which their secrets are sealed ({})",
        old.ids()
    );
    assert!(output.stdout.contains(&note), "{output:?}");
    // The running service opens the new values, and seals with the new key.
    api.app.sessions.rotate_keys().await.expect("the signing keys open");
    let (second, _) = create_endpoint(&api).await;
    assert_ne!(first, second);
    assert!(sealed_values(&api).await.iter().all(|value| key_id(value) == Some(&new.first().ids())));
    rotate();
    assert!(!read_key_file(&file).expect("the key file").ids().contains(&old.ids()));
    let sealer = Sealer::new(read_key_file(&file).expect("the key file"), None);
    let rows = webhook_endpoint::Entity::find_by_id(first.parse::<Uuid>().expect("an id"));
    let row = rows.one(api.app.db.read()).await.expect("found").expect("a row");
    let opened = sealer.open(&format!("webhook_endpoints/{first}"), row.secret.expose()).expect("opens");
    assert_eq!(opened.expose(), secret.as_bytes());
}

#[api_test]
fn the_data_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let mode = |name: &str| {
        fs::metadata(sandbox.0.join("data").join(name)).expect("a file").permissions().mode() & 0o777
    };
    let arguments = ["user", "create", "--email", "ada@acme.test", "--name", "Ada", "--password-stdin"];
    let create = || sandbox.run(&[], PASSWORD, &arguments).succeeds();
    create();
    assert_eq!((mode("tenon.db"), mode("secret.key"), mode("")), (0o600, 0o600, 0o700));
    let settings = sandbox.0.join("data/tenon.toml");
    fs::write(&settings, "webhooks_github_secrets = [\"a-secret-of-a-test\"]\n").expect("written");
    for (name, wide) in [("tenon.db", 0o644), ("secret.key", 0o644), ("tenon.toml", 0o644), ("", 0o775)] {
        let path = sandbox.0.join("data").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(wide)).expect("changed");
    }
    create();
    assert_eq!(
        (mode("tenon.db"), mode("secret.key"), mode("tenon.toml"), mode("")),
        (0o600, 0o640, 0o640, 0o755)
    );
    // Without a secret, others may read the settings.
    fs::write(&settings, "log = \"warn\"\n").expect("written");
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o644)).expect("changed");
    create();
    assert_eq!(mode("tenon.toml"), 0o644);
}
