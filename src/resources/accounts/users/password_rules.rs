//! The rules of new passwords: length, common passwords, repetitions, and words of the account.
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;

use crate::{domain::secret::Secret, schema::ErrorCode};

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 128;

/// Common passwords of at least eight characters, in lower case and in order, one per line. Its source is in
/// `assets/passwords/README.md`. It is decompressed for each new password, which takes about 1 ms, so that it occupies no memory
/// in between.
const COMMON: &[u8] = include_bytes!("../../../../assets/passwords/common.txt.gz");

const PRODUCT: &str = "tenon";

/// The shortest word of a common password that other digits and punctuation may follow.
const MIN_STEM: usize = 4;

/// The characters that may follow the word of a common password.
const MAX_SUFFIX: usize = 8;

/// The shortest run of a sequence, such as `abc`.
const MIN_RUN: usize = 3;

/// The shortest word that makes a password similar to it.
const MIN_WORD: usize = 3;

/// The reason why a new password is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("must be at least 8 characters long")]
    TooShort,
    #[error("must be at most 128 characters long")]
    TooLong,
    #[error(
        "must not be a commonly used password, with any digits and punctuation at its end: choose another one, such as \
         four unrelated words"
    )]
    Common,
    #[error(
        "must not repeat fewer than 8 characters, or consist of sequences such as abc or 321: choose another one, such as \
         four unrelated words"
    )]
    Repetitive,
    #[error("must not consist mostly of {0}: choose another one, such as four unrelated words")]
    Similar(MatchedText),
}

/// The text that a password consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedText {
    Name,
    Email,
    Product,
}

impl std::fmt::Display for MatchedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MatchedText::Name => "the name of the account",
            MatchedText::Email => "the e-mail address of the account",
            MatchedText::Product => "the name of this product",
        })
    }
}

impl PasswordError {
    /// Returns the code of the violated rule.
    pub fn code(self) -> ErrorCode {
        match self {
            PasswordError::TooShort => ErrorCode::TooShort,
            PasswordError::TooLong => ErrorCode::TooLong,
            PasswordError::Common | PasswordError::Repetitive => ErrorCode::TooCommon,
            PasswordError::Similar(_) => ErrorCode::TooSimilar,
        }
    }
}

/// Validates a new password of an account with these names and e-mail addresses. It has 8 to 128 characters, counted as
/// characters and not as bytes. It is not a common password, also not with other digits and punctuation at its end, no
/// repetition or sequence, and not mostly one word of the account. Letters are compared in lower case. No character classes
/// are required (NIST SP 800-63B).
pub fn validate(password: &Secret<String>, names: &[&str], emails: &[&str]) -> Result<(), PasswordError> {
    let length = password.expose().chars().count();
    if length < MIN_CHARACTERS {
        return Err(PasswordError::TooShort);
    }
    if length > MAX_CHARACTERS {
        return Err(PasswordError::TooLong);
    }
    let password = password.expose().to_lowercase();
    let names = names.iter().map(|name| (MatchedText::Name, *name));
    let emails = emails.iter().map(|email| (MatchedText::Email, *email));
    let similar = names
        .chain(emails)
        .chain([(MatchedText::Product, PRODUCT)])
        .find(|(_, text)| words(text).any(|word| is_mostly(&password, &word)));
    match similar {
        Some((origin, _)) => Err(PasswordError::Similar(origin)),
        None if is_common(&password) => Err(PasswordError::Common),
        None if is_repetitive(&password) => Err(PasswordError::Repetitive),
        None => Ok(()),
    }
}

/// Returns whether the password is on the list, or differs from an entry only in the digits and punctuation at its end:
/// `summer2026!` is `summer12`.
fn is_common(password: &str) -> bool {
    let stem = stem(password);
    let suffix = password.chars().count() - stem.chars().count();
    let stem = (stem.chars().count() >= MIN_STEM && suffix <= MAX_SUFFIX).then_some(stem);
    let mut lines = BufReader::new(GzDecoder::new(COMMON)).lines().map_while(Result::ok);
    lines.any(|line| line == password || stem.is_some_and(|stem| self::stem(&line) == stem))
}

/// Returns the text without the digits and the punctuation at its end.
fn stem(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_alphabetic())
}

/// Returns whether the password repeats a part of fewer than [`MIN_CHARACTERS`] characters, or consists of runs of
/// ascending, descending or equal characters.
fn is_repetitive(password: &str) -> bool {
    let chars: Vec<u32> = password.chars().map(u32::from).collect();
    let repeats = |period: usize| chars.iter().zip(&chars[period..]).all(|(one, other)| one == other);
    (1..MIN_CHARACTERS).any(|period| 2 * period <= chars.len() && repeats(period)) || consists_of_runs(&chars)
}

fn consists_of_runs(chars: &[u32]) -> bool {
    let mut rest = chars;
    while let [first, second, ..] = rest {
        let step = i64::from(*second) - i64::from(*first);
        let continues = |pair: &[u32]| i64::from(pair[1]) - i64::from(pair[0]) == step;
        let length = 1 + rest.windows(2).take_while(|pair| continues(pair)).count();
        if step.abs() > 1 || length < MIN_RUN {
            return false;
        }
        rest = &rest[length..];
    }
    rest.is_empty()
}

/// Returns the words of a text: the text with and without its separators, both sides of an `@`, and all parts between
/// characters that are neither letters nor digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    let text = text.to_lowercase();
    let joined = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let sides = text.split('@').map(str::to_owned);
    let parts = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned);
    let words: Vec<String> = sides.chain(parts).chain([text.clone(), joined]).collect();
    words.into_iter().filter(|word| word.chars().count() >= MIN_WORD)
}

/// Returns whether the occurrences of the word have more than half of the characters of the password.
fn is_mostly(password: &str, word: &str) -> bool {
    2 * password.matches(word).count() * word.chars().count() > password.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 1] = ["Ada Turner"];
    const EMAILS: [&str; 1] = ["ada.lovelace@workshop.test"];

    fn check(password: &str) -> Result<(), PasswordError> {
        validate(&Secret::new(password.to_owned()), &NAMES, &EMAILS)
    }

    #[test]
    fn rejects_short_long_and_common_passwords() {
        for (password, error) in [
            (String::new(), PasswordError::TooShort),
            ("seven77".into(), PasswordError::TooShort),
            // Fourteen bytes, seven characters.
            ("ééééééé".into(), PasswordError::TooShort),
            ("🔒".repeat(7), PasswordError::TooShort),
            ("x".repeat(129), PasswordError::TooLong),
            ("🔒".repeat(129), PasswordError::TooLong),
            ("password".into(), PasswordError::Common),
            ("PassWord".into(), PasswordError::Common),
            ("12345678".into(), PasswordError::Common),
            ("qwertyuiop".into(), PasswordError::Common),
            // Not among the first ten thousand, with the letters of the first and last lines.
            ("!QAZ2WSX".into(), PasswordError::Common),
            ("zzzzzzz1".into(), PasswordError::Common),
            // The word of a common password, with another end.
            ("Summer2026!".into(), PasswordError::Common),
            ("PASSWORD#2031!".into(), PasswordError::Common),
            ("dragon!!!9".into(), PasswordError::Common),
            ("aaaaaaaaaaaa".into(), PasswordError::Repetitive),
            ("abcabcabcabc".into(), PasswordError::Repetitive),
            ("kx7kx7kx7k".into(), PasswordError::Repetitive),
            ("        ".into(), PasswordError::Repetitive),
            ("🔒".repeat(128), PasswordError::Repetitive),
            ("abcdefghijklm".into(), PasswordError::Repetitive),
            ("lmnop98765".into(), PasswordError::Repetitive),
            ("444777111888555".into(), PasswordError::Repetitive),
        ] {
            assert_eq!(check(&password), Err(error), "{password:?}");
        }
    }

    #[test]
    fn rejects_passwords_that_are_mostly_one_word_of_the_account() {
        for (password, origin) in [
            ("turner99", MatchedText::Name),
            ("TURNER-1815", MatchedText::Name),
            ("ada turner", MatchedText::Name),
            ("adaturner1", MatchedText::Name),
            ("adaadaada", MatchedText::Name),
            ("lovelace1815", MatchedText::Email),
            ("ada.lovelace@workshop.test", MatchedText::Email),
            ("1workshop2", MatchedText::Email),
            ("workshop.test7", MatchedText::Email),
            ("tenon123", MatchedText::Product),
            ("TenonTenon", MatchedText::Product),
        ] {
            assert_eq!(check(password), Err(PasswordError::Similar(origin)), "{password}");
        }
    }

    #[test]
    fn accepts_any_other_composition() {
        for password in [
            "tulip-73".to_owned(),
            // A repetition of enough characters, and a sequence with other characters.
            "wkzqpxrmwkzqpxrm".into(),
            "lmnop98765zz".into(),
            // A short word of the list with many digits.
            "love728391046".into(),
            "éèêëēėęě".into(),
            "🔒🔓🔑🗝🚪🪟🧱🪵".repeat(16),
            // Half of the password, and three words that together are more.
            "turnerXYZ-12".into(),
            "mortise and tenon".into(),
            "ada, a workshop and a lathe".into(),
        ] {
            assert_eq!(check(&password), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn lists_common_passwords_in_order_and_in_lower_case() {
        let lines: Vec<String> =
            BufReader::new(GzDecoder::new(COMMON)).lines().collect::<Result<_, _>>().expect("text");
        assert!(lines.len() > 10_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|one, other| one < other));
        for line in &lines {
            assert!(line.chars().count() >= MIN_CHARACTERS, "{line} is already too short");
            assert_eq!(*line, line.to_lowercase(), "compared in lower case");
        }
        assert!(lines.iter().step_by(997).all(|line| is_common(line)));
    }
}
