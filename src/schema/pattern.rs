//! ECMA-262 regular expressions, limited to the syntax with the same meaning in all engines. Other syntax is
//! rejected, so that a client and the service never disagree about a `pattern`.
use std::{collections::HashMap, iter::Peekable, str::Chars};

use parking_lot::Mutex;
use regex::Regex;

const SPACE: &str =
    r"\t\n\x0B\x0C\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

/// Compiles a pattern. Equal patterns share one compiled expression, because these are large. Patterns come from the
/// code only, so their number is bounded.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    static COMPILED: Mutex<Option<HashMap<String, Regex>>> = Mutex::new(None);
    if let Some(regex) = COMPILED.lock().get_or_insert_default().get(pattern) {
        return Ok(regex.clone());
    }
    let translated = translate(pattern).map_err(|reason| format!("pattern {pattern:?}: {reason}"))?;
    let regex = Regex::new(&translated).map_err(|error| format!("pattern {pattern:?}: {error}"))?;
    COMPILED.lock().get_or_insert_default().insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, class, &mut out)?,
            '[' if class => out.push_str(r"\["),
            '[' => {
                class = true;
                out.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if rest.peek() == Some(&']') {
                    return Err("an empty class matches nothing".into());
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            // `&&` and `~~` are set operators in the regex crate, and literals in ECMA-262.
            '&' | '~' if class => out.extend(['\\', c]),
            '-' if class && rest.peek() == Some(&'-') => return Err("`--` in a class".into()),
            '.' if !class => out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '(' if !class && rest.peek() == Some(&'?') => {
                rest.next();
                rest.next_if_eq(&':').ok_or("only `(?:` groups are portable")?;
                out.push_str("(?:");
            }
            '*' | '+' | '?' | '}' if !class && rest.peek() == Some(&'+') => {
                return Err("a quantifier on a quantifier".into());
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn escape(rest: &mut Peekable<Chars<'_>>, class: bool, out: &mut String) -> Result<(), String> {
    let c = rest.next().ok_or("ends with a backslash")?;
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.extend(["[", SPACE, "]"]),
        'S' => out.extend(["[^", SPACE, "]"]),
        'b' if class => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        '<' | '>' => out.push(c),
        't' | 'n' | 'r' | 'f' | 'v' | 'x' | 'u' | 'p' | 'P' => out.extend(['\\', c]),
        c if c.is_ascii_punctuation() => out.extend(['\\', c]),
        c => return Err(format!("`\\{c}` is not portable")),
    }
    Ok(())
}
