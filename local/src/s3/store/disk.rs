//! Bodies and their records in a folder, which survive a restart.
//!
//! ```text
//! <dir>/<bucket>/bucket.json          where it lives
//! <dir>/<bucket>/data/<id>            one received body
//! <dir>/<bucket>/objects/<id>.json    one object: its key, attributes and bodies in order
//! <dir>/<bucket>/uploads/<id>/        one multipart upload: upload.json and <part number>.json
//! ```
//! A record is written beside its place and renamed into it. A body that no record names is left over from an
//! interruption and is removed at the next start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::id;

/// How much is gathered before it is written, in bytes.
const WRITE: usize = 1024 * 1024;
/// How much is read at once, in bytes.
const READ: u64 = 512 * 1024;

/// A body in a file.
#[derive(Debug)]
pub struct Body {
    path: PathBuf,
    /// Removed together with its last user, unless a record names it.
    discarded: AtomicBool,
}

impl Body {
    /// A body that a record names.
    pub fn existing(path: PathBuf) -> Self {
        Self {
            path,
            discarded: AtomicBool::new(false),
        }
    }

    /// A record names this body from now on.
    pub fn keep(&self) {
        self.discarded.store(false, Ordering::Relaxed);
    }

    /// No record names this body any more.
    pub fn discard(&self) {
        self.discarded.store(true, Ordering::Relaxed);
    }

    /// Bytes from `offset` on, at most `limit` and as many as one read brings.
    ///
    /// # Errors
    /// When the file cannot be read or ends before `offset`.
    pub async fn read(&self, offset: u64, limit: u64) -> io::Result<Bytes> {
        let path = self.path.clone();
        let length = usize::try_from(limit.min(READ)).map_err(io::Error::other)?;
        blocking(move || {
            let mut bytes = BytesMut::zeroed(length);
            File::open(path)?.read_exact_at(&mut bytes, offset)?;
            Ok(bytes.freeze())
        })
        .await
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if *self.discarded.get_mut() {
            // Left behind it costs space until the next start, nothing else.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A body that is being received. Dropping it removes what was written.
#[derive(Debug)]
pub struct Writer {
    body: Body,
    file: Option<File>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    length: u64,
}

impl Writer {
    /// An empty body of this id.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub async fn new(folder: &Path, id: &str) -> io::Result<Self> {
        let path = folder.join("data").join(id);
        let body = Body {
            path: path.clone(),
            discarded: AtomicBool::new(true),
        };
        let file = blocking(move || File::create_new(path)).await?;
        Ok(Self {
            body,
            file: Some(file),
            gathered: Vec::new(),
            gathered_bytes: 0,
            length: 0,
        })
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// When it cannot be written, for want of space for example.
    pub async fn push(&mut self, frame: Bytes) -> io::Result<()> {
        self.length += frame.len() as u64;
        self.gathered_bytes += frame.len();
        self.gathered.push(frame);
        if self.gathered_bytes >= WRITE {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.gathered_bytes = 0;
        let gathered = std::mem::take(&mut self.gathered);
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::other("an earlier write failed"));
        };
        let written = blocking(move || {
            gathered
                .iter()
                .try_for_each(|frame| file.write_all(frame))?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    /// The whole body and its length; a record must name it to keep it.
    ///
    /// # Errors
    /// When the last of it cannot be written.
    pub async fn finish(mut self) -> io::Result<(Body, u64)> {
        self.flush().await?;
        Ok((self.body, self.length))
    }
}

/// Writes a record, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_record(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.tmp", id::unique()));
    fs::write(&beside, serde_json::to_vec(record)?)?;
    fs::rename(beside, path)
}

/// Reads every record `*.json` of a folder with its path; removes what an interruption left of others.
///
/// # Errors
/// When one cannot be read.
pub fn read_records<T: DeserializeOwned>(folder: &Path) -> io::Result<Vec<(PathBuf, T)>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let broken = |error| io::Error::other(format!("{}: {error}", path.display()));
                let record = serde_json::from_slice(&fs::read(&path)?).map_err(broken)?;
                records.push((path, record));
            }
            Some("tmp") => fs::remove_file(path)?,
            _ => {}
        }
    }
    Ok(records)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
