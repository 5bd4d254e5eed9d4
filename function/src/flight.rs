//! Many requests at the same time: opened one after the other, ended together.

use crate::error::Error;
use crate::limit::Limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// Allows one request to be in flight until it is dropped.
pub type Permit = OwnedSemaphorePermit;

/// What happened in a flight.
pub enum Next<O> {
    /// Another request may begin.
    Room(Permit),
    /// A request is done, with this.
    Done(O),
}

/// The requests of a job that are under way. Dropped, it aborts them.
pub struct Flight<O> {
    limit: Limit,
    permits: Arc<Semaphore>,
    /// How many requests are allowed so far.
    allowed: Arc<AtomicUsize>,
    /// Allows more and more requests.
    _opener: JoinSet<()>,
    requests: JoinSet<Result<O, Error>>,
}

impl<O: Send + 'static> Flight<O> {
    /// Nothing is under way yet; at most `in_flight` requests are allowed at the same time, one after the other over
    /// `opening`.
    pub fn new(in_flight: usize, opening: Duration, limit: &Limit) -> Self {
        let first = if opening.is_zero() { in_flight } else { 1 };
        let permits = Arc::new(Semaphore::new(first));
        let allowed = Arc::new(AtomicUsize::new(first));
        let mut opener = JoinSet::new();
        if first < in_flight {
            let (permits, allowed) = (Arc::clone(&permits), Arc::clone(&allowed));
            opener.spawn(open(permits, allowed, in_flight, opening));
        }
        Self {
            limit: *limit,
            permits,
            allowed,
            _opener: opener,
            requests: JoinSet::new(),
        }
    }

    /// How many requests may be in flight so far: one at first, all of them once they have opened.
    pub fn allowed(&self) -> usize {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Begins a request, which keeps its permit as long as it is in flight, or needs none where it runs beside.
    pub fn begin(&mut self, request: impl Future<Output = Result<O, Error>> + Send + 'static) {
        self.requests.spawn(request);
    }

    /// What happens next; room counts only where more requests are `wanted`. None when everything has ended.
    ///
    /// # Errors
    ///
    /// The first error, once everything else in flight is aborted and gone; [`Error::Deadline`] when the limit is
    /// reached. After an [`Error::VerifyMismatch`] what is in flight ends in peace, and the error names the first byte
    /// of its object that differs.
    pub async fn next(&mut self, wanted: bool) -> Result<Option<Next<O>>, Error> {
        if self.requests.is_empty() && !wanted {
            return Ok(None);
        }
        let outcome = tokio::select! {
            biased;
            error = self.limit.reached() => Err(error),
            Some(outcome) = self.requests.join_next() => outcome_of(outcome),
            permit = Arc::clone(&self.permits).acquire_owned(), if wanted => {
                return Ok(Some(Next::Room(permit.expect("nobody closes the semaphore"))));
            }
        };
        match outcome {
            Ok(output) => Ok(Some(Next::Done(output))),
            Err(error) => Err(self.fail(error).await),
        }
    }

    /// Ends what is in flight because of `first`; the error to give.
    async fn fail(&mut self, first: Error) -> Error {
        let mut first = first;
        if !matches!(first, Error::VerifyMismatch { .. }) {
            self.requests.abort_all();
        }
        loop {
            let outcome = tokio::select! {
                outcome = self.requests.join_next() => outcome,
                _ = self.limit.reached() => {
                    self.requests.shutdown().await;
                    None
                }
            };
            match outcome {
                None => return first,
                Some(Err(aborted)) if aborted.is_cancelled() => {}
                Some(outcome) => match (outcome_of(outcome), &first) {
                    (
                        Err(Error::VerifyMismatch { key, offset }),
                        Error::VerifyMismatch {
                            key: known_key,
                            offset: known,
                        },
                    ) if key == *known_key && offset < *known => {
                        first = Error::VerifyMismatch { key, offset };
                    }
                    (Err(error), _) => tracing::debug!(%error, "failed after the first failure"),
                    (Ok(_), _) => {}
                },
            }
        }
    }
}

/// Allows one request more at a time, evenly over `opening`, until `in_flight` are allowed.
async fn open(
    permits: Arc<Semaphore>,
    allowed: Arc<AtomicUsize>,
    in_flight: usize,
    opening: Duration,
) {
    let began = Instant::now();
    let gap = opening / u32::try_from(in_flight).unwrap_or(u32::MAX);
    for number in (1..).take(in_flight - 1) {
        // Timers have milliseconds, and gaps may be shorter: the moments are counted from the beginning.
        tokio::time::sleep_until(began + gap * number).await;
        allowed.fetch_add(1, Ordering::Relaxed);
        permits.add_permits(1);
    }
}

/// The outcome of a task; its panic goes on here, as that of the job.
fn outcome_of<O>(outcome: Result<Result<O, Error>, JoinError>) -> Result<O, Error> {
    outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    fn failure(offset: u64) -> Error {
        Error::VerifyMismatch {
            key: "k".into(),
            offset,
        }
    }

    /// Runs what `begin` makes of each item; gives what they gave, in the order in which they ended.
    async fn all<I, O, F>(
        items: impl IntoIterator<Item = I>,
        in_flight: usize,
        opening: Duration,
        limit: &Limit,
        begin: impl Fn(I) -> F,
    ) -> Result<Vec<O>, Error>
    where
        O: Send + 'static,
        F: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let mut flight = Flight::new(in_flight, opening, limit);
        let mut items = items.into_iter().peekable();
        let mut ended = Vec::new();
        while let Some(event) = flight.next(items.peek().is_some()).await? {
            match event {
                Next::Done(output) => ended.push(output),
                Next::Room(permit) => {
                    let work = begin(items.next().expect("it is wanted"));
                    flight.begin(async move {
                        let _permit = permit;
                        work.await
                    });
                }
            }
        }
        Ok(ended)
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// When each of 1,000 requests of 10 s began, in milliseconds, and how many were in flight at most.
    async fn begun(in_flight: usize, opening: Duration) -> (Vec<u128>, usize) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let mut starts = all(0..1000, in_flight, opening, &Limit::none(), |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                let start = began.elapsed();
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                sleep(Duration::from_secs(10)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok(start.as_millis())
            }
        })
        .await
        .expect("nothing fails");
        assert_eq!(starts.len(), 1000);
        starts.sort_unstable();
        (starts, most.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn requests_open_one_after_the_other_and_never_exceed_their_number() {
        for (in_flight, opening_ms) in [(4, 1000), (256, 1000), (256, 100), (20, 60_000), (1, 1000)]
        {
            let (starts, most) = begun(in_flight, Duration::from_millis(opening_ms)).await;
            let gap = u128::from(opening_ms) / in_flight as u128;
            // From the first one's end on permits come back, too.
            for (number, start) in (0..)
                .zip(&starts[..in_flight])
                .take_while(|(_, at)| **at < 9_900)
            {
                let expected = u128::from(opening_ms) * number / in_flight as u128;
                assert!(
                    start.abs_diff(expected) <= 2,
                    "{number}th of {in_flight} at {start}, gap {gap}"
                );
            }
            assert_eq!(most, in_flight);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_open_all_at_once_where_opening_takes_no_time() {
        let (starts, most) = begun(64, Duration::ZERO).await;
        assert!(starts[63] <= 2, "{:?}", &starts[..64]);
        assert_eq!(most, 64);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_failure_ends_the_rest() {
        let finished = Arc::new(AtomicUsize::new(0));
        let outcome: Result<Vec<()>, Error> = all(0..100, 10, SECOND, &Limit::none(), |item| {
            let finished = Arc::clone(&finished);
            async move {
                sleep(Duration::from_secs(5)).await;
                if item == 0 {
                    return Err(Error::ShortBody("the first".into()));
                }
                sleep(Duration::from_mins(1)).await;
                finished.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        })
        .await;
        assert_eq!(outcome, Err(Error::ShortBody("the first".into())));
        sleep(Duration::from_mins(10)).await;
        assert_eq!(
            finished.load(Ordering::Relaxed),
            0,
            "nothing goes on after the error"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_mismatch_in_flight_is_named() {
        let outcome: Result<Vec<()>, Error> = all(
            [30_u64, 10, 20],
            3,
            SECOND,
            &Limit::none(),
            |offset| async move {
                sleep(Duration::from_secs(if offset == 30 { 5 } else { 20 })).await;
                Err(failure(offset))
            },
        )
        .await;
        assert_eq!(outcome, Err(failure(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_ends_everything() {
        let began = Instant::now();
        let limit = Limit::at(
            Some(began + Duration::from_secs(3)),
            "the limit of this test",
        );
        let outcome: Result<Vec<()>, Error> = all(0..5, 2, SECOND, &limit, |_| async {
            std::future::pending().await
        })
        .await;
        assert!(
            matches!(&outcome, Err(Error::Deadline(message)) if message.contains("of this test")),
            "{outcome:?}"
        );
        assert_eq!(began.elapsed().as_secs(), 3);
    }
}
