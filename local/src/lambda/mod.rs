//! The Lambda API, the Runtime API and the worker processes.
//!
//! An invocation enters by [`invoke_api`], is given an environment by [`fleet`], is fetched by the worker of that
//! [`environment`] through [`runtime_api`], and its answer goes back the same way.

pub mod environment;
pub mod fleet;
pub mod invoke_api;
pub mod journal;
pub mod runtime_api;
pub mod scaling;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

/// The largest payload and the largest answer of a synchronous invocation, in bytes.
pub const MAX_PAYLOAD: usize = 6_291_456;

/// What both APIs answer with.
pub type Answer = http::Response<Full<Bytes>>;

/// A body that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than [`MAX_PAYLOAD`].
    #[error("more than {MAX_PAYLOAD} bytes")]
    TooLarge,
    /// The connection broke.
    #[error("the connection ended in the middle of it")]
    Incomplete,
}

/// Reads a whole body of at most [`MAX_PAYLOAD`] bytes; the rest of a longer one is read and dropped, so that the
/// client is ready for the answer.
async fn read(mut body: Incoming) -> Result<Bytes, BodyError> {
    match Limited::new(&mut body, MAX_PAYLOAD).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            while let Some(Ok(_)) = body.frame().await {}
            Err(BodyError::TooLarge)
        }
        Err(_) => Err(BodyError::Incomplete),
    }
}
