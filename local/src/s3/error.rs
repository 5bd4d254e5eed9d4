//! What the store refuses, in the codes and statuses of S3.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

use crate::s3::store::StoreError;

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let code = match &error {
            StoreError::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            StoreError::NoSuchKey => S3ErrorCode::NoSuchKey,
            StoreError::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            StoreError::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
            StoreError::InvalidPart => S3ErrorCode::InvalidPart,
            StoreError::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            StoreError::EntityTooSmall { .. } => S3ErrorCode::EntityTooSmall,
            StoreError::Exists => S3ErrorCode::PreconditionFailed,
            // s3s checks signed payloads while they stream past and keeps its error types to itself.
            StoreError::Body(source) if source.to_string().contains("Sha256Mismatch") => {
                S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into())
            }
            StoreError::Body(source) if source.to_string().contains("SignatureMismatch") => {
                S3ErrorCode::SignatureDoesNotMatch
            }
            StoreError::Body(_) | StoreError::Incomplete { .. } => S3ErrorCode::IncompleteBody,
            StoreError::Full { .. } => S3ErrorCode::Custom("InsufficientStorage".into()),
            StoreError::Disk(_) => S3ErrorCode::InternalError,
        };
        let mut answer = S3Error::with_message(code, message);
        // s3s knows no status for codes of its own making.
        if let S3ErrorCode::Custom(_) = answer.code() {
            let full = matches!(error, StoreError::Full { .. });
            answer.set_status_code(if full {
                StatusCode::INSUFFICIENT_STORAGE
            } else {
                StatusCode::BAD_REQUEST
            });
        }
        answer
    }
}
