//! Everything that can go wrong with a job, by cause, and the one way it reaches the caller.

use crate::operation::Operation;
use lambda_runtime::Diagnostic;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Why a job could not be begun or finished.
///
/// [`Error::kind`] is the short and stable name that the results carry; the message says what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is not one that this function takes.
    #[error("{0}")]
    InvalidEvent(String),

    /// There is no such bucket.
    #[error("bucket {bucket:?} does not exist: create it, or name another")]
    NoSuchBucket { bucket: String },

    /// There is no such object.
    #[error("key {key:?} does not exist in bucket {bucket:?}: write it first, or read another")]
    NoSuchKey {
        /// Where it was looked for.
        bucket: String,
        key: String,
    },

    /// The function may not do this.
    #[error("{operation} was denied on bucket {bucket:?} ({reason}): {remedy}")]
    AccessDenied {
        operation: Operation,
        bucket: String,
        reason: String,
        /// What helps.
        remedy: String,
    },

    /// S3's clock and the function's differ, by more than 15 minutes on AWS.
    #[error(
        "{operation} was refused because S3's clock and the function's differ ({reason}): set the clock of the machine \
         that the function runs on; on Lambda, try again"
    )]
    Clock {
        operation: Operation,
        reason: String,
    },

    /// The object must be restored before it can be read.
    #[error("object {key:?} is archived ({reason}): restore it, or read another")]
    Archived { key: String, reason: String },

    /// The bucket is in another region than the function.
    #[error(
        "bucket {bucket:?} is in {there} and this function in {here}: use a bucket of {here}, or deploy the function \
         to {there}"
    )]
    WrongRegion {
        bucket: String,
        here: String,
        there: String,
    },

    /// S3 refused to be asked so often, and went on refusing.
    #[error(
        "{operation} was throttled {attempts} times ({reason}): use larger parts, fewer workers, or begin more slowly"
    )]
    SlowDown {
        operation: Operation,
        /// How often it was tried.
        attempts: u32,
        reason: String,
    },

    /// The time was up.
    #[error("{0}")]
    Deadline(String),

    /// A body ended before its length, again and again, or there was none.
    #[error("{0}")]
    ShortBody(String),

    /// The object was replaced or deleted while it was being read.
    #[error("object {key:?} changed while it was being read: read it when nobody writes it")]
    ObjectChanged { key: String },

    /// A byte is not the one that `write` put there.
    #[error(
        "object {key:?} differs from what `write` puts there, first at byte {offset}: it was written by something \
         else, or damaged"
    )]
    VerifyMismatch {
        key: String,
        /// The offset of the first byte that differs, in bytes from the object's beginning.
        offset: u64,
    },

    /// S3 could not be reached, or did not answer.
    #[error("{operation} got no answer from S3 ({reason}): {remedy}")]
    Connect {
        operation: Operation,
        reason: String,
        /// What helps.
        remedy: String,
    },

    /// Whatever else S3 answers.
    #[error("{operation} failed: {reason}")]
    S3 {
        operation: Operation,
        reason: String,
    },
}

impl Error {
    /// There is no byte to read in the object at `key`.
    pub fn empty(key: &str) -> Self {
        Self::ShortBody(format!(
            "object {key:?} is empty, and a read needs at least 1 byte: write it first"
        ))
    }

    /// The short and stable name of the cause.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::NoSuchBucket { .. } => "NoSuchBucket",
            Self::NoSuchKey { .. } => "NoSuchKey",
            Self::AccessDenied { .. } => "AccessDenied",
            Self::Clock { .. } => "Clock",
            Self::Archived { .. } => "Archived",
            Self::WrongRegion { .. } => "WrongRegion",
            Self::SlowDown { .. } => "SlowDown",
            Self::Deadline(_) => "Deadline",
            Self::ShortBody(_) => "ShortBody",
            Self::ObjectChanged { .. } => "ObjectChanged",
            Self::VerifyMismatch { .. } => "VerifyMismatch",
            Self::Connect { .. } => "Connect",
            Self::S3 { .. } => "S3",
        }
    }
}

/// As a function error, the way Lambda answers one: `errorType` and `errorMessage`.
impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self {
            error_type: error.kind().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// As part of a result: `{"type", "message"}`.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut error = serializer.serialize_struct("Error", 2)?;
        error.serialize_field("type", self.kind())?;
        error.serialize_field("message", &self.to_string())?;
        error.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_error_and_a_result_name_the_same_cause() {
        let error = Error::NoSuchKey {
            bucket: "abc".into(),
            key: "a \"key\"\n".into(),
        };
        let diagnostic = Diagnostic::from(error.clone());
        let part = serde_json::to_value(&error).expect("strings");
        assert_eq!(diagnostic.error_type, "NoSuchKey");
        assert_eq!(part["type"], "NoSuchKey");
        assert_eq!(part["message"], diagnostic.error_message);
        assert!(
            diagnostic.error_message.contains(r#""a \"key\"\n""#),
            "{}",
            diagnostic.error_message
        );
    }
}
