//! One connection and the request that it carries.

use crate::answer::Answer;
use crate::data::{Content, Seed};
use crate::plan::{Plan, Request};
use crate::wire::Wire;
use nix::poll::PollFlags;
use std::error::Error;
use std::os::fd::BorrowedFd;

/// How many bytes are generated before they are handed to the socket: as many as hyper queues of the worker's body, 16
/// frames of 16 KiB.
const BATCH: usize = 256 << 10;

/// A connection, busy with a request or free for the next one.
pub struct Connection {
    wire: Wire,
    host: String,
    seed: Seed,
    write: bool,
    exchange: Option<Exchange>,
    /// Bytes to send, those before `sent` are.
    outgoing: Vec<u8>,
    sent: usize,
}

/// A request under way.
struct Exchange {
    /// The bytes of its body, `left` of which have not been generated.
    content: Content,
    left: u64,
    /// The length of the answer's body.
    expected: u64,
    answer: Answer,
}

impl Connection {
    /// Opens a connection of this plan.
    pub fn open(plan: &Plan) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            wire: Wire::open(plan)?,
            host: plan.address.to_string(),
            seed: plan.seed,
            write: plan.write,
            exchange: None,
            outgoing: Vec::with_capacity(BATCH),
            sent: 0,
        })
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    /// What `poll` watches.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.wire.descriptor()
    }

    /// What `poll` should watch for.
    pub fn interest(&self) -> PollFlags {
        let generating = self.exchange.as_ref().is_some_and(|one| one.left > 0);
        if generating || self.sent < self.outgoing.len() || self.wire.is_sending() {
            PollFlags::POLLIN | PollFlags::POLLOUT
        } else {
            PollFlags::POLLIN
        }
    }

    /// Starts a request; the connection must be free.
    pub fn begin(&mut self, request: &Request) {
        let Request {
            target,
            offset,
            length,
        } = request;
        let host = &self.host;
        let head = if self.write {
            format!("PUT {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n")
        } else {
            let last = offset + length - 1;
            format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nrange: bytes={offset}-{last}\r\n\r\n")
        };
        self.outgoing.clear();
        self.outgoing.extend_from_slice(head.as_bytes());
        self.sent = 0;
        self.exchange = Some(Exchange {
            content: self.seed.content(*offset),
            left: if self.write { *length } else { 0 },
            expected: if self.write { 0 } else { *length },
            answer: Answer::default(),
        });
    }

    /// Sends what the socket takes, but at most a batch more than is waiting, so that all connections have their turn.
    pub fn send(&mut self) -> Result<(), Box<dyn Error>> {
        if self.sent == self.outgoing.len() {
            self.generate();
        }
        self.sent += self.wire.send(&self.outgoing[self.sent..])?;
        Ok(())
    }

    /// Fills `outgoing` with the next bytes of the body.
    fn generate(&mut self) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let length = usize::try_from(exchange.left).map_or(BATCH, |left| left.min(BATCH));
        self.outgoing.resize(length, 0);
        exchange.content.fill(&mut self.outgoing);
        exchange.left -= length as u64;
        self.sent = 0;
    }

    /// Takes what has arrived; with the end of an answer the connection is free again.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<(), Box<dyn Error>> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(());
        };
        let (answer, expected) = (&mut exchange.answer, exchange.expected);
        self.wire
            .receive(scratch, |bytes| answer.take(bytes, expected))?;
        if answer.is_whole() {
            self.exchange = None;
        }
        Ok(())
    }
}
