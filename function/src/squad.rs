//! A squad: a list of jobs, a worker for each, all at once, and one answer with every result.

use crate::clock;
use crate::event::{Place, Squad};
use crate::fields::Epoch;
use crate::invoker::{Failure, Invoker, Patience, failed};
use crate::limit::MARGIN;
use crate::s3::S3;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The largest answer of a squad in bytes; Lambda's own limit is 6 MB.
const LARGEST_ANSWER: usize = 5_000_000;

/// How long the answer may take into the bucket.
const PUT_TIMEOUT: Duration = Duration::from_secs(3);

/// Has every job of `squad` done by a worker of `function`, and gives their results in the order of the jobs. When the
/// last of them must have given up, and at `until` at the latest, it answers with what it has.
pub async fn run(
    s3: &S3,
    invoker: &Invoker,
    function: &str,
    squad: Squad,
    until: Option<Instant>,
) -> Vec<Value> {
    let function: Arc<str> = function.into();
    let mut answers: Vec<Value> = squad.jobs.iter().map(|job| failed(job, &lost())).collect();
    let mut workers = JoinSet::new();
    for (index, job) in squad.jobs.into_iter().enumerate() {
        let (invoker, function) = (invoker.clone(), Arc::clone(&function));
        workers.spawn(async move {
            let answer = invoker.invoke(&function, &job, patience(&job, until)).await;
            (
                index,
                answer.unwrap_or_else(|failure| failed(&job, &failure)),
            )
        });
    }
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok((index, answer)) => answers[index] = answer,
            Err(error) => tracing::error!(%error, "an invocation panicked; its job is unanswered"),
        }
    }
    fit(&mut answers, LARGEST_ANSWER);
    if let Some(place) = &squad.answer {
        put(s3, place, &answers).await;
    }
    answers
}

/// A worker gives up at its job's `stop_by`, if there is one, and has [`MARGIN`] to answer then.
fn patience(job: &Value, until: Option<Instant>) -> Patience {
    let stop_by = Epoch::try_from(job["stop_by"].clone())
        .ok()
        .map(|moment| Instant::from_std(clock::instant_of(moment.since_1970())));
    let earlier = |moment: Option<Instant>| moment.into_iter().chain(until).min();
    Patience {
        begin_by: earlier(stop_by),
        answer_by: earlier(stop_by.map(|moment| moment + MARGIN)),
    }
}

fn lost() -> Failure {
    Failure {
        kind: "Unanswered".to_owned(),
        message: "the squad lost track of this job, and its worker may go on: this is a bug"
            .to_owned(),
    }
}

/// Makes the answer at most `largest` bytes long, as far as that can be: drops `samples`, the longest first, and says
/// so on those jobs.
fn fit(answers: &mut [Value], largest: usize) {
    let length = |answer: &Value| answer.to_string().len() + 1;
    let mut total: usize = answers.iter().map(length).sum::<usize>() + 1;
    let mut longest: Vec<usize> = (0..answers.len()).collect();
    longest.sort_by_key(|index| std::cmp::Reverse(answers[*index]["samples"].to_string().len()));
    for index in longest {
        if total <= largest {
            return;
        }
        let before = length(&answers[index]);
        if let Some(answer) = answers[index].as_object_mut()
            && answer.shift_remove("samples").is_some()
        {
            answer.insert("samples_dropped".to_owned(), true.into());
        }
        total = total + length(&answers[index]) - before;
    }
}

/// Puts the answer into the bucket, for a caller that has lost its connection. The answer itself does not depend on it.
async fn put(s3: &S3, place: &Place, answers: &[Value]) {
    let body = serde_json::to_vec(answers).expect("values have string keys");
    let put = s3
        .client
        .put_object()
        .bucket(place.bucket.as_str())
        .key(place.key.as_str())
        .content_type("application/json")
        .body(body.into())
        .send();
    match tokio::time::timeout(PUT_TIMEOUT, put).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            let error = crate::action::causes(&error);
            tracing::error!(%error, key = place.key.as_str(), "the answer is not in the bucket");
        }
        Err(_) => tracing::error!(
            key = place.key.as_str(),
            "the answer is not in the bucket: too slow"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::since_1970;
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn a_job_is_waited_for_until_its_worker_has_given_up_and_never_past_the_squads_own_time()
    {
        let now = Instant::now();
        let after =
            |moment: Option<Instant>| moment.map(|moment| (moment - now).as_secs_f64().round());
        let waited = |stop_in: Option<f64>, until: Option<u64>| {
            let job = match stop_in {
                Some(stop_in) => json!({"stop_by": since_1970().as_secs_f64() + stop_in}),
                None => json!({}),
            };
            let until = until.map(|seconds| now + Duration::from_secs(seconds));
            let Patience {
                begin_by,
                answer_by,
            } = patience(&job, until);
            (after(begin_by), after(answer_by))
        };
        assert_eq!(waited(Some(60.0), Some(895)), (Some(60.0), Some(65.0)));
        assert_eq!(waited(Some(60.0), Some(30)), (Some(30.0), Some(30.0)));
        assert_eq!(waited(Some(60.0), None), (Some(60.0), Some(65.0)));
        assert_eq!(waited(None, Some(895)), (Some(895.0), Some(895.0)));
        assert_eq!(waited(None, None), (None, None));
    }

    #[test]
    fn the_longest_samples_are_dropped_until_the_answer_fits() {
        let result =
            |samples: usize| json!({"start": 1.5, "samples": vec![7; samples], "error": null});
        let mut answers = vec![result(10), result(300), json!({"op": "read"}), result(200)];
        fit(&mut answers, 700);
        let text = serde_json::to_string(&answers).expect("values");
        assert!(text.len() <= 700, "{}", text.len());
        assert_eq!(
            answers[1],
            json!({"start": 1.5, "error": null, "samples_dropped": true})
        );
        assert_eq!(answers[3]["samples"].as_array().map(Vec::len), Some(200));
        assert_eq!(answers[0], result(10));
    }

    #[test]
    fn an_answer_that_fits_stays_whole() {
        let mut answers = vec![json!({"samples": [1, 2, 3]})];
        let before = answers.clone();
        let length = serde_json::to_string(&answers).expect("values").len();
        fit(&mut answers, length);
        assert_eq!(answers, before);
    }
}
