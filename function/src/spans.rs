//! How an object is cut into the parts of an upload or the ranges of a read.

/// The most parts that a multipart upload may have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const MAX_PARTS: u64 = 10_000;

/// A contiguous piece of an object: a part to write or a range to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which one it is, from 1, as S3 numbers parts.
    pub number: u64,
    /// Where it begins in the object, in bytes.
    pub offset: u64,
    /// How long it is, in bytes; at least 1.
    pub length: u64,
}

/// How many spans of `span` bytes cover `size` bytes. Any unit does, the same for both.
#[must_use]
pub const fn count(size: u64, span: u64) -> u64 {
    size.div_ceil(span)
}

/// The spans of `span` bytes, the last one maybe shorter, that cover an object of `size` bytes in order.
pub fn cover(size: u64, span: u64) -> impl Iterator<Item = Span> + Clone {
    (0..count(size, span)).map(move |index| Span {
        number: index + 1,
        offset: index * span,
        length: span.min(size - index * span),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_cover_every_size_once_and_in_order(size in 0_u64..1 << 43, spans in 1_u64..=MAX_PARTS) {
            let span = size.div_ceil(spans).max(1);
            let mut end = 0;
            for (index, found) in (1..).zip(cover(size, span)) {
                prop_assert_eq!((found.number, found.offset), (index, end));
                prop_assert!((1..=span).contains(&found.length));
                end += found.length;
            }
            prop_assert_eq!(end, size);
            prop_assert!(cover(size, span).count() as u64 <= MAX_PARTS);
        }
    }

    #[test]
    fn only_the_last_span_is_shorter() {
        let lengths: Vec<u64> = cover(10, 4).map(|span| span.length).collect();
        assert_eq!(lengths, [4, 4, 2]);
        assert_eq!(cover(8, 4).count(), 2);
    }
}
