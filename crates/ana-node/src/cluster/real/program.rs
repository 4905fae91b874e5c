//! Programs of the operating system, run to their end within a bound.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use ana_env::time;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Each ends within this; making a file system takes longest.
const PROGRAM_MAX: Duration = Duration::from_secs(60);

/// Whether there is a program of that name.
pub(super) async fn is_there(name: &str) -> bool {
    let asked = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    // Whatever it makes of the option: it is there.
    match time::timeout(PROGRAM_MAX, asked).await {
        Ok(Err(error)) => error.kind() != io::ErrorKind::NotFound,
        Ok(Ok(_)) | Err(_) => true,
    }
}

/// Runs a program; gives back what it printed.
pub(super) async fn run<A: AsRef<OsStr>>(name: &str, arguments: &[A]) -> Result<String, String> {
    run_with(name, arguments, "").await
}

/// The same, with a text on its standard input.
pub(super) async fn run_with<A: AsRef<OsStr>>(
    name: &str,
    arguments: &[A],
    input: &str,
) -> Result<String, String> {
    let words = || {
        let arguments = arguments.iter().map(|each| each.as_ref().to_string_lossy());
        let words: Vec<_> = std::iter::once(name.into()).chain(arguments).collect();
        words.join(" ")
    };
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", words());
    let running = async {
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let done = match time::timeout(PROGRAM_MAX, running).await {
        Ok(done) => done.map_err(|error: io::Error| failed(&error))?,
        Err(_) => return Err(failed(&"it does not end")),
    };
    if !done.status.success() {
        return Err(failed(&String::from_utf8_lossy(&done.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
