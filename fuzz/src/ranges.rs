//! `Range` and `If-Range`.
use tenon::http::{etag::ETag, range::ByteRange};

use super::input::Input;

/// A selected range is not empty and within the representation. It is equal after it is printed and parsed again.
pub fn ranges(data: &[u8]) {
    let mut input = Input::new(data);
    let size = input.below(1 << 16) as u64;
    let (range, if_range) = (input.line(), input.line());
    let etag = ETag::from_parts(&["a"]);
    let resolve = |range: &str| ByteRange::resolve(Some(range), None, &etag, size);
    match resolve(&range) {
        ByteRange::Partial(bytes) => {
            assert!(bytes.start < bytes.end && bytes.end <= size, "{bytes:?} of {size} bytes");
            let printed = format!("bytes={}-{}", bytes.start, bytes.end - 1);
            assert_eq!(resolve(&printed), ByteRange::Partial(bytes.clone()));
            assert_eq!(
                resolve(&format!("bytes=-{}", size - bytes.start)),
                ByteRange::Partial(bytes.start..size)
            );
        }
        ByteRange::Unsatisfiable => assert!(range.contains('-'), "{range:?} is not satisfiable"),
        ByteRange::Full => {}
    }
    if if_range.trim() != etag.as_str() {
        let full = ByteRange::resolve(Some(&range), Some(&if_range), &etag, size);
        assert_eq!(full, ByteRange::Full, "If-Range {if_range:?} matches {etag}");
    }
}
