//! Where a rule leads: an address of this service or of a listed host, with gaps for what the source took.
use super::{
    glob::Glob,
    path::{MAX, Pattern, canonical, escape, escaped, has_dots},
};

/// What takes the parts of the source: `*` one after the other, or `:splat` the last one.
const SPLAT: &str = ":splat";

/// A destination, ready to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Scheme and host of another site; empty on the own one.
    origin: String,
    /// The path in pieces, and which part of the source follows each but the last.
    pieces: Vec<String>,
    gaps: Vec<usize>,
    query: String,
    fragment: String,
    /// How long it is without what is filled in.
    length: usize,
}

impl Target {
    /// Reads the destination of a rule with this source; the error says what is wrong with it.
    pub fn parse(text: &str, source: &Pattern, hosts: &[String]) -> Result<Target, &'static str> {
        if text.chars().count() > MAX {
            return Err("must be at most 1000 characters long");
        }
        if hidden(text) {
            return Err(
                "must have no white space, control characters and backslashes, not even escaped ones",
            );
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (origin, path) = match place.starts_with('/') {
            true => ("", place),
            false => foreign(place, hosts)?,
        };
        let plain = unescaped(path);
        if plain.contains("//") || has_dots(&plain) {
            return Err("must not have empty segments, `.` or `..` in its path");
        }
        if [query, fragment].iter().any(|part| part.contains('*') || part.contains(SPLAT)) {
            return Err("can have `*` and `:splat` in its path only");
        }
        let (pieces, gaps) = pieces(path, source)?;
        Ok(Target {
            length: text.len() + query.len() + fragment.len(),
            origin: origin.to_owned(),
            pieces: pieces.iter().map(|piece| escaped(piece)).collect(),
            gaps,
            query: escaped(query),
            fragment: escaped(fragment),
        })
    }

    /// The address, with what the source took; none if that would lead out of the path it belongs to.
    pub fn fill(&self, taken: &[&str], query: Option<&str>) -> Option<String> {
        let lengths = taken.iter().map(|part| part.len()).sum::<usize>() + query.map_or(0, str::len);
        let mut address = String::with_capacity(self.length + lengths + 2);
        address.push_str(&self.origin);
        for (i, piece) in self.pieces.iter().enumerate() {
            address.push_str(piece);
            let Some(gap) = self.gaps.get(i) else { continue };
            let part = taken.get(*gap).copied().unwrap_or_default();
            if has_dots(part) {
                return None;
            }
            // Two slashes at the beginning would name a host.
            let part = if address.ends_with('/') { part.trim_start_matches('/') } else { part };
            escape(&mut address, part);
        }
        if self.origin.is_empty() && (address.starts_with("//") || address.starts_with("/\\")) {
            return None;
        }
        merge(&mut address, &self.query, query.unwrap_or_default());
        if !self.fragment.is_empty() {
            address.push('#');
            address.push_str(&self.fragment);
        }
        Some(address)
    }

    /// The one path of this service to which it leads; none if that depends, or lies elsewhere.
    pub fn fixed(&self) -> Option<String> {
        match (self.origin.is_empty(), self.pieces.as_slice()) {
            (true, [path]) => canonical(path).map(|path| path.into_owned()),
            _ => None,
        }
    }

    /// The first piece of the path and all paths of this service to which it may lead; none if those lie elsewhere.
    pub fn paths(&self, source: &Pattern) -> Option<(String, Glob)> {
        if !self.origin.is_empty() {
            return None;
        }
        let mut glob = Glob::new();
        let head = self.pieces.first().and_then(|piece| undone(piece)).unwrap_or_default();
        for (i, piece) in self.pieces.iter().enumerate() {
            glob.text(&undone(piece).unwrap_or_default());
            if let Some(gap) = self.gaps.get(i) {
                glob.gap(source.takes_rest(*gap));
            }
        }
        Some((head, glob))
    }
}

/// A piece in canonical spelling; a slash at its end stays.
fn undone(piece: &str) -> Option<String> {
    let canonical = canonical(piece)?;
    let slash = piece.len() > 1 && piece.ends_with('/');
    Some(if slash { format!("{canonical}/") } else { canonical.into_owned() })
}

/// Scheme with host, and path, of an address on one of the hosts.
fn foreign<'a>(text: &'a str, hosts: &[String]) -> Result<(&'a str, &'a str), &'static str> {
    let refused = "must be a path of this service, beginning with one slash, or an http or https address of a \
                   host in the setting redirect_hosts";
    let (scheme, rest) = text.split_once("://").ok_or(refused)?;
    if scheme != "https" && scheme != "http" {
        return Err(refused);
    }
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].to_ascii_lowercase();
    match hosts.contains(&host) {
        true => Ok(text.split_at(text.len() - (rest.len() - end))),
        false => Err(refused),
    }
}

/// The text with its escapes undone for as long as there are some: what the most eager reader makes of it.
fn unescaped(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..4 {
        let mut next = Vec::with_capacity(bytes.len());
        let mut i = 0;
        while i < bytes.len() {
            let pair = bytes.get(i + 1..i + 3).and_then(|pair| std::str::from_utf8(pair).ok());
            let value = pair.filter(|_| bytes[i] == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
            next.push(value.unwrap_or(bytes[i]));
            i += if value.is_some() { 3 } else { 1 };
        }
        if next == bytes {
            break;
        }
        bytes = next;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether something in it is read as nothing, or as a slash.
fn hidden(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '\\';
    text.chars().any(|c| odd(c) || c.is_whitespace()) || unescaped(text).chars().any(odd)
}

type Pieces<'a> = (Vec<&'a str>, Vec<usize>);

fn pieces<'a>(path: &'a str, source: &Pattern) -> Result<Pieces<'a>, &'static str> {
    let (mut pieces, mut gaps) = (Vec::new(), Vec::new());
    let (mut rest, mut star) = (path, 0);
    loop {
        let next = [rest.find('*').map(|at| (at, 1)), rest.find(SPLAT).map(|at| (at, SPLAT.len()))];
        let Some((at, length)) = next.into_iter().flatten().min() else { break };
        let taken = if length == 1 { star } else { source.stars().wrapping_sub(1) };
        star += usize::from(length == 1);
        if taken >= source.stars() {
            return Err("has more `*` or `:splat` than its source has `*`");
        }
        pieces.push(&rest[..at]);
        gaps.push(taken);
        rest = &rest[at + length..];
    }
    // What stands where a host could be is never filled in.
    if pieces.first().is_some_and(|first| !first.starts_with('/')) {
        return Err("must have a path before its first `*` or `:splat`");
    }
    pieces.push(rest);
    Ok((pieces, gaps))
}

/// Adds the destination's own parameters, and those of the request whose names it does not have.
fn merge(address: &mut String, own: &str, query: &str) {
    let mut between = '?';
    if !own.is_empty() {
        address.push('?');
        address.push_str(own);
        between = '&';
    }
    if query.is_empty() {
        return;
    }
    let name = |pair: &str| unescaped(&pair.split('=').next().unwrap_or_default().replace('+', " "));
    let known: Vec<String> = own.split('&').filter(|pair| !pair.is_empty()).map(name).collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if known.is_empty() || !known.contains(&name(pair)) {
            address.push(between);
            escape(address, pair);
            between = '&';
        }
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
