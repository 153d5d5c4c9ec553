//! Property tests with a deterministic generator of random values.
use serde_json::{Map, Value, json};

use super::{document, violations};
use crate::schema::{Location, MAX_VIOLATIONS, Schema, parse, sorted};

/// A xorshift64* generator.
struct Generator(u64);

impl Generator {
    /// Returns a number less than `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }

    fn text(&mut self) -> String {
        let letters: Vec<char> = "ab~/ %\"\\ä😀\0\u{2028}".chars().collect();
        (0..self.below(7)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => json!(self.below(200) as i64 - 100),
            3 => json!(self.below(1000) as f64 / 8.0 + 0.0625),
            4 => Value::String(self.text()),
            5 => Value::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
            _ => Value::Object(self.fields(depth)),
        }
    }

    fn fields(&mut self, depth: u64) -> Map<String, Value> {
        let names = ["text", "replies", "kind", "radius", "side"];
        let field = |generator: &mut Generator| match generator.below(6) as usize {
            5 => (generator.text(), generator.value(depth - 1)),
            name => (names[name].to_owned(), generator.value(depth - 1)),
        };
        (0..self.below(5)).map(|_| field(self)).collect()
    }
}

/// Percent-decodes a pointer, independently of the code under test.
fn decode_pointer(pointer: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), pointer.trim_start_matches('#').bytes());
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let pair = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
                u8::from_str_radix(&String::from_utf8_lossy(&pair), 16).unwrap_or_default()
            }
            b => b,
        });
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[test]
fn round_trips_random_values() {
    let mut generator = Generator(7);
    for _ in 0..5_000 {
        let value = generator.value(5);
        assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
    }
}

#[test]
fn pointers_resolve_unless_a_field_is_missing() {
    let mut generator = Generator(11);
    for name in ["Comment", "Shape", "Name"] {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        for _ in 0..1_500 {
            let value = generator.value(4);
            for violation in violations(&schema, &value) {
                let Location::Pointer(pointer) = &violation.location else { panic!("{violation:?}") };
                let found = value.pointer(&decode_pointer(pointer)).is_some();
                assert_eq!(found, violation.code.as_str() != "required", "{violation:?} in {value}");
                assert!(violation.message.chars().count() < 200, "{violation:?}");
            }
        }
    }
}

/// Validates a comment without a schema, as the reference for the comparison.
fn is_comment(value: &Value) -> bool {
    let Value::Object(fields) = value else { return false };
    let valid = fields.iter().all(|(name, value)| match name.as_str() {
        "text" => {
            value.as_str().is_some_and(|text| (1..=5).contains(&text.chars().count()) && !text.contains('\0'))
        }
        "replies" => {
            value.as_array().is_some_and(|replies| replies.len() <= 3 && replies.iter().all(is_comment))
        }
        _ => false,
    });
    valid && fields.contains_key("text")
}

#[test]
fn agrees_with_a_manual_validation() {
    let mut generator = Generator(13);
    let schema = Schema::compile(&document(), &json!({ "$ref": "#/components/schemas/Comment" }));
    let schema = schema.unwrap_or_else(|reason| panic!("{reason}"));
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut value = Value::Object(generator.fields(4));
        if round % 2 == 0 {
            value["text"] = json!("abc");
            value
                .as_object_mut()
                .into_iter()
                .for_each(|fields| fields.retain(|name, _| name == "text" || name == "replies"));
        }
        let mut out = Vec::new();
        schema.validate(&value, "#", &mut out);
        assert_eq!(out.is_empty(), is_comment(&value), "{value}: {out:?}");
        accepted += usize::from(out.is_empty());
    }
    assert!(accepted > 2_000, "{accepted} accepted: too few to be meaningful");
}

#[test]
fn limits_the_response_to_hostile_inputs() {
    let fields: Map<String, Value> =
        (0..10_000).map(|i| (format!("{i}{}", "x".repeat(1_000)), json!(1))).collect();
    let found = sorted(violations(&json!({ "additionalProperties": false }), &Value::Object(fields)));
    assert_eq!(found.len(), MAX_VIOLATIONS);
    for violation in found {
        let Location::Pointer(pointer) = &violation.location else { panic!("{violation:?}") };
        assert!(pointer.len() < 200 && violation.message.len() < 200);
    }
}
