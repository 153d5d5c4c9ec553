//! Everything that the document declares has been seen: each pair of operation and status that some test of
//! the service did not meet stands in a list with its reason, and that list may only shrink.
use std::{collections::BTreeSet, fs};

/// What cannot be met in-process, whichever operation it is: status, and why.
const NOT_MET: &[(u16, &str)] = &[
    (500, "nothing is known to make the service fail"),
    (503, "the service is at its limit or stopping: tried on /readyz, and by the attacks on a running one"),
];

/// What has not been met for reasons of its own.
const UNSEEN: &[(&str, u16, &str)] = &[];

#[test]
fn every_declared_answer_was_seen() {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/seen.txt");
    let seen = fs::read_to_string(path).unwrap_or_else(|_| panic!("run `cargo test --test api` first"));
    let seen: BTreeSet<&str> = seen.lines().collect();
    let mut missing = Vec::new();
    let mut stale: BTreeSet<String> = UNSEEN.iter().map(|(id, status, _)| format!("{id} {status}")).collect();
    for item in tenon::api::DOCUMENT["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
        for (_, written) in item.as_object().into_iter().flatten().filter(|(verb, _)| *verb != "parameters") {
            let id = written["operationId"].as_str().unwrap_or_default();
            for status in written["responses"].as_object().into_iter().flatten().map(|(status, _)| status) {
                let pair = format!("{id} {status}");
                let excused = NOT_MET.iter().any(|(known, _)| known.to_string() == *status);
                if seen.contains(pair.as_str()) || excused {
                    continue;
                }
                if !stale.remove(&pair) {
                    missing.push(pair);
                }
            }
        }
    }
    assert!(missing.is_empty(), "declared, and never seen:\n{}", missing.join("\n"));
    assert!(stale.is_empty(), "seen by now, so take it off the list: {stale:?}");
}
