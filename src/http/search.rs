//! Text search in the database.
use sea_orm::sea_query::LikeExpr;

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
