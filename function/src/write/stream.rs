//! What is sent when: as many requests in flight as the job allows, whichever object they belong to.

use super::writer::{Object, Writer, part_number};
use crate::error::Error;
use crate::event::Write;
use crate::flight::{Flight, Next, Permit};
use crate::spans::{Division, Span};
use crate::uploads::CleanUp;
use aws_sdk_s3::types::CompletedPart;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An object in parts that is under way.
struct Upload {
    object: Arc<Object>,
    division: Division,
    /// Its id, empty until S3 has named it.
    id: Arc<str>,
    /// Whether its parts were allowed to begin.
    is_released: bool,
    /// How many parts have not begun.
    waiting: usize,
    in_flight: usize,
    /// Those that S3 has, and how many bytes they are together.
    parts: Vec<CompletedPart>,
    size: u64,
}

impl Upload {
    /// Whether it has a part, or will have one: an object comes of it, whenever the stream ends.
    const fn has_begun(&self) -> bool {
        self.size > 0 || self.in_flight > 0
    }
}

/// For how many parts beyond those that can be in flight uploads are created ahead, at most: S3 may refuse a creation,
/// and the requests in flight are not to drain meanwhile.
const AHEAD: usize = 8;

/// How long before a stream ends by time the parts of an object wait for those of the objects before it: an upload that
/// S3 refuses to create several times is most likely there by then, and what was sent of later objects is not in vain.
const IN_ORDER: Duration = Duration::from_secs(10);

/// What a request with a body sends.
enum Piece {
    Object(Arc<Object>),
    /// A part of the object of this index.
    Part(u64, Span),
}

/// What a request has done; objects in parts have an index.
enum Done {
    Object,
    Created(u64, String),
    /// An upload that could not be created before the end; what there may be of it is cleaned up.
    Unserved,
    /// With its entity tag.
    Part(u64, Span, String),
    Completed(u64),
}

/// The objects of a job, one after the other.
pub struct Stream<'a> {
    job: &'a Write,
    writer: Arc<Writer>,
    flight: Flight<Done>,
    /// How many objects were prepared so far.
    prepared: u64,
    /// How many parts the uploads have that are not released.
    expected: usize,
    /// What is ready to be sent, in order.
    waiting: VecDeque<Piece>,
    uploads: BTreeMap<u64, Upload>,
    /// Objects that are there, and beside which an upload may be that nobody knows.
    untidy: Vec<Arc<Object>>,
}

impl<'a> Stream<'a> {
    pub fn new(job: &'a Write, writer: Arc<Writer>) -> Self {
        Self {
            job,
            flight: Flight::new(job.in_flight, job.schedule.opening, &writer.limit),
            writer,
            prepared: 0,
            expected: 0,
            waiting: VecDeque::new(),
            uploads: BTreeMap::new(),
            untidy: Vec::new(),
        }
    }

    pub async fn run(&mut self) -> Result<(), Error> {
        let end = self.writer.end;
        let is_over = || end.is_some_and(|end| end <= Instant::now());
        loop {
            if is_over() {
                self.wind_down();
            } else {
                self.prepare();
            }
            match self.flight.next(!self.waiting.is_empty()).await? {
                None => return Ok(()),
                Some(Next::Room(permit)) if !is_over() => self.begin(permit),
                Some(Next::Room(_)) => {}
                Some(Next::Done(done)) => self.done(done),
            }
        }
    }

    /// Has as much ready as is wanted: an upload is created before its parts can be sent.
    fn prepare(&mut self) {
        while self.prepared < self.job.objects.count()
            && self.waiting.len() + self.expected < self.wanted()
        {
            let index = self.prepared;
            self.prepared += 1;
            let object = Arc::new(Object::new(self.job.objects.nth(index)));
            if self.job.is_in_parts() {
                self.create(index, object);
            } else {
                self.waiting.push_back(Piece::Object(object));
            }
        }
    }

    fn wanted(&self) -> usize {
        let allowed = self.flight.allowed();
        if self.job.is_in_parts() {
            allowed + allowed.min(AHEAD)
        } else {
            allowed
        }
    }

    fn create(&mut self, index: u64, object: Arc<Object>) {
        let division = self.job.division(&object.place.key);
        self.expected += division.parts(self.job.size).count();
        let upload = Upload {
            object: Arc::clone(&object),
            division,
            id: Arc::default(),
            is_released: false,
            waiting: 0,
            in_flight: 0,
            parts: Vec::new(),
            size: 0,
        };
        self.uploads.insert(index, upload);
        let writer = Arc::clone(&self.writer);
        self.flight.begin(async move {
            let id = writer.create(&object).await?;
            Ok(id.map_or(Done::Unserved, |id| Done::Created(index, id)))
        });
    }

    /// Sends what has waited longest.
    fn begin(&mut self, permit: Permit) {
        let writer = Arc::clone(&self.writer);
        match self.waiting.pop_front() {
            None => {}
            Some(Piece::Object(object)) => {
                let size = self.job.size;
                self.flight.begin(async move {
                    let _permit = permit;
                    writer.put_object(&object, size).await?;
                    Ok(Done::Object)
                });
            }
            Some(Piece::Part(index, span)) => {
                let upload = self.upload(index);
                upload.waiting -= 1;
                upload.in_flight += 1;
                let (object, id) = (Arc::clone(&upload.object), Arc::clone(&upload.id));
                self.flight.begin(async move {
                    let _permit = permit;
                    let etag = writer.upload_part(&object, &id, span).await?;
                    Ok(Done::Part(index, span, etag))
                });
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Object | Done::Unserved => {}
            Done::Created(index, id) => {
                self.upload(index).id = id.into();
                self.release();
            }
            Done::Part(index, span, etag) => {
                let number = part_number(span);
                let part = CompletedPart::builder().part_number(number).e_tag(etag);
                let upload = self.upload(index);
                upload.in_flight -= 1;
                upload.size += span.length;
                upload.parts.push(part.build());
                self.complete();
            }
            Done::Completed(index) => {
                let upload = self.uploads.remove(&index);
                let object = upload.expect("it is removed once").object;
                object.begun().completed = true;
                if object.begun().may_have_strays() {
                    self.untidy.push(object);
                }
            }
        }
    }

    /// Has the parts of the objects wait whose uploads S3 has named. Shortly before the stream ends by time, one object
    /// after the other.
    fn release(&mut self) {
        let end = self.writer.end;
        let in_order = end.is_some_and(|end| end <= Instant::now() + IN_ORDER);
        for (&index, upload) in &mut self.uploads {
            let is_named = !upload.id.is_empty();
            if in_order && !is_named {
                return;
            }
            if is_named && !upload.is_released {
                upload.is_released = true;
                let parts = upload.division.parts(self.job.size);
                upload.waiting = parts.clone().count();
                self.expected -= upload.waiting;
                let parts = parts.map(|span| Piece::Part(index, span));
                self.waiting.extend(parts);
            }
        }
    }

    /// Makes the parts of an object that, once all of them are there. Where the stream ends by time, after an object
    /// comes of each upload before it: whenever that is, its objects are the first ones, without a gap.
    fn complete(&mut self) {
        for (&index, upload) in &mut self.uploads {
            if self.writer.end.is_some() && !upload.has_begun() {
                return;
            }
            if upload.waiting > 0 || upload.in_flight > 0 || upload.parts.is_empty() {
                continue;
            }
            let mut parts = mem::take(&mut upload.parts);
            parts.sort_unstable_by_key(CompletedPart::part_number);
            let (object, id, size) = (
                Arc::clone(&upload.object),
                Arc::clone(&upload.id),
                upload.size,
            );
            let writer = Arc::clone(&self.writer);
            self.flight.begin(async move {
                writer.complete(&object.place, &id, parts, size).await?;
                Ok(Done::Completed(index))
            });
        }
    }

    /// Nothing more is begun: objects are completed with the parts that they have.
    fn wind_down(&mut self) {
        for piece in mem::take(&mut self.waiting) {
            if let Piece::Part(index, _) = piece {
                self.upload(index).waiting -= 1;
            }
        }
        self.complete();
    }

    fn upload(&mut self, index: u64) -> &mut Upload {
        let upload = self.uploads.get_mut(&index);
        upload.expect("an upload is kept until it is completed")
    }

    /// Aborts what is not completed, and the uploads that nobody knows. What may be left of them: an upload's id, or
    /// `unknown`.
    pub async fn clean_up(self) -> Option<String> {
        let unfinished = self.uploads.into_values().map(|upload| upload.object);
        let objects = unfinished.chain(self.untidy);
        let begun = objects.map(|object| {
            let begun = mem::take(&mut *object.begun());
            (object.place.clone(), begun)
        });
        let clean_up = CleanUp::new(
            &self.writer.s3,
            &self.job.objects,
            self.writer.began,
            &self.writer.limit,
            self.job.in_flight + AHEAD,
        );
        clean_up.run(begun.collect()).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{denied, good, kind, listed_part, silent};
    use super::super::{Written, write};
    use super::*;
    use crate::event::Job;
    use crate::limit::Limit;
    use crate::meter::{Meter, Reading};
    use crate::testing::{after, broken, in_no_time, key_of, refusal, s3_of};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::{HashMap, HashSet};
    use std::sync::Mutex;

    /// How long a request with a body takes in the tests of streams, and any other one.
    const TRANSFER: Duration = Duration::from_secs(1);
    const CALL: Duration = Duration::from_millis(300);

    /// What S3 got of a stream: when, the method, the key, the number of a part or 0, the bytes.
    type Got = Vec<(Duration, String, String, u64, u64)>;

    /// Writes a stream to an S3 that is in order.
    async fn streamed(fields: Value, end: Option<Duration>) -> (Written, Reading, Got) {
        streamed_but(fields, end, |_, _, _| None).await
    }

    /// The same, but for what `script` says of a request: its kind in words, its key, and which one of both it is, from
    /// 1 on.
    async fn streamed_but(
        fields: Value,
        end: Option<Duration>,
        script: impl Fn(&str, &str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Reading, Got) {
        let (written, reading, got, _) =
            streamed_within(Duration::from_hours(1), fields, end, script).await;
        (written, reading, got)
    }

    /// The same within a time; how long all of it took, too.
    async fn streamed_within(
        time: Duration,
        fields: Value,
        end: Option<Duration>,
        script: impl Fn(&str, &str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Reading, Got, Duration) {
        let times = Mutex::new(HashMap::new());
        let (got, began) = (Arc::new(Mutex::new(Got::new())), Instant::now());
        let log = Arc::clone(&got);
        let s3 = s3_of(move |request| {
            let (_, query) = request.uri().split_once('?').unwrap_or_default();
            let number = |name| {
                let (_, rest) = query.split_once(name)?;
                rest.split('&').next()?.parse().ok()
            };
            let part = number("partNumber=").unwrap_or_default();
            let length = request.headers().get("content-length");
            let length = length
                .and_then(|length| length.parse().ok())
                .unwrap_or_default();
            let method = request.method().to_owned();
            let query = query.strip_suffix('=').unwrap_or(query);
            let kind = kind(&format!("{method} {query}")).to_owned();
            let key = key_of(&request);
            let entry = (began.elapsed(), method, key.clone(), part, length);
            log.lock().expect("no test panics with it").push(entry);
            let mut times = times.lock().expect("no test panics with it");
            let times: &mut usize = times.entry((kind.clone(), key.clone())).or_default();
            *times += 1;
            script(&kind, &key, *times).unwrap_or_else(|| match kind.as_str() {
                "part" => after(TRANSFER, good("part")),
                "create" | "complete" => after(CALL, good(&kind)),
                other => good(other),
            })
        });
        let mut event = json!({"op": "write", "bucket": "abc", "key": "k", "open_s": 0});
        let more = fields.as_object().expect("it is one").clone();
        event.as_object_mut().expect("it is one").extend(more);
        let Ok(Job::Write(job)) = Job::try_from(event) else {
            panic!("a job");
        };
        let limit = Limit::at(Some(began + time), "this test");
        let meter = Meter::start();
        let end = end.map(|end| began + end);
        let written = write(&s3, &job, &meter, &limit, end).await;
        let got = mem::take(&mut *got.lock().expect("no test panics with it"));
        let reading = meter.read();
        (written, reading, got, began.elapsed())
    }

    /// The requests with a body, or others, of this method.
    fn of<'a>(got: &'a Got, method: &str) -> Vec<&'a (Duration, String, String, u64, u64)> {
        got.iter().filter(|one| one.1 == method).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_do_not_drain_between_objects() {
        let fields = json!({"mb_per_file": 15, "part_mb": 5, "parts_in_flight": 4, "objects": 40});
        let (written, reading, got) = streamed(fields, None).await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 40));
        let parts = of(&got, "PUT");
        assert_eq!(parts.len(), 120);
        // Four at a time from the first creation on, each second.
        let (first, last) = (parts[0].0, parts[119].0);
        assert!(first == CALL && last < first + 30 * TRANSFER, "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_do_not_drain_while_a_creation_is_refused() {
        let fields = json!({"mb_per_file": 15, "part_mb": 5, "parts_in_flight": 4, "objects": 40});
        let mut by_time = fields.clone();
        by_time["for_s"] = json!(120);
        for (fields, end) in [(fields, None), (by_time, Some(Duration::from_mins(2)))] {
            let (written, reading, got) = streamed_but(fields, end, |kind, key, times| {
                (kind == "create" && key == "k/7" && times <= 6)
                    .then(|| refusal(503, "SlowDown", ""))
            })
            .await;
            assert_eq!((written.outcome, reading.objects), (Ok(()), 40));
            let parts = of(&got, "PUT");
            let (first, last) = (parts[0].0, parts[119].0);
            assert!(last < first + 30 * TRANSFER, "{end:?}: {last:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_completion_that_pauses_keeps_no_creation_waiting() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 2, "objects": 8});
        let (written, reading, got) = streamed_but(fields, None, |kind, key, times| {
            let is_late = ["k/0", "k/1"].contains(&key) && times <= 5;
            (kind == "complete" && is_late).then(|| refusal(503, "SlowDown", ""))
        })
        .await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 8));
        // Two at a time, each second.
        let parts = of(&got, "PUT");
        assert!(parts[15].0 < parts[0].0 + 8 * TRANSFER, "{:?}", parts[15]);
    }

    #[tokio::test(start_paused = true)]
    async fn small_objects_go_side_by_side() {
        let fields = json!({"bytes_per_file": 4096, "parts_in_flight": 64, "objects": 640});
        let (written, reading, got) = streamed(fields, None).await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 640));
        assert_eq!(got.len(), 640, "one request each");
        assert!(got[639].0 < 10 * TRANSFER, "{:?}", got[639]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_its_end_a_stream_completes_what_has_parts_and_aborts_what_has_none() {
        let fields = json!({"mb_per_file": 35, "part_mb": 5, "parts_in_flight": 3, "for_s": 3});
        let end = Duration::from_millis(3500);
        let (written, reading, got) = streamed(fields, Some(end)).await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        // Three at a time from 0.3 s on, each second.
        let parts = of(&got, "PUT");
        assert_eq!(parts.len(), 12);
        assert!(parts.iter().all(|part| part.0 <= end));
        let second: Vec<u64> = parts
            .iter()
            .filter(|part| part.2 == "k/1")
            .map(|part| part.3)
            .collect();
        assert_eq!(second, [1, 2, 3, 4, 5], "the first ones of seven");
        let created = of(&got, "POST").len() - 2;
        assert_eq!((reading.objects, created), (2, 3));
        let aborted = of(&got, "DELETE");
        assert_eq!((aborted.len(), aborted[0].2.as_str()), (1, "k/2"));
        assert!(reading.stop >= reading.start);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_by_time_has_no_gap() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 6, "for_s": 3});
        let end = Duration::from_millis(3500);
        for slow in ["k/0", "k/1", "k/4"] {
            let (written, reading, got) =
                streamed_but(fields.clone(), Some(end), move |kind, key, _| {
                    (kind == "create" && key == slow).then(|| after(2 * TRANSFER, good("create")))
                })
                .await;
            assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            let mut keys: Vec<&str> = of(&got, "PUT").iter().map(|one| one.2.as_str()).collect();
            keys.dedup();
            let expected: Vec<String> = (0..reading.objects).map(|n| format!("k/{n}")).collect();
            assert!(expected.len() > 2, "{expected:?}");
            assert_eq!(keys, expected, "one after the other, {slow} late");
        }
        // A stream that ends while an object near its beginning is still being created.
        let (written, reading, got) = streamed_but(fields, Some(end), |kind, key, _| {
            (kind == "create" && key == "k/1").then(|| after(5 * TRANSFER, good("create")))
        })
        .await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!(reading.objects, 1);
        assert!(of(&got, "PUT").iter().all(|part| part.2 == "k/0"));
        let created = of(&got, "POST").len() - 1;
        assert_eq!(of(&got, "DELETE").len(), created - 1, "{got:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_has_no_gap_where_an_early_upload_is_never_created() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 6, "for_s": 60});
        let end = Some(Duration::from_mins(1));
        let (written, reading, got) = streamed_but(fields, end, |kind, key, _| {
            (kind == "create" && key == "k/7").then(|| refusal(503, "SlowDown", ""))
        })
        .await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!(reading.objects, 7);
        // One request each that creates the upload, and one that completes it.
        let asked = |index| {
            let key = format!("k/{index}");
            of(&got, "POST").iter().filter(|one| one.2 == key).count()
        };
        assert!((0..7).all(|index| asked(index) == 2) && (8..20).all(|index| asked(index) == 1));
        // Six at a time, each second until shortly before the end.
        assert!(of(&got, "PUT").len() >= 6 * 48);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_stream_counts_every_object_that_is_there() {
        let fields = json!({"bytes_per_file": 4096, "parts_in_flight": 4, "objects": 4});
        for failed in ["k/0", "k/3"] {
            let (written, reading, _) = streamed_but(fields.clone(), None, move |_, key, _| {
                (key == failed).then(|| after(TRANSFER, denied()))
            })
            .await;
            assert!(written.outcome.is_err());
            assert_eq!(reading.objects, 3, "{failed} failed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_its_end_a_stream_does_not_wait_for_an_upload_that_cannot_be_created() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 4, "for_s": 3});
        let end = Duration::from_millis(3500);
        for trouble in [broken, || refusal(503, "SlowDown", "")] {
            let (written, reading, _, took) = streamed_within(
                Duration::from_hours(1),
                fields.clone(),
                Some(end),
                move |kind, key, _| {
                    (kind == "create" && !["k/0", "k/1"].contains(&key)).then(trouble)
                },
            )
            .await;
            assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            assert_eq!(reading.objects, 2);
            let stop = reading
                .stop
                .checked_sub(reading.start)
                .expect("it took time");
            assert!(
                stop <= Duration::from_secs(5) && took < end + Duration::from_secs(5),
                "{took:?}"
            );
            // One that S3 has never named any upload says why.
            let (written, _, _, took) = streamed_within(
                Duration::from_hours(1),
                fields.clone(),
                Some(end),
                move |kind, _, _| (kind == "create").then(trouble),
            )
            .await;
            assert!(
                written.outcome.is_err() && took < end + Duration::from_secs(5),
                "{took:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn creations_open_with_the_parts_and_completions_have_as_many_permits() {
        let opening = json!({
            "mb_per_file": 6, "part_mb": 5, "parts_in_flight": 256, "for_s": 1, "open_s": 60
        });
        let (written, _, got) = streamed(opening, Some(Duration::from_secs(1))).await;
        assert_eq!(written.outcome, Ok(()));
        assert!(of(&got, "POST").len() < 12, "{got:?}");

        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 4, "objects": 40});
        let slow = 10 * TRANSFER;
        let (written, reading, got) = streamed_but(fields, None, move |kind, _, _| {
            (kind == "complete").then(|| after(slow, good("complete")))
        })
        .await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 40));
        let mut created = HashSet::new();
        let mut completions = of(&got, "POST");
        completions.retain(|one| !created.insert(one.2.clone()));
        let moments: Vec<Duration> = completions.iter().map(|one| one.0).collect();
        assert_eq!(moments.len(), 40);
        assert!(
            moments.windows(5).all(|five| five[4] >= five[0] + slow),
            "{moments:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn every_upload_is_aborted_within_the_time_after_the_limit() {
        // Each has two parts, of which none is sent before the limit.
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 128, "for_s": 60});
        let slow = |kind: &str, _: &str, times: usize| match kind {
            "part" => Some(silent()),
            "own" => Some(after(TRANSFER, good("own"))),
            "parts" if times == 1 => Some(after(TRANSFER, listed_part())),
            "parts" => Some(after(TRANSFER, good("parts"))),
            _ => None,
        };
        let limit = Duration::from_secs(4);
        let (written, _, got, took) = streamed_within(limit, fields.clone(), None, slow).await;
        assert!(matches!(written.outcome, Err(Error::Deadline(_))));
        assert_eq!(written.upload_left, None);
        assert!(took <= limit + Duration::from_secs(5), "{took:?}");
        let created = of(&got, "POST").len();
        let aborts = of(&got, "DELETE");
        assert!(created >= 64 && aborts.len() == 2 * created, "{created}");
        let looked = of(&got, "GET");
        assert!(
            aborts[created - 1].0 <= looked[0].0,
            "each is aborted once first"
        );

        let (written, _, _, _) = streamed_within(limit, fields, None, |kind, _, _| match kind {
            "part" => Some(silent()),
            "own" => Some(denied()),
            _ => None,
        })
        .await;
        assert_eq!(
            written.upload_left.as_deref(),
            Some("unknown"),
            "there are many"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn strays_of_many_objects_are_looked_for_together_and_not_longer_than_half_a_minute() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 64, "objects": 300});
        let throttled = |kind: &str, _: &str, times: usize| {
            (kind == "create" && times == 1).then(|| refusal(503, "SlowDown", ""))
        };
        let (written, reading, got) = streamed_but(fields.clone(), None, throttled).await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!((reading.objects, of(&got, "GET").len()), (300, 1));

        let (written, reading, _, took) = streamed_within(
            Duration::from_hours(1),
            fields,
            None,
            move |kind, key, times| match kind {
                "list" => Some(silent()),
                _ => throttled(kind, key, times),
            },
        )
        .await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!(reading.objects, 300);
        // With 300 objects, two creations, 600 parts by 64.
        assert!((30..70).contains(&took.as_secs()), "{took:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_object_is_there_once_with_every_byte(
            size in 1_u64..40 << 20,
            part_mb in 5_u64..16,
            in_flight in 1_usize..20,
            objects in 1_u64..12,
        ) {
            let fields = json!({
                "bytes_per_file": size, "part_mb": part_mb, "parts_in_flight": in_flight, "objects": objects
            });
            let (written, reading, got) = in_no_time(streamed(fields, None));
            prop_assert_eq!((written.outcome, reading.objects), (Ok(()), objects));
            let mut sent: Vec<_> = of(&got, "PUT").iter().map(|one| (one.2.clone(), one.3, one.4)).collect();
            sent.sort();
            let mut expected = Vec::new();
            for index in 0..objects {
                let key = format!("k/{index}");
                if size <= part_mb << 20 {
                    expected.push((key, 0, size));
                } else {
                    let parts = Division::of(&key, part_mb).parts(size);
                    expected.extend(parts.map(|part| (key.clone(), part.number, part.length)));
                }
            }
            expected.sort();
            prop_assert_eq!(sent, expected);
            prop_assert!(of(&got, "DELETE").is_empty());
        }

        #[test]
        fn a_stream_ends_within_one_request_of_its_time(
            mib in 1_u64..40,
            in_flight in 1_usize..20,
            end_ms in 1_000_u64..20_000,
        ) {
            let fields = json!({"mb_per_file": mib, "part_mb": 5, "parts_in_flight": in_flight, "for_s": 1});
            let end = Duration::from_millis(end_ms);
            let (took, written, reading, got) = in_no_time(async {
                let began = Instant::now();
                let (written, reading, got) = streamed(fields, Some(end)).await;
                (began.elapsed(), written, reading, got)
            });
            prop_assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            let parts = of(&got, "PUT");
            prop_assert!(parts.iter().all(|part| part.0 <= end));
            // A request with a body, and the completion of its object.
            prop_assert!(took <= end + TRANSFER + CALL + Duration::from_millis(20), "{took:?}");
            prop_assert!(took + TRANSFER >= end.saturating_sub(CALL), "{took:?}");
            let mut keys: Vec<&str> = parts.iter().map(|part| part.2.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(reading.objects, keys.len() as u64);
        }
    }
}
