//! Text search in the database.
use deunicode::deunicode;
use sea_orm::sea_query::LikeExpr;

/// Folds case and removes accents. Searching folded text gives the same results in all databases.
pub fn search_key(text: &str) -> String {
    deunicode(text).to_lowercase()
}

/// Returns a `LIKE` expression that matches text containing `term` literally.
pub fn like_contains(term: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in term.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}
