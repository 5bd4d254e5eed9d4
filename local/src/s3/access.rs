//! Who may do what, and where the bucket lives.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::identity::{ACCOUNT, Identity, SECRET_KEY, Signer};
use crate::s3::store::{Store, StoreError};

/// The actions of IAM that S3 asks for here, in alphabetical order.
pub const ACTIONS: [&str; 8] = [
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetBucketVersioning",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
];

/// The action that an operation needs; `None` for those that are not served.
fn action_of(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "DeleteObject" | "DeleteObjects" => "s3:DeleteObject",
        "GetBucketVersioning" => "s3:GetBucketVersioning",
        "GetObject" | "HeadObject" => "s3:GetObject",
        "HeadBucket" | "ListObjectsV2" => "s3:ListBucket",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "ListParts" => "s3:ListMultipartUploadParts",
        "CompleteMultipartUpload" | "CreateMultipartUpload" | "PutObject" | "UploadPart" => {
            "s3:PutObject"
        }
        _ => return None,
    })
}

/// What the worker's role lacks. COMMAND may do everything.
#[derive(Debug, Clone)]
pub struct Policy {
    function: String,
    denied: Arc<[String]>,
}

impl Policy {
    /// A role of the function that lacks these actions.
    pub fn new(function: &str, denied: &[String]) -> Self {
        Self {
            function: function.to_owned(),
            denied: denied.into(),
        }
    }

    /// Whether somebody may do this.
    pub fn allows(&self, identity: Identity, action: &str) -> bool {
        identity == Identity::Command || !self.denied.iter().any(|denied| denied == action)
    }

    /// The refusal as S3 words it.
    pub fn refusal(&self, action: &str, resource: &str) -> S3Error {
        let role = &self.function;
        s3_error!(
            AccessDenied,
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{role} is not authorized to perform: {action} on \
             resource: \"arn:aws:s3:::{resource}\" because no identity-based policy allows the {action} action"
        )
    }
}

/// Knows the secret of every dummy access key.
#[derive(Debug)]
pub struct Keys;

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match Identity::from_access_key(access_key) {
            Some(_) => Ok(SecretKey::from(SECRET_KEY)),
            None => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )),
        }
    }
}

/// Asked before every operation, once its signature is verified.
#[derive(Debug)]
pub struct Gate {
    /// Where the buckets are.
    pub store: Arc<Store>,
    /// What the workers lack.
    pub policy: Policy,
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let identity = context
            .credentials()
            .and_then(|own| Identity::from_access_key(&own.access_key));
        let Some(identity) = identity else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let operation = context.s3_op().name();
        let (bucket, resource) = match context.s3_path() {
            S3Path::Root => (None, "*".to_owned()),
            S3Path::Bucket { bucket } => (Some(bucket), bucket.to_string()),
            S3Path::Object { bucket, key } => (Some(bucket), format!("{bucket}/{key}")),
        };
        if let Some(bucket) = bucket {
            let region = self
                .store
                .region_of(bucket)
                .ok_or(StoreError::NoSuchBucket)?;
            let signed_for = Signer::of(context.headers()).map(|signer| signer.region);
            if signed_for.is_some_and(|signed_for| signed_for != region) {
                return Err(elsewhere(&region));
            }
        }
        match action_of(operation) {
            Some(action) if !self.policy.allows(identity, action) => {
                Err(self.policy.refusal(action, &resource))
            }
            _ => Ok(()),
        }
    }
}

fn elsewhere(region: &str) -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::PermanentRedirect,
        format!(
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
             future requests to this endpoint: s3.{region}.amazonaws.com"
        ),
    );
    let mut headers = http::HeaderMap::new();
    if let Ok(region) = region.parse() {
        headers.insert("x-amz-bucket-region", region);
    }
    error.set_headers(headers);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_workers_lack_what_is_denied() {
        let policy = Policy::new("terabit", &["s3:ListBucket".to_owned()]);
        assert!(policy.allows(Identity::Command, "s3:ListBucket"));
        assert!(!policy.allows(Identity::Worker(1), "s3:ListBucket"));
        assert!(policy.allows(Identity::Worker(1), "s3:GetObject"));
    }

    #[test]
    fn every_action_that_an_operation_needs_can_be_denied() {
        for operation in [
            "HeadObject",
            "HeadBucket",
            "UploadPart",
            "ListParts",
            "ListMultipartUploads",
        ] {
            assert!(
                ACTIONS.contains(&action_of(operation).unwrap()),
                "{operation}"
            );
        }
    }
}
