//! Buckets, objects and uploads, in memory or in a folder.
//!
//! The index is in memory in both cases, behind one lock that is never held while bytes move.

pub mod disk;
pub mod memory;
pub mod object;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use futures_util::StreamExt;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use serde::{Deserialize, Serialize};

use crate::id;
use object::{Attributes, Bucket, Content, Object, Part, Segment, Upload};

/// The smallest part but the last, in bytes.
const MIN_PART: u64 = 5 * 1024 * 1024;

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says what it means")]
pub enum StoreError {
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    #[error("The specified key does not exist.")]
    NoSuchKey,
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed."
    )]
    NoSuchUpload,
    #[error("The bucket exists already")]
    BucketExists,
    #[error(
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified \
         entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    #[error(
        "Your proposed upload is smaller than the minimum allowed size: part {number} has {length} bytes, all but the \
         last need {MIN_PART}"
    )]
    EntityTooSmall { number: i32, length: u64 },
    #[error("At least one of the pre-conditions you specified did not hold")]
    Exists,
    #[error(
        "You did not provide the number of bytes specified by the Content-Length HTTP header: {received} of {expected}"
    )]
    Incomplete { received: u64, expected: u64 },
    #[error("The request body could not be read: {0}")]
    Body(StdError),
    #[error(
        "The store of local is full: --memory {limit_mib} (MiB) is all it may hold. Delete objects, raise --memory, or \
         keep them on disk with --dir DIR."
    )]
    Full { limit_mib: u64 },
    #[error("The folder of local's store failed: {0}")]
    Disk(#[from] io::Error),
}

type Result<T> = std::result::Result<T, StoreError>;

#[derive(Debug)]
enum Place {
    Memory(Arc<memory::Budget>),
    Folder(PathBuf),
}

#[derive(Debug)]
pub struct Store {
    place: Place,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Serialize, Deserialize)]
struct BucketRecord {
    region: String,
}

#[derive(Serialize, Deserialize)]
struct SegmentRecord {
    id: String,
    length: u64,
}

#[derive(Serialize, Deserialize)]
struct ObjectRecord {
    key: String,
    segments: Vec<SegmentRecord>,
    etag: String,
    modified: SystemTime,
    attributes: Attributes,
}

#[derive(Serialize, Deserialize)]
struct UploadRecord {
    key: String,
    initiated: SystemTime,
    attributes: Attributes,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    number: i32,
    segment: SegmentRecord,
    etag: String,
    modified: SystemTime,
}

impl SegmentRecord {
    fn of(segment: &Segment) -> Self {
        Self {
            id: segment.id.clone(),
            length: segment.length,
        }
    }

    fn load(self, folder: &Path) -> Arc<Segment> {
        let body = disk::Body::existing(folder.join("data").join(&self.id));
        Arc::new(Segment {
            id: self.id,
            length: self.length,
            content: Content::Disk(body),
        })
    }
}

impl Store {
    /// A store in memory that holds at most so many bytes.
    pub fn in_memory(limit: u64) -> Self {
        Self {
            place: Place::Memory(memory::Budget::new(limit)),
            buckets: Mutex::default(),
        }
    }

    /// A store in a folder, with what an earlier one left there.
    ///
    /// # Errors
    /// When the folder cannot be created or read.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().join("bucket.json").is_file()
            {
                buckets.insert(name, load_bucket(&entry.path())?);
            }
        }
        Ok(Self {
            place: Place::Folder(folder.to_owned()),
            buckets: Mutex::new(buckets),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets
            .lock()
            .expect("nothing panics while it is held")
    }

    fn folder(&self, bucket: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Folder(folder) => Some(folder.join(bucket)),
        }
    }

    /// Looks into a bucket. The closure holds the lock: it must be quick.
    ///
    /// # Errors
    /// When there is no such bucket.
    pub fn with_bucket<T>(&self, name: &str, look: impl FnOnce(&Bucket) -> T) -> Result<T> {
        self.lock()
            .get(name)
            .map(look)
            .ok_or(StoreError::NoSuchBucket)
    }

    fn with_bucket_mut<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Bucket) -> Result<T>,
    ) -> Result<T> {
        self.lock()
            .get_mut(name)
            .ok_or(StoreError::NoSuchBucket)
            .and_then(change)
    }

    /// The region of a bucket, `None` when there is no such bucket.
    pub fn region_of(&self, name: &str) -> Option<String> {
        self.lock().get(name).map(|bucket| bucket.region.clone())
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When it exists or its folder cannot be made.
    pub fn create_bucket(&self, name: &str, region: &str) -> Result<()> {
        let mut buckets = self.lock();
        if buckets.contains_key(name) {
            return Err(StoreError::BucketExists);
        }
        if let Some(folder) = self.folder(name) {
            for part in ["data", "objects", "uploads"] {
                fs::create_dir_all(folder.join(part))?;
            }
            let record = BucketRecord {
                region: region.to_owned(),
            };
            disk::write_record(&folder.join("bucket.json"), &record)?;
        }
        buckets.insert(name.to_owned(), Bucket::new(region.to_owned()));
        Ok(())
    }

    /// Receives a body. Nobody sees it until it becomes an object or a part; dropped before, it leaves nothing.
    ///
    /// # Errors
    /// When the body breaks off, differs from its `expected` length in bytes, or does not fit.
    pub async fn receive(
        &self,
        bucket: &str,
        body: Option<StreamingBlob>,
        expected: Option<u64>,
    ) -> Result<Arc<Segment>> {
        let id = id::unique();
        let (content, length) = match &self.place {
            Place::Memory(budget) => {
                let full = |memory::Full| StoreError::Full {
                    limit_mib: budget.limit() >> 20,
                };
                let mut writer = memory::Writer::new(budget).map_err(full)?;
                if let Some(mut body) = body {
                    while let Some(frame) = body.next().await {
                        writer
                            .push(frame.map_err(StoreError::Body)?)
                            .map_err(full)?;
                    }
                }
                let (pieces, length) = writer.finish();
                (Content::Memory(pieces), length)
            }
            Place::Folder(folder) => {
                let mut writer = disk::Writer::new(&folder.join(bucket), &id).await?;
                if let Some(mut body) = body {
                    while let Some(frame) = body.next().await {
                        writer.push(frame.map_err(StoreError::Body)?).await?;
                    }
                }
                let (body, length) = writer.finish().await?;
                (Content::Disk(body), length)
            }
        };
        match expected {
            Some(expected) if expected != length => Err(StoreError::Incomplete {
                received: length,
                expected,
            }),
            _ => Ok(Arc::new(Segment {
                id,
                length,
                content,
            })),
        }
    }

    /// Makes an object of one body, replacing the one that has this key; returns its entity tag.
    ///
    /// # Errors
    /// When the bucket has gone, or the key is taken and must not be.
    pub fn put(
        &self,
        bucket: &str,
        key: &str,
        segment: Arc<Segment>,
        attributes: Attributes,
        only_new: bool,
    ) -> Result<Arc<Object>> {
        self.commit(
            bucket,
            key,
            vec![segment],
            id::unique(),
            attributes,
            only_new,
        )
    }

    fn commit(
        &self,
        bucket: &str,
        key: &str,
        segments: Vec<Arc<Segment>>,
        etag: String,
        attributes: Attributes,
        only_new: bool,
    ) -> Result<Arc<Object>> {
        if only_new && self.with_bucket(bucket, |bucket| bucket.objects.contains_key(key))? {
            return Err(StoreError::Exists);
        }
        let length = segments.iter().map(|segment| segment.length).sum();
        let modified = SystemTime::now();
        let object = Arc::new(Object {
            id: id::unique(),
            segments,
            length,
            etag,
            modified,
            attributes,
        });
        if let Some(folder) = self.folder(bucket) {
            let record = ObjectRecord {
                key: key.to_owned(),
                segments: object
                    .segments
                    .iter()
                    .map(|segment| SegmentRecord::of(segment))
                    .collect(),
                etag: object.etag.clone(),
                modified,
                attributes: object.attributes.clone(),
            };
            disk::write_record(&object_path(&folder, &object.id), &record)?;
            object.segments.iter().for_each(|segment| segment.keep());
        }
        let replaced = self.with_bucket_mut(bucket, |bucket| {
            Ok(bucket.objects.insert(key.to_owned(), Arc::clone(&object)))
        })?;
        if let Some(replaced) = replaced {
            self.discard(bucket, &replaced)?;
        }
        Ok(object)
    }

    fn discard(&self, bucket: &str, object: &Object) -> Result<()> {
        object.segments.iter().for_each(|segment| segment.discard());
        if let Some(folder) = self.folder(bucket) {
            fs::remove_file(object_path(&folder, &object.id))?;
        }
        Ok(())
    }

    /// The object of this key.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, bucket: &str, key: &str) -> Result<Arc<Object>> {
        self.with_bucket(bucket, |bucket| bucket.objects.get(key).cloned())?
            .ok_or(StoreError::NoSuchKey)
    }

    /// Removes the object of this key if there is one.
    ///
    /// # Errors
    /// When there is no such bucket or its record cannot be removed.
    pub fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        match self.with_bucket_mut(bucket, |bucket| Ok(bucket.objects.remove(key)))? {
            Some(object) => self.discard(bucket, &object),
            None => Ok(()),
        }
    }

    /// Begins a multipart upload and returns its id.
    ///
    /// # Errors
    /// When there is no such bucket or its record cannot be written.
    pub fn create_upload(&self, bucket: &str, key: &str, attributes: Attributes) -> Result<String> {
        let upload_id = id::unique();
        let initiated = SystemTime::now();
        if let Some(folder) = self.folder(bucket) {
            let folder = folder.join("uploads").join(&upload_id);
            fs::create_dir_all(&folder)?;
            let record = UploadRecord {
                key: key.to_owned(),
                initiated,
                attributes: attributes.clone(),
            };
            disk::write_record(&folder.join("upload.json"), &record)?;
        }
        self.with_bucket_mut(bucket, |bucket| {
            let upload = Upload {
                initiated,
                attributes,
                parts: BTreeMap::new(),
            };
            bucket
                .uploads
                .insert((key.to_owned(), upload_id.clone()), upload);
            Ok(())
        })?;
        Ok(upload_id)
    }

    /// Looks at an upload in progress. The closure holds the lock: it must be quick.
    ///
    /// # Errors
    /// When there is no such upload.
    pub fn with_upload<T>(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        look: impl FnOnce(&Upload) -> T,
    ) -> Result<T> {
        self.with_bucket(bucket, |bucket| {
            bucket
                .uploads
                .get(&(key.to_owned(), upload_id.to_owned()))
                .map(look)
        })?
        .ok_or(StoreError::NoSuchUpload)
    }

    /// Makes a body a part, replacing the one of this number; returns its entity tag.
    ///
    /// # Errors
    /// When the upload has gone or the record cannot be written.
    pub fn put_part(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        number: i32,
        segment: Arc<Segment>,
    ) -> Result<String> {
        let part = Part {
            segment,
            etag: id::unique(),
            modified: SystemTime::now(),
        };
        let etag = part.etag.clone();
        // Without the upload there is no folder for the record either.
        self.with_upload(bucket, key, upload_id, |_| ())?;
        if let Some(folder) = self.folder(bucket) {
            let record = PartRecord {
                number,
                segment: SegmentRecord::of(&part.segment),
                etag: etag.clone(),
                modified: part.modified,
            };
            disk::write_record(
                &folder
                    .join("uploads")
                    .join(upload_id)
                    .join(format!("{number}.json")),
                &record,
            )?;
        }
        let replaced = self.with_bucket_mut(bucket, |bucket| {
            let upload = bucket
                .uploads
                .get_mut(&(key.to_owned(), upload_id.to_owned()));
            let upload = upload.ok_or(StoreError::NoSuchUpload)?;
            part.segment.keep();
            Ok(upload.parts.insert(number, part))
        })?;
        if let Some(replaced) = replaced {
            replaced.segment.discard();
        }
        Ok(etag)
    }

    fn remove_upload(&self, bucket: &str, key: &str, upload_id: &str) -> Result<Upload> {
        let upload = self.with_bucket_mut(bucket, |bucket| {
            bucket
                .uploads
                .remove(&(key.to_owned(), upload_id.to_owned()))
                .ok_or(StoreError::NoSuchUpload)
        })?;
        if let Some(folder) = self.folder(bucket) {
            fs::remove_dir_all(folder.join("uploads").join(upload_id))?;
        }
        Ok(upload)
    }

    /// Abandons an upload with all its parts.
    ///
    /// # Errors
    /// When there is no such upload.
    pub fn abort_upload(&self, bucket: &str, key: &str, upload_id: &str) -> Result<()> {
        let upload = self.remove_upload(bucket, key, upload_id)?;
        upload
            .parts
            .values()
            .for_each(|part| part.segment.discard());
        Ok(())
    }

    /// Makes an object of the named parts, each given by number and entity tag.
    ///
    /// # Errors
    /// When they are not in order, not all there, or one but the last is too small.
    pub fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        named: &[(i32, String)],
        only_new: bool,
    ) -> Result<Arc<Object>> {
        if !named.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(StoreError::InvalidPartOrder);
        }
        let (parts, attributes) = self.with_upload(bucket, key, upload_id, |upload| {
            (upload.parts.clone(), upload.attributes.clone())
        })?;
        let mut chosen = Vec::with_capacity(named.len());
        for (number, etag) in named {
            let part = parts
                .get(number)
                .filter(|part| part.etag == *etag)
                .ok_or(StoreError::InvalidPart)?;
            chosen.push((*number, Arc::clone(&part.segment)));
        }
        let Some((_, all_but_last)) = chosen.split_last() else {
            return Err(StoreError::InvalidPart);
        };
        if let Some((number, segment)) = all_but_last
            .iter()
            .find(|(_, segment)| segment.length < MIN_PART)
        {
            return Err(StoreError::EntityTooSmall {
                number: *number,
                length: segment.length,
            });
        }
        let etag = format!("{}-{}", id::unique(), chosen.len());
        let segments: Vec<_> = chosen.into_iter().map(|(_, segment)| segment).collect();
        let object = self.commit(bucket, key, segments, etag, attributes, only_new)?;
        let upload = self.remove_upload(bucket, key, upload_id)?;
        let used: HashSet<&str> = object
            .segments
            .iter()
            .map(|segment| segment.id.as_str())
            .collect();
        let unused = upload
            .parts
            .values()
            .filter(|part| !used.contains(part.segment.id.as_str()));
        unused.for_each(|part| part.segment.discard());
        Ok(object)
    }
}

fn object_path(folder: &Path, id: &str) -> PathBuf {
    folder.join("objects").join(format!("{id}.json"))
}

fn load_bucket(folder: &Path) -> io::Result<Bucket> {
    let record: BucketRecord = serde_json::from_slice(&fs::read(folder.join("bucket.json"))?)?;
    let mut bucket = Bucket::new(record.region);
    let mut named: HashSet<String> = HashSet::new();
    let mut records: Vec<(PathBuf, ObjectRecord)> = disk::read_records(&folder.join("objects"))?;
    // An interruption between a new record and the removal of the old one leaves both: the later one counts.
    records.sort_by_key(|(_, record)| record.modified);
    for (path, record) in records {
        named.extend(record.segments.iter().map(|segment| segment.id.clone()));
        let segments: Vec<_> = record
            .segments
            .into_iter()
            .map(|segment| segment.load(folder))
            .collect();
        let id = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let length = segments.iter().map(|segment| segment.length).sum();
        let (etag, modified, attributes) = (record.etag, record.modified, record.attributes);
        let object = Arc::new(Object {
            id,
            segments,
            length,
            etag,
            modified,
            attributes,
        });
        if let Some(older) = bucket.objects.insert(record.key, object) {
            fs::remove_file(object_path(folder, &older.id))?;
            for segment in &older.segments {
                segment.discard();
                named.remove(&segment.id);
            }
        }
    }
    for entry in fs::read_dir(folder.join("uploads"))? {
        load_upload(folder, &entry?.path(), &mut bucket, &mut named)?;
    }
    for entry in fs::read_dir(folder.join("data"))? {
        let entry = entry?;
        if !named.contains(entry.file_name().to_string_lossy().as_ref()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(bucket)
}

fn load_upload(
    folder: &Path,
    path: &Path,
    bucket: &mut Bucket,
    named: &mut HashSet<String>,
) -> io::Result<()> {
    let head = path.join("upload.json");
    let Ok(record) = fs::read(&head) else {
        return fs::remove_dir_all(path);
    };
    let record: UploadRecord = serde_json::from_slice(&record)?;
    // Read apart from the parts, whose records share the folder.
    let parts_of = |path: &Path| -> io::Result<Vec<PartRecord>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if entry != head
                && entry
                    .extension()
                    .is_some_and(|extension| extension == "json")
            {
                parts.push(serde_json::from_slice(&fs::read(entry)?)?);
            }
        }
        Ok(parts)
    };
    let parts = parts_of(path)?;
    if parts.iter().any(|part| named.contains(&part.segment.id)) {
        // It was completed, and only its removal was interrupted.
        return fs::remove_dir_all(path);
    }
    named.extend(parts.iter().map(|part| part.segment.id.clone()));
    let parts = parts.into_iter().map(|part| {
        let (etag, modified) = (part.etag, part.modified);
        (
            part.number,
            Part {
                segment: part.segment.load(folder),
                etag,
                modified,
            },
        )
    });
    let upload_id = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let upload = Upload {
        initiated: record.initiated,
        attributes: record.attributes,
        parts: parts.collect(),
    };
    bucket.uploads.insert((record.key, upload_id), upload);
    Ok(())
}
