//! Moves an object's bytes over plain sockets with one thread: no SDK, no HTTP library, no runtime. The processor time
//! that this takes is the floor under the worker, which moves the same bytes and does everything else besides.
//!
//! The conductor sends requests that are signed already, over stdin: a line of `write` or `read`, the address, the file
//! with the authority's certificate (`-` without TLS), the object's key and the number of connections; then a line a
//! request with its target, the offset of its bytes in the object and their number; then an empty line. This program
//! opens the connections, prints `ready`, waits for one more line, transfers, and prints `moved` with the bytes.

mod answer;
mod connection;
// The worker's own generator.
#[allow(dead_code, reason = "nothing is verified here")]
#[path = "../../../function/src/data.rs"]
mod data;
mod plan;
mod wire;

use connection::Connection;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use plan::{Plan, Request};
use std::collections::VecDeque;
use std::error::Error;
use std::io;

/// A transfer that stands still for longer has failed.
const PATIENCE_MS: u16 = 20_000;

/// How many bytes a socket gives at a time.
const RECEIVED: usize = 256 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = io::stdin().lines();
    let plan = Plan::read(&mut lines)?;
    let mut connections = (0..plan.connections)
        .map(|_| Connection::open(&plan))
        .collect::<Result<Vec<_>, _>>()?;
    println!("ready");
    lines.next().ok_or("stdin ended before the start")??;
    let moved = transfer(&mut connections, plan.requests)?;
    println!("moved {moved}");
    // The conductor reads from /proc what this process has used, and ends it.
    lines.next();
    Ok(())
}

/// Has all requests answered; a connection takes the next one as soon as it is free. Returns the bytes moved.
fn transfer(
    connections: &mut [Connection],
    mut requests: VecDeque<Request>,
) -> Result<u64, Box<dyn Error>> {
    let mut scratch = vec![0; RECEIVED];
    let mut moved = 0;
    loop {
        for connection in connections.iter_mut().filter(|one| !one.is_busy()) {
            if let Some(request) = requests.pop_front() {
                moved += request.length;
                connection.begin(&request);
            }
        }
        let busy: Vec<&mut Connection> = connections
            .iter_mut()
            .filter(|connection| connection.is_busy())
            .collect();
        if busy.is_empty() {
            return Ok(moved);
        }
        let events = wait(&busy)?;
        for (connection, events) in busy.into_iter().zip(events) {
            if events.contains(PollFlags::POLLOUT) {
                connection.send()?;
            }
            if events.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                connection.receive(&mut scratch)?;
            }
        }
    }
}

/// What each connection can do now, once one can do something.
fn wait(connections: &[&mut Connection]) -> Result<Vec<PollFlags>, Box<dyn Error>> {
    let mut polled: Vec<PollFd> = connections
        .iter()
        .map(|connection| PollFd::new(connection.descriptor(), connection.interest()))
        .collect();
    if poll(&mut polled, PollTimeout::from(PATIENCE_MS))? == 0 {
        return Err(format!("nothing moved for {} s", PATIENCE_MS / 1000).into());
    }
    Ok(polled
        .iter()
        .map(|one| one.revents().unwrap_or(PollFlags::empty()))
        .collect())
}
