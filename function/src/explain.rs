//! What an error of S3 means for a job: one of our errors, with advice.

use crate::error::Error;
use crate::fields::Bucket;
use crate::operation::Operation;
use crate::retry::{Failure, Trouble};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::create_session::CreateSessionError;
use std::error::Error as StdError;
use std::fmt;

/// What S3 said, as far as it said something.
#[derive(Debug, Default)]
struct Reply {
    status: u16,
    code: String,
    message: String,
    bucket_region: Option<String>,
    /// Why the answer could not be understood, where it has no code.
    misunderstood: Option<String>,
}

/// What a request went to: what an error names.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub operation: Operation,
    /// The region that the client speaks to.
    pub region: &'a str,
    pub bucket: &'a Bucket,
    /// Empty where the operation has none.
    pub key: &'a str,
}

/// What the failure of a request means for the job.
pub fn explain<E>(failure: &Failure<E>, asked: Asked<'_>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    explain_error(&failure.error, asked, failure.attempts)
}

fn explain_error<E>(error: &SdkError<E, HttpResponse>, asked: Asked<'_>, attempts: u32) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let SdkError::ServiceError(service) = error else {
        return unanswered(error, asked, attempts);
    };
    let (service, response) = (service.err(), service.raw());
    let reply = Reply {
        status: response.status().as_u16(),
        code: service.code().unwrap_or_default().to_owned(),
        message: service.message().unwrap_or_default().to_owned(),
        bucket_region: response
            .headers()
            .get("x-amz-bucket-region")
            .map(str::to_owned),
        // Where S3 gave no code, though it could be understood, the source repeats that there is none.
        misunderstood: service
            .source()
            .filter(|source| service.code().is_none() && !source.is::<ErrorMetadata>())
            .map(causes),
    };
    reply.explain(asked, attempts)
}

/// Why there are no credentials for a directory bucket, where that is what `error` comes from.
pub fn session_error<E>(
    error: &SdkError<E, HttpResponse>,
) -> Option<&SdkError<CreateSessionError, HttpResponse>>
where
    E: StdError + 'static,
{
    std::iter::successors(error.source(), |error| (*error).source())
        .find_map(<dyn StdError>::downcast_ref)
}

/// What it means that S3 did not answer: the request may not have been sent at all.
fn unanswered<E>(error: &SdkError<E, HttpResponse>, asked: Asked<'_>, attempts: u32) -> Error
where
    E: StdError + 'static,
{
    if let Some(error) = session_error(error) {
        let operation = Operation::CreateSession;
        return explain_error(error, Asked { operation, ..asked }, attempts);
    }
    let operation = asked.operation;
    let reason = causes(error);
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => asked.unreachable(reason),
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            asked.unreachable(reason)
        }
        _ => Error::S3 { operation, reason },
    }
}

impl Asked<'_> {
    /// What it means that S3 was not reached, or fell silent.
    pub fn unreachable(self, reason: String) -> Error {
        let remedy = match zone_of(self.bucket.as_str()) {
            Some(zone) => format!(
                "a directory bucket is reached from its own region alone, and this one is in zone {zone}, the function \
                 in {}; where these fit, check",
                self.region
            ),
            None => "check".to_owned(),
        };
        Error::Connect {
            operation: self.operation,
            reason,
            remedy: format!("{remedy} the function's network (a VPC needs a route to S3)"),
        }
    }
}

/// The zone in the name of a directory bucket.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html>
fn zone_of(bucket: &str) -> Option<&str> {
    let (_, zone) = bucket.strip_suffix("--x-s3")?.rsplit_once("--")?;
    Some(zone)
}

impl Reply {
    fn explain(self, asked: Asked<'_>, attempts: u32) -> Error {
        let operation = asked.operation;
        let (bucket, key) = (asked.bucket.to_string(), asked.key.to_owned());
        if let Some(there) = self.other_region(asked.region) {
            return Error::WrongRegion {
                bucket,
                here: asked.region.to_owned(),
                there,
            };
        }
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => Error::NoSuchBucket { bucket },
            (_, "NoSuchKey") => Error::NoSuchKey { bucket, key },
            // The answers to a HEAD have no body and so no code.
            (404, _) if matches!(operation, Operation::HeadBucket | Operation::CreateSession) => {
                Error::NoSuchBucket { bucket }
            }
            (404, "" | "NotFound") => Error::NoSuchKey { bucket, key },
            (_, "RequestTimeTooSkewed") => Error::Clock {
                operation,
                reason: self.to_string(),
            },
            (_, "InvalidObjectState") => Error::Archived {
                key,
                reason: self.to_string(),
            },
            (403, _) | (_, "ExpiredToken" | "InvalidToken") => Error::AccessDenied {
                operation,
                bucket,
                reason: self.to_string(),
                remedy: self.remedy(operation),
            },
            _ if self.is_throttling() => Error::SlowDown {
                operation,
                attempts,
                reason: self.to_string(),
            },
            _ => Error::S3 {
                operation,
                reason: self.to_string(),
            },
        }
    }

    fn is_throttling(&self) -> bool {
        let code = Some(self.code.as_str()).filter(|code| !code.is_empty());
        Trouble::of_answer(self.status, code) == Trouble::Throttled
    }

    /// What helps against a refusal, as far as S3 says what it refused.
    fn remedy(&self, operation: Operation) -> String {
        match self.code.as_str() {
            "" | "AccessDenied" | "AccessDeniedException" | "Forbidden" => {
                self.permission(operation)
            }
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" => {
                "S3 does not accept the function's credentials: check them, and the endpoint"
                    .to_owned()
            }
            "ExpiredToken" => {
                "the function's credentials have expired: use new ones (on Lambda, try again)"
                    .to_owned()
            }
            _ => "it is not a permission that S3 misses".to_owned(),
        }
    }

    /// Which permission is missing, and where.
    fn permission(&self, operation: Operation) -> String {
        let Some(denied) = self.between("not authorized to perform: ", " ") else {
            let (permission, hint) = (operation.permission(), operation.hint());
            return format!("the function's role needs {permission} on it{hint}");
        };
        let resource = self
            .between("on resource: \"", "\"")
            .or_else(|| self.between("on resource: ", " "))
            .unwrap_or("it");
        if let Some((_, policy)) = self.message.split_once("with an explicit deny in ") {
            let policy = policy.trim_end_matches('.');
            return format!(
                "{policy} denies {denied} on {resource} explicitly, and no other permission helps: change that policy"
            );
        }
        match self.between("because no ", " allows") {
            Some(policy) if !policy.starts_with("identity-based") => {
                format!("no {policy} allows {denied} on {resource}: change that policy")
            }
            _ => format!("the function's role needs {denied} on {resource}"),
        }
    }

    /// What stands in the message after `before`, up to `after` or its end.
    fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.message.split_once(before)?;
        Some(rest.split_once(after).map_or(rest, |(found, _)| found))
    }

    /// The bucket's region, when S3 says that it is not `here`.
    fn other_region(&self, here: &str) -> Option<String> {
        if !matches!(self.status, 301 | 307 | 400) {
            return None;
        }
        let there = self.bucket_region.as_deref().or_else(|| {
            let (_, rest) = self.message.split_once("expecting '")?;
            rest.split_once('\'').map(|(there, _)| there)
        });
        match there {
            Some(there) => (there != here).then(|| there.to_owned()),
            None => (self.status == 301).then(|| "another region".to_owned()),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HTTP {}", self.status)?;
        if !self.code.is_empty() {
            write!(formatter, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        match &self.misunderstood {
            Some(reason) => write!(formatter, ", which cannot be understood: {reason}"),
            None => Ok(()),
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
    use crate::testing::{answer, http_client};
    use aws_config::BehaviorVersion;
    use aws_config::retry::RetryConfig;
    use aws_sdk_s3::config::{Credentials, Region};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use serde_json::json;

    fn explained(operation: Operation, answer: Reply) -> Error {
        let bucket = Bucket::try_from(json!("abc")).expect("a bucket's name");
        let asked = Asked {
            operation,
            region: "us-east-1",
            bucket: &bucket,
            key: "k",
        };
        answer.explain(asked, 3)
    }

    fn said(status: u16, code: &str) -> Reply {
        Reply {
            status,
            code: code.into(),
            ..Reply::default()
        }
    }

    #[test]
    fn answers_have_the_kind_of_their_cause() {
        let cases = [
            (
                Operation::PutObject,
                said(404, "NoSuchBucket"),
                "NoSuchBucket",
            ),
            (Operation::HeadBucket, said(404, ""), "NoSuchBucket"),
            (Operation::GetObject, said(404, "NoSuchKey"), "NoSuchKey"),
            (
                Operation::GetObject,
                said(403, "AccessDenied"),
                "AccessDenied",
            ),
            (Operation::HeadBucket, said(403, ""), "AccessDenied"),
            (
                Operation::PutObject,
                said(301, "PermanentRedirect"),
                "WrongRegion",
            ),
            // Only a read knows whether the object is empty, or was replaced.
            (Operation::PutObject, said(412, "PreconditionFailed"), "S3"),
            (Operation::UploadPart, said(416, "InvalidRange"), "S3"),
            (
                Operation::PutObject,
                said(403, "RequestTimeTooSkewed"),
                "Clock",
            ),
            (
                Operation::GetObject,
                said(403, "InvalidObjectState"),
                "Archived",
            ),
            (
                Operation::GetObject,
                said(400, "ExpiredToken"),
                "AccessDenied",
            ),
            (Operation::UploadPart, said(503, "SlowDown"), "SlowDown"),
            (
                Operation::UploadPart,
                said(503, "ServiceUnavailable"),
                "SlowDown",
            ),
            (
                Operation::CompleteMultipartUpload,
                said(200, "InternalError"),
                "S3",
            ),
            (
                Operation::CompleteMultipartUpload,
                said(200, "ServiceUnavailable"),
                "SlowDown",
            ),
            (
                Operation::PutObject,
                said(400, "ThrottlingException"),
                "SlowDown",
            ),
            (Operation::HeadBucket, said(503, ""), "SlowDown"),
            (Operation::UploadPart, said(404, "NoSuchUpload"), "S3"),
            (Operation::PutObject, said(507, "InsufficientStorage"), "S3"),
        ];
        for (operation, answer, kind) in cases {
            let shown = format!("{operation} {answer:?}");
            assert_eq!(explained(operation, answer).kind(), kind, "{shown}");
        }
    }

    #[test]
    fn a_refusal_blames_what_s3_blamed() {
        let user = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform:";
        let role = "because no identity-based policy allows the";
        let cases = [
            (
                Operation::PutObject,
                "AccessDenied",
                "Access Denied".to_owned(),
                "the function's role needs s3:PutObject on it",
            ),
            (
                Operation::UploadPart,
                "AccessDenied",
                format!(
                    "{user} kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:1:key/2 {role} \
                     kms:GenerateDataKey action"
                ),
                "the function's role needs kms:GenerateDataKey on arn:aws:kms:eu-west-1:1:key/2",
            ),
            (
                Operation::GetObject,
                "AccessDenied",
                format!(
                    "{user} kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/2 because no resource-based policy \
                     allows the kms:Decrypt action"
                ),
                "no resource-based policy allows kms:Decrypt on arn:aws:kms:eu-west-1:1:key/2: change that policy",
            ),
            (
                Operation::PutObject,
                "AccessDenied",
                format!(
                    "{user} s3:PutObject on resource: \"arn:aws:s3:::b/a key\" with an explicit deny in a \
                     resource-based policy"
                ),
                "a resource-based policy denies s3:PutObject on arn:aws:s3:::b/a key explicitly",
            ),
            (
                Operation::PutObject,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.".to_owned(),
                "S3 does not accept the function's credentials",
            ),
            (
                Operation::PutObject,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match.".to_owned(),
                "S3 does not accept the function's credentials",
            ),
            (
                Operation::PutObject,
                "ExpiredToken",
                "The provided token has expired.".to_owned(),
                "the function's credentials have expired",
            ),
            (
                Operation::PutObject,
                "AccountProblem",
                "There is a problem with your AWS account.".to_owned(),
                "it is not a permission that S3 misses",
            ),
        ];
        for (operation, code, message, remedy) in cases {
            let answer = Reply {
                message,
                ..said(403, code)
            };
            let error = explained(operation, answer);
            assert_eq!(error.kind(), "AccessDenied", "{error}");
            let (_, told) = error.to_string().split_once("): ").map_or_else(
                || panic!("{error}"),
                |(said, told)| (said.to_owned(), told.to_owned()),
            );
            assert!(told.starts_with(remedy), "{told}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_understood_tells_why() {
        let s3 = crate::testing::s3(|_| answer(200, "<html><p>Log in to the network</html>"));
        let list = s3.client.list_multipart_uploads().bucket("abc").send();
        let error = list.await.expect_err("it is no listing");
        let bucket = Bucket::try_from(json!("abc")).expect("a bucket's name");
        let asked = Asked {
            operation: Operation::ListMultipartUploads,
            region: "us-east-1",
            bucket: &bucket,
            key: "",
        };
        let told = explain(&Failure { error, attempts: 1 }, asked).to_string();
        assert!(
            told.contains("HTTP 200, which cannot be understood: "),
            "{told}"
        );
        assert!(
            told.len() > told.find("understood: ").expect("above") + 20,
            "{told}"
        );
    }

    #[test]
    fn the_right_region_is_named_wherever_s3_says_it() {
        let by_header = Reply {
            bucket_region: Some("eu-west-1".into()),
            ..said(301, "PermanentRedirect")
        };
        let by_message = Reply {
            message: "The region 'us-east-1' is wrong; expecting 'eu-west-1'".into(),
            ..said(400, "AuthorizationHeaderMalformed")
        };
        for answer in [by_header, by_message] {
            let error = explained(Operation::HeadBucket, answer);
            assert!(
                matches!(&error, Error::WrongRegion { here, there, .. } if here == "us-east-1" && there == "eu-west-1"),
                "{error:?}"
            );
        }
    }

    fn here() -> Region {
        Region::new("us-east-1")
    }

    /// What a `HeadBucket` of a directory bucket comes to where every request of the SDK's comes to `answer`.
    async fn head_bucket(
        answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
        region: impl Into<Option<Region>>,
    ) -> Error {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.into())
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client(answer));
        let bucket = Bucket::try_from(json!("abc--use1-az4--x-s3")).expect("a bucket's name");
        let error = aws_sdk_s3::Client::from_conf(config.build())
            .head_bucket()
            .bucket(bucket.as_str())
            .send()
            .await
            .expect_err("nothing can come of it");
        let asked = Asked {
            operation: Operation::HeadBucket,
            region: "us-east-1",
            bucket: &bucket,
            key: "",
        };
        explain(&Failure { error, attempts: 1 }, asked)
    }

    #[tokio::test]
    async fn a_directory_bucket_says_why_there_is_no_session() {
        let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let error = head_bucket(move || answer(403, denied), here()).await;
        assert_eq!(error.kind(), "AccessDenied", "{error}");
        assert!(
            error
                .to_string()
                .contains("needs s3express:CreateSession on it"),
            "{error}"
        );
        let error = head_bucket(|| answer(404, ""), here()).await;
        assert_eq!(error.kind(), "NoSuchBucket", "{error}");
    }

    #[tokio::test]
    async fn only_a_network_that_fails_is_called_one() {
        let unreachable = || HttpConnectorFuture::ready(Err(ConnectorError::io("no route".into())));
        let error = head_bucket(unreachable, here()).await;
        assert_eq!(error.kind(), "Connect", "{error}");
        let region =
            "its own region alone, and this one is in zone use1-az4, the function in us-east-1";
        assert!(error.to_string().contains(region), "{error}");
        let error = head_bucket(unreachable, None).await;
        assert_eq!(error.kind(), "S3", "{error}");
        assert!(error.to_string().contains("region"), "{error}");
    }

    #[test]
    fn a_bad_request_to_the_right_region_is_not_its_fault() {
        let answer = Reply {
            bucket_region: Some("us-east-1".into()),
            ..said(400, "InvalidArgument")
        };
        assert_eq!(explained(Operation::PutObject, answer).kind(), "S3");
    }
}
