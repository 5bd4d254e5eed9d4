//! The account and its dummy credentials: one access key for COMMAND, one for each worker, the same secret for all.
//!
//! An access key names its owner, so that S3 can tell the workers apart without asking anybody.

use std::env;

use anyhow::{Context, Result};
use http::{HeaderMap, header};

/// The account that the function belongs to.
pub const ACCOUNT: &str = "000000000000";

/// The secret that belongs to every access key here; it protects nothing.
pub const SECRET_KEY: &str = "local/only/not/a/secret/0000000000000000";

const COMMAND_KEY: &str = "AKIALOCALCOMMAND0000";
const WORKER_PREFIX: &str = "AKIALOCALW";

/// The user's own credentials, for an S3 elsewhere.
#[derive(Debug, Clone)]
pub struct Credentials {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl Credentials {
    /// Those of this process's environment.
    ///
    /// # Errors
    /// When there are none.
    pub fn from_env() -> Result<Self> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let both = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let (access_key, secret_key) = both.context(
            "--s3 needs credentials in the environment, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for those of \
             a profile or a role: eval \"$(aws configure export-credentials --format env)\"",
        )?;
        Ok(Self {
            access_key,
            secret_key,
            session_token: variable("AWS_SESSION_TOKEN"),
        })
    }

    /// The variables by which every AWS SDK finds them.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let token = self.session_token.clone();
        let keys = [
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
        ];
        keys.into_iter()
            .chain(token.map(|token| ("AWS_SESSION_TOKEN", token)))
            .collect()
    }
}

/// Who signed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// COMMAND: the driver, the AWS CLI, a person.
    Command,
    /// The worker in the environment of this number, counted from 1.
    Worker(u32),
}

impl Identity {
    /// The access key id of this identity, 20 characters as on AWS.
    #[must_use]
    pub fn access_key(self) -> String {
        match self {
            Self::Command => COMMAND_KEY.to_owned(),
            Self::Worker(number) => format!("{WORKER_PREFIX}{number:010}"),
        }
    }

    /// Whose access key this is; `None` when it is nobody's here.
    #[must_use]
    pub fn from_access_key(key: &str) -> Option<Self> {
        if key == COMMAND_KEY {
            return Some(Self::Command);
        }
        let digits = key.strip_prefix(WORKER_PREFIX)?;
        (digits.len() == 10).then(|| digits.parse().ok().map(Self::Worker))?
    }
}

/// What a request says about its signature, before anything is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The owner of the access key, `None` for a foreign key.
    pub identity: Option<Identity>,
    /// The region that the request was signed for.
    pub region: String,
}

impl Signer {
    /// Reads the credential scope in a request's `Authorization` header; `None` when the request has none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, scope) = authorization.split_once("Credential=")?;
        let mut fields = scope.split('/');
        let key = fields.next()?;
        let region = fields.nth(1)?;
        Some(Self {
            identity: Identity::from_access_key(key),
            region: region.to_owned(),
        })
    }
}

/// Reads the name of a region of AWS.
///
/// # Errors
/// What it should look like.
pub fn region(text: &str) -> std::result::Result<String, String> {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        !word.is_empty() && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if text.len() <= 32 && text.split('-').count() >= 3 && text.split('-').all(is_word) {
        Ok(text.to_owned())
    } else {
        Err("a region looks like us-east-1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_names_its_owner() {
        for identity in [
            Identity::Command,
            Identity::Worker(1),
            Identity::Worker(u32::MAX),
        ] {
            let key = identity.access_key();
            assert_eq!(key.len(), 20);
            assert_eq!(Identity::from_access_key(&key), Some(identity));
        }
        for foreign in [
            "",
            "AKIAIOSFODNN7EXAMPLE",
            "AKIALOCALW1",
            "AKIALOCALWxxxxxxxxxx",
        ] {
            assert_eq!(Identity::from_access_key(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_signer_is_read_from_the_header() {
        let key = Identity::Worker(7).access_key();
        let mut headers = HeaderMap::new();
        assert_eq!(Signer::of(&headers), None);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261123/eu-west-1/s3/aws4_request, SignedHeaders=host"
        );
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        let expected = Signer {
            identity: Some(Identity::Worker(7)),
            region: "eu-west-1".to_owned(),
        };
        assert_eq!(Signer::of(&headers), Some(expected));
    }

    #[test]
    fn a_region_that_is_none_is_refused_with_an_example() {
        assert_eq!(region("eu-west-1").as_deref(), Ok("eu-west-1"));
        for text in ["", "US", "us-east", "us--east-1", "us-east-1-"] {
            assert!(
                region(text).is_err_and(|told| told.contains("us-east-1")),
                "{text}"
            );
        }
    }
}
