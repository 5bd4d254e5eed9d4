//! The values an event's fields may have; what is not among them is refused by a sentence that quotes it.

use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest piece of a refused value that an error quotes, in characters.
const QUOTED: usize = 80;

/// `value` as an error quotes it: its JSON, cut where it is long, without the control characters that JSON may hold.
pub fn quoted(value: &Value) -> String {
    let json = value.to_string();
    let json: String = json.chars().map(visible).collect();
    match json.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}

/// A character, or its escape in JSON where a terminal would obey it.
fn visible(char: char) -> String {
    if char.is_control() {
        format!("\\u{:04x}", u32::from(char))
    } else {
        char.into()
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number `N`, checked when the program is compiled.
    pub const fn of<const N: u64>() -> Self {
        const { assert!(MIN <= N && N <= MAX, "a default outside of its range") };
        Self(N)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<Value> for Whole<MIN, MAX> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_u64() {
            Some(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ if MAX == u64::MAX => Err(format!(
                "{} is not a whole number of at least {MIN}",
                quoted(&value)
            )),
            _ => Err(format!(
                "{} is not a whole number from {MIN} to {MAX}",
                quoted(&value)
            )),
        }
    }
}

/// A duration from `MIN` to `MAX` seconds, whole or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Seconds<const MIN: u32, const MAX: u32>(Duration);

impl<const MIN: u32, const MAX: u32> Seconds<MIN, MAX> {
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<Value> for Seconds<MIN, MAX> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        value
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| {
                let [least, most] = [MIN, MAX].map(|limit| Duration::from_secs(limit.into()));
                (least..=most).contains(duration)
            })
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{} is not a number of seconds from {MIN} to {MAX}",
                    quoted(&value)
                )
            })
    }
}

/// A bucket's name, by S3's rules for general purpose buckets; the names of directory buckets (`--x-s3`) and
/// access-point aliases (`-s3alias`) follow the same rules.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Bucket(Arc<str>);

impl Bucket {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<Value> for Bucket {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(name) if is_bucket_name(&name) => Ok(Self(name.into())),
            _ => Err(format!(
                "{} is not a bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots, with a letter or \
                 digit at both ends, no two dots in a row, and not an IP address",
                quoted(&value)
            )),
        }
    }
}

fn is_bucket_name(name: &str) -> bool {
    let is_end = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        && is_end(name.as_bytes().first())
        && is_end(name.as_bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// An object's key: 1 to 1,024 bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Key(Arc<str>);

impl Key {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the object of that number in the stream below this key.
    pub fn numbered(&self, number: u64) -> Self {
        Self(format!("{}/{number}", self.0).into())
    }

    /// Whether there is no character in it but blanks.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Whether every object of a stream below this key, which has a million at most, has a key too.
    pub fn may_be_numbered(&self) -> bool {
        self.0.len() + "/999999".len() <= LONGEST_KEY
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<Value> for Key {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Self(key.into())),
            Value::String(key) => {
                let length = key.len();
                Err(format!(
                    "{} has {length} bytes; a key has 1 to 1,024 bytes of UTF-8",
                    quoted(&Value::String(key))
                ))
            }
            _ => Err(format!(
                "{} is not a key: a string of 1 to 1,024 bytes of UTF-8",
                quoted(&value)
            )),
        }
    }
}

/// A moment, in seconds since 1970-01-01 UTC, between 2001 and 2286: what is given in milliseconds by mistake is
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "Value")]
pub struct Epoch(Duration);

impl Epoch {
    pub const fn since_1970(self) -> Duration {
        self.0
    }
}

impl TryFrom<Value> for Epoch {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_f64() {
            Some(seconds) if (1e9..1e10).contains(&seconds) => {
                Ok(Self(Duration::from_secs_f64(seconds)))
            }
            _ => Err(format!(
                "{} is not a moment in epoch seconds, such as 1790000000.5",
                quoted(&value)
            )),
        }
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Flag(bool);

impl Flag {
    pub const fn get(self) -> bool {
        self.0
    }
}

impl TryFrom<Value> for Flag {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        value
            .as_bool()
            .map(Self)
            .ok_or_else(|| format!("{} is neither true nor false", quoted(&value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in [
            "abc",
            "my-bucket.logs",
            "0a0",
            "terabit--use1-az4--x-s3",
            "point-abcdef0123456789abcdef0123456789ab-s3alias",
            &"a".repeat(63),
        ] {
            assert_eq!(Bucket::try_from(json!(good)).expect(good).as_str(), good);
        }
        for bad in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc.",
            "a..b",
            "192.168.0.1",
            "a b",
            "bücket",
        ] {
            assert!(
                Bucket::try_from(json!(bad))
                    .expect_err(bad)
                    .contains("3 to 63"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_key_is_measured_in_bytes() {
        assert!(Key::try_from(json!("ä".repeat(512))).is_ok());
        let error = Key::try_from(json!("ä".repeat(513))).expect_err("1,026 bytes");
        assert!(error.contains("has 1026 bytes"), "{error}");
        assert!(Key::try_from(json!("")).is_err());
    }

    #[test]
    fn a_key_that_may_be_numbered_has_room_for_the_highest_number() {
        let key = |length| Key::try_from(json!("k".repeat(length))).expect("a key");
        assert!(key(1017).may_be_numbered() && !key(1018).may_be_numbered());
        assert_eq!(key(1017).numbered(999_999).as_str().len(), 1024);
        assert_eq!(key(2).numbered(7).as_str(), "kk/7");
    }

    #[test]
    fn a_refused_value_is_quoted_and_cut() {
        let error = Whole::<5, 5120>::try_from(json!("x".repeat(1000))).expect_err("a string");
        assert!(
            error.starts_with("\"xxx")
                && error.contains("xx… is not a whole number from 5 to 5120"),
            "{error}"
        );
        assert_eq!(
            Whole::<1, { u64::MAX }>::try_from(json!(-1)).expect_err("negative"),
            "-1 is not a whole number of at least 1"
        );
    }

    #[test]
    fn seconds_may_be_broken_and_have_their_limits() {
        let seconds = |value: Value| Seconds::<0, 60>::try_from(value).map(Seconds::get);
        for good in [
            json!(0),
            json!(-0.0),
            json!(0.25),
            json!(1),
            json!(60),
            json!(60.0),
        ] {
            let expected = Duration::from_secs_f64(good.as_f64().expect("a number").abs());
            assert_eq!(seconds(good), Ok(expected));
        }
        for bad in [
            json!(-0.1),
            json!(60.001),
            json!(1e300),
            json!("1"),
            json!(null),
            json!([1]),
        ] {
            assert_eq!(
                seconds(bad.clone()),
                Err(format!("{bad} is not a number of seconds from 0 to 60"))
            );
        }
    }

    #[test]
    fn milliseconds_are_no_epoch_seconds() {
        assert!(Epoch::try_from(json!(1_790_000_000.25)).is_ok());
        assert!(Epoch::try_from(json!(1_790_000_000_250_u64)).is_err());
        assert!(Epoch::try_from(json!("1790000000")).is_err());
    }
}
