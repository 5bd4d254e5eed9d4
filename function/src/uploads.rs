//! What a job leaves of its uploads in parts: nothing, or their names. The parts of an upload that is never completed
//! are billed, and no listing of objects shows them.

use crate::error::Error;
use crate::event::{Objects, Place};
use crate::flight::{Flight, Next};
use crate::limit::Limit;
use crate::operation::Operation;
use crate::retry::{self, Failure, brisk};
use crate::s3::{Dated, S3};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{EncodingType, MultipartUpload};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::error::Error as StdError;
use std::sync::Arc;
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

/// Stands for an upload whose id nobody knows, and for several.
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

/// An upload that is to be aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upload {
    place: Place,
    id: String,
}

/// What is to be done next about an upload.
#[derive(Clone, Copy)]
enum Step {
    Abort,
    /// A part in flight can outlive an abort.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
    LookForParts,
}

/// The objects, by their keys, that have uploads whose ids may not be known.
type Doubtful<'a> = HashMap<&'a str, &'a (Place, Begun)>;

/// Cleans up after a job.
#[derive(Debug)]
pub struct CleanUp {
    s3: S3,
    /// The job's key.
    place: Place,
    /// What the keys of all its objects begin with.
    prefix: String,
    /// When it began.
    began: Instant,
    /// When all this ends.
    until: Instant,
    in_flight: usize,
}

impl CleanUp {
    /// Begins now, with so many requests at the same time, after a job that was to write `objects`.
    pub fn new(
        s3: &S3,
        objects: &Objects,
        began: Instant,
        limit: &Limit,
        in_flight: usize,
    ) -> Arc<Self> {
        let longest = Instant::now() + LONGEST;
        let until = limit
            .moment()
            .map_or(longest, |limit| longest.min(limit + AFTER_LIMIT));
        Arc::new(Self {
            s3: s3.clone(),
            place: objects.place.clone(),
            prefix: prefix(objects),
            began,
            until,
            in_flight,
        })
    }

    /// Aborts all of `begun` that is not completed. What may be left: an upload's id, or `unknown`.
    pub async fn run(self: &Arc<Self>, begun: Vec<(Place, Begun)>) -> Option<String> {
        let unfinished = begun.iter().filter(|(_, begun)| !begun.completed);
        let own = unfinished.filter_map(|(place, begun)| {
            let (place, id) = (place.clone(), begun.own.clone()?);
            Some(Upload { place, id })
        });
        let (own, strays) = tokio::join!(self.abort(own.collect()), self.abort_strays(&begun));
        match &[own, strays].concat()[..] {
            [] => None,
            [id] => Some(id.clone()),
            _ => Some(UNKNOWN.to_owned()),
        }
    }

    /// Aborts uploads, each once before any is looked at again; the ids of those that may be left.
    async fn abort(self: &Arc<Self>, uploads: Vec<Upload>) -> Vec<String> {
        let steps = uploads.into_iter().map(|upload| (upload, Step::Abort));
        let mut steps: VecDeque<(Upload, Step)> = steps.collect();
        let unlimited = Limit::at(None, "");
        let mut flight = Flight::new(self.in_flight, Duration::ZERO, &unlimited);
        let mut left = Vec::new();
        while let Ok(Some(next)) = flight.next(!steps.is_empty()).await {
            match next {
                Next::Room(permit) => {
                    let (upload, step) = steps.pop_front().expect("it is wanted");
                    let clean_up = Arc::clone(self);
                    flight.begin(async move {
                        let _permit = permit;
                        let taken = clean_up.take(step, &upload);
                        Ok((within(clean_up.until, Box::pin(taken)).await, upload))
                    });
                }
                Next::Done((Ok(None), _)) => {}
                Next::Done((Ok(Some(step)), upload)) => steps.push_back((upload, step)),
                Next::Done((Err(error), upload)) => {
                    tracing::warn!(upload = upload.id, %error, "an upload may be left");
                    left.push(upload.id);
                }
            }
        }
        left
    }

    /// Takes a step; gives the next one, if there is one.
    async fn take(&self, step: Step, upload: &Upload) -> Result<Option<Step>, Error> {
        let limit = patience(self.until);
        let (bucket, key) = (upload.place.bucket.as_str(), upload.place.key.as_str());
        match step {
            Step::Abort => {
                let aborted = retry::send(&limit, || {
                    let abort = self.s3.client.abort_multipart_upload();
                    let abort = abort.bucket(bucket).key(key).upload_id(&upload.id);
                    brisk(abort.send())
                });
                let aborted =
                    self.unless_gone(aborted.await, Operation::AbortMultipartUpload, upload)?;
                Ok(aborted.map(|_| Step::LookForParts))
            }
            Step::LookForParts => {
                let listed = retry::send(&limit, || {
                    let list = self.s3.client.list_parts();
                    let list = list.bucket(bucket).key(key).upload_id(&upload.id);
                    brisk(list.send())
                });
                match self.unless_gone(listed.await, Operation::ListParts, upload)? {
                    Some(listed) if !listed.parts().is_empty() => {
                        sleep(PAUSE).await;
                        Ok(Some(Step::Abort))
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    /// Aborts the uploads of `begun` whose ids are not known; what may be left.
    async fn abort_strays(self: &Arc<Self>, begun: &[(Place, Begun)]) -> Vec<String> {
        let doubtful: Doubtful<'_> = begun
            .iter()
            .filter(|(_, begun)| begun.may_have_strays())
            .map(|object| (object.0.key.as_str(), object))
            .collect();
        if doubtful.is_empty() {
            return Vec::new();
        }
        match within(self.until, self.strays(&doubtful)).await {
            Ok(strays) => self.abort(strays).await,
            Err(error) => {
                tracing::warn!(%error, "uploads whose ids are unknown may be left");
                let is_one = begun.iter().any(|(_, begun)| begun.nameless);
                is_one.then(|| UNKNOWN.to_owned()).into_iter().collect()
            }
        }
    }

    /// The uploads of these objects that were initiated since the job began, other than their own.
    async fn strays(&self, doubtful: &Doubtful<'_>) -> Result<Vec<Upload>, Error> {
        // S3 may still be at work on what nobody waits for any more.
        let late = (Instant::now() + BEGUN_LATE).min(self.until - PAUSE);
        let mut awaited: HashSet<&str> = doubtful
            .values()
            .filter(|(_, begun)| begun.own.is_none() && begun.nameless)
            .map(|(place, _)| place.key.as_str())
            .collect();
        loop {
            let strays = self.list(doubtful).await?;
            for stray in &strays {
                awaited.remove(stray.place.key.as_str());
            }
            if awaited.is_empty() || Instant::now() >= late {
                return Ok(strays);
            }
            sleep(PAUSE).await;
        }
    }

    async fn list(&self, doubtful: &Doubtful<'_>) -> Result<Vec<Upload>, Error> {
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
                    .prefix(&self.prefix)
                    // XML cannot carry every key.
                    .encoding_type(EncodingType::Url)
                    .set_key_marker(key_marker.clone())
                    .set_upload_id_marker(id_marker.clone())
                    .customize()
                    .interceptor(dated.clone());
                brisk(list.send())
            };
            let page = retry::send(&patience(self.until), list)
                .await
                .map_err(|failure| {
                    self.s3
                        .explain(&failure, Operation::ListMultipartUploads, &self.place)
                })?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let of_job = |upload: &MultipartUpload| {
                let key = named(upload.key(), encoded)?;
                let (place, begun) = doubtful.get(key.as_str())?;
                let id = upload.upload_id.clone();
                let id = id.filter(|id| begun.own.as_ref() != Some(id))?;
                let place = place.clone();
                dated
                    .is_since(self.began, *upload.initiated()?)
                    .then_some(Upload { place, id })
            };
            found.extend(page.uploads().iter().filter_map(of_job));
            if page.is_truncated != Some(true) {
                return Ok(found);
            }
            let next_key = named(page.next_key_marker(), encoded);
            let next = (next_key, page.next_upload_id_marker);
            // It would go on for ever.
            if next == (key_marker, id_marker) {
                return Err(Error::S3 {
                    operation: Operation::ListMultipartUploads,
                    reason: "the listing is not whole, and does not go on".to_owned(),
                });
            }
            (key_marker, id_marker) = next;
        }
    }

    /// What S3 answered about an upload; none where the upload is not there any more.
    fn unless_gone<O, E>(
        &self,
        answer: Result<O, Failure<E>>,
        operation: Operation,
        upload: &Upload,
    ) -> Result<Option<O>, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match answer {
            Ok(output) => Ok(Some(output)),
            Err(failure) if failure.error.code() == Some("NoSuchUpload") => Ok(None),
            Err(failure) => Err(self.s3.explain(&failure, operation, &upload.place)),
        }
    }
}

/// What the listing is asked for: the key, or what is below it; in a directory bucket, whose prefixes end with a slash,
/// its folder.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
fn prefix(objects: &Objects) -> String {
    let key = objects.place.key.as_str();
    if objects.is_stream() {
        return format!("{key}/");
    }
    if objects.place.bucket.as_str().ends_with("--x-s3") {
        key[..key.rfind('/').map_or(0, |slash| slash + 1)].to_owned()
    } else {
        key.to_owned()
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
    if until <= Instant::now() {
        return Err(late());
    }
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

    fn objects(bucket: &str, key: &str, number: Option<u64>) -> Objects {
        let mut event = json!({"op": "read", "bucket": bucket, "key": key});
        if let Some(number) = number {
            event["objects"] = number.into();
        }
        match Order::try_from(event) {
            Ok(Order::Job(Job::Read(job))) => job.objects,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_prefix_in_a_directory_bucket_ends_with_a_slash() {
        for (bucket, key, expected, of_stream) in [
            ("abc", "a/b/c", "a/b/c", "a/b/c/"),
            ("abc--use1-az4--x-s3", "a/b/c", "a/b/", "a/b/c/"),
            ("abc--use1-az4--x-s3", "c", "", "c/"),
        ] {
            assert_eq!(prefix(&objects(bucket, key, None)), expected);
            assert_eq!(prefix(&objects(bucket, key, Some(2))), of_stream);
        }
    }

    #[test]
    fn a_key_is_what_its_listing_means() {
        let named = |key, encoded| named(Some(key), encoded);
        assert_eq!(named("a%01+b%2B/c", true).as_deref(), Some("a\u{1} b+/c"));
        assert_eq!(named("a+b%2B", false).as_deref(), Some("a+b%2B"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_a_listing_does_not_come_to_may_be_left() {
        for marker in ["", "<NextKeyMarker>k</NextKeyMarker>"] {
            let s3 = s3(move |_| {
                let more = format!("<IsTruncated>true</IsTruncated>{marker}");
                answer(
                    200,
                    format!("<ListMultipartUploadsResult>{more}</ListMultipartUploadsResult>"),
                )
            });
            let objects = objects("abc", "k", None);
            let clean_up = CleanUp::new(&s3, &objects, Instant::now(), &Limit::none(), 1);
            let begun = Begun {
                nameless: true,
                ..Begun::default()
            };
            let left = clean_up.run(vec![(objects.place, begun)]).await;
            assert_eq!(left.as_deref(), Some(UNKNOWN));
        }
    }

    #[tokio::test]
    async fn every_page_of_a_listing_is_read() {
        let pages = AtomicU32::new(0);
        let s3 = s3(move |request| {
            let page = pages.fetch_add(1, Ordering::Relaxed);
            assert_eq!(page > 0, request.contains("key-marker=k%01&"), "{request}");
            let truncated = page == 0;
            let body = format!(
                "<ListMultipartUploadsResult><EncodingType>url</EncodingType>\
                 <IsTruncated>{truncated}</IsTruncated><NextKeyMarker>k%01</NextKeyMarker>\
                 <NextUploadIdMarker>u0</NextUploadIdMarker>\
                 <Upload><Key>k%01</Key><UploadId>u{page}</UploadId>\
                 <Initiated>2999-01-01T00:00:00Z</Initiated></Upload>\
                 </ListMultipartUploadsResult>"
            );
            answer(200, body)
        });
        let objects = objects("abc", "k\u{1}", None);
        let clean_up = CleanUp::new(&s3, &objects, Instant::now(), &Limit::none(), 1);
        let begun = Begun {
            own: Some("own".to_owned()),
            ..Begun::default()
        };
        let object = (objects.place.clone(), begun);
        let found = clean_up.list(&HashMap::from([("k\u{1}", &object)])).await;
        let ids: Vec<String> = found
            .expect("two pages")
            .into_iter()
            .map(|one| one.id)
            .collect();
        assert_eq!(ids, ["u0", "u1"]);
    }
}
