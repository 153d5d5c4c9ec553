use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

/// A temporary folder, deleted on drop.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Folder {
        let root = std::env::temp_dir().join(format!("tenon-import-{}", uuid::Uuid::now_v7()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(&root).unwrap();
        Folder(root)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Default)]
struct MemoryTarget {
    posts: Mutex<BTreeMap<String, ImportedPost>>,
    documents: Mutex<BTreeMap<String, ImportedDocument>>,
    /// The files of the records, in the order of their arrival.
    records: Mutex<Vec<String>>,
    batches: AtomicUsize,
    /// The source that is rejected with its batch.
    rejected: Option<&'static str>,
    /// The number of batches after which the target is unavailable.
    capacity: Option<usize>,
}

impl MemoryTarget {
    fn begin_batch(&self) -> Result<(), ImportError> {
        let before = self.batches.fetch_add(1, Ordering::Relaxed);
        match self.capacity {
            Some(capacity) if before >= capacity => {
                Err(ImportError::Unavailable("the target is full".into()))
            }
            _ => Ok(()),
        }
    }
}

fn put<T: Clone + PartialEq>(
    stored: &mut BTreeMap<String, T>,
    key: &str,
    item: &T,
    dry_run: bool,
) -> Outcome {
    let outcome = match stored.get(key) {
        None => Outcome::Created,
        Some(existing) if existing == item => Outcome::Unchanged,
        Some(_) => Outcome::Updated,
    };
    if !dry_run {
        stored.insert(key.to_owned(), item.clone());
    }
    outcome
}

impl Target for MemoryTarget {
    async fn put_posts(&self, posts: &[ImportedPost], dry_run: bool) -> BatchResult {
        assert!(posts.len() <= BATCH);
        self.begin_batch()?;
        if posts.iter().any(|post| Some(post.source.as_str()) == self.rejected) {
            return Err(ImportError::Rejected("rejected by the target".into()));
        }
        let mut stored = self.posts.lock().unwrap();
        Ok(posts.iter().map(|post| Ok(put(&mut stored, &post.source, post, dry_run))).collect())
    }

    async fn put_documents(&self, documents: &[ImportedDocument], dry_run: bool) -> BatchResult {
        self.begin_batch()?;
        let mut stored = self.documents.lock().unwrap();
        Ok(documents.iter().map(|page| Ok(put(&mut stored, &page.path, page, dry_run))).collect())
    }

    async fn put_image(&self, file: &Path, _: bool) -> Result<(String, Outcome), ImportError> {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok((format!("/media/{name}"), Outcome::Created))
    }

    async fn put_records(&self, records: &[ImportedRecord], _: bool) -> BatchResult {
        self.begin_batch()?;
        let mut stored = self.records.lock().unwrap();
        stored.extend(records.iter().map(|record| record.file.clone()));
        Ok(records.iter().map(|_| Ok(Outcome::Created)).collect())
    }
}

async fn posts(files: &[(&str, &str)]) -> (Report, BTreeMap<String, ImportedPost>) {
    let folder = Folder::with(files);
    let target = MemoryTarget::default();
    let report = import_posts(&folder.0, &target, false, &mut Progress::silent()).await;
    (report, target.posts.into_inner().unwrap())
}

fn post(front: &str) -> String {
    format!("+++\n{front}\n+++\n\n  \nA text that is long enough.\n")
}

fn reasons(messages: &[report::Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{}: {}", message.file, message.reason)).collect()
}

#[tokio::test]
async fn converts_a_file_to_a_post() {
    let text = concat!(
        "\u{feff}+++\r\npath = \"2025/06/26/Dove-Tails\"\r\ntitle = \"Dove tails\"\r\nauthors = [\"Ada\", \"Bo\", \"ada\"]\r\n",
        "aliases = [\"2025/06/26/Dove-Tails.html\", \"/dt\", \"https://example.org/x\"]\r\n[extra]\r\ncover = \"/c.png\"\r\nteam = \"x\"\r\n+++\r\n",
        "\r\n\r\n    code\r\n\r\n![p](p.png)\r\n\r\nThey *hold*\r\nwell.\r\n",
    );
    let (report, posts) =
        posts(&[("a/b.md", text), ("a/p.PNG", ""), ("a/x.css", ""), (".git/c.md", "")]).await;
    assert_eq!(
        posts["2025/06/26/Dove-Tails"],
        ImportedPost {
            source: "2025/06/26/Dove-Tails".into(),
            file: "a/b.md".into(),
            title: "Dove tails".into(),
            slug: "dove-tails".into(),
            content: "    code\n\n![p](p.png)\n\nThey *hold*\nwell.\n".into(),
            images: vec![],
            excerpt: Some("They hold well.".into()),
            cover_image: None,
            publication: Publication::At(1_750_896_000_000),
            authors: vec!["Ada".into(), "Bo".into()],
            tags: vec![],
            aliases: vec![
                "/2025/06/26/Dove-Tails.html".into(),
                "/dt".into(),
                "/2025/06/26/Dove-Tails/".into()
            ],
        }
    );
    assert_eq!(report.created, ["a/b.md"]);
    assert_eq!(report.unreferenced_images, ["a/p.PNG"]);
    assert_eq!(report.other_files, 1);
    assert_eq!(report.unused_fields, BTreeMap::from([("extra.team".to_owned(), 1)]));
    assert_eq!(
        reasons(&report.warnings),
        [
            "a/b.md: cover image: ignored /c.png: must be an http or https URL",
            "a/b.md: aliases: ignored https://example.org/x: must be a path on this site",
        ]
    );
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn derives_slugs_dates_and_tags_from_paths() {
    let plain = post("title = \"T\"");
    let (report, posts) = posts(&[
        ("_index.md", "+++\ntitle = \"All\"\n+++\n"),
        ("news/_index.md", "+++\ntitle = \"News\"\n+++\n"),
        ("news/deep/2024-01-02-Oak & Ash/index.md", &plain),
        (
            "news/tagged.md",
            &post("title = \"T\"\ntags = [\"Wood\", \"wood\", \"Glue\"]\n[extra]\nrelease = true"),
        ),
        ("release.md", &post("title = \"T\"\n[extra]\nrelease = true")),
        ("draft.md", &post("title = \"T\"\ndraft = true\ndate = 2024-01-02\nslug = \"My Own\"")),
        ("other/plain.md", &plain),
    ])
    .await;
    let oak = &posts["news/deep/2024-01-02-Oak & Ash/index.md"];
    assert_eq!((oak.slug.as_str(), oak.publication), ("oak-ash", Publication::At(1_704_153_600_000)));
    assert_eq!(oak.tags, ["news"]);
    assert_eq!(posts["news/tagged.md"].tags, ["Wood", "Glue"]);
    assert_eq!(posts["release.md"].tags, ["release"]);
    assert_eq!(
        (posts["draft.md"].slug.as_str(), posts["draft.md"].publication),
        ("my-own", Publication::Draft)
    );
    assert_eq!(posts["other/plain.md"].publication, Publication::Undated);
    assert!(posts["other/plain.md"].tags.is_empty() && posts["other/plain.md"].aliases.is_empty());
    assert_eq!(report.sections, ["_index.md", "news/_index.md"]);
}

#[tokio::test]
async fn skips_invalid_files_with_a_reason() {
    let long = |n: usize| "x".repeat(n);
    let (report, posts) = posts(&[
        ("a.md", "Only text."),
        ("b.md", "+++\ntemplate = \"latest.html\"\n+++\n"),
        ("c.md", "+++\ntitle = \"T\"\n+++\nshort\n"),
        ("d.md", &post(&format!("title = \"{}\"", long(201)))),
        ("e.md", &post(&format!("title = \"T\"\ndescription = \"{}\"", long(501)))),
        ("f.md", &post("title = \"T\"\ntags = \"a,b,c,d,e,f,g,h,i,j,k\"")),
        ("g.md", &format!("+++\ntitle = \"T\"\n+++\n{}", long(200_001))),
        ("h.md", &long(4 * 1024 * 1024 + 1)),
        ("i.md", "+++\ntitle = \"T\"\n+++\nA text with a \0 in it."),
        ("j.md", &post("title = \"T\"\npath = \"same\"")),
        ("k.md", &post("title = \"T\"\npath = \"/same/\"")),
        ("l.md", &post("title = \"\\u0000\"")),
    ])
    .await;
    assert_eq!(
        reasons(&report.skipped),
        [
            "a.md: title: required, but the file has no front matter",
            "b.md: title: required, but the front matter only has template: latest.html",
            "c.md: content: must be 10 to 200000 characters, got 6",
            "d.md: title: must be 1 to 200 characters, got 201",
            "e.md: description: must be 1 to 500 characters, got 501",
            "f.md: tags: must be at most 10 names, got 11",
            "g.md: content: must be 10 to 200000 characters, got 200001",
            "h.md: larger than 4 MiB",
            "i.md: contains a NUL character",
            "l.md: title: must not contain the character U+0000",
            "k.md: path: already used by j.md",
        ]
    );
    assert_eq!(posts.keys().collect::<Vec<_>>(), ["same"]);
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn rejects_posts_that_violate_the_rules_of_the_api() {
    let yaml = |field: &str| format!("---\ntitle: T\n{field}\n---\nA text that is long enough.\n");
    let line =
        "must not be blank or contain line breaks, control characters or bidirectional formatting characters";
    let nul = "must not contain the character U+0000";
    let url = "must not contain white space, control characters or any of \"<>\\^`{|}";
    let host = "must be a URL that begins with http:// or https:// and a host";
    let cases = [
        (r#"authors: ["Ada\nTurner"]"#, format!("authors: {line}")),
        (r#"authors: ["Ada", "\u2028Bo\u2028x"]"#, format!("authors: {line}")),
        (r#"authors: ["Ada\0"]"#, format!("authors: {nul}")),
        (r#"tags: ["Oak\tAsh"]"#, format!("tags: {line}")),
        (r#"tags: ["Oak\u202EAsh"]"#, format!("tags: {line}")),
        (r#"tags: ["\u200B"]"#, format!("tags: {line}")),
        (r#"tags: ["Oak\0"]"#, format!("tags: {nul}")),
        (r#"path: "a\0b""#, format!("path: {nul}")),
        (r#"description: "a\0b""#, format!("description: {nul}")),
        (r#"cover: "https://acme.test/a\u00A0b.png""#, format!("cover image: {host}")),
        (r#"cover: "https://acme.test/a\u0001b.png""#, format!("cover image: {url}")),
        (r#"cover: "https://acme.test/a\u0080b.png""#, format!("cover image: {url}")),
        (r#"cover: "https://acme.test/a\0b.png""#, format!("cover image: {nul}")),
    ];
    let mut files: Vec<_> =
        (10..).zip(&cases).map(|(n, (field, _))| (format!("{n}.md"), yaml(field))).collect();
    files.push(("90.md".to_owned(), post("title = \"\\u200B\"")));
    files.push(("99.md".to_owned(), yaml("authors: [\"Zoë 日本\"]\ncover: \"https://acme.test/é.png\"")));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (report, posts) = posts(&files).await;
    let mut expected: Vec<_> =
        (10..).zip(&cases).map(|(n, (_, reason))| format!("{n}.md: {reason}")).collect();
    expected.push("90.md: title: must not be blank".to_owned());
    assert_eq!(reasons(&report.skipped), expected);
    assert_eq!(posts.keys().collect::<Vec<_>>(), ["99.md"]);
    assert_eq!(posts["99.md"].cover_image.as_deref(), Some("https://acme.test/é.png"));
}

#[tokio::test]
async fn rejects_documents_that_violate_the_rules_of_the_api() {
    let folder = Folder::with(&[
        ("a.md", "---\ntitle: \"\\u200B\"\n---\nwords"),
        ("b.md", "---\ntitle: \"A\\0\"\n---\nwords"),
        ("c/c/c/c/c/c/c/c/c/c/c.md", "words"),
        ("d.md", "words"),
    ]);
    let report = import_documents(&folder.0, &MemoryTarget::default(), false, &mut Progress::silent()).await;
    assert_eq!(
        reasons(&report.skipped),
        [
            "a.md: title: must not be blank",
            "b.md: title: must not contain the character U+0000",
            "c/c/c/c/c/c/c/c/c/c/c.md: path: must be 1 to 10 slugs separated by `/`, such as guides/first-steps",
        ]
    );
    assert_eq!(report.created, ["d.md"]);
}

#[tokio::test]
async fn is_idempotent_and_a_dry_run_writes_nothing() {
    let folder = Folder::with(&[("a.md", &post("title = \"A\"")), ("b.md", &post("title = \"B\""))]);
    let target = MemoryTarget::default();
    let run = async |dry_run| import_posts(&folder.0, &target, dry_run, &mut Progress::silent()).await;
    assert_eq!(run(true).await.created, ["a.md", "b.md"]);
    assert!(target.posts.lock().unwrap().is_empty());
    assert_eq!(run(false).await.created, ["a.md", "b.md"]);
    assert_eq!(run(false).await.unchanged, ["a.md", "b.md"]);
    fs::write(folder.0.join("b.md"), post("title = \"Bee\"")).unwrap();
    let report = run(false).await;
    assert_eq!((report.unchanged, report.updated), (vec!["a.md".to_owned()], vec!["b.md".to_owned()]));
}

#[tokio::test]
async fn sorts_by_source_and_rejects_duplicate_aliases() {
    let folder = Folder::with(&[
        ("a.md", &post("title = \"T\"\npath = \"2024/01/02/meeting\"\naliases = [\"x\"]")),
        ("b.md", &post("title = \"T\"\npath = \"2023/01/02/meeting\"\naliases = [\"x\"]")),
    ]);
    let mut report = Report::new(Subject::Posts, false);
    let posts = posts::plan(&folder.0, &mut report);
    let seen: Vec<_> =
        posts.iter().map(|post| (post.file.as_str(), post.slug.as_str(), &post.aliases[..])).collect();
    assert_eq!(
        seen,
        [
            ("b.md", "meeting", &["/x".to_owned(), "/2023/01/02/meeting/".to_owned()][..]),
            ("a.md", "meeting", &["/2024/01/02/meeting/".to_owned()][..]),
        ]
    );
    assert_eq!(reasons(&report.warnings), ["a.md: aliases: ignored /x: already used by b.md"]);
}

#[tokio::test]
async fn a_rejected_item_does_not_affect_the_others() {
    let files: Vec<_> = (0..120).map(|n| (format!("{n:03}.md"), post("title = \"T\""))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let folder = Folder::with(&files);
    let target = MemoryTarget { rejected: Some("060.md"), ..MemoryTarget::default() };
    let report = import_posts(&folder.0, &target, false, &mut Progress::silent()).await;
    assert_eq!((report.created.len(), report.exit_code()), (119, 1));
    assert_eq!(reasons(&report.failed), ["060.md: rejected by the target"]);

    let target = MemoryTarget { capacity: Some(1), ..MemoryTarget::default() };
    let report = import_posts(&folder.0, &target, false, &mut Progress::silent()).await;
    assert_eq!((report.created.len(), report.failed.len()), (50, 70));
    assert_eq!(report.failed[0].reason, "the target is full");
    assert!(report.failed[69].reason.starts_with("not attempted"));
    assert_eq!(target.batches.into_inner(), 2);
}

#[tokio::test]
async fn converts_a_folder_to_documents() {
    let folder = Folder::with(&[
        ("README.md", "# The `tool`\n\nWelcome."),
        (
            "SUMMARY.md",
            "# Summary\n\n[Intro](README.md)\n\n- [Setup](guide/Getting_Started.md#a)\n  - [Draft]()\n  - [Gone](gone.md)\n- [Guide](./guide/README.md)\n- [Spaced](a%20b.md)\n",
        ),
        ("guide/README.md", "---\n\nA rule above, and no heading.\n\n---\n"),
        ("guide/Getting_Started.md", "---\ntitle: Start\n---\n\n# Other\n"),
        ("guide/v1.2.md", "#### Late\n"),
        ("guide.md", "# Clash"),
        ("a b.md", "words"),
        ("???.md", "words"),
        ("empty.md", "\n"),
    ]);
    let target = MemoryTarget::default();
    let report = import_documents(&folder.0, &target, false, &mut Progress::silent()).await;
    let mut pages: Vec<_> = target.documents.into_inner().unwrap().into_values().collect();
    pages.sort_by_key(|page| page.position);
    let seen: Vec<_> =
        pages.iter().map(|page| (page.position, page.path.as_str(), page.title.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, "index", "The tool"),
            (2, "guide/getting-started", "Start"),
            (3, "a-b", "a b"),
            (4, "guide", "Clash"),
            (5, "guide/v1-2", "Late"),
            (6, "summary", "Summary"),
        ]
    );
    assert_eq!(
        reasons(&report.skipped),
        [
            "???.md: path: each folder and file name must contain a letter or a digit",
            "empty.md: content: required",
            "guide/README.md: path: guide is already used by guide.md",
        ]
    );
    assert!(report.warnings.iter().any(|warning| warning.reason == "link to a missing file: gone.md"));
}

#[tokio::test]
async fn an_unreadable_folder_is_a_failure() {
    let report = import_documents(
        Path::new("/no/such/folder"),
        &MemoryTarget::default(),
        false,
        &mut Progress::silent(),
    )
    .await;
    assert_eq!(report.exit_code(), 1);
    assert!(report.failed[0].reason.starts_with("cannot read the folder"));
    let folder = Folder::with(&[]);
    let report = import_posts(&folder.0, &MemoryTarget::default(), false, &mut Progress::silent()).await;
    assert_eq!(report.warnings[0].reason, "no Markdown files found in this folder");
}

#[cfg(unix)]
#[tokio::test]
async fn does_not_follow_symbolic_links() {
    let outside = Folder::with(&[("secret.md", &post("title = \"S\""))]);
    let folder = Folder::with(&[("a.md", &post("title = \"A\""))]);
    std::os::unix::fs::symlink(&outside.0, folder.0.join("out")).unwrap();
    std::os::unix::fs::symlink(outside.0.join("secret.md"), folder.0.join("b.md")).unwrap();
    let report = import_posts(&folder.0, &MemoryTarget::default(), false, &mut Progress::silent()).await;
    assert_eq!(report.created, ["a.md"]);
    assert_eq!(report.skipped.iter().map(|skip| skip.file.as_str()).collect::<Vec<_>>(), ["b.md", "out"]);
}

#[tokio::test]
async fn imports_customers_before_invoices_regardless_of_file_order() {
    let folder = Folder::with(&[
        ("b.json", r#"[{"email":"a@b.test","name":"A"},{"month":"Jan","amount":1}]"#),
        ("a.json", r#"[{"customerId":"x","amount":1,"status":"paid","date":"2026-01-01"}, 7]"#),
    ]);
    let files = ["a.json", "b.json"].map(|name| folder.0.join(name)).to_vec();
    let target = MemoryTarget::default();
    let report = import_records(files, &target, false, &mut Progress::silent()).await;
    let records = target.records.lock().unwrap();
    let ends: Vec<&str> = records.iter().filter_map(|file| file.rsplit('/').next()).collect();
    assert_eq!(ends, ["b.json#1", "a.json#1", "b.json#2"]);
    assert!(report.created.len() == 3 && report.failed[0].file.ends_with("a.json#2"));
}
