//! The operations of S3 that the worker, the driver and the AWS CLI use.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::StatusCode;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, ETag, ETagCondition, EncodingType,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListPartsInput, ListPartsOutput, MultipartUpload, Object, ObjectStorageClass, Part,
    PutObjectInput, PutObjectOutput, StorageClass, StreamingBlob, UploadPartInput,
    UploadPartOutput,
};
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3, S3Request, S3Response, S3Result, StdError, s3_error};

use crate::identity::Identity;
use crate::s3::access::Policy;
use crate::s3::listing::{self, Entry, Query};
use crate::s3::store::object::{Attributes, Object as Stored};
use crate::s3::store::{Store, StoreError};

/// The largest single `PutObject` or part, in bytes.
const MAX_BODY: u64 = 5 << 30;
/// Entries on a page of any listing unless fewer are asked for.
const PAGE: i32 = 1000;
/// The highest part number.
const MAX_PART: i32 = 10_000;
/// How much of an object is handed to the connection at once, in bytes.
const FRAME: u64 = 256 * 1024;

#[derive(Debug)]
pub struct Operations {
    /// What there is.
    pub store: Arc<Store>,
    /// Decides how a missing key is told.
    pub policy: Policy,
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "the last expression of every operation"
)]
fn done<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

/// A length or count for a field of the protocol, which has signed ones.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// The length that the client declared, refused beyond the limit.
fn declared(length: Option<i64>) -> S3Result<Option<u64>> {
    match length.map(u64::try_from) {
        Some(Ok(length)) if length > MAX_BODY => Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size: {length} of {MAX_BODY} bytes"
        )),
        Some(Ok(length)) => Ok(Some(length)),
        _ => Ok(None),
    }
}

fn page_size(asked: Option<i32>, name: &str) -> S3Result<usize> {
    let asked = asked.unwrap_or(PAGE);
    usize::try_from(asked.min(PAGE))
        .map_err(|_| s3_error!(InvalidArgument, "{name} {asked} is not 0–2147483647"))
}

fn only_new(condition: Option<&ETagCondition>) -> S3Result<bool> {
    match condition {
        None => Ok(false),
        Some(ETagCondition::Any) => Ok(true),
        Some(ETagCondition::ETag(_)) => Err(s3_error!(
            NotImplemented,
            "If-None-Match of a write takes * only"
        )),
    }
}

/// The conditions of a read.
fn check_conditions(
    object: &Stored,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| {
        condition
            .as_etag()
            .is_none_or(|etag| etag.value() == object.etag)
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        ));
    }
    if if_none_match.is_some_and(is) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// The bytes that a read asks for, and the `Content-Range` when it asks for a part.
fn selected(
    object: &Stored,
    range: Option<s3s::dto::Range>,
) -> S3Result<(Range<u64>, Option<String>)> {
    let Some(range) = range else {
        return Ok((0..object.length, None));
    };
    let Ok(selected) = range
        .check(object.length)
        .map_err(|_| ())
        .and_then(|range| {
            // A suffix of an empty object selects nothing.
            if range.is_empty() { Err(()) } else { Ok(range) }
        })
    else {
        let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
        let mut headers = http::HeaderMap::new();
        if let Ok(value) = format!("bytes */{}", object.length).parse() {
            headers.insert(http::header::CONTENT_RANGE, value);
        }
        error.set_headers(headers);
        return Err(error);
    };
    let told = format!(
        "bytes {}-{}/{}",
        selected.start,
        selected.end - 1,
        object.length
    );
    Ok((selected, Some(told)))
}

/// The bytes of an object, as they were received.
struct Content<S> {
    stream: S,
    remaining: usize,
}

impl<S: Stream<Item = Result<Bytes, StdError>> + Unpin> Stream for Content<S> {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.stream).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.remaining = self.remaining.saturating_sub(bytes.len());
        }
        polled
    }
}

impl<S: Stream<Item = Result<Bytes, StdError>> + Unpin> ByteStream for Content<S> {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.remaining)
    }
}

fn content(object: Arc<Stored>, range: Range<u64>) -> StreamingBlob {
    let remaining = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let stream = stream::try_unfold((object, range), |(object, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let Some((segment, offset)) = object.locate(range.start) else {
            return Err(StdError::from("the object is shorter than its length"));
        };
        let bytes = segment
            .read(offset, FRAME.min(range.end - range.start))
            .await?;
        let rest = range.start + bytes.len() as u64..range.end;
        Ok(Some((bytes, (object, rest))))
    });
    StreamingBlob::new(Content {
        stream: Box::pin(stream),
        remaining,
    })
}

fn attributes(
    content_type: Option<String>,
    metadata: Option<HashMap<String, String>>,
) -> Attributes {
    Attributes {
        content_type,
        metadata: metadata.unwrap_or_default(),
    }
}

fn part_number(number: i32) -> S3Result<i32> {
    if (1..=MAX_PART).contains(&number) {
        return Ok(number);
    }
    Err(s3_error!(
        InvalidArgument,
        "Part number must be an integer between 1 and {MAX_PART}, inclusive; it is {number}"
    ))
}

impl Operations {
    /// An object for a reader. Who may not list cannot learn whether a key exists.
    fn find<T>(&self, request: &S3Request<T>, bucket: &str, key: &str) -> S3Result<Arc<Stored>> {
        let identity = request
            .credentials
            .as_ref()
            .and_then(|own| Identity::from_access_key(&own.access_key));
        match self.store.get(bucket, key) {
            Err(StoreError::NoSuchKey)
                if !identity
                    .is_some_and(|identity| self.policy.allows(identity, "s3:ListBucket")) =>
            {
                Err(self.policy.refusal("s3:ListBucket", bucket))
            }
            found => Ok(found?),
        }
    }

    fn list(&self, bucket: &str, query: Query<'_>) -> S3Result<Listed> {
        let listed = self.store.with_bucket(bucket, |bucket| {
            let page = listing::page(&bucket.objects, query);
            let mut listed = Listed {
                next: page.next.map(str::to_owned),
                ..Listed::default()
            };
            for entry in page.entries {
                match entry {
                    Entry::Key(key, object) => listed.contents.push(Object {
                        key: Some(key.to_owned()),
                        size: Some(signed(object.length)),
                        e_tag: Some(ETag::Strong(object.etag.clone())),
                        last_modified: Some(object.modified.into()),
                        storage_class: Some(ObjectStorageClass::from_static(
                            ObjectStorageClass::STANDARD,
                        )),
                        ..Object::default()
                    }),
                    Entry::Prefix(prefix) => listed.prefixes.push(CommonPrefix {
                        prefix: Some(prefix.to_owned()),
                    }),
                }
            }
            listed
        });
        Ok(listed?)
    }
}

#[derive(Default)]
struct Listed {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    next: Option<String>,
}

/// How keys and what is like them are shown in a listing: encoded where the client asks so, since XML cannot carry
/// every character.
fn shown(encoding: Option<&EncodingType>) -> impl Fn(String) -> String + Copy + use<> {
    let is_url = encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
    move |text| if is_url { encoded(&text) } else { text }
}

fn encoded(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

#[async_trait::async_trait]
impl S3 for Operations {
    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let region = self
            .store
            .region_of(&request.input.bucket)
            .ok_or(StoreError::NoSuchBucket)?;
        done(HeadBucketOutput {
            bucket_region: Some(region),
            ..HeadBucketOutput::default()
        })
    }

    async fn get_bucket_versioning(
        &self,
        _: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        done(GetBucketVersioningOutput::default())
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let only_new = only_new(input.if_none_match.as_ref())?;
        let length = declared(input.content_length)?;
        let segment = self
            .store
            .receive(&input.bucket, input.body, length)
            .await?;
        let attributes = attributes(input.content_type, input.metadata);
        let object = self
            .store
            .put(&input.bucket, &input.key, segment, attributes, only_new)?;
        done(PutObjectOutput {
            e_tag: Some(ETag::Strong(object.etag.clone())),
            ..PutObjectOutput::default()
        })
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let object = self.find(&request, &request.input.bucket, &request.input.key)?;
        let input = request.input;
        check_conditions(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let (range, content_range) = selected(&object, input.range)?;
        done(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(range.end - range.start)),
            content_range,
            content_type: Some(content_type(&object)),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified.into()),
            metadata: Some(object.attributes.metadata.clone()),
            body: Some(content(object, range)),
            ..GetObjectOutput::default()
        })
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.find(&request, &request.input.bucket, &request.input.key)?;
        let input = request.input;
        check_conditions(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let (range, content_range) = selected(&object, input.range)?;
        done(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(range.end - range.start)),
            content_range,
            content_type: Some(content_type(&object)),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified.into()),
            metadata: Some(object.attributes.metadata.clone()),
            ..HeadObjectOutput::default()
        })
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.store
            .delete(&request.input.bucket, &request.input.key)?;
        let mut response = S3Response::new(DeleteObjectOutput::default());
        response.status = Some(StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.len() > 1000 {
            return Err(s3_error!(
                MalformedXML,
                "at most 1000 keys may be deleted at once, not {}",
                delete.objects.len()
            ));
        }
        let mut deleted = Vec::with_capacity(delete.objects.len());
        for object in delete.objects {
            self.store.delete(&bucket, &object.key)?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            });
        }
        let deleted = (!delete.quiet.unwrap_or(false)).then_some(deleted);
        done(DeleteObjectsOutput {
            deleted,
            ..DeleteObjectsOutput::default()
        })
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let limit = page_size(input.max_keys, "max-keys")?;
        // A token is the place where its page ended; encoded, since it may hold what XML cannot carry.
        let token = input.continuation_token.as_deref().map(|token| {
            percent_encoding::percent_decode_str(token)
                .decode_utf8_lossy()
                .into_owned()
        });
        let query = Query {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().unwrap_or_default(),
            after: token.as_deref().or(input.start_after.as_deref()),
            limit,
        };
        let mut listed = self.list(&input.bucket, query)?;
        let shown = shown(input.encoding_type.as_ref());
        for object in &mut listed.contents {
            object.key = object.key.take().map(shown);
        }
        for prefix in &mut listed.prefixes {
            prefix.prefix = prefix.prefix.take().map(shown);
        }
        done(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(shown(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(shown),
            max_keys: Some(count(limit)),
            key_count: Some(count(listed.contents.len() + listed.prefixes.len())),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(shown),
            encoding_type: input.encoding_type,
            is_truncated: Some(listed.next.is_some()),
            next_continuation_token: listed.next.as_deref().map(encoded),
            contents: Some(listed.contents),
            common_prefixes: Some(listed.prefixes),
            ..ListObjectsV2Output::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let attributes = attributes(input.content_type, input.metadata);
        let upload_id = self
            .store
            .create_upload(&input.bucket, &input.key, attributes)?;
        done(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let number = part_number(input.part_number)?;
        let length = declared(input.content_length)?;
        self.store
            .with_upload(&input.bucket, &input.key, &input.upload_id, |_| ())?;
        let segment = self
            .store
            .receive(&input.bucket, input.body, length)
            .await?;
        let etag =
            self.store
                .put_part(&input.bucket, &input.key, &input.upload_id, number, segment)?;
        done(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..UploadPartOutput::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let only_new = only_new(input.if_none_match.as_ref())?;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        if parts.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "You must specify at least one part"
            ));
        }
        let mut named = Vec::with_capacity(parts.len());
        for part in parts {
            let number = part_number(part.part_number.unwrap_or_default())?;
            named.push((number, part.e_tag.map(ETag::into_value).unwrap_or_default()));
        }
        let object = self.store.complete_upload(
            &input.bucket,
            &input.key,
            &input.upload_id,
            &named,
            only_new,
        )?;
        done(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        self.store
            .abort_upload(&input.bucket, &input.key, &input.upload_id)?;
        let mut response = S3Response::new(AbortMultipartUploadOutput::default());
        response.status = Some(StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        let limit = page_size(input.max_uploads, "max-uploads")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        let follows = |key: &str, id: &str| {
            if id_marker.is_empty() {
                key > key_marker.as_str()
            } else {
                (key, id) > (&key_marker, &id_marker)
            }
        };
        let mut uploads: Vec<MultipartUpload> =
            self.store.with_bucket(&input.bucket, |bucket| {
                let all = bucket
                    .uploads
                    .iter()
                    .filter(|((key, id), _)| key.starts_with(&prefix) && follows(key, id));
                let shown = all.map(|((key, id), upload)| MultipartUpload {
                    key: Some(key.clone()),
                    upload_id: Some(id.clone()),
                    initiated: Some(upload.initiated.into()),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    ..MultipartUpload::default()
                });
                shown.take(limit + 1).collect()
            })?;
        let truncated = uploads.len() > limit;
        uploads.truncate(limit);
        let last = uploads.last().filter(|_| truncated);
        let next_key = last.and_then(|upload| upload.key.clone());
        let next_id = last.and_then(|upload| upload.upload_id.clone());
        let shown = shown(input.encoding_type.as_ref());
        for upload in &mut uploads {
            upload.key = upload.key.take().map(shown);
        }
        done(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            encoding_type: input.encoding_type,
            prefix: input.prefix.map(shown),
            key_marker: Some(shown(key_marker)),
            upload_id_marker: Some(id_marker),
            max_uploads: Some(count(limit)),
            is_truncated: Some(truncated),
            next_key_marker: next_key.map(shown),
            next_upload_id_marker: next_id,
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }

    async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let limit = page_size(input.max_parts, "max-parts")?;
        let after = input.part_number_marker.unwrap_or_default();
        let mut parts: BTreeMap<i32, Part> =
            self.store
                .with_upload(&input.bucket, &input.key, &input.upload_id, |upload| {
                    let following = upload
                        .parts
                        .range(after.saturating_add(1)..)
                        .take(limit + 1);
                    let shown = following.map(|(number, part)| {
                        let shown = Part {
                            part_number: Some(*number),
                            size: Some(signed(part.segment.length)),
                            e_tag: Some(ETag::Strong(part.etag.clone())),
                            last_modified: Some(part.modified.into()),
                            ..Part::default()
                        };
                        (*number, shown)
                    });
                    shown.collect()
                })?;
        let truncated = parts.len() > limit;
        if truncated {
            parts.pop_last();
        }
        done(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(after),
            next_part_number_marker: parts.last_key_value().map(|(number, _)| *number),
            max_parts: Some(count(limit)),
            is_truncated: Some(truncated),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            parts: Some(parts.into_values().collect()),
            ..ListPartsOutput::default()
        })
    }
}

fn content_type(object: &Stored) -> String {
    object
        .attributes
        .content_type
        .clone()
        .unwrap_or_else(|| "binary/octet-stream".to_owned())
}
