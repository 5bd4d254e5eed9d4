//! Bytes kept in memory as they were received, up to a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// A frame below this size is copied together with its neighbours. Each frame is cut from a read buffer that lives as
/// long as the frame does: a small one would pin many times its size.
const KEEP: usize = 32 * 1024;

/// Bookkeeping of one body beside its bytes.
const OVERHEAD: u64 = 1024;

/// What the store may hold, and holds.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    /// Room for so many bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicU64::new(0),
        })
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    fn take(&self, bytes: u64) -> Result<(), Full> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(drop)
            .map_err(|_| Full)
    }
}

/// The budget is used up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is full")]
pub struct Full;

/// A received body, contiguous pieces in order.
#[derive(Debug)]
pub struct Pieces {
    all: Vec<Piece>,
    charged: u64,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Pieces {
    /// The bytes from `offset` to the end of the piece that holds it, at most `limit`; empty past the end.
    pub fn read(&self, offset: u64, limit: u64) -> Bytes {
        let after = self.all.partition_point(|piece| piece.start <= offset);
        let Some(piece) = after.checked_sub(1).map(|index| &self.all[index]) else {
            return Bytes::new();
        };
        let skip = usize::try_from(offset - piece.start)
            .unwrap_or(usize::MAX)
            .min(piece.bytes.len());
        let rest = piece.bytes.slice(skip..);
        let length = usize::try_from(limit).unwrap_or(usize::MAX).min(rest.len());
        rest.slice(..length)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.charged, Ordering::Relaxed);
    }
}

/// A body that is being received. Dropping it gives its memory back.
#[derive(Debug)]
pub struct Writer {
    pieces: Pieces,
    small: Vec<u8>,
    length: u64,
}

impl Writer {
    /// An empty body.
    ///
    /// # Errors
    /// When the budget is used up.
    pub fn new(budget: &Arc<Budget>) -> Result<Self, Full> {
        budget.take(OVERHEAD)?;
        let pieces = Pieces {
            all: Vec::new(),
            charged: OVERHEAD,
            budget: Arc::clone(budget),
        };
        Ok(Self {
            pieces,
            small: Vec::new(),
            length: 0,
        })
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// When the budget is used up.
    pub fn push(&mut self, frame: Bytes) -> Result<(), Full> {
        let length = frame.len() as u64;
        self.pieces.budget.take(length)?;
        self.pieces.charged += length;
        self.length += length;
        if frame.len() >= KEEP {
            self.flush();
            self.append(frame);
        } else {
            self.small.extend_from_slice(&frame);
            if self.small.len() >= KEEP {
                self.flush();
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            // A boxed slice has no spare capacity.
            let bytes = Bytes::from(std::mem::take(&mut self.small).into_boxed_slice());
            self.append(bytes);
        }
    }

    fn append(&mut self, bytes: Bytes) {
        let start = self
            .pieces
            .all
            .last()
            .map_or(0, |last| last.start + last.bytes.len() as u64);
        self.pieces.all.push(Piece { start, bytes });
    }

    /// The whole body and its length.
    pub fn finish(mut self) -> (Pieces, u64) {
        self.flush();
        (self.pieces, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_can_be_read_from_any_offset() {
        let whole: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        for frame in [1000, 16_384, 32_768, 65_536, 200_000] {
            let mut writer = Writer::new(&Budget::new(1 << 30)).unwrap();
            whole
                .chunks(frame)
                .for_each(|chunk| writer.push(Bytes::copy_from_slice(chunk)).unwrap());
            let (pieces, length) = writer.finish();
            assert_eq!(length, 200_000);
            for start in [0, 1, 999, 32_767, 32_768, 100_000, 199_999] {
                let mut read = Vec::new();
                while start + read.len() < whole.len() {
                    let more = pieces.read((start + read.len()) as u64, 50_000);
                    assert!((1..=50_000).contains(&more.len()));
                    read.extend_from_slice(&more);
                }
                assert!(read == whole[start..], "frames of {frame} from {start}");
            }
            assert!(pieces.read(200_000, 10).is_empty());
        }
    }

    #[test]
    fn the_limit_holds_and_what_is_dropped_is_free_again() {
        let budget = Budget::new(100_000);
        let mut writer = Writer::new(&budget).unwrap();
        writer.push(Bytes::from(vec![0; 90_000])).unwrap();
        assert_eq!(writer.push(Bytes::from(vec![0; 10_000])), Err(Full));
        let (pieces, _) = writer.finish();
        assert_eq!(budget.used.load(Ordering::Relaxed), 90_000 + OVERHEAD);
        drop(pieces);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        let mut writer = Writer::new(&budget).unwrap();
        writer.push(Bytes::from(vec![0; 10])).unwrap();
        drop(writer);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
