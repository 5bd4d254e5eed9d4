//! A socket that never waits, with or without TLS.

use crate::plan::Plan;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io::{self, BufRead as _, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The way to the server.
pub struct Wire {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// Connects, and shakes hands where the plan has TLS.
    pub fn open(plan: &Plan) -> Result<Self, Box<dyn Error>> {
        let mut socket = TcpStream::connect(plan.address)?;
        socket.set_nodelay(true)?;
        let tls = match &plan.tls {
            Some(config) => {
                let name = ServerName::from(plan.address.ip());
                let mut session = ClientConnection::new(Arc::clone(config), name)?;
                session.set_buffer_limit(None);
                while session.is_handshaking() {
                    session.complete_io(&mut socket)?;
                }
                Some(Box::new(session))
            }
            None => None,
        };
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls })
    }

    /// What `poll` watches.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether encrypted bytes still have to be sent.
    pub fn is_sending(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Takes some of `bytes`; none while the socket has no room for more.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return now(self.socket.write(bytes)).map(Option::unwrap_or_default);
        };
        let mut taken = 0;
        if !tls.wants_write() {
            taken = tls.writer().write(bytes)?;
        }
        while tls.wants_write() {
            if now(tls.write_tls(&mut self.socket))?.is_none() {
                break;
            }
        }
        Ok(taken)
    }

    /// Reads once from the socket, by way of `scratch`, and hands over what came.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let Some(length) = now(self.socket.read(scratch))? else {
            return Ok(());
        };
        if length == 0 {
            return Err("the server hung up".into());
        }
        let mut received = &scratch[..length];
        let Some(tls) = &mut self.tls else {
            return take(received);
        };
        while !received.is_empty() {
            tls.read_tls(&mut received)?;
            let mut ready = tls.process_new_packets()?.plaintext_bytes_to_read();
            while ready > 0 {
                let mut reader = tls.reader();
                let plain = reader.fill_buf()?;
                let length = plain.len();
                take(plain)?;
                reader.consume(length);
                ready -= length;
            }
        }
        Ok(())
    }
}

/// None for what cannot be done yet.
fn now(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        done => done.map(Some),
    }
}
