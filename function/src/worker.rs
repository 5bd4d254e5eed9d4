//! One invocation: from the event to the answer.

use crate::answer::{Answer, InVain, JobResult, Pong, RequestMs, mbps, milliseconds};
use crate::clock::{self, seconds, since_1970};
use crate::environment::Environment;
use crate::error::Error;
use crate::event::{Job, Objects, Order, Schedule, Squad};
use crate::explain::{Asked, explain};
use crate::fields::Bucket;
use crate::invoker::{Invoker, failed};
use crate::limit::Limit;
use crate::meter::{Meter, Reading};
use crate::operation::Operation;
use crate::read;
use crate::retry;
use crate::s3::S3;
use crate::squad;
use crate::usage;
use crate::write::{self, Written};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::Instant as Moment;

/// The function's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a `ping` may take.
const PING_TIMEOUT: Duration = Duration::from_secs(30);

/// How long before the environment's own deadline it gives up.
const PING_MARGIN: Duration = Duration::from_secs(1);

/// How long S3 is silent before that is worth a word: opening a connection may take most of it.
const SILENCE: Duration = Duration::from_secs(5);

/// What answers the invocations of one environment, one after the other.
#[derive(Debug)]
pub struct Worker {
    s3: S3,
    invoker: Invoker,
    environment: Environment,
}

/// How an invocation began.
#[derive(Clone, Copy)]
struct Entry {
    at: Instant,
    /// What the process had used until then.
    cpu: Duration,
    /// How long the environment took to begin, where this is its first invocation.
    cold: Option<Duration>,
    /// When Lambda ends the invocation, since 1970-01-01 UTC.
    deadline: Option<Duration>,
}

/// A write or a read, as far as they are alike.
#[derive(Clone, Copy)]
struct Transfer<'a> {
    op: &'static str,
    objects: &'a Objects,
    schedule: &'a Schedule,
    connections: usize,
}

impl Worker {
    /// A worker that speaks to `s3`, and to Lambda through `invoker`.
    pub const fn new(s3: S3, invoker: Invoker, environment: Environment) -> Self {
        Self {
            s3,
            invoker,
            environment,
        }
    }

    /// Answers one event.
    ///
    /// # Errors
    ///
    /// An event that is refused before any work. A job that began and failed answers too, with its error.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Answer, Error> {
        let entry = Entry {
            at: Instant::now(),
            cpu: usage::cpu(),
            cold: self.environment.cold(),
            deadline: deadline(event.context.deadline),
        };
        match Order::try_from(event.payload)? {
            Order::Job(job) => self.job(job, entry).await,
            Order::Squad(squad) => {
                let function = &event.context.invoked_function_arn;
                Ok(Answer::Squad(self.squad(squad, function, entry).await))
            }
        }
    }

    async fn squad(&self, squad: Squad, function: &str, entry: Entry) -> Vec<Value> {
        let until = entry
            .deadline
            .map(|deadline| clock::instant_of(deadline).into());
        let mut answers = match squad.jobs.as_slice() {
            [job] => vec![self.single(job, entry).await],
            _ => squad::run(&self.invoker, function, squad.jobs, until).await,
        };
        squad::fit(&mut answers);
        if let Some(place) = &squad.answer {
            squad::put(&self.s3, place, &answers, until).await;
        }
        answers
    }

    /// Does the single job of a squad, which would otherwise only wait for a worker; the job's element of the answer.
    async fn single(&self, event: &Value, entry: Entry) -> Value {
        let answer = match Job::try_from(event.clone()) {
            Ok(job) => self.job(job, entry).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => serde_json::to_value(answer).expect("its maps have string keys"),
            Err(error) => failed(event, &error.into()),
        }
    }

    async fn job(&self, job: Job, entry: Entry) -> Result<Answer, Error> {
        let s3 = &self.s3;
        match job {
            Job::Ping(bucket) => self.ping(&bucket, entry.deadline).await.map(Answer::Pong),
            Job::Write(job) => {
                let transfer = Transfer {
                    op: "write",
                    objects: &job.objects,
                    schedule: &job.schedule,
                    connections: job.connections(),
                };
                let write = async |meter: &Meter, limit: &Limit, end| {
                    write::write(s3, &job, meter, limit, end).await
                };
                self.transfer(transfer, entry, write).await
            }
            Job::Read(job) => {
                let transfer = Transfer {
                    op: "read",
                    objects: &job.objects,
                    schedule: &job.schedule,
                    connections: job.connections(),
                };
                let read = async |meter: &Meter, limit: &Limit, end| {
                    read::read(s3, &job, meter, limit, end).await.into()
                };
                self.transfer(transfer, entry, read).await
            }
        }
    }

    /// Has a write or a read done by `moves` when it is time, and answers.
    async fn transfer(
        &self,
        transfer: Transfer<'_>,
        entry: Entry,
        moves: impl AsyncFnOnce(&Meter, &Limit, Option<Moment>) -> Written,
    ) -> Result<Answer, Error> {
        let schedule = transfer.schedule;
        let bucket = &transfer.objects.place.bucket;
        let opening = schedule
            .barrier
            .wait(&self.s3, bucket, transfer.connections, entry.deadline)
            .await?;
        let (meter, began) = (Meter::start(), Moment::now());
        let start = schedule.barrier.start(meter.began());
        let end = schedule
            .duration
            .map(|duration| clock::instant_of(start + duration).into());
        let written = if end.is_some_and(|end| end <= Moment::now()) {
            Err(too_late(schedule)).into()
        } else {
            let limit = Limit::of(schedule.stop_by, entry.deadline);
            moves(&meter, &limit, end).await
        };
        meter.stop();
        let reading = meter.read();
        let outcome = written
            .outcome
            .map_err(|error| blamed(error, &reading, began.elapsed()));
        opening.close().await;
        Ok(self.answer(transfer, entry, reading, Written { outcome, ..written }))
    }

    fn answer(
        &self,
        transfer: Transfer<'_>,
        entry: Entry,
        reading: Reading,
        written: Written,
    ) -> Answer {
        let op = transfer.op;
        let key = &transfer.objects.place.key;
        let outcome = written.outcome;
        let (start, stop) = (seconds(reading.start), seconds(reading.stop));
        if let Err(error) = &outcome {
            tracing::error!(kind = error.kind(), %error, op, key = key.as_str(), "job failed");
        }
        Answer::Result(Box::new(JobResult {
            start,
            stop,
            mbps: outcome.is_ok().then(|| mbps(reading.bytes, start, stop)),
            op,
            key: key.to_string(),
            bytes: reading.bytes,
            objects: reading.objects,
            requests: reading.requests,
            retries: reading.retries,
            throttled: reading.throttled,
            first_byte_ms: reading.first_byte.map(milliseconds),
            request_ms: RequestMs::of(&reading),
            late_s: seconds(transfer.schedule.barrier.late(reading.start)),
            in_vain: InVain::of(&reading),
            samples: reading.samples,
            latency: reading.latency,
            handler_s: seconds(entry.at.elapsed()),
            init_s: seconds(entry.cold.unwrap_or_default()),
            cpu_s: seconds(usage::cpu().saturating_sub(entry.cpu)),
            max_rss_mb: usage::max_rss_mb(),
            memory_mb: self.environment.memory_mb,
            arch: self.environment.arch,
            cold: entry.cold.is_some(),
            checksum: "none",
            payload_signed: false,
            worker: self.environment.worker.clone(),
            version: VERSION,
            upload_left: written.upload_left,
            error: outcome.err(),
        }))
    }

    async fn ping(&self, bucket: &Bucket, deadline: Option<Duration>) -> Result<Pong, Error> {
        let latest = Moment::now() + PING_TIMEOUT;
        let until = deadline.map_or(latest, |deadline| {
            let deadline = clock::instant_of(deadline.saturating_sub(PING_MARGIN));
            latest.min(deadline.into())
        });
        let limit = Limit::at(Some(until), "the end of a ping");
        let head = || self.s3.client.head_bucket().bucket(bucket.as_str()).send();
        let asked = Asked {
            operation: Operation::HeadBucket,
            region: &self.s3.region,
            bucket,
            key: "",
        };
        tokio::time::timeout_at(until, retry::send(&limit, head))
            .await
            .map_err(|_| asked.unreachable("not in the time that a ping has".to_owned()))?
            .map_err(|failure| explain(&failure, asked))?;
        Ok(Pong {
            now: seconds(since_1970()),
            version: VERSION,
            memory_mb: self.environment.memory_mb,
            arch: self.environment.arch,
            region: self.s3.region.clone(),
        })
    }
}

/// The error of a job that took so long, where more time would not have helped: S3 was silent.
fn blamed(error: Error, reading: &Reading, took: Duration) -> Error {
    let silent = !reading.is_answered && reading.sent == 0 && took >= SILENCE;
    match error {
        Error::Deadline(message) if silent && reading.requests > 0 => Error::Deadline(format!(
            "S3 has sent nothing (first check the function's network: a VPC needs a route to S3), and {message}"
        )),
        error => error,
    }
}

/// The error of a job that begins when it should have ended.
fn too_late(schedule: &Schedule) -> Error {
    let duration = schedule.duration.unwrap_or_default().as_secs_f64();
    Error::Deadline(format!(
        "the job began when the {duration} s of its for_s were over: give the fleet more time to start (--start-in)"
    ))
}

/// The environment's deadline, since 1970-01-01 UTC, from milliseconds. One that is past is unknown: `cargo lambda
/// watch` always says 1970.
fn deadline(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds)).filter(|deadline| *deadline > since_1970())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{after, answer, answer_with, in_no_time, refusal, s3};
    use aws_config::BehaviorVersion;
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use serde_json::json;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A worker whose requests come to `answer`.
    fn worker(answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static) -> Worker {
        let lambda = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .build();
        let invoker = Invoker::new(aws_sdk_lambda::Client::from_conf(lambda));
        let environment = Environment::from_env(Instant::now());
        Worker::new(s3(move |_| answer()), invoker, environment)
    }

    /// What a ping comes to where S3 answers so, and how long it takes, rounded to seconds.
    async fn pinged(
        answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
    ) -> (Error, f64) {
        let bucket = Bucket::try_from(json!("abc")).expect("a bucket's name");
        let began = Moment::now();
        let pong = worker(answer).ping(&bucket, None).await;
        let error = pong.expect_err("no answer");
        (error, began.elapsed().as_secs_f64().round())
    }

    /// Why a job fails that has so many seconds. Its clock is its own: time that passes at once is ahead of the real
    /// one.
    fn failed_within(seconds: f64, mut job: Value, worker: &Worker) -> String {
        job["stop_by"] = (since_1970().as_secs_f64() + seconds).into();
        let entry = Entry {
            at: Instant::now(),
            cpu: usage::cpu(),
            cold: None,
            deadline: None,
        };
        let answer = in_no_time(worker.single(&job, entry));
        assert_eq!(answer["error"]["type"], "Deadline", "{answer}");
        answer["error"]["message"].to_string()
    }

    #[test]
    fn a_silent_s3_is_blamed_and_not_the_time() {
        let silent = worker(|| HttpConnectorFuture::new(std::future::pending()));
        let first = AtomicBool::new(true);
        let slow = worker(move || {
            let headers = [("etag", "e"), ("content-range", "bytes 0-1048575/2097152")];
            if first.swap(false, Ordering::Relaxed) {
                answer_with(206, &headers, "x".repeat(1 << 20))
            } else {
                HttpConnectorFuture::new(std::future::pending())
            }
        });
        let read = json!({"op": "read", "bucket": "abc", "key": "k", "range_mb": 1, "ranges_in_flight": 1});
        let write = json!({"op": "write", "bucket": "abc", "key": "k", "mb_per_file": 1});
        for job in [&read, &write] {
            // A job that has no time has not waited for S3.
            for (seconds, blamed) in [(10.0, true), (-10.0, false)] {
                let message = failed_within(seconds, job.clone(), &silent);
                let told = message.contains("check the function's network");
                assert_eq!(told, blamed, "{message}");
            }
        }
        let failing = worker(|| after(Duration::from_millis(3500), answer(500, "")));
        for answering in [slow, failing] {
            let message = failed_within(10.0, read.clone(), &answering);
            assert!(!message.contains("network"), "{message}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_takes_half_a_minute_at_most() {
        let (error, took) = pinged(|| HttpConnectorFuture::new(std::future::pending())).await;
        assert_eq!((error.kind(), took), ("Connect", 30.0), "{error}");
        let (error, took) = pinged(|| refusal(503, "SlowDown", "")).await;
        assert_eq!((error.kind(), took), ("SlowDown", 29.0), "{error}");
    }

    #[test]
    fn a_deadline_that_is_past_is_unknown() {
        assert_eq!(deadline(600_000), None);
        let later = since_1970() + Duration::from_mins(1);
        let milliseconds = u64::try_from(later.as_millis()).expect("this millennium");
        assert_eq!(
            deadline(milliseconds).map(|deadline| deadline.as_millis()),
            Some(later.as_millis())
        );
    }
}
