//! An S3 for the tests of a write.

use crate::testing::{answer, answer_with, refusal};
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;

/// S3's clock in these tests, which is not this machine's.
const NOW: &str = "Wed, 25 Nov 2015 12:00:00 GMT";

/// What S3 was asked, in words.
pub fn kind(request: &str) -> &str {
    let id = || {
        let (_, rest) = request.split_once("uploadId=").unwrap_or_default();
        rest.split('&').next().unwrap_or_default()
    };
    match request.split_once(' ').unwrap_or((request, "")) {
        ("POST", "uploads") => "create",
        ("POST", _) => "complete",
        ("PUT", _) => "part",
        ("HEAD", _) => "head",
        ("DELETE", _) => id(),
        ("GET", query) if query.contains("uploadId") => "parts",
        ("GET", _) => "list",
        _ => panic!("{request}"),
    }
}

/// An S3 that is in order.
pub fn good(kind: &str) -> HttpConnectorFuture {
    match kind {
        "create" => answer(
            200,
            "<InitiateMultipartUploadResult><UploadId>own</UploadId></InitiateMultipartUploadResult>",
        ),
        "part" => answer_with(200, &[("etag", "e")], ""),
        "complete" => answer(
            200,
            "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
        ),
        "parts" => refusal(404, "NoSuchUpload", "The specified upload does not exist."),
        "head" => answer(404, ""),
        "list" => listed(&[]),
        _ => answer(204, ""),
    }
}

/// Uploads: key, id, and when it was initiated on the day of [`NOW`].
pub fn listed(uploads: &[(&str, &str, &str)]) -> HttpConnectorFuture {
    let uploads: Vec<String> = uploads
        .iter()
        .map(|(key, id, time)| {
            format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <Initiated>2015-11-25T{time}.000Z</Initiated></Upload>"
            )
        })
        .collect();
    let uploads = uploads.concat();
    let page = format!(
        "<ListMultipartUploadsResult><EncodingType>url</EncodingType>{uploads}</ListMultipartUploadsResult>"
    );
    answer_with(200, &[("date", NOW)], page)
}

pub fn listed_part() -> HttpConnectorFuture {
    answer(
        200,
        "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>",
    )
}

pub fn found(size: u64, time: &str) -> HttpConnectorFuture {
    let modified = format!("Wed, 25 Nov 2015 {time} GMT");
    let length = size.to_string();
    let headers = [
        ("date", NOW),
        ("content-length", &length),
        ("last-modified", &modified),
    ];
    answer_with(200, &headers, "")
}

pub fn denied() -> HttpConnectorFuture {
    refusal(403, "AccessDenied", "Access Denied")
}

pub fn silent() -> HttpConnectorFuture {
    HttpConnectorFuture::new(std::future::pending())
}
