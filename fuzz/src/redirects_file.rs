//! `_redirects` files.
use std::collections::BTreeSet;

use tenon::resources::redirects::{
    RedirectInput,
    formats::{from_csv, from_netlify, to_csv, to_netlify},
};

/// Each rule of a file is in the export, as a rule or as a comment. An export that is imported and exported again is
/// equal. Each error names a line of the file.
pub fn redirects_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let rules = match from_netlify(&text) {
        Ok(rules) => inputs(rules),
        Err(violations) => {
            for violation in violations {
                let number = violation.message.strip_prefix("line ").and_then(|rest| rest.split(':').next());
                let number: Option<usize> = number.and_then(|number| number.parse().ok());
                assert!(
                    number.is_some_and(|number| (1..=text.lines().count()).contains(&number)),
                    "{violation:?}"
                );
            }
            return;
        }
    };
    let exported = to_netlify(&rules);
    let lines: Vec<&str> = exported.lines().collect();
    assert_eq!(lines.len(), rules.len(), "{exported}");
    let imported =
        inputs(from_netlify(&exported).unwrap_or_else(|violations| panic!("{exported}{violations:?}")));
    let again = to_netlify(&imported);
    let kept: BTreeSet<&str> = lines.into_iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(again.lines().collect::<BTreeSet<_>>(), kept);

    let csv = to_csv(&rules).expect("CSV");
    let imported = inputs(from_csv(&csv).unwrap_or_else(|violations| panic!("{csv}{violations:?}")));
    assert_eq!(
        imported.iter().map(columns).collect::<Vec<_>>(),
        rules.iter().map(columns).collect::<Vec<_>>()
    );
}

fn inputs(entries: Vec<tenon::resources::redirects::formats::Entry>) -> Vec<RedirectInput> {
    entries.into_iter().map(|entry| entry.new).collect()
}

fn columns(rule: &RedirectInput) -> (&str, &str, bool) {
    (&rule.source, &rule.destination, rule.permanent)
}
