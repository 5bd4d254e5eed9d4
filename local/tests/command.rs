//! The program around COMMAND: its environment, its status, its signals, and what it leaves behind.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

fn local(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.arg("--worker").arg(common::worker(folder, ""));
    command
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

#[test]
fn a_test_that_takes_too_long_is_named() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let late = move |test: &str| sender.send(test.to_owned()).unwrap();
    let limit = common::Limit::of(Duration::from_millis(10), late);
    let told = receiver.recv_timeout(Duration::from_mins(1)).unwrap();
    assert_eq!(told, "a_test_that_takes_too_long_is_named");
    drop(limit);
}

#[test]
fn command_ends_and_local_ends_with_its_status() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let ended = local(&folder)
            .args(["--", "sh", "-c", script])
            .status()
            .unwrap();
        assert_eq!(ended.code(), Some(status), "{script}");
    }
    let missing = local(&folder)
        .args(["--", "/no/such/program"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/program"));
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn command_is_shielded_from_the_users_aws_configuration() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let mut command = local(&folder);
    for name in [
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ] {
        command.env(name, "mine");
    }
    let output = command
        .args(["--bucket", "one", "--bucket", "two", "--", "env"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("mine"), "{text}");
    for line in [
        "BUCKET=one",
        "FUNCTION=terabit",
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_PAGER=",
        "AWS_REGION=us-east-1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[test]
fn with_an_s3_elsewhere_command_has_the_users_region_credentials_and_bucket() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let url = "http://127.0.0.1:9";
    let mut command = local(&folder);
    command.args(["--s3", url, "--", "env"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    let refused = command.output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        told.contains("AWS_ACCESS_KEY_ID") && told.contains("export-credentials"),
        "{told}"
    );
    assert_eq!(refused.status.code(), Some(1));
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "eu-central-1"),
        ("BUCKET", "mine"),
    ];
    let output = command.envs(variables).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    for line in expected.chain([format!("AWS_ENDPOINT_URL_S3={url}")]) {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(
        text.contains("AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:"),
        "{text}"
    );
}

#[test]
fn without_command_it_prints_shell_lines_and_serves_until_interrupted() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let mut child = local(&folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let endpoint = lines
        .find(|line| line.starts_with("export AWS_ENDPOINT_URL_S3="))
        .unwrap();
    let address = endpoint
        .split_once("http://")
        .unwrap()
        .1
        .trim_end_matches('\'');
    assert!(std::net::TcpStream::connect(address).is_ok());
    kill(pid(&child), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn the_users_credentials_are_not_printed() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let mut child = local(&folder)
        .args(["--s3", "http://127.0.0.1:9"])
        .env("AWS_ACCESS_KEY_ID", "AKIDMINE")
        .env("AWS_SECRET_ACCESS_KEY", "my-secret")
        .env("AWS_SESSION_TOKEN", "my-token")
        .env("AWS_REGION", "eu-central-1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        printed.push(line.unwrap());
        // The last one.
        if printed.last().unwrap().starts_with("export no_proxy=") {
            break;
        }
    }
    kill(pid(&child), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let printed = printed.join("\n");
    assert!(
        printed.contains("export AWS_REGION='eu-central-1'"),
        "{printed}"
    );
    for name in ["KEY_ID", "SECRET", "SESSION", "AKIDMINE", "my-"] {
        assert!(!printed.contains(name), "{name} in {printed}");
    }
}

/// The first line that it prints.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    line
}

#[test]
fn an_interrupt_is_commands_affair_and_a_termination_is_passed_on() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let mut child = local(&folder)
        .args(["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    first_line(&mut child);
    kill(pid(&child), Signal::SIGINT).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it serves on");
    kill(pid(&child), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[cfg(target_os = "linux")]
#[test]
fn below_nohup_neither_local_nor_command_hears_a_hangup() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let worker = common::worker(&folder, "");
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_local"), "--worker"])
        .arg(worker)
        .args(["--", "sh", "-c", "echo $$; read go; exit 9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let command = Pid::from_raw(first_line(&mut child).trim().parse().unwrap());
    for hung_up in [pid(&child), command] {
        kill(hung_up, Signal::SIGHUP).unwrap();
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_printed_that_is_said_or_does_not_matter() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let output = local(&folder).stdout(full()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with("local: cannot print the environment: "),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(1));
    // It has the seed to tell.
    let ended = local(&folder)
        .args(["--reset", "0.1", "--", "true"])
        .stderr(full())
        .status();
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn a_missing_worker_names_what_was_looked_for() {
    let _limit = common::Limit::begin();
    let output = Command::new(env!("CARGO_BIN_EXE_local"))
        .args(["--worker", "/no/worker", "--", "true"])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("/no/worker") && message.contains("make build"),
        "{message}"
    );
    // A copy, beside which there is nothing.
    let folder = TempDir::new().unwrap();
    let alone = folder.path().join("local");
    std::fs::copy(Path::new(env!("CARGO_BIN_EXE_local")), &alone).unwrap();
    let output = Command::new(alone).args(["--", "true"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    for part in ["/terabit does not exist", "make build", "--worker"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn faults_that_cannot_be_are_refused_and_a_seed_that_was_drawn_is_told() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let stderr = |arguments: &[&str], status| {
        let output = local(&folder)
            .args(arguments)
            .args(["--", "true"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let refusal = stderr(&["--reset", "0.6", "--slow-down", "0.6"], 1);
    assert!(
        refusal.contains("--slow-down 0.6, --reset 0.6 are 1.2 together"),
        "{refusal}"
    );
    let told = stderr(&["--reset", "0.6"], 0);
    let seed = told
        .trim_end()
        .rsplit_once("--seed ")
        .unwrap_or_else(|| panic!("{told}"))
        .1;
    assert!(seed.parse::<u64>().is_ok(), "{told}");
    for quiet in [
        &["--reset", "0.6", "--seed", seed][..],
        &["--reset", "0"],
        &[],
    ] {
        assert!(!stderr(quiet, 0).contains("--seed"), "{quiet:?}");
    }
}

#[test]
fn a_fleet_that_this_machine_has_no_room_for_is_told_before_it_starts() {
    let _limit = common::Limit::begin();
    let folder = TempDir::new().unwrap();
    let program = env!("CARGO_BIN_EXE_local");
    let worker = common::worker(&folder, "");
    let script = format!(
        "ulimit -n 1000; exec '{program}' --worker '{}' -- true",
        worker.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("at most 266 workers at once, not 1000")
            && told.contains("3200 would be enough"),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(0));
}
