//! How many workers this machine has room for.

use std::thread::available_parallelism;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Workers for each processor. On two processors 3,000 workers that write 1 MiB each are done in 18 s; with 5,000 each
/// waits so long for a processor that its requests time out before one is answered, and are sent again.
const WORKERS_PER_PROCESSOR: usize = 1500;

/// Open files for each worker at work: its process, the connection of its invocation, and the least that it needs of
/// S3, one connection.
const FILES_PER_WORKER: usize = 3;

/// Open files for everything else: listeners, COMMAND's connections, the store.
const OTHER_FILES: usize = 200;

/// What one more worker at work takes of this machine's memory, in bytes (measured with 1,000 of them, one request in
/// flight each): its code is there once for all.
const MEMORY_PER_WORKER: usize = 3_000_000;

/// What there is for workers.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    processors: usize,
    /// Files that this process may have open.
    files: usize,
    /// Free memory in bytes, where the system tells.
    memory: Option<usize>,
}

impl Room {
    /// Makes as much room as the system allows, and measures it.
    ///
    /// # Errors
    /// When the system does not tell what there is.
    pub fn make() -> Result<Self> {
        Ok(Self {
            processors: available_parallelism()
                .context("cannot count the processors")?
                .get(),
            files: raise_descriptor_limit()?,
            memory: free_memory(),
        })
    }

    /// How many workers may run at once where so many are wanted, and what is to be said about it.
    #[must_use]
    pub fn hold(self, wanted: usize) -> (usize, Option<String>) {
        let Self {
            processors, files, ..
        } = self;
        let by_processors = processors * WORKERS_PER_PROCESSOR;
        let by_files = (files.saturating_sub(OTHER_FILES) / FILES_PER_WORKER).max(1);
        let most = wanted.min(by_processors).min(by_files);
        let told = if most == by_files && most < wanted {
            let enough = wanted.min(by_processors) * FILES_PER_WORKER + OTHER_FILES;
            Some(format!(
                "at most {most} workers at once, not {wanted}: each takes {FILES_PER_WORKER} open files, and one for \
                 every further request in flight, and local may have {files} (`ulimit -n`); {enough} would be enough \
                 for {}",
                wanted.min(by_processors)
            ))
        } else if most < wanted {
            Some(format!(
                "at most {most} workers at once, not {wanted}: a processor carries about {WORKERS_PER_PROCESSOR}, and \
                 here are {processors}; more would time out while they wait for one. A machine with more of them has \
                 room"
            ))
        } else {
            self.short_of_memory(most)
        };
        (most, told)
    }

    fn short_of_memory(self, workers: usize) -> Option<String> {
        let needed = workers * MEMORY_PER_WORKER;
        let free = self.memory.filter(|free| *free < needed)?;
        Some(format!(
            "{workers} workers at once, if COMMAND has so many, take about {:.1} GB of memory, of which {:.1} are \
             free, enough for {}; what they write comes on top, unless --dir keeps it",
            gigabytes(needed),
            gigabytes(free),
            free / MEMORY_PER_WORKER
        ))
    }
}

#[allow(clippy::cast_precision_loss, reason = "for a sentence")]
fn gigabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e9
}

/// Raises the limit of open files, usually 1,024, as far as it goes, and returns it.
fn raise_descriptor_limit() -> Result<usize> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("cannot tell how many files may be open")?;
    // macOS refuses more than OPEN_MAX, though it tells a higher limit or none.
    let most = if cfg!(target_os = "macos") {
        hard.min(10_240)
    } else {
        hard
    };
    let limit = if soft >= most {
        soft
    } else if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, most, hard) {
        crate::say(format_args!(
            "at most {soft} open files: the limit cannot be raised to {most}: {error}"
        ));
        soft
    } else {
        most
    };
    // Where there is no limit it is the largest number.
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// What the kernel reckons could be had without swapping, in bytes. Only Linux tells.
fn free_memory() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: usize = available.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Room = Room {
        processors: 64,
        files: 1 << 20,
        memory: None,
    };

    fn held(room: Room, wanted: usize, parts: &[&str]) -> usize {
        let (most, told) = room.hold(wanted);
        let told = told.unwrap_or_else(|| panic!("nothing is said: {room:?}"));
        for part in parts {
            assert!(told.contains(part), "{part}: {told}");
        }
        most
    }

    #[test]
    fn workers_are_as_many_as_there_are_processors_and_files_for() {
        assert_eq!(LARGE.hold(10_000), (10_000, None));
        let two = Room {
            processors: 2,
            ..LARGE
        };
        assert_eq!(two.hold(3000), (3000, None));
        assert_eq!(
            held(two, 10_000, &["at most 3000", "not 10000", "here are 2"]),
            3000
        );
        let few = Room {
            files: 6200,
            ..LARGE
        };
        assert_eq!(few.hold(2000), (2000, None));
        let parts = [
            "at most 2000",
            "not 10000",
            "may have 6200",
            "30200 would be enough for 10000",
        ];
        assert_eq!(held(few, 10_000, &parts), 2000);
        let both = Room {
            processors: 2,
            ..few
        };
        assert_eq!(
            held(
                both,
                10_000,
                &["at most 2000", "9200 would be enough for 3000"]
            ),
            2000
        );
        let none = Room {
            files: 100,
            ..LARGE
        };
        assert_eq!(held(none, 5, &["at most 1 "]), 1);
    }

    #[test]
    fn memory_that_is_not_there_is_told_and_holds_nobody() {
        let room = Room {
            memory: Some(24_000_000_000),
            ..LARGE
        };
        assert_eq!(room.hold(8000), (8000, None));
        assert_eq!(
            held(
                room,
                10_000,
                &["30.0 GB", "24.0 are free", "enough for 8000"]
            ),
            10_000
        );
    }

    #[test]
    fn this_machine_tells_what_it_has() {
        let room = Room::make().expect("tells");
        assert!(room.processors > 0 && room.files >= 64);
        if cfg!(target_os = "linux") {
            assert!(room.memory.is_some_and(|free| free > 1 << 20));
        }
    }
}
