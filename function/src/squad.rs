//! A squad of several jobs: a worker for each, all at once, and one answer with every result.

use crate::clock;
use crate::event::Place;
use crate::fields::Epoch;
use crate::invoker::{Failure, Invoker, Patience, failed};
use crate::limit::Limit;
use crate::retry;
use crate::s3::S3;
use bytes::Bytes;
use serde_json::Value;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long after its job's `stop_by` a worker may take to clean up and answer. The squad's own answer is in the bucket
/// [`PUT_TIMEOUT`] later, in time for a driver that looks for it 10 s after `stop_by`.
const CLEANUP: Duration = Duration::from_secs(6);

/// How long before the function's deadline a squad stops waiting for its workers: enough to put its answer and give it.
/// Workers begin later than their squad, and give up [`crate::limit::MARGIN`] before their own deadline.
const RESERVE: Duration = Duration::from_secs(4);

/// How long the answer may take into the bucket.
const PUT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long before the function's deadline that is given up: enough to answer.
const PUT_RESERVE: Duration = Duration::from_secs(1);

/// The largest answer of a squad in bytes; Lambda's own limit is 6 MB.
const LARGEST_ANSWER: usize = 5_000_000;

/// A message is not made shorter than this, in bytes of its JSON.
const SHORT_MESSAGE: usize = 200;

/// Has every one of `jobs` done by a worker of `function`, and gives their results in the order of the jobs. When the
/// last of them must have given up, and [`RESERVE`] before `deadline` at the latest, it answers with what it has.
pub async fn run(
    invoker: &Invoker,
    function: &str,
    jobs: Vec<Value>,
    deadline: Option<Instant>,
) -> Vec<Value> {
    let function: Arc<str> = function.into();
    let mut answers: Vec<Value> = jobs.iter().map(|job| failed(job, &lost())).collect();
    let mut workers = JoinSet::new();
    for (index, job) in jobs.into_iter().enumerate() {
        let (invoker, function) = (invoker.clone(), Arc::clone(&function));
        workers.spawn(async move {
            let answer = invoker
                .invoke(&function, &job, patience(&job, deadline))
                .await;
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
    answers
}

/// A worker gives up at its job's `stop_by`, if there is one, and has [`CLEANUP`] to answer then.
fn patience(job: &Value, deadline: Option<Instant>) -> Patience {
    let moment = |field| {
        let moment = Epoch::try_from(job[field].clone()).ok()?;
        Some(Instant::from_std(clock::instant_of(moment.since_1970())))
    };
    let stop_by = moment("stop_by");
    let until = deadline.and_then(|deadline| deadline.checked_sub(RESERVE));
    let earlier = |moment: Option<Instant>| moment.into_iter().chain(until).min();
    Patience {
        hurry_until: moment("start_at"),
        begin_by: earlier(stop_by),
        answer_by: earlier(stop_by.map(|moment| moment + CLEANUP)),
    }
}

fn lost() -> Failure {
    Failure {
        kind: "Unanswered".to_owned(),
        message: "the squad lost track of this job, and its worker may go on: this is a bug"
            .to_owned(),
    }
}

/// Makes the answer at most [`LARGEST_ANSWER`] bytes long. First jobs go without their samples, then without their
/// latency, then with shorter messages, those with the longest ones first and no more of them than needed;
/// `samples_dropped`, `latency_dropped` or `message_shortened` says so on them.
pub fn fit(answers: &mut [Value]) {
    fit_into(LARGEST_ANSWER, answers);
}

fn fit_into(largest: usize, answers: &mut [Value]) {
    drop_longest(
        &["samples", "sent_samples"],
        "samples_dropped",
        largest,
        answers,
    );
    drop_longest(&["latency"], "latency_dropped", largest, answers);
    shorten_messages(largest, answers);
}

/// Drops `fields` of one job after the other while the answer is too long; the field `mark` says so.
fn drop_longest(fields: &[&str], mark: &str, largest: usize, answers: &mut [Value]) {
    let mut total = total_length(answers);
    let length_of = |answer: &Value| fields.iter().map(|field| length(&answer[*field])).sum();
    for (fields_length, index) in longest_first(answers, length_of) {
        // Short ones are no longer than their mark.
        if total <= largest || fields_length <= 2 * mark.len() {
            return;
        }
        let before = length(&answers[index]);
        if let Some(answer) = answers[index].as_object_mut() {
            for field in fields {
                answer.shift_remove(*field);
            }
            answer.insert(mark.to_owned(), true.into());
        }
        total = total + length(&answers[index]) - before;
    }
}

/// Shortens the message of one job after the other while the answer is too long.
fn shorten_messages(largest: usize, answers: &mut [Value]) {
    let mut total = total_length(answers);
    for (message_length, index) in longest_first(answers, |answer| length(message(answer))) {
        if total <= largest || message_length <= SHORT_MESSAGE {
            return;
        }
        let before = length(&answers[index]);
        answers[index]["message_shortened"] = true.into();
        let excess = total + length(&answers[index]) - before - largest;
        let room = message_length.saturating_sub(excess).max(SHORT_MESSAGE);
        let shorter = shortened(message(&answers[index]), room);
        answers[index]["error"]["message"] = shorter.into();
        total = total + length(&answers[index]) - before;
    }
}

fn message(answer: &Value) -> &Value {
    &answer["error"]["message"]
}

/// The beginning of `message` that takes at most `room` bytes of JSON.
fn shortened(message: &Value, room: usize) -> String {
    let message = message.as_str().unwrap_or_default();
    let mut left = room - "\"…\"".len();
    let end = message.char_indices().find_map(|(index, char)| {
        let escaped = match char {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..'\x20' => 6,
            _ => char.len_utf8(),
        };
        match left.checked_sub(escaped) {
            Some(less) => left = less,
            None => return Some(index),
        }
        None
    });
    format!("{}…", &message[..end.unwrap_or(message.len())])
}

/// The jobs by what `length_of` gives for their answers, the largest first: that, and their index.
fn longest_first(answers: &[Value], length_of: impl Fn(&Value) -> usize) -> Vec<(usize, usize)> {
    let mut lengths: Vec<(usize, usize)> = answers.iter().map(length_of).zip(0..).collect();
    lengths.sort_by_key(|(length, _)| Reverse(*length));
    lengths
}

/// How long `value` is as JSON, in bytes.
fn length(value: &Value) -> usize {
    value.to_string().len()
}

/// How long the whole answer is as JSON, in bytes: brackets and commas included.
fn total_length(answers: &[Value]) -> usize {
    answers
        .iter()
        .map(|answer| length(answer) + 1)
        .sum::<usize>()
        + 1
}

/// Puts the answer into the bucket, for a caller that has lost its connection; given up shortly before `deadline`. The
/// answer itself does not depend on it.
pub async fn put(s3: &S3, place: &Place, answers: &[Value], deadline: Option<Instant>) {
    let now = Instant::now();
    let latest = deadline.map_or(now + PUT_TIMEOUT, |deadline| {
        (now + PUT_TIMEOUT).min(deadline.checked_sub(PUT_RESERVE).unwrap_or(now))
    });
    let body = Bytes::from(serde_json::to_vec(answers).expect("values have string keys"));
    let limit = Limit::at(Some(latest), "the time to put the answer");
    let put = retry::send(&limit, || {
        s3.client
            .put_object()
            .bucket(place.bucket.as_str())
            .key(place.key.as_str())
            .content_type("application/json")
            .body(body.clone().into())
            .send()
    });
    let reason = match tokio::time::timeout_at(latest, put).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => crate::explain::causes(&error),
        Err(_) => "too slow".to_owned(),
    };
    tracing::warn!(%reason, key = place.key.as_str(), "the answer is not in the bucket");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::since_1970;
    use proptest::prelude::*;
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn a_job_is_waited_for_until_its_worker_has_given_up_and_never_past_the_squads_own_time()
    {
        let now = Instant::now();
        let after =
            |moment: Option<Instant>| moment.map(|moment| (moment - now).as_secs_f64().round());
        let waited = |stop_in: Option<f64>, deadline: Option<u64>| {
            let job = match stop_in {
                Some(stop_in) => json!({"stop_by": since_1970().as_secs_f64() + stop_in}),
                None => json!({}),
            };
            let deadline = deadline.map(|seconds| now + Duration::from_secs(seconds));
            let Patience {
                begin_by,
                answer_by,
                ..
            } = patience(&job, deadline);
            (after(begin_by), after(answer_by))
        };
        assert_eq!(waited(Some(60.0), Some(900)), (Some(60.0), Some(66.0)));
        assert_eq!(waited(Some(60.0), Some(30)), (Some(26.0), Some(26.0)));
        assert_eq!(waited(Some(60.0), None), (Some(60.0), Some(66.0)));
        assert_eq!(waited(None, Some(900)), (Some(896.0), Some(896.0)));
        assert_eq!(waited(None, None), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_common_start_of_a_job_is_known() {
        let now = Instant::now();
        let start_at = |job| {
            patience(&job, None)
                .hurry_until
                .map(|at| (at - now).as_secs_f64().round())
        };
        let ahead = since_1970().as_secs_f64() + 20.0;
        assert_eq!(start_at(json!({"start_at": ahead})), Some(20.0));
        assert_eq!(
            start_at(json!({"start_at": ahead - 60.0})),
            Some(0.0),
            "it is past"
        );
        assert_eq!(
            start_at(json!({"start_at": "soon"})),
            None,
            "its worker refuses it"
        );
    }

    fn result(samples: usize) -> Value {
        json!({"start": 1.5, "samples": vec![7; samples], "error": null})
    }

    #[test]
    fn the_longest_samples_are_dropped_until_the_answer_fits() {
        let mut long = result(200);
        long["sent_samples"] = json!(vec![7; 100]);
        let mut answers = vec![result(10), long, json!({"op": "read"}), result(200)];
        fit_into(700, &mut answers);
        assert!(total_length(&answers) <= 700);
        assert_eq!(
            answers[1],
            json!({"start": 1.5, "error": null, "samples_dropped": true})
        );
        assert_eq!(answers[3], result(200));
        assert_eq!(answers[0], result(10));
    }

    #[test]
    fn messages_are_shortened_when_no_samples_are_left_to_drop() {
        let failed =
            |length| json!({"op": "read", "samples": [], "error": {"message": "ä".repeat(length)}});
        let mut answers = vec![failed(50), result(300), failed(4000), failed(400)];
        fit_into(2500, &mut answers);
        assert!(
            (2490..=2500).contains(&total_length(&answers)),
            "no more than needed"
        );
        assert_eq!(answers[1]["samples_dropped"], true);
        assert_eq!((&answers[0], &answers[3]), (&failed(50), &failed(400)));
        assert_eq!(answers[2]["message_shortened"], true);
        assert_eq!(
            answers[2]["samples"],
            json!([]),
            "an empty list is shorter than its mark"
        );
        let message = message(&answers[2]).as_str().expect("a string");
        assert!(message.ends_with("ä…"), "{message}");
    }

    #[test]
    fn latency_is_dropped_when_no_samples_are_left_to_drop() {
        let whole = json!({"samples": vec![7; 100], "latency": vec![[16, 1000]; 20]});
        let mut answers = vec![whole.clone(), whole];
        fit_into(200, &mut answers);
        let neither = json!({"samples_dropped": true, "latency_dropped": true});
        let one = &answers[1]["latency"];
        assert_eq!(answers[0], neither);
        assert!(one.is_array() || answers[1] == neither, "{answers:?}");
        assert!(total_length(&answers) <= 200);
    }

    #[test]
    fn an_answer_that_fits_stays_whole() {
        let mut answers =
            vec![json!({"samples": [1, 2, 3], "error": {"message": "x".repeat(300)}})];
        let before = answers.clone();
        fit_into(total_length(&before), &mut answers);
        assert_eq!(answers, before);
    }

    #[test]
    fn the_largest_squad_fits_whatever_its_workers_say() {
        let job = json!({"op": "read", "key": "\u{1}".repeat(1024)});
        let failure = Failure {
            kind: "S3".to_owned(),
            message: "\u{1}\u{1F4A5}\"".repeat(3_000),
        };
        let mut answers = vec![failed(&job, &failure); 256];
        fit(&mut answers);
        let json = serde_json::to_vec(&answers).expect("values");
        assert!(
            (4_900_000..=LARGEST_ANSWER).contains(&json.len()),
            "{}",
            json.len()
        );
    }

    proptest! {
        #[test]
        fn any_answer_fits_and_says_what_it_lost(
            jobs in prop::collection::vec(
                (any::<Vec<char>>(), 0_usize..200, 0_usize..300, any::<bool>()),
                1..20,
            ),
            room in 330_usize..2000,
        ) {
            let before: Vec<Value> = jobs.iter().map(|(chars, times, samples, failed)| {
                let mut answer = json!({"op": "write", "key": "k", "samples": vec![1; *samples]});
                if *failed {
                    let message = String::from_iter(chars).repeat(*times);
                    answer["error"] = json!({"type": "S3", "message": message});
                }
                answer
            }).collect();
            let (mut answers, largest) = (before.clone(), room * jobs.len());
            fit_into(largest, &mut answers);
            let json = serde_json::to_vec(&answers).expect("values");
            prop_assert!(json.len() <= largest, "{} of {largest}", json.len());
            prop_assert_eq!(total_length(&answers), json.len());
            for (answer, before) in answers.iter().zip(&before) {
                let mut expected = before.clone();
                if answer["samples_dropped"] == true {
                    expected.as_object_mut().expect("it is one").shift_remove("samples");
                    expected["samples_dropped"] = true.into();
                }
                if answer["message_shortened"] == true {
                    let kept = message(answer).as_str().and_then(|message| message.strip_suffix('…'));
                    let kept = kept.expect("it tells that it goes on");
                    prop_assert!(message(before).as_str().is_some_and(|whole| whole.starts_with(kept)));
                    expected["error"]["message"] = answer["error"]["message"].clone();
                    expected["message_shortened"] = true.into();
                }
                prop_assert_eq!(answer, &expected);
            }
        }
    }
}
