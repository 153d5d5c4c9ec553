use super::*;

fn read(text: &str) -> Result<FrontMatter> {
    let parts = split(text)?;
    let (format, front) = parts.front.expect("front matter");
    parse(format, front)
}

#[test]
fn toml_and_yaml_parse_to_the_same_result() {
    let toml = concat!(
        "+++\ntitle = \"Dowels\"\nslug = \"dowels\"\ndate = 2025-06-26T10:00:00Z\n",
        "description = \"Round wood.\"\naliases = [\"old/dowels.html\"]\ndraft = true\n",
        "template = \"page.html\"\nweight = 3\n\n[taxonomies]\ntags = [\"Joints\", \"Wood\"]\nseries = [\"a\"]\n",
        "authors = [\"Ada Turner\"]\n\n[extra]\ncover = \"https://example.org/c.png\"\nrelease = true\nteam = \"x\"\n+++\nText\n",
    );
    let yaml = concat!(
        "---\ntitle: Dowels\nslug: dowels\ndate: 2025-06-26T10:00:00Z\ndescription: Round wood.\n",
        "aliases: [old/dowels.html]\ndraft: true\ntemplate: page.html\nweight: 3\n",
        "taxonomies:\n  tags: [Joints, Wood]\n  series: [a]\n  authors:\n    - Ada Turner\n",
        "extra:\n  cover: https://example.org/c.png\n  release: true\n  team: x\n---\nText\n",
    );
    let front = read(toml).unwrap();
    assert_eq!(read(yaml).unwrap(), front);
    assert_eq!(front.title.as_deref(), Some("Dowels"));
    assert_eq!(front.date, Some(1_750_932_000_000));
    assert_eq!(front.tags, ["Joints", "Wood"]);
    assert_eq!(front.authors, ["Ada Turner"]);
    assert_eq!(front.cover.as_deref(), Some("https://example.org/c.png"));
    assert!(front.draft && front.release);
    assert_eq!(front.unused, ["weight", "extra.team", "taxonomies.series"]);
    assert_eq!(split(toml).unwrap().body, "Text\n");
}

#[test]
fn accepts_alternative_field_names_and_types() {
    let front = read("---\ntitle: 1984\nauthor: {name: Eric}\ntags: paper, ink\ncategory: books\npublished: 2024-01-02\ncover: {image: https://e.org/a}\n---\n").unwrap();
    assert_eq!(front.title.as_deref(), Some("1984"));
    assert_eq!(front.authors, ["Eric"]);
    assert_eq!(front.tags, ["paper", "ink", "books"]);
    assert_eq!(front.date, Some(1_704_153_600_000));
    assert_eq!(front.cover.as_deref(), Some("https://e.org/a"));
    for cover in ["{image: ''}", "['']", "' '"] {
        let front = read(&format!("---\ntitle: 1984\ncover: {cover}\n---\n")).unwrap();
        assert_eq!(front.cover, None, "{cover}");
    }
    assert!(!front.draft);

    let front = read("---\ntitle:\npublished: no\ndate: 2024-01-02 03:04:05 +0000\n---").unwrap();
    assert_eq!((front.title, front.draft, front.date), (None, true, Some(1_704_164_645_000)));

    let front = read("+++\npath = \"/news/2024/01/02/Glue/\"\nauthors = []\n+++\n").unwrap();
    assert_eq!(front.path.as_deref(), Some("news/2024/01/02/Glue"));
    assert_eq!(front.date, Some(1_704_153_600_000));

    assert_eq!(read("---\n# nothing\n---\n"), Ok(FrontMatter::default()));
}

#[test]
fn errors_name_the_field_and_the_rule() {
    for (text, reason) in [
        ("+++\ntitle = \"a\"\n", "front matter: missing closing line (+++)"),
        ("+++\nfine = 1\ntitle = \n+++\n", "front matter: invalid TOML at line 3"),
        ("---\n- a\n- b\n---\n", "front matter: must be a mapping of fields to values"),
        ("---\ntitle: [a\n---\n", "front matter: invalid YAML"),
        ("---\ntitle: a\ntitle: b\n---\n", "front matter: invalid YAML: duplicate mapping key"),
        ("+++\ntitle = [\"a\"]\n+++\n", "front matter: title: must be text"),
        ("+++\ndate = 10:00:00\n+++\n", "front matter: date: must be a date"),
        ("+++\ndraft = \"perhaps\"\n+++\n", "front matter: draft: must be true or false"),
        ("+++\ntags = [[1]]\n+++\n", "front matter: tags: must be text or a list of texts"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn limits_the_size_and_depth_of_yaml() {
    let mut bomb = "---\na: &a [x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 8].join(", ")));
    }
    bomb.push_str("---\n");
    let error = read(&bomb).unwrap_err().to_string();
    assert!(error.contains("too large or too complex"), "{error}");
    let deep = format!("---\na: {}{}\n---\n", "[".repeat(40), "]".repeat(40));
    assert!(read(&deep).is_err());
    let long = format!("---\na: {}\n---\n", "x".repeat(70 * 1024));
    assert_eq!(read(&long).unwrap_err().to_string(), "front matter: larger than 64 KiB");
}
