//! What a caller asks for: the event as it was written, and the order that it means.
//!
//! After [`Order::try_from`] nothing checks an input again.

use crate::barrier::Barrier;
use crate::error::Error;
use crate::fields::{Bucket, Epoch, Flag, Key, Seconds, Whole, quoted};
use crate::spans::{Division, MAX_PARTS};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// 2^20 bytes.
pub const MIB: u64 = 1 << 20;

/// Over how long the requests of a job open where its event does not say: 1,800 workers would otherwise open with
/// 14,400 requests in the same instant, and S3 asks to be approached gradually:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
const OPENING: Duration = Duration::from_secs(1);

/// The most objects of a stream.
const MAX_OBJECTS: u64 = 1_000_000;

/// The most jobs of a squad.
pub const MAX_JOBS: usize = 256;

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Job(Job),
    /// Have jobs done.
    Squad(Squad),
}

/// A list of jobs. Of several, each is done by a worker that the function invokes; a single one by the squad itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Squad {
    /// The events of the jobs, 1 to [`MAX_JOBS`]. Each worker checks its own.
    pub jobs: Vec<Value>,
    /// Where the answer is put besides being given; nowhere where no job names a bucket, and all will be refused.
    pub answer: Option<Place>,
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: Bucket,
    pub key: Key,
}

/// What a worker does.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    Write(Write),
    Read(Read),
    /// Answer who and when you are, and whether the bucket is in reach.
    Ping(Bucket),
}

/// The objects of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// Where the object is, or what the keys of a stream begin with.
    pub place: Place,
    /// None: one object at `place`; else a stream of so many below it.
    number: Option<u64>,
}

impl Objects {
    pub fn count(&self) -> u64 {
        self.number.unwrap_or(1)
    }

    pub const fn is_stream(&self) -> bool {
        self.number.is_some()
    }

    /// Where the object of this index is, from 0.
    pub fn nth(&self, index: u64) -> Place {
        let Place { bucket, key } = self.place.clone();
        let key = if self.is_stream() {
            key.numbered(index)
        } else {
            key
        };
        Place { bucket, key }
    }
}

/// When a job is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// How long after its start something new is begun at the latest.
    pub duration: Option<Duration>,
    /// Over how long the requests in flight open.
    pub opening: Duration,
    pub barrier: Barrier,
    /// Give up at this moment.
    pub stop_by: Option<Epoch>,
}

/// Objects to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub objects: Objects,
    pub schedule: Schedule,
    /// The size of each object, in bytes.
    pub size: u64,
    pub part_mib: u64,
    /// How many requests with a body are sent at the same time.
    pub in_flight: usize,
}

/// Objects to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub objects: Objects,
    pub schedule: Schedule,
    /// How many times each object is drained.
    pub times: u64,
    /// The size of the ranges that objects are read by; none: one GET for a whole object.
    pub range_mib: Option<u64>,
    /// How many GETs are in flight at the same time.
    pub in_flight: usize,
    /// Compare every byte with what `write` put there.
    pub verify: bool,
}

impl Write {
    /// Whether an object does not fit one part.
    pub const fn is_in_parts(&self) -> bool {
        self.size > self.part_mib * MIB
    }

    /// How the object at `key` is divided into parts.
    pub fn division(&self, key: &Key) -> Division {
        Division::of(key.as_str(), self.part_mib)
    }

    /// How many connections the job keeps busy: no more than its objects have parts.
    pub fn connections(&self) -> usize {
        let parts = self.division(&self.objects.place.key).count(self.size);
        let parts = usize::try_from(parts.saturating_mul(self.objects.count()));
        parts.map_or(self.in_flight, |parts| parts.min(self.in_flight))
    }
}

impl Read {
    /// How the object at `key` is divided into ranges; none: one GET for the whole object.
    pub fn division(&self, key: &Key) -> Option<Division> {
        let range_mib = self.range_mib?;
        Some(Division::of(key.as_str(), range_mib))
    }

    /// How many connections the job keeps busy, as far as its event tells: one GET for a whole object leaves nothing to
    /// read beside it, unless it is one of a stream.
    pub const fn connections(&self) -> usize {
        if self.range_mib.is_some() || self.objects.is_stream() {
            self.in_flight
        } else {
            1
        }
    }
}

/// The event as it was written: flat, every field optional, each within its own limits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Event {
    #[serde(deserialize_with = "present")]
    op: Option<Op>,
    #[serde(deserialize_with = "present")]
    bucket: Option<Bucket>,
    #[serde(deserialize_with = "present")]
    key: Option<Key>,
    #[serde(deserialize_with = "present")]
    mb_per_file: Option<Whole<1, 5_242_880>>,
    #[serde(deserialize_with = "present")]
    bytes_per_file: Option<Whole<1, { 5 << 40 }>>,
    #[serde(deserialize_with = "present")]
    part_mb: Option<Whole<5, 5120>>,
    #[serde(deserialize_with = "present")]
    parts_in_flight: Option<Whole<1, 256>>,
    #[serde(deserialize_with = "present")]
    read_times: Option<Whole<1, { u64::MAX }>>,
    #[serde(deserialize_with = "present")]
    range_mb: Option<Whole<0, 5120>>,
    #[serde(deserialize_with = "present")]
    ranges_in_flight: Option<Whole<1, 256>>,
    #[serde(deserialize_with = "present")]
    verify: Option<Flag>,
    #[serde(deserialize_with = "present")]
    objects: Option<Whole<1, MAX_OBJECTS>>,
    #[serde(deserialize_with = "present")]
    for_s: Option<Seconds<1, 840>>,
    #[serde(deserialize_with = "present")]
    open_s: Option<Seconds<0, 60>>,
    #[serde(deserialize_with = "present")]
    start_at: Option<Epoch>,
    #[serde(deserialize_with = "present")]
    stop_by: Option<Epoch>,
}

/// A field that is there has a value: null is refused, not taken for the default.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Value")]
enum Op {
    Write,
    Read,
    Ping,
}

impl TryFrom<Value> for Op {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("write") => Ok(Self::Write),
            Some("read") => Ok(Self::Read),
            Some("ping") => Ok(Self::Ping),
            _ => Err(format!(
                "{} is none of \"write\", \"read\" and \"ping\"",
                quoted(&value)
            )),
        }
    }
}

/// Which fields an event of each `op` may have besides `op` and `bucket`; the others are misplaced in it.
const WRITE_FIELDS: &[&str] = &[
    "key",
    "mb_per_file",
    "bytes_per_file",
    "part_mb",
    "parts_in_flight",
    "objects",
    "for_s",
    "open_s",
    "start_at",
    "stop_by",
];
const READ_FIELDS: &[&str] = &[
    "key",
    "read_times",
    "range_mb",
    "ranges_in_flight",
    "verify",
    "objects",
    "for_s",
    "open_s",
    "start_at",
    "stop_by",
];
const PING_FIELDS: &[&str] = &[];

/// A squad as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SquadEvent {
    jobs: Jobs,
    #[serde(default, deserialize_with = "present")]
    answer_key: Option<Key>,
}

/// 1 to [`MAX_JOBS`] events, none of them a squad.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
struct Jobs(Vec<Value>);

impl TryFrom<Value> for Jobs {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(jobs) if jobs.iter().any(|job| job.get("jobs").is_some()) => {
                Err("a squad within a squad; a job has an op, such as \"write\"".to_owned())
            }
            Value::Array(jobs) if (1..=MAX_JOBS).contains(&jobs.len()) => Ok(Self(jobs)),
            Value::Array(jobs) => Err(format!(
                "{} of them; a squad has 1 to {MAX_JOBS}",
                jobs.len()
            )),
            _ => Err(format!("{} is not a list of events", quoted(&value))),
        }
    }
}

impl TryFrom<Value> for Order {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        if value.get("jobs").is_some() {
            typed::<SquadEvent>(&value)?.into_squad().map(Self::Squad)
        } else {
            Job::try_from(value).map(Self::Job)
        }
    }
}

impl TryFrom<Value> for Job {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        let Value::Object(fields) = &value else {
            return Err(Error::InvalidEvent(format!(
                "the event is {}; an object is expected, such as \
                 {{\"op\": \"write\", \"bucket\": \"my-bucket\", \"key\": \"my-key\", \"mb_per_file\": 1}}",
                quoted(&value)
            )));
        };
        let names: Vec<String> = fields.keys().cloned().collect();
        typed::<Event>(&value)?.into_job(&names)
    }
}

fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        let reason = error.into_inner();
        // An unknown field has no path, and its own message names it.
        Error::InvalidEvent(if field == "." {
            reason.to_string()
        } else {
            format!("{field}: {reason}")
        })
    })
}

impl SquadEvent {
    fn into_squad(self) -> Result<Squad, Error> {
        let Self {
            jobs: Jobs(jobs),
            answer_key,
        } = self;
        let mut buckets: Vec<Bucket> = jobs
            .iter()
            .filter_map(|job| Bucket::try_from(job["bucket"].clone()).ok())
            .collect();
        buckets.dedup();
        if answer_key.is_some() && buckets.len() > 1 {
            return Err(Error::InvalidEvent(
                "answer_key: the jobs name several buckets, and the answer goes into the one that they share"
                    .to_owned(),
            ));
        }
        if let Some(key) = &answer_key {
            not_blank("answer_key", key)?;
        }
        let answer = answer_key
            .zip(buckets.pop())
            .map(|(key, bucket)| Place { bucket, key });
        Ok(Squad { jobs, answer })
    }
}

/// Refuses a key of blanks alone as that of an object: S3's clients take it for none.
fn not_blank(field: &str, key: &Key) -> Result<(), Error> {
    if key.is_blank() {
        let key = key.as_str();
        return Err(Error::InvalidEvent(format!(
            "{field}: {key:?} is blanks alone, which S3's clients do not send; a key has another character"
        )));
    }
    Ok(())
}

impl Event {
    fn into_job(self, names: &[String]) -> Result<Job, Error> {
        let op = self
            .op
            .ok_or_else(|| missing("op", "one of \"write\", \"read\" and \"ping\""))?;
        let (op_name, fields) = match op {
            Op::Write => ("write", WRITE_FIELDS),
            Op::Read => ("read", READ_FIELDS),
            Op::Ping => ("ping", PING_FIELDS),
        };
        if let Some(misplaced) = names.iter().find(|name| {
            let name = name.as_str();
            name != "op" && name != "bucket" && !fields.contains(&name)
        }) {
            let accepted: Vec<&str> = ["op", "bucket"].iter().chain(fields).copied().collect();
            return Err(Error::InvalidEvent(format!(
                "{misplaced}: not a field of op \"{op_name}\", which has {}",
                accepted.join(", ")
            )));
        }
        match op {
            Op::Write => self.into_write().map(Job::Write),
            Op::Read => self.into_read().map(Job::Read),
            Op::Ping => self.bucket().map(Job::Ping),
        }
    }

    fn bucket(&self) -> Result<Bucket, Error> {
        let bucket = self.bucket.clone();
        bucket.ok_or_else(|| missing("bucket", "the bucket's name"))
    }

    /// The object at the event's key, or a stream of `number` objects below it.
    fn objects(&self, number: Option<u64>) -> Result<Objects, Error> {
        let bucket = self.bucket()?;
        let key = self.key.clone();
        let key =
            key.ok_or_else(|| missing("key", "the object's key, 1 to 1,024 bytes of UTF-8"))?;
        if number.is_some() && !key.may_be_numbered() {
            return Err(Error::InvalidEvent(format!(
                "key: {} bytes; the key of a stream has at most 1,017, since the objects' numbers follow it",
                key.as_str().len()
            )));
        }
        if number.is_none() {
            not_blank("key", &key)?;
        }
        let place = Place { bucket, key };
        Ok(Objects { place, number })
    }

    fn schedule(&self) -> Result<Schedule, Error> {
        if let (Some(start_at), Some(stop_by)) = (self.start_at, self.stop_by)
            && stop_by <= start_at
        {
            return Err(Error::InvalidEvent(format!(
                "stop_by: {} is not later than start_at, {}",
                stop_by.since_1970().as_secs_f64(),
                start_at.since_1970().as_secs_f64()
            )));
        }
        Ok(Schedule {
            duration: self.for_s.map(Seconds::get),
            opening: self.open_s.map_or(OPENING, Seconds::get),
            barrier: Barrier::at(self.start_at),
            stop_by: self.stop_by,
        })
    }

    fn into_read(self) -> Result<Read, Error> {
        let times = if self.for_s.is_some() { u64::MAX } else { 1 };
        let range_mib = self.range_mb.unwrap_or(Whole::of::<64>()).get();
        Ok(Read {
            objects: self.objects(self.objects.map(Whole::get))?,
            schedule: self.schedule()?,
            times: self.read_times.map_or(times, Whole::get),
            range_mib: Some(range_mib).filter(|range_mib| *range_mib > 0),
            in_flight: count(self.ranges_in_flight.unwrap_or(Whole::of::<8>())),
            verify: self.verify.is_some_and(Flag::get),
        })
    }

    fn into_write(self) -> Result<Write, Error> {
        // What ends by time is a stream of as many objects as fit.
        let endless = self.for_s.map(|_| MAX_OBJECTS);
        let objects = self.objects(self.objects.map(Whole::get).or(endless))?;
        let size = self.size()?;
        let part_mib = self.part_mb.unwrap_or(Whole::of::<64>()).get();
        let parts = |part_mib| most_parts(&objects, size, part_mib);
        if parts(part_mib) > MAX_PARTS {
            let works = (part_mib..=5120).find(|part_mib| parts(*part_mib) <= MAX_PARTS);
            return Err(Error::InvalidEvent(format!(
                "part_mb: {part_mib} makes {} parts of {}, and S3 takes {MAX_PARTS}; the smallest part_mb that works \
                 is {}",
                parts(part_mib),
                told(size),
                works.expect("526 MiB do for the largest object")
            )));
        }
        Ok(Write {
            part_mib,
            size,
            in_flight: count(self.parts_in_flight.unwrap_or(Whole::of::<8>())),
            schedule: self.schedule()?,
            objects,
        })
    }

    /// The size of each object, in bytes.
    fn size(&self) -> Result<u64, Error> {
        match (self.mb_per_file, self.bytes_per_file) {
            (Some(mib), None) => Ok(mib.get() * MIB),
            (None, Some(bytes)) => Ok(bytes.get()),
            (Some(_), Some(_)) => Err(Error::InvalidEvent(
                "bytes_per_file: mb_per_file tells the object's size too; one of them is accepted"
                    .to_owned(),
            )),
            (None, None) => Err(missing(
                "mb_per_file",
                "the object's size in MiB, a whole number from 1 to 5242880, or bytes_per_file",
            )),
        }
    }
}

/// A size as an error names it.
fn told(size: u64) -> String {
    if size.is_multiple_of(MIB) {
        format!("{} MiB", size / MIB)
    } else {
        format!("{size} bytes")
    }
}

/// The most parts that an object has. Those of a stream have first parts of different lengths; the shortest one leaves
/// the most for others.
fn most_parts(objects: &Objects, size: u64, part_mib: u64) -> u64 {
    if objects.is_stream() && size > part_mib * MIB {
        Division::most(size, part_mib)
    } else {
        Division::of(objects.place.key.as_str(), part_mib).count(size)
    }
}

fn missing(field: &str, accepted: &str) -> Error {
    Error::InvalidEvent(format!("{field}: missing; {accepted}"))
}

fn count(in_flight: Whole<1, 256>) -> usize {
    usize::try_from(in_flight.get()).expect("at most 256")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn refusal(event: &Value) -> String {
        match Order::try_from(event.clone()) {
            Err(Error::InvalidEvent(message)) => message,
            other => panic!("{event} gave {other:?}"),
        }
    }

    #[test]
    fn a_write_has_defaults() {
        let job = Order::try_from(
            json!({"op": "write", "bucket": "abc", "key": "k", "mb_per_file": 2000}),
        );
        let Ok(Order::Job(Job::Write(write))) = job else {
            panic!("{job:?}")
        };
        assert_eq!(
            (write.size, write.part_mib, write.in_flight),
            (2000 * MIB, 64, 8)
        );
        assert_eq!(write.schedule.opening, Duration::from_secs(1));
        assert_eq!(
            (write.schedule.barrier, write.schedule.stop_by),
            (Barrier::at(None), None)
        );
        assert_eq!(write.connections(), 8);
        let small = Write {
            size: 65 * MIB,
            ..write
        };
        assert_eq!(small.connections(), 2, "no more than parts");
    }

    #[test]
    fn a_read_has_defaults_and_range_0_means_the_whole_object() {
        let read = |event| match Order::try_from(event) {
            Ok(Order::Job(Job::Read(read))) => read,
            other => panic!("{other:?}"),
        };
        let plain = read(json!({"op": "read", "bucket": "abc", "key": "k"}));
        assert_eq!(
            (plain.times, plain.range_mib, plain.in_flight, plain.verify),
            (1, Some(64), 8, false)
        );
        assert_eq!(plain.schedule.opening, Duration::from_secs(1));
        let whole =
            read(json!({"op": "read", "bucket": "abc", "key": "k", "range_mb": 0, "verify": true}));
        assert_eq!((whole.range_mib, whole.verify), (None, true));
        assert_eq!((plain.connections(), whole.connections()), (8, 1));
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn bad_events_are_refused_by_the_name_of_the_field_and_what_is_accepted() {
        let with = |field: &str, value: Value| {
            let mut event = json!({"op": "write", "bucket": "abc", "key": "k", "mb_per_file": 1});
            event[field] = value;
            event
        };
        let read = |field: &str, value: Value| {
            let mut event = json!({"op": "read", "bucket": "abc", "key": "k"});
            event[field] = value;
            event
        };
        let cases = [
            (json!(5), "the event is 5; an object"),
            (json!("write"), "the event is \"write\"; an object"),
            (json!(null), "the event is null; an object"),
            (json!([]), "the event is []; an object"),
            (json!(["write", "abc", "k", 1]), "an object is expected"),
            (json!({}), "op: missing; one of"),
            (
                json!({"op": "write", "key": "k", "mb_per_file": 1}),
                "bucket: missing",
            ),
            (
                json!({"op": "write", "bucket": "abc", "mb_per_file": 1}),
                "key: missing",
            ),
            (
                json!({"op": "write", "bucket": "abc", "key": "k"}),
                "mb_per_file: missing",
            ),
            (
                with("op", json!("copy")),
                "op: \"copy\" is none of \"write\", \"read\" and \"ping\"",
            ),
            (with("op", json!(null)), "op: null is none of"),
            (
                with("op", json!({"write": null})),
                "op: {\"write\":null} is none of",
            ),
            (
                with("mb_per_file", json!(0)),
                "mb_per_file: 0 is not a whole number from 1 to 5242880",
            ),
            (
                with("mb_per_file", json!(5_242_881)),
                "mb_per_file: 5242881 is not",
            ),
            (
                with("mb_per_file", json!("2000")),
                "mb_per_file: \"2000\" is not a whole number",
            ),
            (
                with("mb_per_file", json!(1.5)),
                "mb_per_file: 1.5 is not a whole number",
            ),
            (
                with("mb_per_file", json!(-1)),
                "mb_per_file: -1 is not a whole number",
            ),
            (
                with("mb_per_file", json!(null)),
                "mb_per_file: null is not a whole number",
            ),
            (
                with("part_mb", json!(4)),
                "part_mb: 4 is not a whole number from 5 to 5120",
            ),
            (with("part_mb", json!(5121)), "part_mb: 5121 is not"),
            (
                with("parts_in_flight", json!(0)),
                "parts_in_flight: 0 is not a whole number from 1 to 256",
            ),
            (
                with("parts_in_flight", json!(257)),
                "parts_in_flight: 257 is not",
            ),
            (
                with("parts_in_flight", json!([8])),
                "parts_in_flight: [8] is not",
            ),
            (
                with("bucket", json!("AB")),
                "bucket: \"AB\" is not a bucket's name: 3 to 63",
            ),
            (with("bucket", json!(7)), "bucket: 7 is not a bucket's name"),
            (
                with("key", json!("")),
                "key: \"\" has 0 bytes; a key has 1 to 1,024",
            ),
            (with("key", json!("x".repeat(1025))), "has 1025 bytes"),
            (
                with("key", json!(" \t\u{a0}")),
                r#"key: " \t\u{a0}" is blanks alone"#,
            ),
            (read("key", json!("  ")), r#"key: "  " is blanks alone"#),
            (
                json!({"jobs": [{"bucket": "abc"}], "answer_key": " "}),
                r#"answer_key: " " is blanks alone"#,
            ),
            (
                with("start_at", json!("now")),
                "start_at: \"now\" is not a moment in epoch seconds",
            ),
            (
                with("stop_by", json!(1_790_000_000_000_u64)),
                "stop_by: 1790000000000 is not a moment",
            ),
            (
                with("open_s", json!(61)),
                "open_s: 61 is not a number of seconds from 0 to 60",
            ),
            (
                read("open_s", json!(-1)),
                "open_s: -1 is not a number of seconds from 0 to 60",
            ),
            (read("open_s", json!(null)), "open_s: null is not a number"),
            (
                json!({"op": "ping", "bucket": "abc", "open_s": 1}),
                "open_s: not a field of op \"ping\"",
            ),
            (
                with("objects", json!(0)),
                "objects: 0 is not a whole number from 1 to 1000000",
            ),
            (read("objects", json!(1_000_001)), "objects: 1000001 is not"),
            (
                with("for_s", json!(0.5)),
                "for_s: 0.5 is not a number of seconds from 1 to 840",
            ),
            (read("for_s", json!("60")), "for_s: \"60\" is not"),
            (
                with("bytes_per_file", json!(4096)),
                "bytes_per_file: mb_per_file tells the object's size too; one of them",
            ),
            (
                json!({"op": "write", "bucket": "abc", "key": "k", "bytes_per_file": 5_497_558_138_881_u64}),
                "bytes_per_file: 5497558138881 is not a whole number from 1 to 5497558138880",
            ),
            (
                read("bytes_per_file", json!(1)),
                "bytes_per_file: not a field of op \"read\"",
            ),
            (
                json!({"op": "read", "bucket": "abc", "key": "k".repeat(1018), "objects": 1}),
                "key: 1018 bytes; the key of a stream has at most 1,017",
            ),
            (
                json!({"op": "ping", "bucket": "abc", "for_s": 1}),
                "for_s: not a field of op \"ping\"",
            ),
            (
                with("threads", json!(8)),
                "unknown field `threads`, expected one of `op`, `bucket`",
            ),
            (
                with("verify", json!(true)),
                "verify: not a field of op \"write\", which has op, bucket, key",
            ),
            (
                read("verify", json!("yes")),
                "verify: \"yes\" is neither true nor false",
            ),
            (
                read("read_times", json!(0)),
                "read_times: 0 is not a whole number of at least 1",
            ),
            (
                read("range_mb", json!(-64)),
                "range_mb: -64 is not a whole number from 0 to 5120",
            ),
            (
                read("ranges_in_flight", json!(300)),
                "ranges_in_flight: 300 is not",
            ),
            (
                read("part_mb", json!(64)),
                "part_mb: not a field of op \"read\"",
            ),
            (
                json!({"op": "ping", "bucket": "abc", "key": "k"}),
                "key: not a field of op \"ping\"",
            ),
        ];
        for (event, expected) in cases {
            let message = refusal(&event);
            assert!(message.contains(expected), "{event}: {message}");
        }
    }

    #[test]
    fn how_long_the_requests_open_is_a_number_of_seconds() {
        for (op, size) in [("write", json!(1)), ("read", json!(null))] {
            let mut event = json!({"op": op, "bucket": "abc", "key": "k", "open_s": 0.5});
            if op == "write" {
                event["mb_per_file"] = size;
            }
            let Ok(Job::Write(Write { schedule, .. }) | Job::Read(Read { schedule, .. })) =
                Job::try_from(event)
            else {
                panic!("refused")
            };
            assert_eq!(schedule.opening, Duration::from_millis(500));
        }
    }

    /// Of 6 MiB parts the first one has 5 MiB, whatever the key: 10,000 of them hold 59,999 MiB.
    #[test]
    fn too_many_parts_are_refused_with_the_smallest_part_that_works() {
        let write = |mb_per_file: u64, part_mb: u64| {
            Order::try_from(json!({
                "op": "write", "bucket": "abc", "key": "k", "mb_per_file": mb_per_file, "part_mb": part_mb
            }))
        };
        for (mb_per_file, part_mb, parts, works) in [
            (50_001, 5, 10_001, 6),
            (60_000, 6, 10_001, 7),
            (60_000, 5, 12_000, 7),
        ] {
            let Err(Error::InvalidEvent(message)) = write(mb_per_file, part_mb) else {
                panic!("{parts} parts were accepted")
            };
            assert!(
                message.contains(&format!("makes {parts} parts of {mb_per_file} MiB"))
                    && message.ends_with(&format!("works is {works}")),
                "{message}"
            );
            assert!(write(mb_per_file, works).is_ok());
        }
        assert!(write(50_000, 5).is_ok() && write(59_999, 6).is_ok());
    }

    proptest! {
        #[test]
        fn the_part_that_is_named_is_the_smallest_that_works(
            key in "[a-z]{1,8}",
            mb_per_file in 1_u64..=5_242_880,
            part_mb in 5_u64..=5120,
        ) {
            let write = |part_mb: u64| Job::try_from(json!({
                "op": "write", "bucket": "abc", "key": key, "mb_per_file": mb_per_file, "part_mb": part_mb
            }));
            match write(part_mb) {
                Ok(Job::Write(write)) => {
                    let division = write.division(&write.objects.place.key);
                    prop_assert!(division.parts(write.size).count() as u64 <= MAX_PARTS);
                }
                Err(Error::InvalidEvent(message)) => {
                    let works = message.rsplit(' ').next().and_then(|works| works.parse().ok());
                    let works: u64 = works.expect("a number at its end");
                    prop_assert!(works > part_mb && write(works).is_ok(), "{}", message);
                    prop_assert!((part_mb..works).all(|part_mb| write(part_mb).is_err()), "{}", message);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn a_write_is_a_stream_where_it_has_objects_or_a_time_and_a_read_where_it_has_objects() {
        for (fields, count, second) in [
            (json!({"bytes_per_file": 4096}), 1, "k"),
            (json!({"bytes_per_file": 4096, "objects": 3}), 3, "k/1"),
            (
                json!({"bytes_per_file": 4096, "for_s": 60}),
                1_000_000,
                "k/1",
            ),
            (
                json!({"bytes_per_file": 4096, "for_s": 60, "objects": 5}),
                5,
                "k/1",
            ),
            (json!({"for_s": 60}), 1, "k"),
            (json!({"for_s": 60, "objects": 1}), 1, "k/1"),
            (json!({"key": "  ", "objects": 2}), 2, "  /1"),
        ] {
            let op = if fields["bytes_per_file"].is_null() {
                "read"
            } else {
                "write"
            };
            let mut event = json!({"op": op, "bucket": "abc", "key": "k"});
            event
                .as_object_mut()
                .expect("it is one")
                .extend(fields.as_object().expect("too").clone());
            let objects = match Job::try_from(event) {
                Ok(Job::Write(write)) => write.objects,
                Ok(Job::Read(read)) => read.objects,
                other => panic!("{other:?}"),
            };
            assert_eq!(
                (objects.count(), objects.nth(1).key.as_str()),
                (count, second),
                "{fields}"
            );
        }
    }

    #[test]
    fn a_read_by_time_goes_round_until_then_unless_it_says_how_often() {
        let times = |event| match Job::try_from(event) {
            Ok(Job::Read(read)) => read.times,
            other => panic!("{other:?}"),
        };
        let mut event = json!({"op": "read", "bucket": "abc", "key": "k", "for_s": 60});
        assert_eq!(times(event.clone()), u64::MAX);
        event["read_times"] = json!(7);
        assert_eq!(times(event), 7);
    }

    #[test]
    fn parts_of_a_stream_are_few_enough_whatever_their_first_one_is() {
        let write = |mb_per_file: u64, part_mb: u64| {
            Job::try_from(json!({
                "op": "write", "bucket": "abc", "key": "k", "mb_per_file": mb_per_file, "part_mb": part_mb, "objects": 2
            }))
        };
        let refused = write(60_000, 6).expect_err("its first part may have 5 MiB");
        assert!(refused.to_string().contains("10001 parts"), "{refused}");
        assert!(write(60_000, 7).is_ok());
        assert!(write(59_999, 6).is_ok());
        assert!(write(50_000, 5).is_ok(), "none is shorter");
        assert!(write(50_001, 5).is_err());
    }

    #[test]
    fn a_job_that_must_stop_before_it_starts_is_refused() {
        let event = json!({"op": "read", "bucket": "abc", "key": "k", "start_at": 1.79e9, "stop_by": 1.79e9});
        assert_eq!(
            refusal(&event),
            "stop_by: 1790000000 is not later than start_at, 1790000000"
        );
    }

    #[test]
    fn a_squad_has_1_to_256_jobs_and_no_squad_among_them() {
        let squad = |jobs: Value| json!({"jobs": jobs});
        let ping = json!({"op": "ping", "bucket": "abc"});
        assert!(refusal(&squad(json!([]))).contains("jobs: 0 of them; a squad has 1 to 256"));
        assert!(refusal(&squad(json!(vec![&ping; 257]))).contains("jobs: 257 of them"));
        assert!(
            refusal(&squad(json!([ping, squad(json!([ping]))])))
                .contains("jobs: a squad within a squad")
        );
        assert!(refusal(&squad(json!("all"))).contains("jobs: \"all\" is not a list"));
        assert!(refusal(&json!({"jobs": [ping], "op": "write"})).contains("unknown field `op`"));
        assert!(
            refusal(&json!({"jobs": [ping], "answer_key": ""}))
                .contains("answer_key: \"\" has 0 bytes")
        );
        let whole = Order::try_from(squad(json!(vec![&ping; 256])));
        assert!(
            matches!(whole, Ok(Order::Squad(squad)) if squad.jobs.len() == 256 && squad.answer.is_none())
        );
    }

    #[test]
    fn the_answer_of_a_squad_goes_into_the_bucket_that_its_jobs_share() {
        let squad = |buckets: [&str; 2]| {
            let jobs = buckets.map(|bucket| json!({"op": "read", "bucket": bucket, "key": "k"}));
            Order::try_from(json!({"jobs": jobs, "answer_key": "terabit-runs/1/0.json"}))
        };
        let Ok(Order::Squad(Squad {
            answer: Some(place),
            ..
        })) = squad(["abc", "abc"])
        else {
            panic!("refused")
        };
        assert_eq!(
            (place.bucket.as_str(), place.key.as_str()),
            ("abc", "terabit-runs/1/0.json")
        );
        assert!(
            squad(["abc", "A"]).is_ok(),
            "a bad job costs nothing but itself"
        );
        assert!(squad(["abc", "abd"]).is_err());
        assert!(
            matches!(
                squad(["A", "A"]),
                Ok(Order::Squad(Squad { answer: None, .. }))
            ),
            "they are refused one by one"
        );
    }
}
