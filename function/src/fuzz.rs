//! Events as nobody should write them: each is an order or explains itself.
//!
//! A second of them in every test; `FUZZ_S=600 cargo test --release fuzz` tries ten minutes. What fails is kept in
//! proptest-regressions, and tried first from then on.

use crate::error::Error;
use crate::event::{Job, MAX_JOBS, Order};
use crate::spans::MAX_PARTS;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

const FIELDS: &[&str] = &[
    "op",
    "bucket",
    "key",
    "mb_per_file",
    "bytes_per_file",
    "part_mb",
    "parts_in_flight",
    "read_times",
    "range_mb",
    "ranges_in_flight",
    "verify",
    "objects",
    "for_s",
    "open_s",
    "start_at",
    "stop_by",
    "jobs",
    "answer_key",
    "other",
];

/// Good events, which are then spoilt.
fn good() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"op": "write", "bucket": "abc", "key": "k", "mb_per_file": 640, "part_mb": 8, "parts_in_flight": 16}),
        json!({"op": "write", "bucket": "abc", "key": "k", "bytes_per_file": 4096, "for_s": 30, "objects": 1000}),
        json!({"op": "read", "bucket": "abc", "key": "k", "range_mb": 8, "ranges_in_flight": 4, "verify": true}),
        json!({"op": "read", "bucket": "abc", "key": "k", "objects": 7, "read_times": 2, "start_at": 1.79e9}),
        json!({"op": "ping", "bucket": "abc"}),
        json!({"jobs": [{"op": "ping", "bucket": "abc"}], "answer_key": "a"}),
    ])
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.0, 0.5, 1e300, -1.0, 840.5]).prop_map(Value::from),
        (0_u64..12_000).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[ -~]{0,3}".prop_map(|text| Value::from(text.repeat(700))),
        prop::sample::select(vec!["write", "read", "ping", "abc"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(FIELDS), inner, 0..4)
                .prop_map(|fields| Value::Object(named(fields))),
        ]
    })
}

fn named(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// An event whose fields are replaced, added or taken away, or no event at all.
fn any_event() -> impl Strategy<Value = Value> {
    let change = (
        prop::sample::select(FIELDS),
        prop::option::weighted(0.8, any_value()),
    );
    let spoilt = (good(), prop::collection::vec(change, 0..4)).prop_map(|(mut event, changes)| {
        let fields = event.as_object_mut().expect("a good event is one");
        for (name, value) in changes {
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
        event
    });
    prop_oneof![9 => spoilt, 1 => any_value()]
}

/// What an order promises to who carries it out, or an error to who reads it.
fn holds(event: &Value) -> Result<(), TestCaseError> {
    match Order::try_from(event.clone()) {
        Ok(Order::Squad(squad)) => prop_assert!((1..=MAX_JOBS).contains(&squad.jobs.len())),
        Ok(Order::Job(Job::Ping(_))) => {}
        Ok(Order::Job(Job::Write(job))) => {
            let place = job.objects.nth(job.objects.count() - 1);
            prop_assert!(place.key.as_str().len() <= 1024);
            prop_assert!(job.division(&place.key).count(job.size) <= MAX_PARTS);
            prop_assert!((1..=job.in_flight).contains(&job.connections()));
        }
        Ok(Order::Job(Job::Read(job))) => {
            let place = job.objects.nth(job.objects.count() - 1);
            prop_assert!(place.key.as_str().len() <= 1024 && job.times > 0);
            prop_assert!((1..=job.in_flight).contains(&job.connections()));
        }
        Err(Error::InvalidEvent(message)) => {
            let named = FIELDS.iter().any(|field| message.contains(field));
            prop_assert!(
                named || message.contains("an object is expected"),
                "{}",
                message
            );
            prop_assert!(message.len() < 1000, "{}", message);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
        Err(error) => prop_assert!(false, "{error:?}"),
    }
    Ok(())
}

#[test]
fn any_event_is_an_order_or_explains_itself() {
    let seconds = std::env::var("FUZZ_S").map_or(1, |text| {
        text.parse().expect("FUZZ_S is a whole number of seconds")
    });
    let (began, budget) = (Instant::now(), Duration::from_secs(seconds));
    let mut runner = TestRunner::new(Config {
        source_file: Some(file!()),
        ..Config::with_cases(256)
    });
    while began.elapsed() < budget {
        let outcome = runner.run(&any_event(), |event| holds(&event));
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
