//! S3 and Lambda on loopback for trying, testing and rehearsing terabit; never deployed.
//!
//! | module | responsibility |
//! |---|---|
//! | [`options`] | what the user may say on the command line |
//! | [`service`] | starts and stops everything |
//! | [`command`] | COMMAND, its environment and its end |
//! | [`endpoints`] | where S3 and Lambda are to be found |
//! | [`identity`] | the account, its dummy credentials and who signed a request |
//! | [`model`] | latency, rates and faults of a network that is not loopback |
//! | [`faults`] | what goes wrong between S3 and its clients now and then |
//! | [`partition`] | how many requests S3 takes in a second |
//! | [`room`] | how many workers this machine has room for |
//! | [`tokens`] | a bucket of tokens |
//! | [`server`] | sockets and connections |
//! | [`tls`] | TLS with an authority of local's own |
//! | [`lambda`] | the Lambda API, the Runtime API and the worker processes |
//! | [`s3`] | the S3 protocol over a store in memory or in a folder |
//! | [`id`] | unique identifiers |

mod command;
pub mod endpoints;
mod faults;
mod id;
pub mod identity;
mod lambda;
mod model;
pub mod options;
mod partition;
pub mod room;
mod s3;
mod server;
pub mod service;
mod tls;
mod tokens;

use std::fmt::Display;
use std::io::{Write as _, stderr};

/// Says something on stderr, where somebody reads it: `eprintln` would panic where nobody does.
pub fn say(what: impl Display) {
    let _ = writeln!(stderr(), "local: {what}");
}
