//! Where a rule leads: an address of this service or of a listed site, with gaps for what the source took.
use super::{
    glob::Glob,
    path::{Kind, MAX, Pattern, canonical, escape, escaped, has_dots},
};

/// What takes the parts of the source: `*` one after the other, or `:splat` the last one.
pub const SPLAT: &str = ":splat";

/// The sites that whole addresses may lead to.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    /// The host at which this service is reached, and the path before its own ones.
    own: Option<(String, String)>,
    others: Vec<String>,
}

impl Sites {
    /// The site of this service, if an address of it is given, and other hosts in lower case.
    pub fn new(own: &str, others: Vec<String>) -> Self {
        let own = own.split_once("://").map(|(scheme, rest)| {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (plain(&scheme.to_ascii_lowercase(), host), path.trim_end_matches('/').to_owned())
        });
        Sites { own, others }
    }

    /// What stands before the path of an address, the path, and whether that is one of this service.
    fn divided<'a>(&self, text: &'a str) -> Result<(&'a str, &'a str, bool), &'static str> {
        let refused = "must be a path of this service, beginning with one slash, or an http or https address of \
                       its own host or of one in the setting redirect_hosts, where a port counts";
        let (scheme, rest) = text.split_once("://").ok_or(refused)?;
        let scheme = &scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(refused);
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let own = self.own.as_ref().filter(|(own, _)| plain(scheme, host) == *own);
        let own = own.and_then(|(_, base)| path.strip_prefix(base.as_str()));
        if let Some(path) = own.filter(|path| path.is_empty() || path.starts_with('/')) {
            return Ok((&text[..text.len() - path.len()], path, true));
        }
        match [plain(scheme, host), host.to_ascii_lowercase()].iter().any(|host| self.others.contains(host)) {
            true => Ok((&text[..text.len() - path.len()], path, false)),
            false => Err(refused),
        }
    }
}

/// A host in lower case, without the port that its scheme has anyway.
fn plain(scheme: &str, host: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase()
}

/// Paths of this service to which a rule may lead.
pub enum Reach {
    /// This one, in canonical spelling.
    Path(String),
    /// All of these; they begin with the text.
    Paths(String, Glob),
}

/// A destination, ready to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What stands before the path: scheme and host, or nothing.
    origin: String,
    /// Whether it is a path of this service.
    here: bool,
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
    pub fn parse(text: &str, source: &Pattern, sites: &Sites) -> Result<Target, &'static str> {
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
        let (origin, path, here) = match place.starts_with('/') {
            true => ("", place, true),
            false => sites.divided(place)?,
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
            length: origin.len()
                + pieces.iter().map(|piece| piece.len()).sum::<usize>()
                + query.len()
                + fragment.len(),
            origin: origin.to_owned(),
            here,
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

    /// The path of an address that was made of this, if it is one of this service; else all of it.
    pub fn place<'a>(&self, address: &'a str) -> &'a str {
        let path = if self.here { address.get(self.origin.len()..).unwrap_or_default() } else { address };
        match path.split(['?', '#']).next().unwrap_or_default() {
            "" => "/",
            path => path,
        }
    }

    /// All paths of this service to which it may lead.
    pub fn reaches(&self, source: &Pattern) -> Vec<Reach> {
        match self.pieces.as_slice() {
            _ if !self.here => Vec::new(),
            [path] => fixed(path).map(Reach::Path).into_iter().collect(),
            pieces => self.gapped(pieces, source),
        }
    }

    fn gapped(&self, pieces: &[String], source: &Pattern) -> Vec<Reach> {
        let mut glob = Glob::new();
        let head = pieces.first().and_then(|piece| undone(piece)).unwrap_or_default();
        for (i, piece) in pieces.iter().enumerate() {
            glob.text(&undone(piece).unwrap_or_default());
            if let Some(gap) = self.gaps.get(i) {
                glob.gap(source.takes_rest(*gap));
            }
        }
        let glob = glob.trimmed();
        // `/old` itself goes to `/new/`, which is `/new`.
        let bare = glob.bare().filter(|_| source.kind == Kind::Prefix);
        let bare = bare.map(|bare| match (self.gaps.len(), head.trim_end_matches('/')) {
            (1, "") => Reach::Path("/".to_owned()),
            (1, path) => Reach::Path(path.to_owned()),
            _ => Reach::Paths(head.clone(), bare),
        });
        bare.into_iter().chain([Reach::Paths(head, glob)]).collect()
    }
}

/// A whole path in canonical spelling; an address without one means the first of its site.
fn fixed(path: &str) -> Option<String> {
    canonical(if path.is_empty() { "/" } else { path }).map(|path| path.into_owned())
}

/// A piece in canonical spelling; a slash at its end stays.
fn undone(piece: &str) -> Option<String> {
    let canonical = canonical(piece)?;
    let slash = piece.len() > 1 && piece.ends_with('/');
    Some(if slash { format!("{canonical}/") } else { canonical.into_owned() })
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
