//! One invocation: from the event to the answer.

use crate::action::{Action, Where, explain};
use crate::answer::{Answer, InVain, JobResult, Pong, RequestMs, mbps, milliseconds};
use crate::barrier;
use crate::clock::{self, seconds, since_1970};
use crate::environment::Environment;
use crate::error::Error;
use crate::event::{Job, Order, Squad, Target};
use crate::fields::Bucket;
use crate::invoker::{Invoker, failed};
use crate::limit::{Limit, MARGIN};
use crate::meter::Meter;
use crate::read;
use crate::s3::{ATTEMPTS, S3};
use crate::squad;
use crate::usage;
use crate::write;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The function's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What answers the invocations of one environment, one after the other.
#[derive(Debug)]
pub struct Worker {
    s3: S3,
    invoker: Invoker,
    environment: Environment,
}

/// When an invocation began, and what the process had used until then.
#[derive(Clone, Copy)]
struct Entry {
    at: Instant,
    cpu: Duration,
    cold: Option<Duration>,
}

impl Worker {
    /// A worker that speaks to `s3`, and to Lambda through `invoker`.
    #[must_use]
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
        };
        let deadline = deadline(event.context.deadline);
        match Order::try_from(event.payload)? {
            Order::Job(job) => self.job(job, entry, deadline).await,
            Order::Squad(squad) => {
                let function = &event.context.invoked_function_arn;
                let answers = self.squad(squad, function, entry, deadline).await;
                Ok(Answer::Squad(answers))
            }
        }
    }

    async fn squad(
        &self,
        squad: Squad,
        function: &str,
        entry: Entry,
        deadline: Option<Duration>,
    ) -> Vec<Value> {
        let until = deadline.map(|deadline| clock::instant_of(deadline).into());
        let mut answers = match squad.jobs.as_slice() {
            [job] => vec![self.single(job, entry, deadline).await],
            _ => squad::run(&self.invoker, function, squad.jobs, until).await,
        };
        squad::fit(&mut answers);
        if let Some(place) = &squad.answer {
            squad::put(&self.s3, place, &answers, until).await;
        }
        answers
    }

    /// Does the single job of a squad, which would otherwise only wait for a worker; the job's element of the answer.
    async fn single(&self, event: &Value, entry: Entry, deadline: Option<Duration>) -> Value {
        let answer = match Job::try_from(event.clone()) {
            Ok(job) => self.job(job, entry, deadline).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => serde_json::to_value(answer).expect("its maps have string keys"),
            Err(error) => failed(event, &error.into()),
        }
    }

    async fn job(
        &self,
        job: Job,
        entry: Entry,
        deadline: Option<Duration>,
    ) -> Result<Answer, Error> {
        let result = match job {
            Job::Ping(bucket) => return self.ping(&bucket).await.map(Answer::Pong),
            Job::Write(job) => {
                let limit = Limit::of(job.target.stop_by, deadline);
                let meter = self.begin(&job.target, deadline, job.connections()).await?;
                let outcome = write::write(&self.s3, &job, &meter, &limit).await;
                self.result(entry, "write", &job.target, &meter, outcome)
            }
            Job::Read(job) => {
                let limit = Limit::of(job.target.stop_by, deadline);
                let meter = self.begin(&job.target, deadline, job.connections()).await?;
                let outcome = read::read(&self.s3, &job, &meter, &limit).await;
                self.result(entry, "read", &job.target, &meter, outcome)
            }
        };
        Ok(Answer::Result(Box::new(result)))
    }

    /// Waits for the barrier, if there is one; the job begins when this returns.
    async fn begin(
        &self,
        target: &Target,
        deadline: Option<Duration>,
        connections: usize,
    ) -> Result<Meter, Error> {
        if let Some(start_at) = target.start_at {
            if let Some(latest) = deadline.map(|deadline| deadline.saturating_sub(MARGIN))
                && start_at.since_1970() > latest
            {
                return Err(Error::InvalidEvent(format!(
                    "start_at: {} is later than {}, the environment's deadline less {} s: begin earlier, or give the \
                     function a longer timeout",
                    seconds(start_at.since_1970()),
                    seconds(latest),
                    MARGIN.as_secs()
                )));
            }
            barrier::wait(&self.s3, target, start_at, connections).await;
        }
        let meter = Meter::start();
        // Where workers share processors, as under `local`, all begin before one of them works on.
        std::thread::yield_now();
        Ok(meter)
    }

    fn result(
        &self,
        entry: Entry,
        op: &'static str,
        target: &Target,
        meter: &Meter,
        outcome: Result<(), Error>,
    ) -> JobResult {
        let reading = meter.read();
        let (start, stop) = (seconds(reading.start), seconds(reading.stop));
        if let Err(error) = &outcome {
            tracing::error!(kind = error.kind(), %error, op, key = target.key.as_str(), "job failed");
        }
        JobResult {
            start,
            stop,
            mbps: outcome.is_ok().then(|| mbps(reading.bytes, start, stop)),
            op,
            key: target.key.to_string(),
            bytes: reading.bytes,
            requests: reading.requests,
            retries: reading.retries,
            throttled: reading.throttled,
            first_byte_ms: reading.first_byte.map(milliseconds),
            request_ms: RequestMs::of(&reading),
            late_s: seconds(barrier::late(target.start_at, reading.start)),
            in_vain: InVain::of(&reading),
            samples: reading.samples,
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
            error: outcome.err(),
        }
    }

    async fn ping(&self, bucket: &Bucket) -> Result<Pong, Error> {
        let place = Where {
            region: &self.s3.region,
            bucket,
            key: None,
        };
        self.s3
            .client
            .head_bucket()
            .bucket(bucket.as_str())
            .send()
            .await
            .map_err(|error| explain(&error, Action::HeadBucket, place, ATTEMPTS))?;
        Ok(Pong {
            now: seconds(since_1970()),
            version: VERSION,
            memory_mb: self.environment.memory_mb,
            arch: self.environment.arch,
            region: self.s3.region.clone(),
        })
    }
}

/// The environment's deadline, since 1970-01-01 UTC, from milliseconds. One that is past is unknown: `cargo lambda
/// watch` always says 1970.
fn deadline(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds)).filter(|deadline| *deadline > since_1970())
}

#[cfg(test)]
mod tests {
    use super::*;

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
