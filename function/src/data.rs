//! What the objects contain: bytes that depend on the key and the offset alone.
//!
//! The content of a key is `Pcg64Mcg`, seeded with the first 16 bytes of SHA-256 of the key's UTF-8, its 64-bit words
//! written little-endian one after the other. A part, a retry or a ranged read needs nothing but the key and where it
//! begins. Objects outlive versions of this program: the golden vectors in the tests fix it for good.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use sha2::{Digest, Sha256};

const WORD: usize = size_of::<u64>();

/// How many bytes are generated at a time to be compared: two of them stay in a core's first cache.
const COMPARED: usize = 4096;

/// The seed of a key's content, cheap to copy into every part and range of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; 16]);

impl Seed {
    pub fn of(key: &str) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let mut seed = [0; 16];
        seed.copy_from_slice(&digest[..16]);
        Self(seed)
    }

    /// The key's bytes from `offset` (in bytes from the object's beginning) on, without end.
    pub fn content(self, offset: u64) -> Content {
        let mut words = Pcg64Mcg::from_seed(self.0);
        words.advance(u128::from(offset / WORD as u64));
        let mut content = Content {
            words,
            word: [0; WORD],
            taken: WORD,
        };
        let within = usize::try_from(offset % WORD as u64).expect("less than a word's length");
        if within > 0 {
            content.next_word();
            content.taken = within;
        }
        content
    }
}

/// A key's bytes from some offset on.
#[derive(Clone, Debug)]
pub struct Content {
    words: Pcg64Mcg,
    /// The latest word, of which `taken` bytes are given out.
    word: [u8; WORD],
    taken: usize,
}

impl Content {
    /// Fills `buffer` with the next bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        let left_over = buffer.len().min(WORD - self.taken);
        let (head, rest) = buffer.split_at_mut(left_over);
        head.copy_from_slice(&self.word[self.taken..self.taken + left_over]);
        self.taken += left_over;

        let (whole, tail) = rest.as_chunks_mut::<WORD>();
        for word in whole {
            *word = self.words.next_u64().to_le_bytes();
        }
        if !tail.is_empty() {
            self.next_word();
            tail.copy_from_slice(&self.word[..tail.len()]);
            self.taken = tail.len();
        }
    }

    /// Compares `received` with the next bytes; the index in `received` of the first byte that differs, if one does.
    ///
    /// After a difference the position is not defined.
    pub fn first_difference(&mut self, received: &[u8]) -> Option<usize> {
        let mut expected = [0; COMPARED];
        for (number, chunk) in received.chunks(COMPARED).enumerate() {
            let expected = &mut expected[..chunk.len()];
            self.fill(expected);
            if chunk != expected {
                let within = chunk
                    .iter()
                    .zip(expected)
                    .position(|(got, want)| got != want);
                return within.map(|index| number * COMPARED + index);
            }
        }
        None
    }

    fn next_word(&mut self) {
        self.word = self.words.next_u64().to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::io::Write as _;

    fn bytes(key: &str, offset: u64, length: usize) -> Vec<u8> {
        let mut buffer = vec![0; length];
        Seed::of(key).content(offset).fill(&mut buffer);
        buffer
    }

    /// Computed by a separate program from the definition of PCG XSL RR 128/64 (MCG), seeded and positioned as above.
    #[test]
    fn golden_vectors_hold() {
        let cases: [(&str, u64, &str); 5] = [
            ("a", 0, "f30ce30031aed65812d02ace974183af"),
            ("a", 8, "12d02ace974183af1463b899a8e48bdb"),
            ("a", 1_000_003, "b92ebffbedb2aa93cb28925562b89837"),
            ("runs/ÄÖ 1", 0, "216c11e0850eeede0e6a6986f6d77c60"),
            (
                "0123456789ABCDEF0123456789ABCDEF",
                5 << 40,
                "42c869d5fbc836369f6a8c2b5a53d5ca",
            ),
        ];
        for (key, offset, expected) in cases {
            let found = bytes(key, offset, 16)
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            assert_eq!(found, expected, "key {key:?}, offset {offset}");
        }
    }

    proptest! {
        #[test]
        fn any_start_gives_the_same_bytes(key in ".{1,40}", offset in 0_u64..5_000, length in 0_usize..5_000) {
            let whole = bytes(&key, 0, 10_000);
            let begin = usize::try_from(offset).unwrap();
            prop_assert_eq!(&bytes(&key, offset, length)[..], &whole[begin..begin + length]);
        }

        #[test]
        fn any_split_gives_the_same_bytes(
            offset in 0_u64..1 << 42,
            pieces in prop::collection::vec(0_usize..100, 0..20),
        ) {
            let mut content = Seed::of("split").content(offset);
            let mut joined = Vec::new();
            for piece in &pieces {
                let mut buffer = vec![0; *piece];
                content.fill(&mut buffer);
                joined.extend(buffer);
            }
            prop_assert_eq!(joined, bytes("split", offset, pieces.iter().sum()));
        }

        #[test]
        fn the_first_difference_is_found_wherever_it_is(
            offset in 0_u64..1 << 42,
            (length, at) in (1_usize..20_000).prop_flat_map(|length| (Just(length), 0..length)),
        ) {
            let mut received = bytes("difference", offset, length);
            prop_assert_eq!(Seed::of("difference").content(offset).first_difference(&received), None);
            received[at] ^= 0x40;
            prop_assert_eq!(Seed::of("difference").content(offset).first_difference(&received), Some(at));
        }
    }

    /// A block that occurs twice has the same first bytes twice.
    #[test]
    fn no_block_of_4_kib_occurs_twice_in_1_gib_over_four_keys() {
        let blocks = (256 << 20) / 4096;
        let mut seen = HashSet::new();
        for key in ["one", "two", "three", "four"] {
            for block in 0..blocks {
                let first = bytes(key, block * 4096, 16);
                assert!(seen.insert(first), "block {block} of {key} occurred before");
            }
        }
        assert_eq!(seen.len() as u64, 4 * blocks);
    }

    #[test]
    fn zlib_gains_nothing_on_4_mib() {
        let mut compressed =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        let original = bytes("compress", 0, 4 << 20);
        compressed
            .write_all(&original)
            .expect("a vector takes every byte");
        let compressed = compressed
            .finish()
            .expect("a vector takes every byte")
            .len();
        assert!(
            compressed * 1000 >= original.len() * 999,
            "{compressed} of {} bytes",
            original.len()
        );
    }
}
