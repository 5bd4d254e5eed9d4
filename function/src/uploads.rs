//! What a job leaves of its uploads in parts: nothing, or their names. The parts of an upload that is never completed
//! are billed, and no listing of objects shows them.

use crate::error::Error;
use crate::event::Place;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::retry::{self, Failure, brisk};
use crate::s3::{Dated, S3};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{EncodingType, MultipartUpload};
use std::borrow::Cow;
use std::error::Error as StdError;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a job may clean up after its limit: less than [`crate::limit::MARGIN`], which the answer of a squad needs
/// too.
const AFTER_LIMIT: Duration = Duration::from_secs(5);

/// How long it may clean up in any case.
const LONGEST: Duration = Duration::from_secs(30);

/// How long S3 may take to begin an upload that was asked for and not answered.
const BEGUN_LATE: Duration = Duration::from_secs(3);

/// The pause before an upload, or a listing, is looked at again.
const PAUSE: Duration = Duration::from_millis(500);

/// Stands for an upload whose id nobody knows.
const UNKNOWN: &str = "unknown";

/// What is known of the uploads that a job began at a key.
#[derive(Debug, Default)]
pub struct Begun {
    /// The id of the one that the job writes to.
    pub own: Option<String>,
    /// The one that the job writes to is not there any more: it is an object now.
    pub completed: bool,
    /// S3 was asked for an upload more often than it named one.
    pub repeated: bool,
    /// One of these times S3 may have begun an upload: its answer was lost, or made no sense.
    pub nameless: bool,
}

impl Begun {
    /// Whether there may be uploads whose ids are not known.
    pub const fn may_have_strays(&self) -> bool {
        self.repeated || self.nameless
    }
}

/// The uploads of a job at a key.
#[derive(Debug)]
pub struct Uploads<'a> {
    /// Where they are.
    pub s3: &'a S3,
    /// Their object.
    pub place: &'a Place,
    pub began: Instant,
}

impl Uploads<'_> {
    /// Aborts all of `begun` that is not completed. What may be left: an upload's id, or `unknown`.
    pub async fn clean_up(&self, begun: Begun, limit: &Limit) -> Option<String> {
        let longest = Instant::now() + LONGEST;
        let until = limit
            .moment()
            .map_or(longest, |limit| longest.min(limit + AFTER_LIMIT));
        let own = async {
            match &begun.own {
                Some(own) if !begun.completed => self.abort_or_name(own, until).await,
                _ => None,
            }
        };
        let strays = async {
            if begun.may_have_strays() {
                self.abort_strays(&begun, until).await
            } else {
                None
            }
        };
        let (own, stray) = tokio::join!(own, strays);
        own.or(stray)
    }

    /// Aborts an upload; its id, if it may be left.
    async fn abort_or_name(&self, upload: &str, until: Instant) -> Option<String> {
        match within(until, self.abort(upload, until)).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(upload, %error, "an upload may be left");
                Some(upload.to_owned())
            }
        }
    }

    async fn abort_strays(&self, begun: &Begun, until: Instant) -> Option<String> {
        let strays = match within(until, self.strays(begun, until)).await {
            Ok(strays) => strays,
            Err(error) => {
                tracing::warn!(%error, "uploads whose ids are unknown may be left");
                return begun.nameless.then(|| UNKNOWN.to_owned());
            }
        };
        let mut left = None;
        for stray in strays {
            left = left.or(self.abort_or_name(&stray, until).await);
        }
        left
    }

    /// The uploads at the key that were initiated since the job began, other than its own.
    async fn strays(&self, begun: &Begun, until: Instant) -> Result<Vec<String>, Error> {
        // S3 may still be at work on what nobody waits for any more.
        let late = (Instant::now() + BEGUN_LATE).min(until - PAUSE);
        loop {
            let strays = self.list(begun.own.as_deref(), until).await?;
            let awaited = begun.own.is_none() && begun.nameless && strays.is_empty();
            if !awaited || Instant::now() >= late {
                return Ok(strays);
            }
            sleep(PAUSE).await;
        }
    }

    async fn list(&self, own: Option<&str>, until: Instant) -> Result<Vec<String>, Error> {
        let key = self.place.key.as_str();
        let (mut key_marker, mut id_marker) = (None, None);
        let mut found = Vec::new();
        loop {
            let dated = Dated::default();
            let list = || {
                let list = self
                    .s3
                    .client
                    .list_multipart_uploads()
                    .bucket(self.place.bucket.as_str())
                    .prefix(prefix(self.place))
                    // XML cannot carry every key.
                    .encoding_type(EncodingType::Url)
                    .set_key_marker(key_marker.clone())
                    .set_upload_id_marker(id_marker.clone())
                    .customize()
                    .interceptor(dated.clone());
                brisk(list.send())
            };
            let page = retry::send(&patience(until), list)
                .await
                .map_err(|failure| {
                    self.s3
                        .explain(&failure, Operation::ListMultipartUploads, self.place)
                })?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let of_job = |upload: &MultipartUpload| {
                named(upload.key(), encoded).as_deref() == Some(key)
                    && upload.upload_id() != own
                    && upload
                        .initiated()
                        .is_some_and(|moment| dated.is_since(self.began, *moment))
            };
            let uploads = page.uploads().iter().filter(|upload| of_job(upload));
            found.extend(uploads.filter_map(|upload| upload.upload_id.clone()));
            // A server that goes on from the same place would go on for ever.
            let next = (page.next_key_marker, page.next_upload_id_marker);
            if page.is_truncated != Some(true) || next == (key_marker, id_marker) {
                return Ok(found);
            }
            (key_marker, id_marker) = next;
        }
    }

    /// Throws the parts away, and again while S3 still lists one: a part in flight can outlive an abort.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
    async fn abort(&self, upload: &str, until: Instant) -> Result<(), Error> {
        let limit = patience(until);
        loop {
            let aborted = retry::send(&limit, || {
                let abort = self.s3.client.abort_multipart_upload();
                let abort = abort
                    .bucket(self.place.bucket.as_str())
                    .key(self.place.key.as_str());
                brisk(abort.upload_id(upload).send())
            });
            if self
                .unless_gone(aborted.await, Operation::AbortMultipartUpload)?
                .is_none()
            {
                return Ok(());
            }
            let listed = retry::send(&limit, || {
                let list = self.s3.client.list_parts();
                let list = list
                    .bucket(self.place.bucket.as_str())
                    .key(self.place.key.as_str());
                brisk(list.upload_id(upload).send())
            });
            match self.unless_gone(listed.await, Operation::ListParts)? {
                Some(listed) if !listed.parts().is_empty() => sleep(PAUSE).await,
                _ => return Ok(()),
            }
        }
    }

    /// What S3 answered about an upload; none where the upload is not there any more.
    fn unless_gone<O, E>(
        &self,
        answer: Result<O, Failure<E>>,
        operation: Operation,
    ) -> Result<Option<O>, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match answer {
            Ok(output) => Ok(Some(output)),
            Err(failure) if failure.error.code() == Some("NoSuchUpload") => Ok(None),
            Err(failure) => Err(self.s3.explain(&failure, operation, self.place)),
        }
    }
}

/// What the listing is asked for: the key, or its folder in a directory bucket, whose prefixes end with a slash.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
fn prefix(place: &Place) -> &str {
    let key = place.key.as_str();
    if place.bucket.as_str().ends_with("--x-s3") {
        &key[..key.rfind('/').map_or(0, |slash| slash + 1)]
    } else {
        key
    }
}

fn patience(until: Instant) -> Limit {
    Limit::at(Some(until), "the end of the time to clean up")
}

/// What `work` gives, unless `until` comes first.
async fn within<T>(
    until: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = || Error::Deadline("there was no time left to clean up".to_owned());
    timeout_at(until, work)
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// The key that a listing names, which may be URL-encoded there.
fn named(key: Option<&str>, encoded: bool) -> Option<String> {
    let key = key?;
    if !encoded {
        return Some(key.to_owned());
    }
    let spaced = key.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::testing::{answer, s3};
    use serde_json::json;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn place(bucket: &str, key: &str) -> Place {
        let event = json!({"op": "read", "bucket": bucket, "key": key});
        match Order::try_from(event) {
            Ok(Order::Job(Job::Read(job))) => job.objects.place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_prefix_in_a_directory_bucket_ends_with_a_slash() {
        for (bucket, key, expected) in [
            ("abc", "a/b/c", "a/b/c"),
            ("abc--use1-az4--x-s3", "a/b/c", "a/b/"),
            ("abc--use1-az4--x-s3", "c", ""),
        ] {
            assert_eq!(prefix(&place(bucket, key)), expected);
        }
    }

    #[test]
    fn a_key_is_what_its_listing_means() {
        let named = |key, encoded| named(Some(key), encoded);
        assert_eq!(named("a%01+b%2B/c", true).as_deref(), Some("a\u{1} b+/c"));
        assert_eq!(named("a+b%2B", false).as_deref(), Some("a+b%2B"));
    }

    #[tokio::test]
    async fn every_page_of_a_listing_is_read() {
        let pages = AtomicU32::new(0);
        let s3 = s3(move |request| {
            let page = pages.fetch_add(1, Ordering::Relaxed);
            assert_eq!(page > 0, request.contains("key-marker=k&"), "{request}");
            let truncated = page == 0;
            let body = format!(
                "<ListMultipartUploadsResult><IsTruncated>{truncated}</IsTruncated>\
                 <NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u0</NextUploadIdMarker>\
                 <Upload><Key>k</Key><UploadId>u{page}</UploadId><Initiated>2999-01-01T00:00:00Z</Initiated></Upload>\
                 </ListMultipartUploadsResult>"
            );
            answer(200, body)
        });
        let place = place("abc", "k");
        let uploads = Uploads {
            s3: &s3,
            place: &place,
            began: Instant::now(),
        };
        let until = Instant::now() + LONGEST;
        let found = uploads.list(None, until).await;
        assert_eq!(found, Ok(vec!["u0".to_owned(), "u1".to_owned()]));
    }
}
