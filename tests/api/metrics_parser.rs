//! A strict parser of the Prometheus text format, version 0.0.4.
use std::collections::{BTreeMap, BTreeSet};

/// The samples of all families, by name and sorted labels as in `name{a="b"}`.
#[derive(Debug)]
pub struct Metrics {
    pub samples: BTreeMap<String, f64>,
    /// The values of each label.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

/// A sample of a family.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Parses the text of all metrics.
///
/// # Panics
///
/// If the text violates the format or the naming conventions.
pub fn parse(text: &str) -> Metrics {
    assert!(text.ends_with('\n'), "the last line has no line feed");
    let mut lines = text.lines().peekable();
    let (mut families, mut metrics) =
        (BTreeSet::new(), Metrics { samples: BTreeMap::new(), labels: BTreeMap::new() });
    while let Some(line) = lines.next() {
        let (name, help) =
            line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect("a HELP line");
        assert!(is_name(name) && help.ends_with('.'), "{line}");
        assert!(families.insert(name.to_owned()), "{name} has two families");
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
        let kind = kind.unwrap_or_else(|| panic!("{name} has no TYPE"));
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{name}: {kind}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            samples.push(sample(line));
        }
        match kind {
            "histogram" => check_histogram(name, &samples),
            _ => assert!(samples.iter().all(|sample| sample.name == name), "{name}: another name"),
        }
        samples.into_iter().for_each(|sample| metrics.add(sample));
    }
    metrics
}

impl Metrics {
    fn add(&mut self, Sample { name, labels, value }: Sample) {
        for (label, text) in labels.iter().filter(|(label, _)| *label != "le") {
            self.labels.entry(label.clone()).or_default().insert(text.clone());
        }
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{text}\"")).collect();
        let key = if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) };
        assert!(self.samples.insert(key.clone(), value).is_none(), "{key} has two samples");
    }

    /// Returns the value of a sample; 0 if there is none.
    pub fn get(&self, sample: &str) -> f64 {
        self.samples.get(sample).copied().unwrap_or_default()
    }

    /// Returns whether there is a sample whose name and labels begin with this text.
    pub fn has(&self, prefix: &str) -> bool {
        self.samples.keys().any(|key| key.starts_with(prefix))
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn sample(line: &str) -> Sample {
    let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}: no value"));
    let (name, mut rest) = match key.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
        None => (key, ""),
    };
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(label), "{line}");
        let (mut text, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("{line}: no closing quote")) {
                (end, '"') => break end,
                (_, '\\') => match chars.next().map(|(_, escaped)| escaped) {
                    Some(escaped @ ('\\' | '"')) => text.push(escaped),
                    Some('n') => text.push('\n'),
                    other => panic!("{line}: escape sequence {other:?}"),
                },
                (_, other) => text.push(other),
            }
        };
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}: a label occurs twice");
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let value = value.parse().unwrap_or_else(|_| panic!("{line}: no number"));
    Sample { name: name.to_owned(), labels, value }
}

/// Checks that the buckets of each histogram are cumulative, and that the last one is the number of values.
fn check_histogram(name: &str, samples: &[Sample]) {
    let mut groups: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        let labels: Vec<_> = sample.labels.iter().filter(|(label, _)| *label != "le").collect();
        groups.entry(format!("{labels:?}")).or_default().push(sample);
    }
    for (labels, group) in groups {
        let of = |suffix: &str| {
            let name = format!("{name}{suffix}");
            group.iter().filter(|sample| sample.name == name).collect::<Vec<_>>()
        };
        let (buckets, sum, count) = (of("_bucket"), of("_sum"), of("_count"));
        assert_eq!((sum.len(), count.len()), (1, 1), "{name}{labels}");
        assert_eq!(buckets.len() + 2, group.len(), "{name}{labels}: another sample");
        let bounds: Vec<f64> = buckets
            .iter()
            .map(|bucket| match bucket.labels["le"].as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().expect("a bound"),
            })
            .collect();
        assert!(bounds.is_sorted_by(|a, b| a < b) && bounds.last() == Some(&f64::INFINITY), "{name}{labels}");
        assert!(buckets.is_sorted_by(|a, b| a.value <= b.value), "{name}{labels}: not cumulative");
        assert_eq!(buckets.last().map(|bucket| bucket.value), Some(count[0].value), "{name}{labels}");
    }
}
