//! Files of every format, and exported rules that are imported again.
use super::*;
use crate::resources::redirects::status::RedirectStatus;

fn rule(source: &str, destination: &str, permanent: bool) -> RedirectInput {
    RedirectInput {
        source: source.into(),
        destination: destination.into(),
        permanent,
        status: None,
        external: false,
        starts_at: None,
        ends_at: None,
    }
}

fn rows(file: &ParsedFile) -> Vec<(&str, &str, bool)> {
    assert_eq!(file.errors, []);
    let entries = file.entries.iter().map(|entry| &entry.new);
    entries.map(|new| (new.source.as_str(), new.destination.as_str(), new.permanent)).collect()
}

fn texts(remarks: &[Remark]) -> Vec<String> {
    remarks.iter().map(Remark::text).collect()
}

#[test]
fn csv_round_trips() {
    let mut dated = rule("/a,b", "/\"quoted\"", false);
    dated.starts_at = "2026-11-21T09:00:00Z".parse().ok();
    let mut external = rule("/x?id=:id Country=FR", "https://x.test/:id", false);
    (external.external, external.status) = (true, Some(RedirectStatus::SeeOther));
    let rules = [rule("/old/*", "/new/*", true), dated, external];
    let text = to_csv(&rules).unwrap_or_default();
    let expected = "source,destination,permanent,startsAt,endsAt,status,external\r\n\
                    /old/*,/new/*,true,,,,\r\n\
                    \"/a,b\",\"/\"\"quoted\"\"\",false,2026-11-21T09:00:00.000Z,,,\r\n\
                    /x?id=:id Country=FR,https://x.test/:id,false,,,303,true\r\n";
    assert_eq!(text, expected);
    let again: Vec<RedirectInput> = from_csv(&text).entries.into_iter().map(|entry| entry.new).collect();
    assert_eq!(to_csv(&again).unwrap_or_default(), text);
}

#[test]
fn csv_that_a_spreadsheet_has_saved_is_accepted() {
    let expected = [("/a", "/b", true), ("/c", "/d", false)];
    for text in [
        "source,destination,permanent\n/a,/b,TRUE\n/c,/d,FALSE\n",
        "source,destination,permanent\r\n/a,/b,1\r\n/c,/d,0\r\n",
        "\u{feff}source;destination;permanent\r\n/a;/b;true\r\n/c;/d;\r\n",
        "source\tdestination\tpermanent\n/a\t/b\tTrue\n/c\t/d\t\n",
        "sep=;\r\nSource;Destination;Permanent\r\n/a;/b;true\r\n/c;/d;\r\n",
        "source,destination,permanent,,\n/a,/b,true,,\n/c,/d,,,\n,,,,\n,,,,\n",
        "source,destination,permanent\n\n/a,/b,true\n\n/c,/d\n",
        " source , destination , permanent \n /a , /b , true \n /c , /d , \n",
        "permanent,notes,destination,source\ntrue,moved,/b,/a\n,\"a, b\",/d,/c\n",
        "\"source\",\"destination\",\"permanent\"\n\"/a\",\"/b\",\"TRUE\"\n\"/c\",\"/d\",\"\"\n",
        "source,destination,permanent\r/a,/b,true\r/c,/d,\r",
    ] {
        assert_eq!(rows(&from_csv(text)), expected, "{text:?}");
    }
    let file = from_csv("source,destination,notes,Owner\n/a,/b,x,y\n");
    let ignored = ["Owner", "notes"].map(|name| format!("line 1: the column {name} is unknown and ignored"));
    assert_eq!(texts(&file.warnings), ignored);
    let file = from_csv("source,destination,startsAt,endsAt\n/a,/b,2027-03-01,2027-03-02T10:00:00Z\n");
    let new = &file.entries[0].new;
    let times = [new.starts_at, new.ends_at].map(|time| time.map(|time| time.to_string()));
    assert_eq!(times, [Some("2027-03-01T00:00:00.000Z".into()), Some("2027-03-02T10:00:00.000Z".into())]);
}

#[test]
fn every_error_of_a_csv_file_has_its_line() {
    let text = "source,destination,permanent,endsAt\n/a,/b,maybe,soon\n\"/c\n\",/d,,\n/e,/f,2,\n/g,/h,,,/i\n";
    let errors = [
        "line 2: permanent: must be true or false (or 1 or 0), got maybe",
        "line 2: endsAt: must be an RFC 3339 date-time or a date such as 2027-03-01, got soon",
        "line 5: permanent: must be true or false (or 1 or 0), got 2",
        "line 6: must not have more values than the first line; put a value with the separator in quotes",
    ];
    for (text, skipped) in [
        (text.to_owned(), 0),
        (text.replace('\n', "\r\n"), 0),
        (text.replace('\n', "\r"), 0),
        (format!("\u{feff}{}", text.replace('\n', "\r\n")), 0),
        (format!("sep=,\r\n{}", text.replace('\n', "\r\n")), 1),
        (format!("\r\n{}", text.replace('\n', "\r\n")), 1),
    ] {
        let found = texts(&from_csv(&text).errors);
        let moved = |error: &&str| {
            let (line, rest) = error["line ".len()..].split_once(':').unwrap();
            format!("line {}:{rest}", line.parse::<u64>().unwrap() + skipped)
        };
        assert_eq!(found, errors.iter().map(moved).collect::<Vec<_>>(), "{text:?}");
    }
    for (text, error) in [
        ("", "line 1: the first line must name the columns source and destination"),
        ("source\n/a\n", "line 1: the first line must name the columns source and destination"),
        ("source,destination,DESTINATION\n", "line 1: the first line must not name a column twice"),
        ("source,destination,status\n/a,/b,301\n", "line 2: status: must be 303, 307 or 308, got 301"),
    ] {
        let found = texts(&from_csv(text).errors);
        assert!(found.first().is_some_and(|found| found.starts_with(error)), "{text:?}: {found:?}");
    }
}

#[test]
fn reads_the_rules_of_a_netlify_file() {
    for (line, source, destination, status) in [
        ("/a /b", "/a", "/b", 308),
        ("  /c\t/d  302 # for now", "/c", "/d", 307),
        ("/e/* /f/:splat 301!", "/e/*", "/f/*", 308),
        ("/g https://shop.acme.test 308", "/g", "https://shop.acme.test", 308),
        ("/form /thanks 303", "/form", "/thanks", 303),
        ("/ads /post#ads # a comment", "/ads", "/post#ads", 308),
        (
            "http://hello.test/* http://www.hello.test/:splat",
            "http://hello.test/*",
            "http://www.hello.test/*",
            308,
        ),
        ("/ page=news /news", "/?page=news", "/news", 308),
        ("/blog post=:post_id /blog/:post_id", "/blog?post=:post_id", "/blog/:post_id", 308),
        ("/ _escaped_fragment_=/about /about", "/?_escaped_fragment_=/about", "/about", 308),
        ("/ /china 302 Country=ch,tw", "/ Country=ch,tw", "/china", 307),
        ("/ /china Country=il Language=en", "/ Country=il Language=en", "/china", 308),
        (
            "/donate source=:source email=:email /usa?source=:source&email=:email 302 country=us",
            "/donate?source=:source&email=:email Country=us",
            "/usa?source=:source&email=:email",
            307,
        ),
        ("/x?y=1 z=:z /w", "/x?y=1&z=:z", "/w", 308),
        ("/x y=:a-b /w", "/x?y=%3Aa-b", "/w", 308),
    ] {
        let file = from_netlify(line);
        assert_eq!(texts(&file.skipped), [""; 0], "{line}");
        let new = &file.entries[0].new;
        let found = RedirectStatus::of(new.permanent, new.status).map(RedirectStatus::code);
        assert_eq!((new.source.as_str(), new.destination.as_str(), found), (source, destination, Ok(status)));
    }
}

#[test]
fn skips_each_line_of_a_netlify_file_without_a_meaning() {
    let lines = [
        ("/* /index.html 200", "the status 200 is a rewrite"),
        ("/admin/* 200!", "the status 200 is a rewrite"),
        ("/ja/* /ja/404.html 404", "the status 404 is a page for missing resources"),
        ("/m/scge/legal", "a destination is missing after the source /m/scge/legal"),
        ("/m/scge/legal 301", "a destination is missing before the status 301"),
        (
            "/m/scge/legal source=:source",
            "the destination must begin with a slash, http:// or https://, got source",
        ),
        ("/blog blog.html", "the destination must begin with a slash, http:// or https://, got blog.html"),
        ("tutorials/react /tutorials/", "the source must begin with a slash"),
        ("/a#b /c", "the source contains a fragment"),
        ("/a /b not_a_status", "the status must be a number such as 301, got not_a_status"),
        ("/a /b 418", "the status must be 301, 302, 303, 307 or 308, got 418"),
        ("/a /b 301 Role=admin", "the condition Role is not supported"),
        ("/a https://b.test/:splat 200! Sign=KEY", "the status 200 is a rewrite"),
        ("/a /b 301 Sign=KEY", "signed rewrites are not supported"),
        ("/a /b 301 Colour=red", "the condition Colour is unknown"),
        ("/a x /b", "a query parameter must have a name and a value, got x"),
        ("/.netlify/from /to", "paths below /.netlify belong to the service of that name"),
    ];
    for end in ["\n", "\r\n"] {
        let text: String = lines.iter().map(|(line, _)| format!("# comment{end}{end}{line}{end}")).collect();
        let file = from_netlify(&text);
        assert_eq!(file.entries.len(), 0);
        let found = texts(&file.skipped);
        assert_eq!(found.len(), lines.len());
        for (i, ((line, message), found)) in lines.iter().zip(&found).enumerate() {
            assert!(found.starts_with(&format!("line {}: {message}", 3 * i + 3)), "{line}: {found}");
        }
    }
}

#[test]
fn writes_a_netlify_file_in_order_of_precedence() {
    let mut dated = rule("/sale", "/winter", false);
    dated.ends_at = "2026-11-21T09:00:00Z".parse().ok();
    let mut see_other = rule("/form", "/thanks", false);
    see_other.status = Some(RedirectStatus::SeeOther);
    let rules = [
        rule("/old/*", "/new/*", true),
        rule("/x/*/y", "/z", true),
        rule("/a b", "/c", false),
        rule("/docs/:lang/a", "/:lang", true),
        rule("/preset-*", "/presets/*", true),
        rule("/blog?id=:id Country=FR Language=fr", "/billet/:id", false),
        rule("/blog", "/posts", false),
        rule("https://old.test/*", "https://new.test/*", true),
        rule("/b/%3Aid", "/%3Aid", true),
        dated,
        see_other,
    ];
    let lines = [
        "https://old.test/* https://new.test/:splat 308",
        "/b/%3Aid /%3Aid 308",
        "/a%20b /c 307",
        "/blog id=:id /billet/:id 307 Country=FR Language=fr",
        "# dates and wildcards are not supported: /sale /winter 307",
        "/blog /posts 307",
        "/form /thanks 303",
        "/docs/:lang/a /:lang 308",
        "/preset-* /presets/:splat 308",
        "/old/* /new/:splat 308",
        "# dates and wildcards are not supported: /x/*/y /z 308",
    ];
    let text = to_netlify(&rules);
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    let again: Vec<RedirectInput> = from_netlify(&text).entries.into_iter().map(|entry| entry.new).collect();
    let imported = lines.iter().filter(|line| !line.starts_with('#')).copied().collect::<Vec<_>>();
    assert_eq!(to_netlify(&again).lines().collect::<Vec<_>>(), imported);
}
