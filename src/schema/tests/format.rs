use serde_json::json;

use super::table;

fn format(name: &str, accepted: &[&str], rejected: &[&str]) {
    let schema = json!({ "type": "string", "format": name });
    let accepted: Vec<_> = accepted.iter().map(|text| json!(text)).collect();
    let rejected: Vec<_> = rejected.iter().map(|text| (json!(text), &["# format"][..])).collect();
    table(schema, &accepted, &rejected);
}

#[test]
fn uuid() {
    format(
        "uuid",
        &["01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057"],
        &[
            "",
            "01890a5dac96774bbcceb302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a805g",
            "01890a5d-ac96-774b-bcceb-302099a8057",
        ],
    );
}

#[test]
fn uri() {
    let accepted = [
        "https://example.com",
        "HTTP://example.com:8080/a/b%20c?d=e&f#g",
        "http://localhost/x",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:443/a",
        "https://xn--bcher-kva.example/",
    ];
    format(
        "uri",
        &accepted,
        &[
            "",
            "example.com",
            "/path",
            "ftp://example.com",
            "javascript:alert(1)",
            "https:///path",
            "https://",
            "https://user@example.com",
            "https://user:pass@example.com/",
            "https://exa mple.com",
            "https://example.com/a b",
            "https://example.com/ä",
            "https://example.com/%zz",
            "https://example.com/a\\b",
            "https://example.com/<a>",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://-a.example/",
            "https://999.1.1.1/",
            "https://[::g]/",
            "https://example.com/#a#b",
            "https://example..com/",
        ],
    );
}

#[test]
fn uri_reference() {
    format(
        "uri-reference",
        &["", "/a/b?c=d#e", "a/b", "../x", "?a", "#b", "//example.com/a", "https://example.com/"],
        &["javascript:alert(1)", "/a b", "/%g0", "\\\\host", "//", "//user@host/", "mailto:a@example.com"],
    );
}

#[test]
fn email() {
    format(
        "email",
        &["ada@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.com"],
        &[
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a@b@example.com",
            ".ada@example.com",
            "a..b@example.com",
            "ada@-example.com",
            "ada@example..com",
            "ada@example.com.",
            "ada@192.0.2.1",
            "ada lovelace@example.com",
            "\"ada\"@example.com",
            "ada@exämple.com",
            "ada@example.com\n",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}com", "abcdefghi.".repeat(26)),
        ],
    );
}

#[test]
fn date() {
    format(
        "date",
        &["2026-01-31", "2024-02-29", "0000-01-01"],
        &[
            "",
            "2026-02-29",
            "2026-1-31",
            "2026-13-01",
            "2026-01-00",
            "20260131",
            "2026/01/31",
            "+026-01-31",
            "2026-01-31 ",
            "2026-01-31T00:00:00Z",
            "２０２６-01-31",
        ],
    );
}

#[test]
fn date_time() {
    let accepted = [
        "2026-01-31T09:30:00Z",
        "2026-01-31t09:30:00.123456789z",
        "2026-01-31T09:30:00+05:30",
        "2016-12-31T23:59:60Z",
        "2017-01-01T00:59:60+01:00",
    ];
    format(
        "date-time",
        &accepted,
        &[
            "",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-01-31 09:30:00Z",
            "2026-01-31T09:30Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T09:60:00Z",
            "2026-01-31T09:30:60Z",
            "2026-01-31T09:30:00.Z",
            "2026-01-31T09:30:00+0530",
            "2026-01-31T09:30:00+24:00",
            "2026-02-30T09:30:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-01-31T09:30:00Zé",
        ],
    );
}

#[test]
fn line() {
    let rejected = [
        "",
        " ",
        "\u{a0}\u{200b}",
        "two\nlines",
        "tab\tbed",
        "\u{7f}a",
        "a\u{85}",
        "a\u{202e}b",
        "a\u{2067}b",
        "a\u{2028}",
    ];
    format("line", &["a", " a ", "Zoë 日本", "שרה\u{200f}!", "O’Neill & Co.\u{a0}KG", "\u{2801}"], &rejected);
}

#[test]
fn text() {
    let rejected = ["", " \t\r\n", "\u{1}\u{1f}", "\u{a0}\u{ad}\u{2800}\u{3000}\u{feff}\u{2066}"];
    format("text", &["a", "two\nlines", "\u{202e}a"], &rejected);
}

#[test]
fn web_url() {
    let rejected = [
        "a b", "a\tb", "a\u{1}", "a\u{7f}", "a\u{9f}", "a\u{a0}", "a\"", "<a>", "a\\b", "a^b", "a`", "{a}",
        "a|b",
    ];
    format("web-url", &["https://acme.test/a.png?b=c#d", "/a", "https://acme.test/é"], &rejected);
}

#[test]
fn no_controls() {
    format(
        "no-controls",
        &["", "a b", "é\u{a0}"],
        &["a\nb", "\u{1}", "\u{1f}", "é\u{7f}", "\u{80}", "\u{9f}"],
    );
}

#[test]
fn file_name() {
    format("file-name", &["a", "../a", " \u{a0}"], &["", " ", "...", "/\\.", "\u{7f}\t", "\u{80}"]);
}

#[test]
fn a_format_is_checked_only_if_the_pattern_matches() {
    let schema = json!({ "type": "string", "format": "line", "pattern": r"^.*\S.*$" });
    table(schema, &[json!("a")], &[(json!(" "), &["# pattern"]), (json!("a\u{202e}"), &["# format"])]);
}
