//! Writes objects: their parts side by side, those of small ones whole, and one object after the other so that the
//! requests in flight do not drain between two.
//!
//! [`stream`] says what is sent when; [`writer`] sends it.

mod stream;
#[cfg(test)]
mod testing;
mod writer;

use crate::error::Error;
use crate::event::Write;
use crate::limit::Limit;
use crate::meter::Meter;
use crate::s3::S3;
use std::sync::Arc;
use stream::Stream;
use tokio::time::Instant;
use writer::Writer;

/// What became of the objects.
#[derive(Debug)]
pub struct Written {
    /// Whether they are there: what S3 refused otherwise, or that the limit was reached.
    pub outcome: Result<(), Error>,
    /// An upload of parts that may be left in the bucket: its id, or `unknown`.
    pub upload_left: Option<String>,
}

impl From<Result<(), Error>> for Written {
    fn from(outcome: Result<(), Error>) -> Self {
        let upload_left = None;
        Self {
            outcome,
            upload_left,
        }
    }
}

/// Writes the objects of `job`, and begins nothing after `end`; gives up at `limit`, and cleans up then.
pub async fn write(
    s3: &S3,
    job: &Write,
    meter: &Meter,
    limit: &Limit,
    end: Option<Instant>,
) -> Written {
    let writer = Arc::new(Writer::new(s3, job, meter, limit, end));
    let mut stream = Stream::new(job, writer);
    let outcome = stream.run().await;
    meter.stop();
    Written {
        outcome,
        upload_left: stream.clean_up().await,
    }
}
