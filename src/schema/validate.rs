//! Validation of a value against a schema. It does not stop at the first violation.
use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{
    node::{
        AdditionalProperties, ArrayRules, Node, NodeRef, NumberRules, ObjectRules, OneOf, StringRules, Types,
        type_of,
    },
    number::{compare, is_multiple},
    pointer::InstancePath,
    violation::{ErrorCode, MAX_VIOLATIONS, Violation, counted, excerpt, join_or},
};

/// Validates values and collects violations.
pub(super) struct Validator<'o> {
    pub out: &'o mut Vec<Violation>,
}

impl Validator<'_> {
    /// Adds a violation, unless the maximum is reached or it is a duplicate. The message is formatted only if
    /// it is needed.
    pub fn fail(&mut self, at: &InstancePath<'_>, code: ErrorCode, message: impl FnOnce() -> String) {
        if self.out.len() < MAX_VIOLATIONS {
            let message = at.prefix().unwrap_or_default() + &message();
            let violation = Violation { location: at.location(), code, message };
            if !self.out.contains(&violation) {
                self.out.push(violation);
            }
        }
    }

    /// Rejects U+0000 in all strings and field names, independent of the schema: PostgreSQL cannot store it.
    pub fn reject_nul(&mut self, value: &Value, at: &InstancePath<'_>) {
        let message = || "must not contain the character U+0000".to_owned();
        match value {
            Value::String(text) if text.contains('\0') => self.fail(at, ErrorCode::Invalid, message),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, item)| self.reject_nul(item, &InstancePath::Item(at, i)));
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let at = InstancePath::Field(at, name);
                    if name.contains('\0') {
                        self.fail(&at, ErrorCode::Invalid, message);
                    }
                    self.reject_nul(value, &at);
                }
            }
            _ => {}
        }
    }

    /// Validates `value` against a compiled schema.
    pub fn validate(&mut self, node: &NodeRef, value: &Value, at: &InstancePath<'_>) {
        let Some(node) = node.get() else { return };
        if !node.types.allow(value) {
            return self.wrong_type(node.types, value, at);
        }
        if let Some(allowed) = node.allowed.as_ref().filter(|allowed| !allowed.contains(value)) {
            return self.fail(at, ErrorCode::NotInEnum, || enum_message(allowed, value));
        }
        match value {
            Value::Number(number) => self.number(node, number, at),
            Value::String(text) => self.string(node, text, at),
            Value::Array(items) => node.array.iter().for_each(|rules| self.array(rules, items, at)),
            Value::Object(fields) => node.object.iter().for_each(|rules| self.object(rules, fields, at)),
            Value::Null | Value::Bool(_) => {}
        }
        node.all_of.iter().for_each(|node| self.validate(node, value, at));
        if !node.any_of.is_empty() {
            self.any_of(&node.any_of, value, at);
        }
        node.one_of.iter().for_each(|one_of| self.one_of(one_of, value, at));
    }

    fn wrong_type(&mut self, types: Types, value: &Value, at: &InstancePath<'_>) {
        self.fail(at, ErrorCode::Type, || format!("must be {}, got {}", types.description(), type_of(value)));
    }

    fn number(&mut self, node: &Node, number: &Number, at: &InstancePath<'_>) {
        if let Some((min, max)) = node.format.and_then(|format| format.range()) {
            self.range(number, Some(&min.into()), Some(&max.into()), at);
        }
        let Some(rules) = node.number.as_deref() else { return };
        let NumberRules { min, max, exclusive_min, exclusive_max, multiple_of } = rules;
        self.range(number, min.as_ref(), max.as_ref(), at);
        if let Some(min) = exclusive_min.as_ref().filter(|min| compare(number, min) != Ordering::Greater) {
            self.fail(at, ErrorCode::TooSmall, || format!("must be more than {min}, got {number}"));
        }
        if let Some(max) = exclusive_max.as_ref().filter(|max| compare(number, max) != Ordering::Less) {
            self.fail(at, ErrorCode::TooLarge, || format!("must be less than {max}, got {number}"));
        }
        if let Some(step) = multiple_of.as_ref().filter(|step| !is_multiple(number, step)) {
            self.fail(at, ErrorCode::Invalid, || format!("must be a multiple of {step}, got {number}"));
        }
    }

    fn range(&mut self, number: &Number, min: Option<&Number>, max: Option<&Number>, at: &InstancePath<'_>) {
        let message = || format!("must be {}, got {number}", range_text(min, max));
        if min.is_some_and(|min| compare(number, min) == Ordering::Less) {
            self.fail(at, ErrorCode::TooSmall, message);
        }
        if max.is_some_and(|max| compare(number, max) == Ordering::Greater) {
            self.fail(at, ErrorCode::TooLarge, message);
        }
    }

    fn string(&mut self, node: &Node, text: &str, at: &InstancePath<'_>) {
        let matches = node.string.as_deref().is_none_or(|rules| self.string_rules(rules, text, at));
        // The format states what the pattern cannot: both together would report one error twice.
        if let Some(format) = node.format.filter(|format| matches && !format.is_valid(text)) {
            self.fail(at, ErrorCode::Format, || format.message().to_owned());
        }
    }

    /// Validates the length and the pattern, and returns whether the pattern matches.
    fn string_rules(&mut self, rules: &StringRules, text: &str, at: &InstancePath<'_>) -> bool {
        let StringRules { min, max, pattern, pattern_message } = rules;
        // A string has at most as many characters as bytes, so a short string need not be counted for
        // `maxLength`.
        if min.is_some() || max.is_some_and(|max| text.len() as u64 > max) {
            let length = text.chars().count() as u64;
            let codes = (ErrorCode::TooShort, ErrorCode::TooLong);
            self.size((*min, *max), length, at, codes, ("be", "character"));
        }
        let matches = pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        if !matches {
            self.fail(at, ErrorCode::Pattern, || pattern_message.clone());
        }
        matches
    }

    fn array(&mut self, rules: &ArrayRules, items: &[Value], at: &InstancePath<'_>) {
        let count = items.len() as u64;
        self.count((rules.min, rules.max), count, at, "item");
        if let Some(node) = &rules.items {
            items
                .iter()
                .enumerate()
                .for_each(|(i, item)| self.validate(node, item, &InstancePath::Item(at, i)));
        }
        // Too long arrays are not compared: the cost of finding duplicates stays bounded.
        if rules.unique && rules.max.is_none_or(|max| count <= max) {
            for i in ArrayRules::duplicates(items) {
                self.fail(&InstancePath::Item(at, i), ErrorCode::NotUnique, || {
                    "must not repeat an earlier item".into()
                });
            }
        }
    }

    fn object(&mut self, rules: &ObjectRules, fields: &Map<String, Value>, at: &InstancePath<'_>) {
        self.count((rules.min, rules.max), fields.len() as u64, at, "field");
        for name in rules.required.iter().filter(|name| !fields.contains_key(name.as_str())) {
            self.fail(&InstancePath::Field(at, name), ErrorCode::Required, || "is required".into());
        }
        for (name, value) in fields {
            let at = InstancePath::Field(at, name);
            match (rules.get(name), &rules.additional) {
                (Some(node), _) | (None, AdditionalProperties::Schema(node)) => {
                    self.validate(node, value, &at)
                }
                (None, AdditionalProperties::Allowed) => {}
                (None, AdditionalProperties::Forbidden) => {
                    self.fail(&at, ErrorCode::Unknown, || unknown_message(rules));
                }
            }
        }
    }

    fn count(&mut self, bounds: (Option<u64>, Option<u64>), count: u64, at: &InstancePath<'_>, noun: &str) {
        let codes = (ErrorCode::TooFewItems, ErrorCode::TooManyItems);
        self.size(bounds, count, at, codes, ("have", noun));
    }

    fn size(
        &mut self,
        (min, max): (Option<u64>, Option<u64>),
        size: u64,
        at: &InstancePath<'_>,
        (too_small, too_large): (ErrorCode, ErrorCode),
        (verb, noun): (&str, &str),
    ) {
        let message = || format!("must {verb} {}, got {size}", size_text(min, max, noun));
        if min.is_some_and(|min| size < min) {
            self.fail(at, too_small, message);
        }
        if max.is_some_and(|max| size > max) {
            self.fail(at, too_large, message);
        }
    }

    /// Validates `anyOf`. If the type of the value leaves one branch only, the violations of that branch are
    /// reported: `anyOf` with `null` is a nullable schema.
    fn any_of(&mut self, branches: &[NodeRef], value: &Value, at: &InstancePath<'_>) {
        let types = |node: &NodeRef| node.get().map(|node| node.types).unwrap_or_default();
        let mut candidates = branches.iter().filter(|node| types(node).allow(value));
        match (candidates.next(), candidates.next()) {
            (None, _) => {
                let all = branches.iter().map(types).fold(Types::default(), Types::union);
                self.wrong_type(all, value, at);
            }
            (Some(only), None) => self.validate(only, value, at),
            _ => {
                let is_valid = |node: &NodeRef| {
                    let mut out = Vec::new();
                    Validator { out: &mut out }.validate(node, value, at);
                    out.is_empty()
                };
                if !branches.iter().any(is_valid) {
                    self.fail(at, ErrorCode::Invalid, || "must match one of the allowed schemas".into());
                }
            }
        }
    }

    /// Validates `oneOf`: the discriminator property selects the branch.
    fn one_of(&mut self, rules: &OneOf, value: &Value, at: &InstancePath<'_>) {
        let Value::Object(fields) = value else {
            return self.fail(at, ErrorCode::Type, || format!("must be an object, got {}", type_of(value)));
        };
        let property = InstancePath::Field(at, &rules.property);
        let names = || join_or(rules.branches.iter().map(|(name, _)| name));
        match fields.get(&rules.property) {
            None => self.fail(&property, ErrorCode::Required, || format!("is required: {}", names())),
            Some(Value::String(name)) => match rules.branches.iter().find(|(known, _)| known == name) {
                Some((_, node)) => self.validate(node, value, at),
                None => self.fail(&property, ErrorCode::NotInEnum, || {
                    format!("must be {}, got \"{}\"", names(), excerpt(name))
                }),
            },
            Some(other) => {
                self.fail(&property, ErrorCode::Type, || format!("must be a string, got {}", type_of(other)));
            }
        }
    }
}

fn enum_message(allowed: &[Value], value: &Value) -> String {
    let names = allowed.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let actual = match value {
        Value::String(text) => format!("\"{}\"", excerpt(text)),
        Value::Array(_) | Value::Object(_) => type_of(value).to_owned(),
        other => other.to_string(),
    };
    format!("must be {}, got {actual}", join_or(names))
}

fn unknown_message(rules: &ObjectRules) -> String {
    match rules.properties.as_slice() {
        [] => "is not a known field: remove it".into(),
        known => {
            format!("is not a known field: remove it, or use {}", join_or(known.iter().map(|(name, _)| name)))
        }
    }
}

fn range_text(min: Option<&Number>, max: Option<&Number>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "a number".to_owned(),
    }
}

/// Returns `1 to 200 characters`. A minimum of 0 is no rule.
fn size_text(min: Option<u64>, max: Option<u64>, noun: &str) -> String {
    match (min.filter(|min| *min > 0), max) {
        (Some(min), Some(max)) if min == max => counted(max, noun),
        (Some(min), Some(max)) => format!("{min} to {}", counted(max, noun)),
        (Some(min), None) => format!("at least {}", counted(min, noun)),
        (None, max) => format!("at most {}", counted(max.unwrap_or_default(), noun)),
    }
}
