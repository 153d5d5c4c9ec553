//! The file name of a part of a form: `filename*` (RFC 8187), encoded words (RFC 2047), and names that are not UTF-8.
//!
//! RFC 7578 allows none of these forms, but clients send them.
use base64::{Engine, engine::general_purpose::STANDARD};

/// Decodes the value of `filename`. Browsers send UTF-8, in which they percent-encode three characters (HTML Standard,
/// multipart/form-data encoding).
pub fn plain(value: &[u8]) -> String {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(value),
    };
    decode_words(&text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

/// Decodes the value of `filename*`: charset, language and percent-encoded bytes, separated by `'`. `None` if it is invalid.
pub fn extended(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?;
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    decode(charset, &percent_decode(text.as_bytes())?)
}

/// Decodes bytes of UTF-8, US-ASCII or ISO 8859-1. `None` for other charsets and invalid bytes.
fn decode(charset: &str, bytes: &[u8]) -> Option<String> {
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" => std::str::from_utf8(bytes).ok().map(str::to_owned),
        "iso-8859-1" | "latin1" => Some(latin1(bytes)),
        _ => None,
    }
}

/// Decodes ISO 8859-1: each byte is the code point of a character.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn percent_decode(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        if *first != b'%' {
            bytes.push(*first);
            text = rest;
            continue;
        }
        let [high, low, rest @ ..] = rest else { return None };
        bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
        text = rest;
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Decodes the encoded words of a text, such as `=?UTF-8?B?w6Q=?=`. White space between two of them is removed. Invalid
/// words stay unchanged.
fn decode_words(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    // The charset and the bytes of adjacent words: a character may be split between two words.
    let mut pending: Option<(String, Vec<u8>)> = None;
    let mut rest = text;
    loop {
        let start = rest.find("=?");
        let (before, at) = rest.split_at(start.unwrap_or(rest.len()));
        let word = encoded_word(at);
        if !(pending.is_some() && word.is_some() && before.trim().is_empty()) {
            flush(&mut pending, &mut decoded);
            decoded.push_str(before);
        }
        let Some((charset, bytes, after)) = word else {
            flush(&mut pending, &mut decoded);
            if start.is_none() {
                return decoded;
            }
            decoded.push_str("=?");
            rest = &at[2..];
            continue;
        };
        match &mut pending {
            Some((known, all)) if known.eq_ignore_ascii_case(charset) => all.extend(bytes),
            _ => {
                flush(&mut pending, &mut decoded);
                pending = Some((charset.to_owned(), bytes));
            }
        }
        rest = after;
    }
}

fn flush(pending: &mut Option<(String, Vec<u8>)>, decoded: &mut String) {
    if let Some((charset, bytes)) = pending.take() {
        let text = decode(&charset, &bytes);
        decoded.push_str(&text.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()));
    }
}

/// Maximum length of an encoded word (RFC 2047, section 2), with a margin for clients that exceed it.
const MAX_WORD: usize = 1024;

/// Parses the encoded word at the start of a text. Returns its charset, its bytes, and the text behind it.
fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    // The language behind `*` is ignored (RFC 2231, section 5).
    let charset = charset.split('*').next()?;
    decode(charset, b"")?;
    // A longer search for each word would take quadratic time.
    let end = rest.as_bytes().windows(2).take(MAX_WORD + 1).position(|end| end == b"?=")?;
    let (content, after) = (&rest[..end], &rest[end + 2..]);
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(content).ok()?,
        "Q" | "q" => {
            percent_decode(content.replace('%', "=25").replace('_', "=20").replace('=', "%").as_bytes())?
        }
        _ => return None,
    };
    Some((charset, bytes, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_plain_parameter() {
        for (value, expected) in [
            (&b"joint.png"[..], "joint.png"),
            ("Gr\u{f6}\u{df}e.png".as_bytes(), "Größe.png"),
            (b"Gr\xF6\xDFe.png", "Größe.png"),
            (b"a%22b%0D%0A100%.png", "a\"b\r\n100%.png"),
            (b"=?UTF-8?B?R3LDtsOfZS5wbmc=?=", "Größe.png"),
            (b"=?utf-8?q?Gr=C3=B6=C3=9Fe_50%.png?=", "Größe 50%.png"),
            (b"=?iso-8859-1?Q?Gr=F6=DFe?= =?ISO-8859-1*de?Q?.png?=", "Größe.png"),
            // The two bytes of a character are in two words.
            (b"=?UTF-8?Q?Gr=C3?= =?UTF-8?Q?=B6n?=", "Grön"),
            (b"a =?UTF-8?Q?b?= c", "a b c"),
            (b"=?UTF-8?Q?a=ZZ?=", "=?UTF-8?Q?a=ZZ?="),
            (b"=?KOI8-R?B?YQ==?=", "=?KOI8-R?B?YQ==?="),
            (b"=?UTF-8?X?a?=", "=?UTF-8?X?a?="),
            (b"=?UTF-8?B?YQ==", "=?UTF-8?B?YQ=="),
            (b"=?", "=?"),
        ] {
            assert_eq!(plain(value), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn decodes_the_extended_parameter() {
        for (value, expected) in [
            (&b"UTF-8''Gr%C3%B6%C3%9Fe.png"[..], Some("Größe.png")),
            (b"utf-8'de'a%20b", Some("a b")),
            (b"ISO-8859-1'en'Gr%f6%dfe", Some("Größe")),
            (b"UTF-8''%C3", None),
            (b"UTF-8''%4", None),
            (b"koi8-r''a", None),
            (b"a.png", None),
        ] {
            assert_eq!(extended(value).as_deref(), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn decodes_words_up_to_the_maximum_length() {
        let word = |length: usize| format!("=?UTF-8?Q?{}?=", "a".repeat(length));
        assert_eq!(plain(word(MAX_WORD).as_bytes()), "a".repeat(MAX_WORD));
        assert_eq!(plain(word(MAX_WORD + 1).as_bytes()), word(MAX_WORD + 1));
    }
}
