//! What a bucket holds.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{disk, memory};

/// One received body: the whole of a `PutObject` or one part.
#[derive(Debug)]
pub struct Segment {
    pub id: String,
    /// Its length in bytes.
    pub length: u64,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Memory(memory::Pieces),
    Disk(disk::Body),
}

impl Segment {
    /// Bytes from `offset` on: at least one, at most `limit`.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn read(&self, offset: u64, limit: u64) -> io::Result<Bytes> {
        let limit = limit.min(self.length.saturating_sub(offset));
        match &self.content {
            Content::Memory(pieces) => Ok(pieces.read(offset, limit)),
            Content::Disk(body) => body.read(offset, limit).await,
        }
    }

    pub(super) fn keep(&self) {
        if let Content::Disk(body) = &self.content {
            body.keep();
        }
    }

    pub(super) fn discard(&self) {
        if let Content::Disk(body) = &self.content {
            body.discard();
        }
    }
}

/// What the writer of an object says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `x-amz-meta-*`, without the prefix.
    pub metadata: HashMap<String, String>,
}

/// One object, never changed, only replaced.
#[derive(Debug)]
pub struct Object {
    pub id: String,
    /// Its bodies in order.
    pub segments: Vec<Arc<Segment>>,
    /// Its length in bytes.
    pub length: u64,
    /// Opaque and unique, as with SSE-KMS: an MD5 of every byte would make S3 the bottleneck.
    pub etag: String,
    /// When it was written.
    pub modified: SystemTime,
    /// What its writer said.
    pub attributes: Attributes,
}

impl Object {
    /// The segment that holds the byte at `offset` and the offset within it; `None` past the end.
    pub fn locate(&self, mut offset: u64) -> Option<(&Arc<Segment>, u64)> {
        self.segments.iter().find_map(|segment| {
            if offset < segment.length {
                return Some((segment, offset));
            }
            offset -= segment.length;
            None
        })
    }
}

/// One uploaded part.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its bytes.
    pub segment: Arc<Segment>,
    /// Opaque and unique.
    pub etag: String,
    /// When it was written.
    pub modified: SystemTime,
}

/// A multipart upload in progress.
#[derive(Debug)]
pub struct Upload {
    /// When it was begun.
    pub initiated: SystemTime,
    /// What the object will have.
    pub attributes: Attributes,
    /// By part number.
    pub parts: BTreeMap<i32, Part>,
}

/// A bucket and all that is in it.
#[derive(Debug)]
pub struct Bucket {
    /// Where it lives.
    pub region: String,
    /// By key.
    pub objects: BTreeMap<String, Arc<Object>>,
    /// By key and upload id.
    pub uploads: BTreeMap<(String, String), Upload>,
}

impl Bucket {
    pub(super) fn new(region: String) -> Self {
        Self {
            region,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }
}
