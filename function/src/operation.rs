//! The S3 operations of the worker, and the permissions that they need.

use std::fmt;

/// An S3 operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
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
    /// Which uploads are not completed?
    ListMultipartUploads,
    /// How large is an object, and since when is it there?
    HeadObject,
    /// Reads an object or a range of one.
    GetObject,
    /// Asks for the credentials of a directory bucket, which the SDK does before anything else there.
    CreateSession,
}

impl Operation {
    /// The permission that the function's role needs for it.
    pub const fn permission(self) -> &'static str {
        match self {
            Self::HeadBucket => "s3:ListBucket",
            Self::PutObject
            | Self::CreateMultipartUpload
            | Self::UploadPart
            | Self::CompleteMultipartUpload => "s3:PutObject",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Self::ListMultipartUploads => "s3:ListBucketMultipartUploads",
            Self::GetObject | Self::HeadObject => "s3:GetObject",
            Self::CreateSession => "s3express:CreateSession",
        }
    }

    /// What else a refusal may mean for which S3 gives no reason.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::GetObject => {
                ", or the key does not exist and, without s3:ListBucket, S3 does not say so"
            }
            Self::HeadBucket | Self::HeadObject => {
                ", or something else is wrong with the request: S3 gives no reason here"
            }
            _ => "",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
