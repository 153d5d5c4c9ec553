//! The text format of Prometheus, version 0.0.4.
use std::fmt::{self, Display, Write};

use super::Distribution;

/// The media type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The unit of a histogram in the text, and the values per unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    One,
    /// The values are nanoseconds.
    Seconds,
}

/// A name and a value.
pub type Label<'a> = (&'static str, &'a str);

/// The text of all metrics. Writing to a `String` never fails.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    pub fn into_text(self) -> String {
        self.0
    }

    /// Writes a counter with one sample for each of these labels. The name ends with `_total`.
    pub fn counters<'a, L, V>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (L, V)>)
    where
        L: AsRef<[Label<'a>]>,
        V: Display,
    {
        self.family(name, "counter", help, samples);
    }

    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.counters(name, help, [([], value)]);
    }

    /// Writes a gauge with one sample for each of these labels.
    pub fn gauges<'a, L, V>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (L, V)>)
    where
        L: AsRef<[Label<'a>]>,
        V: Display,
    {
        self.family(name, "gauge", help, samples);
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.gauges(name, help, [([], value)]);
    }

    /// Writes a histogram for each of these labels.
    pub fn histograms<'a, L>(
        &mut self,
        name: &str,
        help: &str,
        unit: Unit,
        samples: impl IntoIterator<Item = (L, Distribution)>,
    ) where
        L: AsRef<[Label<'a>]>,
    {
        self.head(name, "histogram", help);
        for (labels, distribution) in samples {
            self.histogram(name, labels.as_ref(), unit, &distribution);
        }
    }

    fn family<'a, L, V>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) where
        L: AsRef<[Label<'a>]>,
        V: Display,
    {
        self.head(name, kind, help);
        for (labels, value) in samples {
            self.sample(name, labels.as_ref(), value);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.0.push_str(name);
        if !labels.is_empty() {
            self.0.push('{');
            for (number, (label, text)) in labels.iter().enumerate() {
                let separator = if number == 0 { "" } else { "," };
                let _ = write!(self.0, "{separator}{label}=\"{}\"", Escaped(text));
            }
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn histogram(&mut self, name: &str, labels: &[Label<'_>], unit: Unit, state: &Distribution) {
        let bucket = format!("{name}_bucket");
        let mut cumulative = 0;
        let bounds = state.bounds.iter().map(|bound| unit.text(*bound)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&state.counts) {
            cumulative += count;
            let labels: Vec<Label<'_>> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.sample(&bucket, &labels, cumulative);
        }
        self.sample(&format!("{name}_sum"), labels, unit.text(state.sum));
        self.sample(&format!("{name}_count"), labels, cumulative);
    }
}

impl Unit {
    fn text(self, value: u64) -> String {
        match self {
            Unit::One => value.to_string(),
            Unit::Seconds => (value as f64 / 1e9).to_string(),
        }
    }
}

/// A label value with the escape sequences of the format.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::metrics::Histogram;

    #[test]
    fn writes_families_in_the_text_format() {
        let mut out = Exposition::default();
        out.counters("a_total", "Requests.", [([("path", "x\"\\\ny")], 3), ([("path", "z")], 0)]);
        out.gauge("b_bytes", "Bytes.", 1.5);
        let histogram = Histogram::<3>::new(&[1_000_000, 2_500_000_000]);
        for nanoseconds in [1, 2_000_000, 3_000_000_000] {
            histogram.observe(nanoseconds);
        }
        out.histograms("c_seconds", "Time.", Unit::Seconds, [([("k", "v")], histogram.snapshot())]);
        let expected = r#"# HELP a_total Requests.
# TYPE a_total counter
a_total{path="x\"\\\ny"} 3
a_total{path="z"} 0
# HELP b_bytes Bytes.
# TYPE b_bytes gauge
b_bytes 1.5
# HELP c_seconds Time.
# TYPE c_seconds histogram
c_seconds_bucket{k="v",le="0.001"} 1
c_seconds_bucket{k="v",le="2.5"} 2
c_seconds_bucket{k="v",le="+Inf"} 3
c_seconds_sum{k="v"} 3.002000001
c_seconds_count{k="v"} 3
"#;
        assert_eq!(out.into_text(), expected);
    }
}
