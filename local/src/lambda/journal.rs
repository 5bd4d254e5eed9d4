//! A file of the events that workers were given: what ran, and how often.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// An open journal.
#[derive(Debug)]
pub struct Journal(File);

impl Journal {
    /// Opens the file at `path` to append to it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = File::options().append(true).create(true).open(path);
        let file =
            opened.with_context(|| format!("--events {}: cannot be opened", path.display()))?;
        Ok(Self(file))
    }

    /// Appends an event, in one write so that no two lines mix.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn note(&self, event: &[u8]) -> io::Result<()> {
        let event: Value = serde_json::from_slice(event)?;
        (&self.0).write_all(format!("{event}\n").as_bytes())
    }
}
