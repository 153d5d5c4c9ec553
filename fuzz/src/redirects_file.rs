//! `_redirects` files.
use std::collections::BTreeSet;

use tenon::resources::redirects::{
    Pattern, RedirectInput,
    formats::{ParsedFile, Place, from_csv, from_netlify, to_csv, to_netlify},
};

/// Each rule of a file is in the export, as a rule or as a comment. An export that is imported and exported again is
/// equal. Each skipped line is a line of the file.
pub fn redirects_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let file = from_netlify(&text);
    for remark in file.errors.iter().chain(&file.skipped).chain(&file.warnings) {
        let lines = text.lines().count() as u64;
        assert!(matches!(remark.place, Place::Line(line) if (1..=lines).contains(&line)), "{remark:?}");
    }
    let rules = stored(file);
    let exported = to_netlify(&rules);
    let lines: Vec<&str> = exported.lines().collect();
    assert_eq!(lines.len(), rules.len(), "{exported}");
    let imported = stored(from_netlify(&exported));
    let again = to_netlify(&imported);
    let kept: BTreeSet<&str> = lines.into_iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(again.lines().collect::<BTreeSet<_>>(), kept);

    let csv = to_csv(&rules).expect("CSV");
    let file = from_csv(&csv);
    assert_eq!(file.errors, [], "{csv}");
    let imported = stored(file);
    assert_eq!(
        imported.iter().map(columns).collect::<Vec<_>>(),
        rules.iter().map(columns).collect::<Vec<_>>()
    );
}

/// Returns the rules that have a valid source, with the canonical source.
fn stored(file: ParsedFile) -> Vec<RedirectInput> {
    let stored = |mut new: RedirectInput| {
        let pattern = Pattern::parse(&new.source).ok()?;
        let text = pattern.text();
        assert_eq!(Pattern::parse(&text).as_ref(), Ok(&pattern), "{text}");
        new.source = text.into();
        Some(new)
    };
    file.entries.into_iter().filter_map(|entry| stored(entry.new)).collect()
}

fn columns(rule: &RedirectInput) -> (&str, &str, bool) {
    (&rule.source, &rule.destination, rule.permanent)
}
