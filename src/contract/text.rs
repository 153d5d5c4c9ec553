//! Text as it is kept and as it is searched.
use deunicode::deunicode;
use sea_orm::sea_query::LikeExpr;

/// Control characters and white space around a line are no part of it.
pub fn trimmed(text: &str) -> String {
    text.trim_matches(|c: char| c <= '\u{20}').to_owned()
}

/// Text without case and accents, so that all databases find the same by it.
pub fn folded(text: &str) -> String {
    deunicode(text).to_lowercase()
}

/// Matches what contains the word, letter by letter.
pub fn containing(word: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}
