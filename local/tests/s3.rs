//! S3 as its clients see it.

mod common;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, EncodingType};
use common::Local;
use local::identity::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUCKET: &str = "terabit-local";
const MIB: usize = 1 << 20;

/// Status and code of a refusal.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.expect_err("is refused");
    let status = error
        .raw_response()
        .expect("was answered")
        .status()
        .as_u16();
    (
        status,
        error
            .as_service_error()
            .and_then(|error| error.code())
            .unwrap_or_default()
            .to_owned(),
    )
}

fn data(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at * 7 % 251).unwrap())
        .collect()
}

async fn put(client: &Client, key: &str, body: &[u8]) -> String {
    let body = ByteStream::from(body.to_vec());
    let answer = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
    answer.e_tag.unwrap()
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let answer = client
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap();
    answer.body.collect().await.unwrap().to_vec()
}

/// Begins an upload and sends parts of these sizes; returns its id and the parts.
async fn parts(client: &Client, key: &str, sizes: &[usize]) -> (String, Vec<CompletedPart>) {
    let begun = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap();
    let id = begun.upload_id.unwrap();
    let mut sent = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let body = ByteStream::from(data(*size));
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(&id)
            .part_number(number);
        let answer = part.body(body).send().await.unwrap();
        sent.push(
            CompletedPart::builder()
                .part_number(number)
                .e_tag(answer.e_tag.unwrap())
                .build(),
        );
    }
    (id, sent)
}

fn complete(
    client: &Client,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder
{
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id)
        .multipart_upload(parts)
}

async fn reads_what_was_written(local: &Local) {
    let s3 = local.s3();
    for length in [0, 1, 1000, 300_000, 3 * MIB] {
        let etag = put(&s3, "key", &data(length)).await;
        assert!(get(&s3, "key").await == data(length), "{length}");
        let head = s3
            .head_object()
            .bucket(BUCKET)
            .key("key")
            .send()
            .await
            .unwrap();
        assert_eq!(head.content_length, Some(i64::try_from(length).unwrap()));
        assert_eq!(head.e_tag, Some(etag));
    }
    let (id, sent) = parts(&s3, "many", &[5 * MIB, 6 * MIB, 10]).await;
    let done = complete(&s3, "many", &id, sent).send().await.unwrap();
    assert!(done.e_tag.unwrap().ends_with("-3\""));
    let whole = [data(5 * MIB), data(6 * MIB), data(10)].concat();
    assert!(get(&s3, "many").await == whole);
    // Across the border of two parts.
    let range = format!("bytes={}-{}", 5 * MIB - 3, 5 * MIB + 3);
    let part = s3
        .get_object()
        .bucket(BUCKET)
        .key("many")
        .range(range)
        .send()
        .await
        .unwrap();
    let total = whole.len();
    assert_eq!(
        part.content_range.unwrap(),
        format!("bytes {}-{}/{total}", 5 * MIB - 3, 5 * MIB + 3)
    );
    assert_eq!(
        part.body.collect().await.unwrap().to_vec(),
        whole[5 * MIB - 3..=5 * MIB + 3]
    );
}

#[tokio::test]
async fn memory_gives_back_what_it_was_given() {
    let local = common::start(&[]);
    reads_what_was_written(&local).await;
    local.service.stop().await;
}

#[tokio::test]
async fn a_folder_gives_back_what_it_was_given_even_after_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let arguments = ["--dir", folder.path().to_str().unwrap()];
    let local = common::start(&arguments);
    reads_what_was_written(&local).await;
    put(&local.s3(), "gone", b"x").await;
    local
        .s3()
        .delete_object()
        .bucket(BUCKET)
        .key("gone")
        .send()
        .await
        .unwrap();
    let (id, mut sent) = parts(&local.s3(), "open", &[5 * MIB]).await;
    let before = get(&local.s3(), "many").await;
    local.service.stop().await;

    let local = common::start(&arguments);
    let s3 = local.s3();
    assert!(get(&s3, "many").await == before);
    assert_eq!(
        refusal(s3.get_object().bucket(BUCKET).key("gone").send().await),
        (404, "NoSuchKey".into())
    );
    let part = s3
        .upload_part()
        .bucket(BUCKET)
        .key("open")
        .upload_id(&id)
        .part_number(2);
    let answer = part
        .body(ByteStream::from_static(b"end"))
        .send()
        .await
        .unwrap();
    sent.push(
        CompletedPart::builder()
            .part_number(2)
            .e_tag(answer.e_tag.unwrap())
            .build(),
    );
    complete(&s3, "open", &id, sent).send().await.unwrap();
    assert_eq!(get(&s3, "open").await.len(), 5 * MIB + 3);
    for key in ["key", "many", "open"] {
        s3.delete_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap();
    }
    let left = std::fs::read_dir(folder.path().join(BUCKET).join("data"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "deleted objects leave no bodies");
    local.service.stop().await;
}

#[tokio::test]
async fn refusals_are_those_of_s3() {
    let local = common::start(&["--bucket", BUCKET, "--bucket", "far-away=eu-west-1"]);
    let s3 = local.s3();
    put(&s3, "key", b"0123456789").await;
    let got = |key: &str| s3.get_object().bucket(BUCKET).key(key);
    assert_eq!(refusal(got("none").send().await), (404, "NoSuchKey".into()));
    assert_eq!(
        refusal(got("key").range("bytes=10-").send().await),
        (416, "InvalidRange".into())
    );
    assert_eq!(
        refusal(got("key").if_match("\"other\"").send().await),
        (412, "PreconditionFailed".into())
    );
    assert_eq!(
        refusal(s3.list_objects_v2().bucket("nowhere").send().await),
        (404, "NoSuchBucket".into())
    );
    let again = s3
        .put_object()
        .bucket(BUCKET)
        .key("key")
        .if_none_match("*")
        .body(ByteStream::from_static(b"x"));
    assert_eq!(
        refusal(again.send().await),
        (412, "PreconditionFailed".into())
    );

    assert_eq!(
        refusal(s3.list_objects_v2().bucket("far-away").send().await),
        (301, "PermanentRedirect".into())
    );
    let head = s3
        .head_bucket()
        .bucket("far-away")
        .send()
        .await
        .expect_err("is elsewhere");
    let answer = head.raw_response().unwrap();
    assert_eq!(answer.status().as_u16(), 301);
    assert_eq!(
        answer.headers().get("x-amz-bucket-region"),
        Some("eu-west-1")
    );

    let stranger = local.s3_with_key("AKIAIOSFODNN7EXAMPLE", "x");
    assert_eq!(
        refusal(stranger.list_objects_v2().bucket(BUCKET).send().await),
        (403, "InvalidAccessKeyId".into())
    );
    let liar = local.s3_with_key(&Identity::Command.access_key(), "wrong");
    assert_eq!(
        refusal(liar.list_objects_v2().bucket(BUCKET).send().await),
        (403, "SignatureDoesNotMatch".into())
    );
    local.service.stop().await;
}

#[tokio::test]
async fn an_upload_is_checked_when_it_is_completed() {
    let local = common::start(&[]);
    let s3 = local.s3();
    let (id, sent) = parts(&s3, "key", &[100, 5 * MIB]).await;
    let of = |parts| complete(&s3, "key", &id, parts).send();
    assert_eq!(
        refusal(of(sent.clone()).await),
        (400, "EntityTooSmall".into())
    );
    let backwards = vec![sent[1].clone(), sent[0].clone()];
    assert_eq!(
        refusal(of(backwards).await),
        (400, "InvalidPartOrder".into())
    );
    let wrong = CompletedPart::builder()
        .part_number(2)
        .e_tag("\"wrong\"")
        .build();
    assert_eq!(refusal(of(vec![wrong]).await), (400, "InvalidPart".into()));
    assert_eq!(
        refusal(complete(&s3, "key", "none", sent.clone()).send().await),
        (404, "NoSuchUpload".into())
    );
    assert_eq!(
        refusal(s3.get_object().bucket(BUCKET).key("key").send().await),
        (404, "NoSuchKey".into())
    );

    let uploads = s3
        .list_multipart_uploads()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(uploads.uploads().len(), 1);
    let listed = s3
        .list_parts()
        .bucket(BUCKET)
        .key("key")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    let sizes: Vec<_> = listed
        .parts()
        .iter()
        .map(|part| part.size().unwrap())
        .collect();
    assert_eq!(sizes, [100, 5 << 20]);
    s3.abort_multipart_upload()
        .bucket(BUCKET)
        .key("key")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert!(
        s3.list_multipart_uploads()
            .bucket(BUCKET)
            .send()
            .await
            .unwrap()
            .uploads()
            .is_empty()
    );
    assert_eq!(refusal(of(sent).await), (404, "NoSuchUpload".into()));
    local.service.stop().await;
}

#[tokio::test]
async fn a_listing_of_many_pages_is_complete() {
    let local = common::start(&[]);
    let s3 = local.s3();
    let keys: Vec<String> = (0..25).map(|n| format!("a b/{n:02}+&ü")).collect();
    for key in &keys {
        put(&s3, key, b"").await;
    }
    let mut pages = s3
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("a b/")
        .max_keys(10)
        .into_paginator()
        .send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(
            page.unwrap()
                .contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
    }
    assert_eq!(listed, keys);
    let folded = s3
        .list_objects_v2()
        .bucket(BUCKET)
        .delimiter("/")
        .send()
        .await
        .unwrap();
    assert_eq!(folded.common_prefixes()[0].prefix(), Some("a b/"));
    local.service.stop().await;
}

#[tokio::test]
async fn uploads_at_keys_that_xml_cannot_carry_are_listed_encoded() {
    let local = common::start(&[]);
    let s3 = local.s3();
    let create = |key: &str| s3.create_multipart_upload().bucket(BUCKET).key(key);
    for key in ["a\u{1}", "a\u{2}"] {
        // Its answer names the key, so that no client can read it.
        create(key).send().await.unwrap_err();
    }
    let list = || {
        let list = s3.list_multipart_uploads().bucket(BUCKET).max_uploads(1);
        list.encoding_type(EncodingType::Url)
    };
    let page = list().send().await.unwrap();
    assert_eq!(page.uploads()[0].key(), Some("a%01"));
    assert_eq!(page.next_key_marker(), Some("a%01"));
    let next = list()
        .key_marker("a\u{1}")
        .set_upload_id_marker(page.next_upload_id_marker)
        .send()
        .await
        .unwrap();
    assert_eq!(next.uploads()[0].key(), Some("a%02"));
    assert_eq!(next.is_truncated(), Some(false));
    local.service.stop().await;
}

#[tokio::test]
async fn objects_below_a_prefix_that_xml_cannot_carry_are_listed_encoded() {
    let local = common::start(&[]);
    let s3 = local.s3();
    for key in ["\u{1}/a\u{1}", "\u{1}/b\u{1}c"] {
        put(&s3, key, b"x").await;
    }
    let list = s3.list_objects_v2().bucket(BUCKET).prefix("\u{1}/");
    let list = list.start_after("\u{1}/a").delimiter("\u{1}");
    let page = list.encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(page.prefix(), Some("%01/"));
    assert_eq!(page.start_after(), Some("%01/a"));
    assert_eq!(page.delimiter(), Some("%01"));
    assert_eq!(page.common_prefixes()[1].prefix(), Some("%01/b%01"));
    local.service.stop().await;
}

#[tokio::test]
async fn a_role_lacks_what_is_denied() {
    let local = common::start(&["--deny", "s3:ListBucket", "--deny", "s3:PutObject"]);
    put(&local.s3(), "key", b"x").await;
    let worker = local.s3_as(Identity::Worker(1));
    assert_eq!(get(&worker, "key").await, b"x");
    let denied = (403, "AccessDenied".to_owned());
    assert_eq!(
        refusal(worker.get_object().bucket(BUCKET).key("none").send().await),
        denied
    );
    let write = worker
        .put_object()
        .bucket(BUCKET)
        .key("key")
        .body(ByteStream::from(data(3 * MIB)));
    assert_eq!(refusal(write.send().await), denied);
    assert_eq!(
        refusal(worker.head_bucket().bucket(BUCKET).send().await).0,
        403
    );
    local.service.stop().await;
}

#[tokio::test]
async fn a_full_store_says_so_and_has_room_again_after_a_deletion() {
    let local = common::start(&["--memory", "4"]);
    let s3 = local.s3();
    put(&s3, "one", &data(3 * MIB)).await;
    let second = || {
        s3.put_object()
            .bucket(BUCKET)
            .key("two")
            .body(ByteStream::from(data(2 * MIB)))
            .send()
    };
    let error = second().await.expect_err("does not fit");
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 507);
    let message = error
        .as_service_error()
        .unwrap()
        .message()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("--memory 4") && message.contains("--dir"),
        "{message}"
    );
    s3.delete_object()
        .bucket(BUCKET)
        .key("one")
        .send()
        .await
        .unwrap();
    second().await.unwrap();
    local.service.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_no_object() {
    for arguments in [&[][..], &["--dir", "FOLDER"]] {
        let folder = tempfile::TempDir::new().unwrap();
        let arguments: Vec<&str> = arguments
            .iter()
            .map(|a| {
                if *a == "FOLDER" {
                    folder.path().to_str().unwrap()
                } else {
                    a
                }
            })
            .collect();
        let local = common::start(&arguments);
        let presigning =
            aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_mins(1));
        let request = local
            .s3()
            .put_object()
            .bucket(BUCKET)
            .key("torn")
            .content_length(1_000_000);
        let request = request.presigned(presigning.unwrap()).await.unwrap();
        let path = request
            .uri()
            .split_once("://")
            .unwrap()
            .1
            .split_once('/')
            .unwrap()
            .1;
        let mut stream = TcpStream::connect(common::address(&local.service.endpoints.s3))
            .await
            .unwrap();
        let head = format!(
            "PUT /{path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000000\r\n\r\n",
            common::address(&local.service.endpoints.s3)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![7; 500_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let got = local
            .s3()
            .get_object()
            .bucket(BUCKET)
            .key("torn")
            .send()
            .await;
        assert_eq!(refusal(got), (404, "NoSuchKey".into()));
        if let Ok(left) = std::fs::read_dir(folder.path().join(BUCKET).join("data")) {
            assert_eq!(left.count(), 0);
        }
        local.service.stop().await;
    }
}

#[tokio::test]
async fn the_first_byte_takes_as_long_as_modelled() {
    let local = common::start(&["--first-byte-ms", "80"]);
    let start = std::time::Instant::now();
    put(&local.s3(), "key", b"x").await;
    assert!(
        (80..400).contains(&start.elapsed().as_millis()),
        "{:?}",
        start.elapsed()
    );
    local.service.stop().await;
}

#[tokio::test]
async fn beyond_a_partitions_rate_workers_are_slowed_down_and_command_is_not() {
    let local = common::start(&["--s3-rate", "3/5"]);
    let workers = [1, 2].map(|number| local.s3_as(Identity::Worker(number)));
    let begun = std::time::Instant::now();
    let (mut written, mut got, mut slowed) = (0, 0, 0);
    for _ in 0..10 {
        for worker in &workers {
            let body = ByteStream::from_static(b"x");
            let write = worker.put_object().bucket(BUCKET).key("key").body(body);
            match write.send().await {
                Ok(_) => written += 1,
                refused => {
                    assert_eq!(refusal(refused), (503, "SlowDown".into()));
                    slowed += 1;
                }
            }
            match worker.head_object().bucket(BUCKET).key("key").send().await {
                Ok(_) => got += 1,
                // An answer to HEAD has no body to name the code.
                refused => assert_eq!(refusal(refused).0, 503),
            }
        }
        put(&local.s3(), "key", b"of COMMAND").await;
    }
    // A second's worth at once, then as many as come with time.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (3..=3 + 3 * seconds).contains(&written),
        "{written} in {seconds} s"
    );
    assert!((5..=5 + 5 * seconds).contains(&got), "{got} in {seconds} s");
    assert_eq!(written + slowed, 20);
    local.service.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_was_earned() {
    let local = common::start(&["--lost", "1"]);
    let body = ByteStream::from_static(b"x");
    let worker = local.s3_as(Identity::Worker(1));
    let answer = worker
        .put_object()
        .bucket(BUCKET)
        .key("key")
        .body(body)
        .send()
        .await;
    assert!(
        matches!(answer, Err(SdkError::DispatchFailure(_))),
        "{answer:?}"
    );
    assert_eq!(get(&local.s3(), "key").await, b"x");
    local.service.stop().await;
}

/// The head of a request that a worker signed, or so it says; the address to send it to.
fn of_worker(local: &Local, length: usize) -> (String, String) {
    let key = Identity::Worker(1).access_key();
    let address = common::address(&local.service.endpoints.s3).to_owned();
    let head = format!(
        "PUT /{BUCKET}/k HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={key}/20261126/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n"
    );
    (address, head)
}

#[tokio::test]
async fn a_request_may_be_refused_before_its_body_is_read() {
    let local = common::start(&["--refuse", "1"]);
    let (address, head) = of_worker(&local, 1_000_000_000);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("SlowDown"), "{answer}");
    local.service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_body_stands_still_is_hung_up_after_a_minute() {
    let local = common::start(&["--stall", "1"]);
    let (address, head) = of_worker(&local, 4);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let start = tokio::time::Instant::now();
    stream.write_all((head + "data").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty(), "{answer:?}");
    assert_eq!(start.elapsed().as_secs(), 60);
    local.service.stop().await;
}
