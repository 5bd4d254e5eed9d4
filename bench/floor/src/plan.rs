//! What is to be moved, as the conductor says it.

use crate::data::Seed;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Requests and the connections that carry them.
pub struct Plan {
    /// Whether the requests carry bytes or ask for them.
    pub write: bool,
    /// The server.
    pub address: SocketAddr,
    /// How TLS is spoken; none: plain HTTP.
    pub tls: Option<Arc<ClientConfig>>,
    /// What the bytes that are written depend on.
    pub seed: Seed,
    /// How many connections carry the requests.
    pub connections: usize,
    /// One for each part or range, in order.
    pub requests: VecDeque<Request>,
}

/// One part or range.
pub struct Request {
    /// The path and the signed query.
    pub target: String,
    /// Offset of its first byte in the object.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
}

impl Plan {
    /// Reads the plan's lines up to the empty one.
    pub fn read(
        lines: &mut impl Iterator<Item = io::Result<String>>,
    ) -> Result<Self, Box<dyn Error>> {
        let first = lines.next().ok_or("stdin is empty")??;
        let [op, address, authority, key, connections] = words(&first)?;
        let mut requests = VecDeque::new();
        loop {
            let line = lines.next().ok_or("the plan has no end")??;
            if line.is_empty() {
                break;
            }
            let [target, offset, length] = words(&line)?;
            requests.push_back(Request {
                target: target.to_owned(),
                offset: offset.parse()?,
                length: length.parse()?,
            });
        }
        Ok(Self {
            write: op == "write",
            address: address.parse()?,
            tls: (authority != "-").then(|| trust(authority)).transpose()?,
            seed: Seed::of(key),
            connections: connections.parse()?,
            requests,
        })
    }
}

fn words<const N: usize>(line: &str) -> Result<[&str; N], String> {
    let words: Vec<&str> = line.split(' ').collect();
    <[&str; N]>::try_from(words).map_err(|words| format!("{words:?} are not {N} words"))
}

fn trust(authority: &str) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
