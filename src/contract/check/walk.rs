//! One value held against one schema, without stopping at the first violation.
use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{
    number::{compare, is_multiple},
    place::At,
    schema::{List, Members, Node, Numbers, Rest, Slot, Text, Types, Union, kind_of},
    violation::{ErrorCode, MAX_VIOLATIONS, Violation, counted, excerpt, one_of},
};

pub(super) struct Walk<'o> {
    pub out: &'o mut Vec<Violation>,
}

impl Walk<'_> {
    /// `message` is asked for only while there is room for it.
    pub fn fail(&mut self, at: &At<'_>, code: ErrorCode, message: impl FnOnce() -> String) {
        if self.out.len() < MAX_VIOLATIONS {
            let message = at.prefix().unwrap_or_default() + &message();
            let violation = Violation { place: at.place(), code, message };
            if !self.out.contains(&violation) {
                self.out.push(violation);
            }
        }
    }

    /// PostgreSQL cannot store U+0000, so no string may hold it, whatever its schema says.
    pub fn nul(&mut self, value: &Value, at: &At<'_>) {
        let message = || "must not contain the character U+0000".to_owned();
        match value {
            Value::String(text) if text.contains('\0') => self.fail(at, ErrorCode::Invalid, message),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.nul(item, &At::Item(at, i)));
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let at = At::Member(at, name);
                    if name.contains('\0') {
                        self.fail(&at, ErrorCode::Invalid, message);
                    }
                    self.nul(value, &at);
                }
            }
            _ => {}
        }
    }

    pub fn slot(&mut self, slot: &Slot, value: &Value, at: &At<'_>) {
        let Some(node) = slot.get() else { return };
        if !node.types.allow(value) {
            return self.wrong_type(node.types, value, at);
        }
        if let Some(allowed) = node.only.as_ref().filter(|allowed| !allowed.contains(value)) {
            return self.fail(at, ErrorCode::NotInEnum, || not_in(allowed));
        }
        match value {
            Value::Number(number) => self.number(node, number, at),
            Value::String(text) => self.string(node, text, at),
            Value::Array(items) => node.list.iter().for_each(|list| self.array(list, items, at)),
            Value::Object(members) => node.members.iter().for_each(|known| self.object(known, members, at)),
            Value::Null | Value::Bool(_) => {}
        }
        node.all.iter().for_each(|slot| self.slot(slot, value, at));
        if !node.any.is_empty() {
            self.any(&node.any, value, at);
        }
        node.one.iter().for_each(|union| self.union(union, value, at));
    }

    fn wrong_type(&mut self, types: Types, value: &Value, at: &At<'_>) {
        self.fail(at, ErrorCode::Type, || format!("must be {}, is {}", types.words(), kind_of(value)));
    }

    fn number(&mut self, node: &Node, number: &Number, at: &At<'_>) {
        if let Some((min, max)) = node.format.and_then(|format| format.range()) {
            self.least(number, &min.into(), at);
            self.most(number, &max.into(), at);
        }
        let Some(Numbers { min, max, above, below, multiple_of }) = node.number.as_deref() else { return };
        min.iter().for_each(|min| self.least(number, min, at));
        max.iter().for_each(|max| self.most(number, max, at));
        if let Some(above) = above.as_ref().filter(|above| compare(number, above) != Ordering::Greater) {
            self.fail(at, ErrorCode::TooSmall, || format!("must be more than {above}, is {number}"));
        }
        if let Some(below) = below.as_ref().filter(|below| compare(number, below) != Ordering::Less) {
            self.fail(at, ErrorCode::TooLarge, || format!("must be less than {below}, is {number}"));
        }
        if let Some(step) = multiple_of.as_ref().filter(|step| !is_multiple(number, step)) {
            self.fail(at, ErrorCode::Invalid, || format!("must be a multiple of {step}, is {number}"));
        }
    }

    fn least(&mut self, number: &Number, min: &Number, at: &At<'_>) {
        if compare(number, min) == Ordering::Less {
            self.fail(at, ErrorCode::TooSmall, || format!("must be at least {min}, is {number}"));
        }
    }

    fn most(&mut self, number: &Number, max: &Number, at: &At<'_>) {
        if compare(number, max) == Ordering::Greater {
            self.fail(at, ErrorCode::TooLarge, || format!("must be at most {max}, is {number}"));
        }
    }

    fn string(&mut self, node: &Node, text: &str, at: &At<'_>) {
        if let Some(rules) = node.text.as_deref() {
            self.text(rules, text, at);
        }
        if let Some(format) = node.format.filter(|format| !format.holds(text)) {
            self.fail(at, ErrorCode::Format, || format.advice().to_owned());
        }
    }

    fn text(&mut self, rules: &Text, text: &str, at: &At<'_>) {
        let Text { min, max, pattern, asks } = rules;
        // There are never more characters than bytes, so most strings need no counting.
        if min.is_some() || max.is_some_and(|max| text.len() as u64 > max) {
            let length = text.chars().count() as u64;
            self.bounds(
                (*min, *max),
                length,
                at,
                (ErrorCode::TooShort, ErrorCode::TooLong),
                |bound, limit| format!("must be {bound} {} long, is {length}", counted(limit, "character")),
            );
        }
        if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            self.fail(at, ErrorCode::Pattern, || asks.clone());
        }
    }

    fn array(&mut self, list: &List, items: &[Value], at: &At<'_>) {
        let count = items.len() as u64;
        self.items((list.min, list.max), count, at, "item");
        if let Some(slot) = &list.items {
            items.iter().enumerate().for_each(|(i, item)| self.slot(slot, item, &At::Item(at, i)));
        }
        if list.unique && list.max.is_none_or(|max| count <= max) {
            for i in List::repeated(items) {
                self.fail(&At::Item(at, i), ErrorCode::NotUnique, || {
                    "must not repeat an earlier item".into()
                });
            }
        }
    }

    fn object(&mut self, known: &Members, members: &Map<String, Value>, at: &At<'_>) {
        self.items((known.min, known.max), members.len() as u64, at, "member");
        for name in known.required.iter().filter(|name| !members.contains_key(name.as_str())) {
            self.fail(&At::Member(at, name), ErrorCode::Required, || "is required".into());
        }
        for (name, value) in members {
            let at = At::Member(at, name);
            match (known.get(name), &known.rest) {
                (Some(slot), _) | (None, Rest::Each(slot)) => self.slot(slot, value, &at),
                (None, Rest::Open) => {}
                (None, Rest::Closed) => self.fail(&at, ErrorCode::Unknown, || unknown(known)),
            }
        }
    }

    fn items(&mut self, bounds: (Option<u64>, Option<u64>), count: u64, at: &At<'_>, noun: &str) {
        self.bounds(bounds, count, at, (ErrorCode::TooFewItems, ErrorCode::TooManyItems), |bound, limit| {
            format!("must have {bound} {}, has {count}", counted(limit, noun))
        });
    }

    fn bounds(
        &mut self,
        (min, max): (Option<u64>, Option<u64>),
        size: u64,
        at: &At<'_>,
        (below, above): (ErrorCode, ErrorCode),
        message: impl Fn(&str, u64) -> String,
    ) {
        if let Some(min) = min.filter(|min| size < *min) {
            self.fail(at, below, || message("at least", min));
        }
        if let Some(max) = max.filter(|max| size > *max) {
            self.fail(at, above, || message("at most", max));
        }
    }

    /// The branches that the value's type leaves decide what is said about it.
    fn any(&mut self, branches: &[Slot], value: &Value, at: &At<'_>) {
        let types = |slot: &Slot| slot.get().map(|node| node.types).unwrap_or_default();
        let mut left = branches.iter().filter(|slot| types(slot).allow(value));
        match (left.next(), left.next()) {
            (None, _) => {
                let all = branches.iter().map(types).fold(Types::default(), Types::or);
                self.wrong_type(all, value, at);
            }
            (Some(only), None) => self.slot(only, value, at),
            _ => {
                let holds = |slot: &Slot| {
                    let mut out = Vec::new();
                    Walk { out: &mut out }.slot(slot, value, at);
                    out.is_empty()
                };
                if !branches.iter().any(holds) {
                    self.fail(at, ErrorCode::Invalid, || "has none of the forms allowed here".into());
                }
            }
        }
    }

    fn union(&mut self, union: &Union, value: &Value, at: &At<'_>) {
        let Value::Object(members) = value else {
            return self.fail(at, ErrorCode::Type, || format!("must be an object, is {}", kind_of(value)));
        };
        let property = At::Member(at, &union.property);
        let names = || one_of(union.branches.iter().map(|(name, _)| name));
        match members.get(&union.property) {
            None => self.fail(&property, ErrorCode::Required, || format!("is required: {}", names())),
            Some(Value::String(name)) => match union.branches.iter().find(|(known, _)| known == name) {
                Some((_, slot)) => self.slot(slot, value, at),
                None => self.fail(&property, ErrorCode::NotInEnum, || {
                    format!("must be {}, is {}", names(), excerpt(name))
                }),
            },
            Some(other) => {
                self.fail(&property, ErrorCode::Type, || format!("must be a string, is {}", kind_of(other)));
            }
        }
    }
}

fn not_in(allowed: &[Value]) -> String {
    let shown = allowed.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    format!("must be {}", one_of(shown))
}

fn unknown(known: &Members) -> String {
    match known.known.as_slice() {
        [] => "is not known here; leave it out".into(),
        names => {
            format!("is not known here; leave it out, or use {}", one_of(names.iter().map(|(name, _)| name)))
        }
    }
}
