//! One page of a listing: prefix, delimiter, place to go on.

use std::collections::BTreeMap;
use std::ops::Bound;

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a, V> {
    /// A key that matches.
    Key(&'a str, &'a V),
    /// All keys that share this beginning, up to a delimiter.
    Prefix(&'a str),
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a, V> {
    /// In the order of the keys.
    pub entries: Vec<Entry<'a, V>>,
    /// Where the next page goes on, `None` on the last page.
    pub next: Option<&'a str>,
}

/// What to list.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Keys that begin so.
    pub prefix: &'a str,
    /// Keys that have this after the prefix are shown as one; empty: none.
    pub delimiter: &'a str,
    /// Only what follows this; a shared beginning that was already shown is skipped whole.
    pub after: Option<&'a str>,
    /// Entries on a page.
    pub limit: usize,
}

/// Lists one page.
pub fn page<'a, V>(all: &'a BTreeMap<String, V>, query: Query<'_>) -> Page<'a, V> {
    let Query {
        prefix,
        delimiter,
        after,
        limit,
    } = query;
    let start = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let mut entries = Vec::new();
    let mut last: Option<&str> = None;
    let matching = all
        .range::<str, _>((start, Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(prefix));
    for (key, value) in matching {
        let shared = match delimiter {
            "" => None,
            delimiter => key[prefix.len()..]
                .find(delimiter)
                .map(|at| &key[..prefix.len() + at + delimiter.len()]),
        };
        let shown = match shared {
            Some(shared) if last == Some(shared) || after == Some(shared) => continue,
            Some(shared) => shared,
            None => key,
        };
        if entries.len() == limit {
            return Page {
                entries,
                next: last.or(Some("")).filter(|_| limit > 0),
            };
        }
        entries.push(if shared.is_some() {
            Entry::Prefix(shown)
        } else {
            Entry::Key(key, value)
        });
        last = Some(shown);
    }
    Page {
        entries,
        next: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[&str], query: Query<'_>) -> (Vec<String>, Option<String>) {
        let all: BTreeMap<String, usize> = keys
            .iter()
            .map(|key| ((*key).to_owned(), key.len()))
            .collect();
        let page = page(&all, query);
        let names = page.entries.iter().map(|entry| match entry {
            Entry::Key(key, _) => (*key).to_owned(),
            Entry::Prefix(prefix) => format!("[{prefix}]"),
        });
        (names.collect(), page.next.map(str::to_owned))
    }

    const KEYS: [&str; 6] = ["a", "dir/1", "dir/2", "dir/sub/3", "dirt", "z"];

    #[test]
    fn prefix_and_delimiter_fold() {
        let query = Query {
            prefix: "",
            delimiter: "/",
            after: None,
            limit: 10,
        };
        assert_eq!(
            names(&KEYS, query),
            (
                vec!["a".into(), "[dir/]".into(), "dirt".into(), "z".into()],
                None
            )
        );
        let query = Query {
            prefix: "dir/",
            ..query
        };
        assert_eq!(names(&KEYS, query).0, ["dir/1", "dir/2", "[dir/sub/]"]);
        let query = Query {
            prefix: "dir",
            delimiter: "",
            ..query
        };
        assert_eq!(
            names(&KEYS, query).0,
            ["dir/1", "dir/2", "dir/sub/3", "dirt"]
        );
    }

    #[test]
    fn pages_of_any_size_cover_everything_once() {
        for delimiter in ["", "/"] {
            let whole = names(
                &KEYS,
                Query {
                    prefix: "",
                    delimiter,
                    after: None,
                    limit: 100,
                },
            )
            .0;
            for limit in 1..=7 {
                let (mut paged, mut after) = (Vec::new(), None);
                loop {
                    let query = Query {
                        prefix: "",
                        delimiter,
                        after: after.as_deref(),
                        limit,
                    };
                    let (names, next) = names(&KEYS, query);
                    assert!(names.len() <= limit);
                    paged.extend(names);
                    match next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
                assert_eq!(paged, whole, "limit {limit}, delimiter {delimiter:?}");
            }
        }
    }
}
