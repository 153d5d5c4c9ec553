//! Front matter of Markdown files.
use serde_json::{Value, json};
use tenon::import::front_matter::{Format, FrontMatter, parse, split};

/// The parts are parts of the text. Accepted front matter is equal after it is printed as TOML or YAML and parsed again.
pub fn front_matter(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace("\r\n", "\n");
    let Ok(parts) = split(&text) else { return };
    assert!(text.ends_with(parts.body), "the body is not the end of the text");
    let Some((format, front)) = parts.front else {
        assert_eq!(parts.body, text);
        return;
    };
    assert!(front.len() + parts.body.len() < text.len() && text[3..].contains(front), "{front:?}");
    match parse(format, front) {
        Ok(front) => {
            let front = FrontMatter { unused: Vec::new(), ..front };
            let fields = fields(&front);
            if let Ok(toml) = toml::to_string(&fields) {
                assert_eq!(parse(Format::Toml, &toml).as_ref(), Ok(&front), "{toml}");
            }
            // JSON is YAML, except for some control characters.
            let yaml = fields.to_string();
            if yaml.chars().all(|c| matches!(c, ' '..='~')) {
                assert_eq!(parse(Format::Yaml, &yaml).as_ref(), Ok(&front), "{yaml}");
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

fn fields(front: &FrontMatter) -> Value {
    let texts = [
        ("title", &front.title),
        ("slug", &front.slug),
        ("path", &front.path),
        ("description", &front.description),
        ("cover", &front.cover),
        ("template", &front.template),
    ];
    let mut fields = json!({ "draft": front.draft, "extra": { "release": front.release } });
    for (name, text) in texts {
        if let Some(text) = text {
            fields[name] = json!(text);
        }
    }
    for (name, list) in [("authors", &front.authors), ("tags", &front.tags), ("aliases", &front.aliases)] {
        if !list.is_empty() {
            fields[name] = json!(list);
        }
    }
    if let Some(date) = front.date.and_then(chrono::DateTime::from_timestamp_millis) {
        fields["date"] = json!(date.to_rfc3339());
    }
    fields
}
