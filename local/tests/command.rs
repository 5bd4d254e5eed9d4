//! The program around COMMAND: its environment, its status, its signals, and what it leaves behind.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
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
fn command_ends_and_local_ends_with_its_status() {
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
fn without_command_it_prints_shell_lines_and_serves_until_interrupted() {
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
fn an_interrupt_is_commands_affair_and_a_termination_is_passed_on() {
    let folder = TempDir::new().unwrap();
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let mut child = local(&folder)
        .args(["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    kill(pid(&child), Signal::SIGINT).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it serves on");
    kill(pid(&child), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_missing_worker_names_what_was_looked_for() {
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
