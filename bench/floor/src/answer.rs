//! An answer of HTTP/1.1, as far as it is needed here.

use std::error::Error;

/// The longest head that is waited for.
const MAX_HEAD: usize = 16 << 10;

/// An answer that arrives.
#[derive(Default)]
pub struct Answer {
    /// What has arrived of its head, while that is not whole.
    head: Vec<u8>,
    /// How many bytes of the body are still to come, once the head has told.
    left: Option<u64>,
}

impl Answer {
    /// Takes what arrived; the body's bytes go no further. `expected` is the body's length.
    pub fn take(&mut self, bytes: &[u8], expected: u64) -> Result<(), Box<dyn Error>> {
        if let Some(left) = &mut self.left {
            let length = bytes.len() as u64;
            *left = left.checked_sub(length).ok_or("bytes after the answer")?;
            return Ok(());
        }
        self.head.extend_from_slice(bytes);
        let end = self.head.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return match self.head.len() {
                0..MAX_HEAD => Ok(()),
                _ => Err("an answer without an end of its head".into()),
            };
        };
        let head = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
        let length = body_length(&head)?;
        let ok = head.starts_with("http/1.1 200") || head.starts_with("http/1.1 206");
        if !ok || length != expected {
            let text = String::from_utf8_lossy(&self.head);
            return Err(format!("not what was asked for: {text}").into());
        }
        self.left = Some(length);
        let body = self.head.split_off(end + 4);
        self.take(&body, expected)
    }

    /// Whether all of it has arrived.
    pub fn is_whole(&self) -> bool {
        self.left == Some(0)
    }
}

fn body_length(head: &str) -> Result<u64, Box<dyn Error>> {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .ok_or_else(|| format!("an answer without a length: {head}"))?;
    Ok(length.trim().parse()?)
}
