//! How an object is cut into the parts of an upload or the ranges of a read.
//!
//! All spans of an object have one size, but for the last one and one near the beginning, which a hash makes shorter:
//! requests of equal size at equal speed would end together, in every worker of a fleet, and S3 would get its next
//! requests in waves. Unequal ones drift apart.

use crate::event::MIB;
use sha2::{Digest, Sha256};
use std::iter;

/// The most parts that a multipart upload may have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const MAX_PARTS: u64 = 10_000;

/// The smallest part that is not the last one, in MiB.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART_MIB: u64 = 5;

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

/// How the object of a key is cut where it does not fit one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    span: u64,
    shorter: u64,
}

impl Division {
    /// Cuts the object at `key` into spans of `span_mib` MiB. The shorter one has 5 MiB + hash mod (`span_mib` − 5) MiB
    /// where `span_mib` is larger than 5; the hash is the first 8 bytes, little-endian, of SHA-256 over `span_mib`, 8
    /// bytes little-endian, and the key's UTF-8. So a read knows the borders of the parts that a write of the same span
    /// made. Objects outlive versions of this program: the golden vectors in the tests fix the hash.
    pub fn of(key: &str, span_mib: u64) -> Self {
        let digest = Sha256::new()
            .chain_update(span_mib.to_le_bytes())
            .chain_update(key)
            .finalize();
        let hash = u64::from_le_bytes(*digest.first_chunk().expect("32 bytes"));
        let shorter_mib = match span_mib.checked_sub(SMALLEST_PART_MIB) {
            None | Some(0) => span_mib,
            Some(more) => SMALLEST_PART_MIB + hash % more,
        };
        Self {
            span: span_mib * MIB,
            shorter: shorter_mib * MIB,
        }
    }

    /// The most spans of `span_mib` MiB that an object of `size` bytes has, for who does not know its key: the shortest
    /// first part leaves the most for others.
    pub const fn most(size: u64, span_mib: u64) -> u64 {
        let shorter_mib = if span_mib < SMALLEST_PART_MIB {
            span_mib
        } else {
            SMALLEST_PART_MIB
        };
        let shortest = Self {
            span: span_mib * MIB,
            shorter: shorter_mib * MIB,
        };
        shortest.count(size)
    }

    /// Leaves an object of `size` bytes in one piece.
    pub const fn whole(size: u64) -> Self {
        Self {
            span: size,
            shorter: size,
        }
    }

    /// The size of most spans, in bytes.
    pub const fn span(self) -> u64 {
        self.span
    }

    /// How many spans an object of `size` bytes has: 1, or 1 + ⌈(size − shorter) / span⌉ where it does not fit one.
    /// That is at most ⌈size / span⌉ + 1, for who does not know the hash.
    ///
    /// So many requests does a job make where nothing is repeated: a write of n spans n + 2, with
    /// `CreateMultipartUpload` and `CompleteMultipartUpload`, or one `PutObject` where n is 1; a read n `GetObject`s,
    /// each time that it drains the object. Before a common start comes one `HeadBucket` a connection.
    pub const fn count(self, size: u64) -> u64 {
        if size <= self.span {
            1
        } else {
            1 + (size - self.shorter).div_ceil(self.span)
        }
    }

    /// The parts of an object of `size` bytes, in order: the first one is the shorter one.
    pub fn parts(self, size: u64) -> impl Iterator<Item = Span> + Clone {
        let first = if size <= self.span {
            size
        } else {
            self.shorter
        };
        cover(size, iter::once(first).chain(iter::repeat(self.span)))
    }

    /// The ranges of an object of `size` bytes, in order. The first one is asked for before the size is known, and is
    /// all that a small object takes: the second one is the shorter one. From the third on they are the object's parts,
    /// where those have the same size.
    pub fn ranges(self, size: u64) -> impl Iterator<Item = Span> + Clone {
        cover(
            size,
            [self.span, self.shorter]
                .into_iter()
                .chain(iter::repeat(self.span)),
        )
    }
}

/// The spans of these `lengths`, the last one maybe shorter, that cover an object of `size` bytes in order.
fn cover(
    size: u64,
    lengths: impl Iterator<Item = u64> + Clone,
) -> impl Iterator<Item = Span> + Clone {
    let mut offset = 0;
    (1..).zip(lengths).map_while(move |(number, length)| {
        let span = Span {
            number,
            offset,
            length: length.min(size - offset),
        };
        offset += span.length;
        (span.length > 0).then_some(span)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Computed by a separate program from the definition at [`Division::of`].
    #[test]
    fn golden_vectors_hold() {
        let cases = [
            ("a", 64, 35),
            ("a", 65, 32),
            ("a", 5120, 3092),
            ("0123456789ABCDEF0123456789ABCDEF", 64, 25),
            ("runs/ÄÖ 1", 8, 5),
            ("a", 6, 5),
            ("a", 5, 5),
            ("a", 1, 1),
        ];
        for (key, span_mib, shorter_mib) in cases {
            let division = Division::of(key, span_mib);
            assert_eq!(
                (division.span, division.shorter),
                (span_mib * MIB, shorter_mib * MIB),
                "key {key:?}, {span_mib} MiB"
            );
        }
    }

    fn covers(spans: impl Iterator<Item = Span>, size: u64) -> Result<Vec<Span>, TestCaseError> {
        let spans: Vec<Span> = spans.collect();
        let mut end = 0;
        for (number, span) in (1..).zip(&spans) {
            prop_assert_eq!((span.number, span.offset), (number, end));
            prop_assert!(span.length > 0);
            end += span.length;
        }
        prop_assert_eq!(end, size);
        Ok(spans)
    }

    proptest! {
        #[test]
        fn parts_and_ranges_cover_every_size_once_and_share_their_borders(
            key in ".{1,20}",
            (span_mib, size) in (1_u64..=5120, 1_u64..=100)
                .prop_flat_map(|(span_mib, spans)| (Just(span_mib), 1..=spans * span_mib * MIB)),
        ) {
            let division = Division::of(&key, span_mib);
            let (parts, ranges) = (covers(division.parts(size), size)?, covers(division.ranges(size), size)?);
            prop_assert_eq!(parts.len() as u64, division.count(size));
            prop_assert_eq!(ranges.len(), parts.len());
            prop_assert!(division.count(size) <= Division::most(size, span_mib));
            prop_assert!(Division::most(size, span_mib) <= size.div_ceil(division.span) + 1);
            prop_assert_eq!(parts.len() == 1, size <= division.span);
            if let [first, middle @ .., _] = &parts[..] {
                prop_assert_eq!(first.length, division.shorter);
                prop_assert!(division.shorter.is_multiple_of(MIB) && division.shorter <= division.span);
                prop_assert_eq!(division.shorter < division.span, division.span > 5 * MIB);
                prop_assert!(division.shorter >= division.span.min(5 * MIB));
                prop_assert!(middle.iter().all(|part| part.length == division.span));
                prop_assert_eq!(ranges[0].length, division.span);
                prop_assert!(parts.iter().zip(&ranges).skip(2).all(|(part, range)| part == range));
            }
        }
    }

    #[test]
    fn first_parts_of_many_keys_have_every_length() {
        let mut lengths: Vec<u64> = (0..2000)
            .map(|key| Division::of(&key.to_string(), 64).shorter / MIB)
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, (5..64).collect::<Vec<_>>());
    }

    #[test]
    fn an_object_that_fits_one_span_is_one() {
        let division = Division::of("a", 64);
        for size in [1, 5 * MIB, 64 * MIB] {
            let whole = Span {
                number: 1,
                offset: 0,
                length: size,
            };
            assert_eq!(division.parts(size).collect::<Vec<_>>(), [whole]);
            assert_eq!(division.ranges(size).collect::<Vec<_>>(), [whole]);
        }
        assert_eq!(division.parts(64 * MIB + 1).count(), 2);
        assert_eq!(Division::whole(7).ranges(7).count(), 1);
    }
}
