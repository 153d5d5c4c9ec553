//! Baselines on bare hyper: a constant response, and creates with one PostgreSQL transaction per request.
use std::{convert::Infallible, fs, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Response,
    body::Incoming,
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait,
};
use tokio::{net::TcpListener, runtime};
use uuid::Uuid;

use crate::{Failure, http};

/// Connections of the pool, as many as Tenon opens.
const POOL: u32 = 20;
const SCHEMA: &str = "
    CREATE SCHEMA baseline;
    CREATE TABLE baseline.accounts (id uuid PRIMARY KEY, status text NOT NULL);
    CREATE TABLE baseline.posts (id uuid PRIMARY KEY, published_at bigint NOT NULL, comments_count integer NOT NULL);
    CREATE TABLE baseline.comments (
        id uuid PRIMARY KEY, post_id uuid NOT NULL REFERENCES baseline.posts, author_id uuid NOT NULL REFERENCES baseline.accounts,
        content text NOT NULL, status text NOT NULL, version integer NOT NULL, created_at bigint NOT NULL);
    CREATE INDEX ix_comments_post ON baseline.comments (post_id, created_at, id);
    CREATE TABLE baseline.events (
        position bigserial PRIMARY KEY, id uuid NOT NULL, kind text NOT NULL, href text NOT NULL,
        occurred_at bigint NOT NULL);
    INSERT INTO baseline.accounts VALUES (gen_random_uuid(), 'active');
    INSERT INTO baseline.posts SELECT gen_random_uuid(), 1, 0 FROM generate_series(1, 1000)";

fn runtime() -> Result<runtime::Runtime, Failure> {
    Ok(runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Writes a response to a file for `serve_constant`. hyper adds `date` and `content-length`.
pub fn store(path: &std::path::Path, response: &http::Response) -> Result<(), Failure> {
    let kept = response.headers.iter().filter(|(name, _)| {
        !["date", "content-length", "connection", "transfer-encoding"].contains(&name.as_str())
    });
    let head: String = kept.map(|(name, value)| format!("{name}: {value}\n")).collect();
    Ok(fs::write(path, format!("{head}\n{}", response.body))?)
}

/// Returns the stored response to every request.
pub fn serve_constant(address: SocketAddr, file: &str) -> Result<(), Failure> {
    let stored = fs::read_to_string(file)?;
    let (head, body) = stored.split_once("\n\n").ok_or("no head")?;
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response.headers_mut().append(HeaderName::try_from(name)?, HeaderValue::from_str(value)?);
    }
    runtime()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let response = response.clone();
            let service = service_fn(move |_| {
                let response = response.clone();
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

/// Creates a comment per request, in one transaction on a connection of the pool.
pub fn serve_transactions(address: SocketAddr, url: &str) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let mut options = ConnectOptions::new(url);
        options.max_connections(POOL).min_connections(POOL).test_before_acquire(false).sqlx_logging(false);
        let db = Database::connect(options).await?;
        db.execute_unprepared(SCHEMA).await?;
        let account = ids(&db, "SELECT id FROM baseline.accounts").await?[0];
        let posts = ids(&db, "SELECT id FROM baseline.posts").await?;
        let listener = TcpListener::bind(address).await?;
        let mut accepted = 0;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            accepted += 1;
            let (db, posts, first) = (db.clone(), posts.clone(), accepted);
            let number = std::sync::atomic::AtomicUsize::new(first);
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let number = number.fetch_add(31, std::sync::atomic::Ordering::Relaxed);
                let (db, post) = (db.clone(), posts[number % posts.len()]);
                async move {
                    let body = request.into_body().collect().await?.to_bytes();
                    create(&db, account, post, &body).await
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn ids(db: &DatabaseConnection, sql: &str) -> Result<Vec<Uuid>, Failure> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

async fn create(
    db: &DatabaseConnection,
    account: Uuid,
    post: Uuid,
    body: &[u8],
) -> Result<Response<Full<Bytes>>, Failure> {
    let input: serde_json::Value = serde_json::from_slice(body)?;
    let content = input["content"].as_str().ok_or("no content")?;
    let (id, now) = (Uuid::now_v7(), 1_700_000_000_000_i64);
    let tx = db.begin().await?;
    let statement = |sql: &str, values: Vec<sea_orm::Value>| {
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    };
    let active = "SELECT status FROM baseline.accounts WHERE id = $1 FOR SHARE";
    tx.query_one_raw(statement(active, vec![account.into()])).await?.ok_or("no account")?;
    let published = "SELECT published_at FROM baseline.posts WHERE id = $1 FOR UPDATE";
    tx.query_one_raw(statement(published, vec![post.into()])).await?.ok_or("no post")?;
    let insert = "INSERT INTO baseline.comments VALUES ($1, $2, $3, $4, 'approved', 1, $5)";
    let values = vec![id.into(), post.into(), account.into(), content.into(), now.into()];
    tx.execute_raw(statement(insert, values)).await?;
    let count = "UPDATE baseline.posts SET comments_count = comments_count + 1 WHERE id = $1";
    tx.execute_raw(statement(count, vec![post.into()])).await?;
    let event =
        "INSERT INTO baseline.events (id, kind, href, occurred_at) VALUES ($1, 'comment.created', $2, $3)";
    let values = vec![Uuid::now_v7().into(), format!("/api/comments/{id}").into(), now.into()];
    tx.execute_raw(statement(event, values)).await?;
    tx.commit().await?;
    let comment = serde_json::json!({
        "id": id, "postId": post, "depth": 0, "author": { "id": account, "name": "Bench" }, "content": content,
        "status": "approved", "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.000Z",
    });
    let response = Response::builder().status(201).header("content-type", "application/json");
    Ok(response
        .header("location", format!("/api/comments/{id}"))
        .body(Full::new(comment.to_string().into()))?)
}
