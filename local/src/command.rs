//! COMMAND, its environment and its end.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::pending;
use std::io::{Write as _, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use crate::endpoints::Endpoints;
use crate::identity::{Credentials, Identity, SECRET_KEY};

/// Variables by which a user's own AWS configuration would reach through, beside the prefixes below.
const REMOVED: [&str; 10] = [
    "S3_ELSEWHERE",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
];
const REMOVED_PREFIXES: [&str; 2] = ["AWS_ENDPOINT_URL_", "AWS_CONTAINER_"];

/// What COMMAND finds in its environment beside the user's own variables.
#[derive(Debug)]
pub struct Environment {
    set: BTreeMap<&'static str, OsString>,
    removed: Vec<String>,
    /// What is not printed: the user's own credentials, which the shell that made them has.
    hidden: Vec<&'static str>,
}

impl Environment {
    /// Endpoints, credentials, region, function, and bucket unless that is the user's, in an S3 elsewhere; all else of
    /// AWS is shut out.
    pub fn new(
        region: &str,
        bucket: Option<&str>,
        function: &str,
        endpoints: &Endpoints,
        credentials: Option<&Credentials>,
    ) -> Self {
        let mut set: BTreeMap<&'static str, OsString> = BTreeMap::new();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", Identity::Command.access_key()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", region.to_owned()),
            ("AWS_DEFAULT_REGION", region.to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_PAGER", String::new()),
            ("FUNCTION", function.to_owned()),
        ] {
            set.insert(name, value.into());
        }
        // The driver cannot tell from the address of an S3 whether its objects outlive this process.
        let (name, value) = match bucket {
            Some(bucket) => ("BUCKET", bucket),
            None => ("S3_ELSEWHERE", endpoints.s3.as_str()),
        };
        set.insert(name, value.into());
        let mut hidden = Vec::new();
        for (name, value) in credentials.into_iter().flat_map(Credentials::variables) {
            set.insert(name, value.into());
            hidden.push(name);
        }
        for (name, value) in endpoints.variables() {
            set.insert(name, value.into());
        }
        if let Some(authority) = &endpoints.authority {
            set.insert("AWS_CA_BUNDLE", authority.into());
        }
        for name in ["NO_PROXY", "no_proxy"] {
            set.insert(name, no_proxy(env::var_os(name)));
        }
        let present = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let foreign = present
            .filter(|name| {
                REMOVED_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
            })
            .filter(|name| !set.contains_key(name.as_str()));
        let removed = REMOVED
            .into_iter()
            .filter(|name| !set.contains_key(name))
            .map(str::to_owned)
            .chain(foreign)
            .collect();
        Self {
            set,
            removed,
            hidden,
        }
    }

    /// The same as lines for a POSIX shell, without the user's credentials.
    pub fn shell_lines(&self) -> String {
        let unset = self.removed.iter().map(|name| format!("unset {name}\n"));
        let export = self
            .set
            .iter()
            .filter(|(name, _)| !self.hidden.contains(*name))
            .map(|(name, value)| format!("export {name}={}\n", quoted(value)));
        unset.chain(export).collect()
    }
}

fn no_proxy(present: Option<OsString>) -> OsString {
    match present {
        Some(mut list) if !list.is_empty() => {
            list.push(",127.0.0.1");
            list
        }
        _ => "127.0.0.1".into(),
    }
}

fn quoted(value: &OsStr) -> String {
    format!("'{}'", value.to_string_lossy().replace('\'', r"'\''"))
}

/// Runs COMMAND to its end and returns its exit status, 128 + the signal if it died by one.
///
/// # Errors
/// When COMMAND cannot be started.
pub async fn run(command: &[OsString], environment: &Environment) -> Result<u8> {
    let (program, arguments) = command.split_first().context("COMMAND is empty")?;
    // Before COMMAND starts, so that no signal finds the default, which is to die and leave it behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = hangups()?;
    let mut prepared = Command::new(program);
    prepared.args(arguments).envs(&environment.set);
    for name in &environment.removed {
        prepared.env_remove(name);
    }
    let mut child = prepared
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    let pass_on = |signal| {
        if let Some(pid) = pid {
            // It may have ended already: then there is nobody to tell.
            let _ = kill(pid, signal);
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(shell_status(status?)),
            // The terminal tells COMMAND as well, and it needs its services until it has ended.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => pass_on(Signal::SIGTERM),
            () = received(&mut hangup) => pass_on(Signal::SIGHUP),
        }
    }
}

/// Prints the environment as shell lines and waits for SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn serve(environment: &Environment) -> Result<()> {
    // Before the lines, by which others know that it serves and may be interrupted.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = hangups()?;
    stdout()
        .write_all(environment.shell_lines().as_bytes())
        .context("cannot print the environment")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = received(&mut hangup) => {}
    }
    Ok(())
}

/// The hangups to come; none where they are ignored, as below `nohup`: to listen to them would end that, for COMMAND
/// too.
fn hangups() -> Result<Option<Signals>> {
    // Only Linux tells.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangup = 1 << (Signal::SIGHUP as u64 - 1);
    let is_ignored = ignored.is_some_and(|mask| mask & hangup > 0);
    let heard = || signal(SignalKind::hangup());
    Ok((!is_ignored).then(heard).transpose()?)
}

async fn received(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => pending().await,
    }
}

fn shell_status(status: ExitStatus) -> u8 {
    let status = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    status
        .and_then(|status| u8::try_from(status).ok())
        .unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_what_a_shell_would_say() {
        assert_eq!(shell_status(ExitStatus::from_raw(0)), 0);
        assert_eq!(shell_status(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(shell_status(ExitStatus::from_raw(9)), 137);
    }

    #[test]
    fn values_survive_the_shell() {
        assert_eq!(quoted(OsStr::new("it's $HOME")), r"'it'\''s $HOME'");
    }

    #[test]
    fn proxies_are_kept_out_of_loopback() {
        assert_eq!(no_proxy(None), "127.0.0.1");
        assert_eq!(no_proxy(Some("".into())), "127.0.0.1");
        assert_eq!(no_proxy(Some("corp".into())), "corp,127.0.0.1");
    }
}
