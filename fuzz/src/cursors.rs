//! Cursors of lists.
use tenon::http::{
    cursor::{CursorKey, PageQuery, SortValue},
    pagination::PageParams,
    problem::{Error, Result},
};

use super::input::Input;

type Row = (String, i64);

/// Pages that follow each other contain every row once. A changed cursor, and a cursor of another list, is rejected.
pub fn cursors(data: &[u8]) {
    let mut input = Input::new(data);
    let (limit, change, list) = (1 + input.below(9) as u32, input.below(usize::MAX), input.line());
    let rows: Vec<Row> = (0..10).map(|number| (input.line(), number)).collect();
    let key = CursorKey::new(b"the key of cursors of this target");
    let page = |list: &str, after: Option<&str>| page(&key, list, &rows, limit, after);

    let (mut found, mut cursor) = page(&list, None).expect("the first page");
    while let Some(after) = cursor {
        let mut changes = Input::new(data);
        changes.below(change);
        for changed in [changes.mutated(&after), Some(input.line())].into_iter().flatten() {
            let rejected = matches!(page(&list, Some(&changed)), Err(Error::InvalidCursor));
            assert!(rejected || changed == after, "{changed} is accepted instead of {after}");
        }
        let other = page(&format!("{list}."), Some(&after));
        assert!(matches!(other, Err(Error::InvalidCursor)), "another list accepts {after}");
        let (more, next) = page(&list, Some(&after)).expect("the next page");
        assert!((1..=limit as usize).contains(&more.len()), "a page of {} rows", more.len());
        found.extend(more);
        cursor = next;
    }
    assert_eq!(found, rows);
}

fn page(
    key: &CursorKey,
    list: &str,
    rows: &[Row],
    limit: u32,
    after: Option<&str>,
) -> Result<(Vec<Row>, Option<String>)> {
    let params = PageParams { page: 1, limit, after: after.map(Into::into), count: None };
    let query = PageQuery { cursor_key: key, list_id: list.to_owned(), order: Vec::new(), params: &params };
    let position = |(text, number): &Row| vec![SortValue::Text(text.clone()), SortValue::Number(*number)];
    let (rows, pagination) = query.paginate(rows.to_vec(), position)?;
    Ok((rows, pagination.next_cursor.map(String::from)))
}
