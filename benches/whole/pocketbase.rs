//! PocketBase with the same posts, tags and comments. Its collections are public, because it has no cheaper access.
use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use crate::{
    Failure, http,
    process::{Program, free_address},
    seed,
};

const ACCOUNT: [&str; 2] = ["bench@acme.test", "correct horse battery"];

pub fn program(path: &Path, data: &Path, log: &Path, address: SocketAddr) -> Result<Program, Failure> {
    let program = Program::new(path, log)?.args(["serve".into(), "--dir".into(), data.to_path_buf()]);
    Ok(program.args(["--http".to_owned(), address.to_string()]))
}

/// Creates the collections through the API, then copies the rows out of the Tenon database.
pub fn fill(path: &Path, data: &Path, log: &Path, tenon: &Path) -> Result<(), Failure> {
    let superuser = Program::new(path, log)?.args(["superuser", "upsert"]).args(ACCOUNT);
    superuser.args(["--dir".into(), data.to_path_buf()]).run()?;
    let address = free_address()?;
    let server = program(path, data, log, address)?.serve(address)?;
    let login = json!({ "identity": ACCOUNT[0], "password": ACCOUNT[1] }).to_string();
    let login = http::json("POST", "/api/collections/_superusers/auth-with-password", "", &login);
    let auth = format!("Authorization: {}\r\n", http::fetch(address, &login)?.text("/token")?);
    for collection in collections() {
        let create = http::json("POST", "/api/collections", &auth, &collection.to_string());
        http::fetch(address, &create)?;
    }
    server.stop()?;
    let database = tenon.display();
    let copy = format!(
        "ATTACH '{database}' AS tenon; BEGIN;
         INSERT INTO authors (id, name) SELECT lower(hex(id)), name FROM tenon.users;
         INSERT INTO tags (id, slug, name) SELECT lower(hex(id)), slug, name FROM tenon.tags;
         INSERT INTO posts (id, slug, title, excerpt, content, author, tags, published_at, comments_count)
           SELECT lower(hex(id)), slug, title, excerpt, content, lower(hex(author_id)),
             (SELECT json_group_array(lower(hex(tag_id))) FROM tenon.post_tags WHERE post_id = posts.id),
             published_at, comments_count FROM tenon.posts;
         INSERT INTO comments (id, post, author, content)
           SELECT lower(hex(id)), lower(hex(post_id)), lower(hex(author_id)), content FROM tenon.comments;
         COMMIT; ANALYZE"
    );
    seed::sqlite(&data.join("data.db"), &copy).map(|_| ())
}

fn collections() -> [Value; 4] {
    let id = json!({
        "name": "id", "type": "text", "primaryKey": true, "required": true, "min": 32, "max": 32,
        "pattern": "^[a-z0-9]+$", "autogeneratePattern": "[a-z0-9]{32}"
    });
    let text = |name: &str| json!({ "name": name, "type": "text", "max": 200_000 });
    let number = |name: &str| json!({ "name": name, "type": "number" });
    let relation = |name: &str, collection: &str, count: usize| json!({ "name": name, "type": "relation", "collectionId": collection, "maxSelect": count });
    let collection = |name: &str, id_of_collection: &str, mut fields: Vec<Value>, indexes: &[&str]| {
        fields.insert(0, id.clone());
        json!({
            "name": name, "type": "base", "id": id_of_collection, "fields": fields, "indexes": indexes,
            "listRule": "", "viewRule": "", "createRule": "", "updateRule": ""
        })
    };
    let (authors, tags, posts) = ("authors00000001", "tags00000000001", "posts0000000001");
    let by_time = "CREATE INDEX posts_by_time ON posts (published_at, id)";
    let fields = ["slug", "title", "excerpt", "content"].map(text).into_iter();
    let fields = fields.chain([relation("author", authors, 1), relation("tags", tags, 10)]);
    let fields = fields.chain(["published_at", "comments_count"].map(number)).collect();
    [
        collection("authors", authors, vec![text("name")], &[]),
        collection(
            "tags",
            tags,
            vec![text("slug"), text("name")],
            &["CREATE UNIQUE INDEX tags_slug ON tags (slug)"],
        ),
        collection("posts", posts, fields, &[by_time]),
        collection(
            "comments",
            "comments0000001",
            vec![relation("post", posts, 1), relation("author", authors, 1), text("content")],
            &["CREATE INDEX comments_by_post ON comments (post)"],
        ),
    ]
}

/// The path of a list of 20 with authors and tags, without contents.
pub fn list(parameters: &str) -> String {
    let fields = "id,slug,title,excerpt,published_at,comments_count,expand.author.id,expand.author.name,\
                  expand.tags.slug,expand.tags.name";
    format!(
        "/api/collections/posts/records?perPage=20&sort=-published_at,-id&expand=author,tags&fields={fields}{parameters}"
    )
}

/// The id of a row, from the id that Tenon uses.
pub fn id(id: &str) -> String {
    id.replace('-', "")
}
