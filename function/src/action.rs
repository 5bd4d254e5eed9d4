//! The S3 operations of the worker, and what their errors mean for a job.

use crate::error::Error;
use crate::event::Target;
use crate::fields::Bucket;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error as StdError;
use std::fmt;

/// An S3 operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Is the bucket there and in reach?
    HeadBucket,
    /// Writes an object in one request.
    PutObject,
    /// Begins an object in parts.
    CreateMultipartUpload,
    /// Writes a part.
    UploadPart,
    /// Which parts has an upload?
    ListParts,
    /// Makes the parts an object.
    CompleteMultipartUpload,
    /// Throws the parts away.
    AbortMultipartUpload,
    /// Reads an object or a range of one.
    GetObject,
}

impl Action {
    /// The permission that the function's role needs for it.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::HeadBucket => "s3:ListBucket",
            Self::PutObject
            | Self::CreateMultipartUpload
            | Self::UploadPart
            | Self::CompleteMultipartUpload => "s3:PutObject",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Self::GetObject => "s3:GetObject",
        }
    }

    /// What else a refusal may mean.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::GetObject => {
                ", or the key does not exist and, without s3:ListBucket, S3 does not say so"
            }
            _ => "",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Where an operation went: what an error names.
#[derive(Clone, Copy, Debug)]
pub struct Where<'a> {
    /// The region that the client speaks to.
    pub region: &'a str,
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The key, where the operation has one.
    pub key: Option<&'a str>,
}

impl<'a> Where<'a> {
    /// The object of a job.
    #[must_use]
    pub fn of(target: &'a Target, region: &'a str) -> Self {
        Self {
            region,
            bucket: &target.bucket,
            key: Some(target.key.as_str()),
        }
    }
}

/// What S3 said, as far as it said something.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    code: String,
    message: String,
    bucket_region: Option<String>,
}

/// What `error` of `action` means for the job; `attempts`: how often it was tried.
pub fn explain<E>(
    error: &SdkError<E, HttpResponse>,
    action: Action,
    place: Where<'_>,
    attempts: u32,
) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let Some(service) = error.as_service_error() else {
        return Error::Connect {
            action,
            reason: causes(error),
        };
    };
    let response = error.raw_response();
    let answer = Answer {
        status: response.map_or(0, |response| response.status().as_u16()),
        code: service.code().unwrap_or_default().to_owned(),
        message: service.message().unwrap_or_default().to_owned(),
        bucket_region: response
            .and_then(|response| response.headers().get("x-amz-bucket-region"))
            .map(str::to_owned),
    };
    answer.explain(action, place, attempts)
}

impl Answer {
    fn explain(self, action: Action, place: Where<'_>, attempts: u32) -> Error {
        let bucket = place.bucket.to_string();
        let key = place.key.unwrap_or_default().to_owned();
        if let Some(there) = self.other_region(place.region) {
            return Error::WrongRegion {
                bucket,
                here: place.region.to_owned(),
                there,
            };
        }
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => Error::NoSuchBucket { bucket },
            (_, "NoSuchKey") => Error::NoSuchKey { bucket, key },
            // The answers to a HEAD have no body and so no code.
            (404, _) if action == Action::HeadBucket => Error::NoSuchBucket { bucket },
            (404, "" | "NotFound") => Error::NoSuchKey { bucket, key },
            (403, _) => Error::AccessDenied {
                action,
                bucket,
                reason: self.to_string(),
            },
            (412, _) => Error::ObjectChanged { key },
            // No byte of an empty object can be asked for.
            (416, _) => Error::empty(&key),
            (429 | 503, _) | (_, "SlowDown") => Error::SlowDown {
                action,
                attempts,
                reason: self.to_string(),
            },
            _ => Error::S3 {
                action,
                reason: self.to_string(),
            },
        }
    }

    /// The bucket's region, when S3 says that it is not `here`.
    fn other_region(&self, here: &str) -> Option<String> {
        if !matches!(self.status, 301 | 307 | 400) {
            return None;
        }
        let expected = || {
            Some(
                self.message
                    .split_once("expecting '")?
                    .1
                    .split_once('\'')?
                    .0
                    .to_owned(),
            )
        };
        let there = self.bucket_region.clone().or_else(expected);
        match there {
            Some(there) => Some(there).filter(|there| there != here),
            None => (self.status == 301).then(|| "another region".to_owned()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            code,
            message,
            ..
        } = self;
        match (code.as_str(), message.as_str()) {
            ("", "") => write!(formatter, "HTTP {status}"),
            (_, "") => write!(formatter, "HTTP {status} {code}"),
            _ => write!(formatter, "HTTP {status} {code}: {message}"),
        }
    }
}

/// An error and its causes, from the outermost to the first, each said once.
pub fn causes(error: &dyn StdError) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.ends_with(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn explained(action: Action, answer: Answer) -> Error {
        let bucket = Bucket::try_from(json!("abc")).expect("a bucket's name");
        answer.explain(
            action,
            Where {
                region: "us-east-1",
                bucket: &bucket,
                key: Some("k"),
            },
            3,
        )
    }

    fn answer(status: u16, code: &str) -> Answer {
        Answer {
            status,
            code: code.into(),
            ..Answer::default()
        }
    }

    #[test]
    fn answers_have_the_kind_of_their_cause() {
        let cases = [
            (
                Action::PutObject,
                answer(404, "NoSuchBucket"),
                "NoSuchBucket",
            ),
            (Action::HeadBucket, answer(404, ""), "NoSuchBucket"),
            (Action::GetObject, answer(404, "NoSuchKey"), "NoSuchKey"),
            (
                Action::GetObject,
                answer(403, "AccessDenied"),
                "AccessDenied",
            ),
            (Action::HeadBucket, answer(403, ""), "AccessDenied"),
            (
                Action::PutObject,
                answer(301, "PermanentRedirect"),
                "WrongRegion",
            ),
            (
                Action::GetObject,
                answer(412, "PreconditionFailed"),
                "ObjectChanged",
            ),
            (Action::GetObject, answer(416, "InvalidRange"), "ShortBody"),
            (Action::UploadPart, answer(503, "SlowDown"), "SlowDown"),
            (
                Action::UploadPart,
                answer(503, "ServiceUnavailable"),
                "SlowDown",
            ),
            (
                Action::CompleteMultipartUpload,
                answer(200, "InternalError"),
                "S3",
            ),
            (Action::UploadPart, answer(404, "NoSuchUpload"), "S3"),
            (Action::PutObject, answer(507, "InsufficientStorage"), "S3"),
        ];
        for (action, answer, kind) in cases {
            let shown = format!("{action} {answer:?}");
            assert_eq!(explained(action, answer).kind(), kind, "{shown}");
        }
    }

    #[test]
    fn the_right_region_is_named_wherever_s3_says_it() {
        let by_header = Answer {
            bucket_region: Some("eu-west-1".into()),
            ..answer(301, "PermanentRedirect")
        };
        let by_message = Answer {
            message: "The region 'us-east-1' is wrong; expecting 'eu-west-1'".into(),
            ..answer(400, "AuthorizationHeaderMalformed")
        };
        for answer in [by_header, by_message] {
            let error = explained(Action::HeadBucket, answer);
            assert!(
                matches!(&error, Error::WrongRegion { here, there, .. } if here == "us-east-1" && there == "eu-west-1"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_bad_request_to_the_right_region_is_not_its_fault() {
        let answer = Answer {
            bucket_region: Some("us-east-1".into()),
            ..answer(400, "InvalidArgument")
        };
        assert_eq!(explained(Action::PutObject, answer).kind(), "S3");
    }
}
