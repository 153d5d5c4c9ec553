//! The data: posts, tags, comments, customers and invoices, created through the import commands and the API.
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;
use uuid::Uuid;

use crate::{
    Failure, http,
    load::{Load, Until},
    process::Program,
    servers,
};

pub const PASSWORD: &str = "correct horse battery";
/// The tag of every eighth post.
pub const TAG: &str = "joinery";
const TAGS: usize = 50;
const AUTHORS: usize = 20;
const CUSTOMERS: usize = 1000;
/// Invoices that are imported. The others are copies with another id and number: an import of a million takes minutes.
const IMPORTED: usize = 5000;
const WORDS: [&str; 20] = [
    "tenon", "mortise", "joint", "oak", "plane", "chisel", "grain", "shoulder", "cheek", "dovetail", "glue",
    "clamp", "bench", "square", "mark", "gauge", "saw", "kerf", "edge", "board",
];

#[derive(Clone, Copy)]
pub struct Sizes {
    pub posts: usize,
    pub comments: u64,
    pub invoices: usize,
}

pub const FULL: Sizes = Sizes { posts: 10_000, comments: 40_000, invoices: 50_000 };
/// For the gate, which reads only.
pub const SMALL: Sizes = Sizes { posts: 200, comments: 0, invoices: 0 };

pub struct Seeded {
    /// A data folder, to be copied.
    pub data: PathBuf,
    /// The Markdown files, a thousand per folder.
    pub posts_folder: PathBuf,
    /// The ids of the posts, in no order.
    pub posts: Vec<String>,
}

pub fn seed(tenon: &Path, folder: &Path, sizes: Sizes) -> Result<Seeded, Failure> {
    let (data, posts_folder, log) = (folder.join("seed"), folder.join("posts"), folder.join("seed.log"));
    write_posts(&posts_folder, sizes.posts)?;
    let import = |kind: &str, files: &[PathBuf]| {
        let import = Program::new(tenon, &log)?.args(["import", kind]).args(files);
        import.args(["--data-dir".into(), data.clone()]).run()
    };
    import("markdown", std::slice::from_ref(&posts_folder))?;
    for role in ["reader", "editor", "accountant"] {
        create_user(tenon, role, &["--data-dir".to_owned(), data.display().to_string()])?;
    }
    if sizes.invoices > 0 {
        let records = [folder.join("customers.json"), folder.join("invoices.json")];
        write_records(&records[0], &records[1])?;
        import("json", &records)?;
        multiply_invoices(&data.join("tenon.db"), sizes.invoices)?;
    }
    let posts = sqlite(&data.join("tenon.db"), "SELECT hex(id) FROM posts")?;
    let posts = posts.lines().map(|id| Ok(Uuid::try_parse(id)?.to_string()));
    let mut posts = posts.collect::<Result<Vec<_>, Failure>>()?;
    let mut random = Random(7);
    for i in (1..posts.len()).rev() {
        posts.swap(i, random.below(i + 1));
    }
    if sizes.comments > 0 {
        let server = servers::tenon(tenon, &log)?.args(["--data-dir".into(), data.clone()]);
        let server = servers::listen(server)?;
        let auth = http::bearer(&servers::login(server.address, "editor")?);
        let requests = posts.iter().map(|post| comment(post, &auth)).collect();
        Load::new(server.address, requests, 201, 32).run(Until::Sent(sizes.comments), &mut 0)?;
        server.stop()?;
    }
    Ok(Seeded { data, posts_folder, posts })
}

/// A request that creates a comment.
pub fn comment(post: &str, auth: &str) -> String {
    let body = json!({ "content": "Cut the shoulder first, then the cheek. Leave a little for the plane." });
    http::json("POST", &format!("/api/posts/{post}/comments"), auth, &body.to_string())
}

pub fn create_user(tenon: &Path, role: &str, database: &[String]) -> Result<(), Failure> {
    let (email, name) = (format!("{role}@acme.test"), format!("The {role}"));
    let mut create = Command::new(tenon)
        .args(["user", "create", "--email", &email, "--name", &name, "--role", role, "--password-stdin"])
        .args(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    create.stdin.take().ok_or("no standard input")?.write_all(PASSWORD.as_bytes())?;
    if create.wait()?.success() { Ok(()) } else { Err(format!("cannot create the {role}").into()) }
}

/// Runs SQL in the shell of SQLite.
pub fn sqlite(database: &Path, sql: &str) -> Result<String, Failure> {
    let output =
        Command::new("sqlite3").arg("-bail").arg(database).arg(sql).stderr(Stdio::inherit()).output()?;
    if output.status.success() { Ok(String::from_utf8(output.stdout)?) } else { Err("sqlite3 failed".into()) }
}

/// Copies the imported invoices until there are `count`.
pub fn multiply_invoices(database: &Path, count: usize) -> Result<(), Failure> {
    let stored: usize = sqlite(database, "SELECT count(*) FROM invoices")?.trim().parse()?;
    let mut sql =
        "PRAGMA cache_size = -262144; BEGIN; CREATE TEMP TABLE copies AS SELECT * FROM invoices;".to_owned();
    for _ in 1..count / stored {
        write!(
            sql,
            "UPDATE copies SET id = CAST(substr(id, 1, 6) || randomblob(10) AS BLOB), number = number + {stored};
             INSERT INTO invoices SELECT * FROM copies;"
        )?;
    }
    sqlite(database, &format!("{sql} COMMIT;")).map(|_| ())
}

fn write_posts(folder: &Path, count: usize) -> Result<(), Failure> {
    let mut random = Random(1);
    for i in 0..count {
        let folder = folder.join(format!("{:02}", i / 1000));
        fs::create_dir_all(&folder)?;
        let mut tags = vec![format!("Tag {}", i % (TAGS - 1)), format!("Tag {}", (i * 7 + 3) % (TAGS - 1))];
        tags.dedup();
        if i % 8 == 0 {
            tags.push("Joinery".to_owned());
        }
        let (excerpt, content) = (random.text(350), random.text(4096));
        let (month, day, hour, minute) = (1 + i % 12, 1 + i % 28, i % 24, i % 60);
        let text = format!(
            "---\ntitle: Post number {i}\nauthors: [\"Author {}\"]\ntags: {}\n\
             date: 2024-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z\ndescription: {excerpt}\n---\n{content}\n",
            i % AUTHORS,
            serde_json::to_string(&tags)?
        );
        fs::write(folder.join(format!("post-{i:05}.md")), text)?;
    }
    Ok(())
}

fn write_records(customers: &Path, invoices: &Path) -> Result<(), Failure> {
    let ids: Vec<String> = (0..CUSTOMERS).map(|_| Uuid::now_v7().to_string()).collect();
    let customer = |(i, id): (usize, &String)| json!({ "id": id, "name": format!("Customer {i}"), "email": format!("customer-{i}@acme.test") });
    let written: Vec<_> = ids.iter().enumerate().map(customer).collect();
    fs::write(customers, serde_json::to_string(&written)?)?;
    let invoice = |i: usize| {
        json!({
            "customerId": ids[i * 7919 % CUSTOMERS],
            "amount": i * 104_729 % 1_000_000,
            "currency": (["USD", "EUR", "GBP", "JPY"][i % 4]),
            "status": (["draft", "pending", "paid", "paid"][i / 4 % 4]),
            "date": format!("20{:02}-{:02}-{:02}", 16 + i % 10, 1 + i % 12, 1 + i % 28),
        })
    };
    let written: Vec<_> = (0..IMPORTED).map(invoice).collect();
    Ok(fs::write(invoices, serde_json::to_string(&written)?)?)
}

/// The same numbers in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn text(&mut self, length: usize) -> String {
        let mut text = String::from("A");
        while text.len() < length - 1 {
            text.push(' ');
            text.push_str(WORDS[self.below(WORDS.len())]);
        }
        text.truncate(length - 1);
        format!("{}.", text.trim_end())
    }
}
