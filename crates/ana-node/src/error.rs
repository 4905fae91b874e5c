//! What a command says when it cannot do what was asked: three lines and an exit code.
//!
//! The first line says what happened, the second where (endpoint, AWS error name, request id), the
//! third what to do next. Scripts branch on the exit code, so the numbers are part of the interface.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of `ana`, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: failed for a reason without a number of its own.
    Failed,
    /// 2: the command line was wrong.
    Usage,
    /// 3: the stream, shard or node does not exist.
    NotFound,
    /// 3 as well: a guard stopped a drill, whose exit codes are its own.
    Guarded,
    /// 4: it exists already.
    Exists,
    /// 5: still throttled after all retries.
    Throttled,
    /// 6: no node answered, or no quorum.
    Unavailable,
    /// 7: a bounded wait ran out.
    TimedOut,
    /// 8: not allowed.
    Permission,
    /// 10: the cluster answered, and is not healthy.
    Unhealthy,
    /// 11: a verification found that an acknowledged record is gone.
    LostRecord,
    /// 12: a node that was removed from the cluster, or whose data directory is another one than before.
    Expelled,
    /// 130: stopped by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number given to the operating system.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound | Exit::Guarded => 3,
            Exit::Exists => 4,
            Exit::Throttled => 5,
            Exit::Unavailable => 6,
            Exit::TimedOut => 7,
            Exit::Permission => 8,
            Exit::Unhealthy => 10,
            Exit::LostRecord => 11,
            Exit::Expelled => 12,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// An error as a person should read it.
#[derive(Debug, Clone)]
pub struct CliError {
    what: String,
    context: String,
    advice: String,
    exit: Exit,
}

impl CliError {
    /// An error that says `what` happened; add where and what to do with the next two.
    pub fn new(exit: Exit, what: impl Into<String>) -> CliError {
        CliError {
            what: what.into(),
            context: String::new(),
            advice: String::new(),
            exit,
        }
    }

    /// Where it happened: endpoint, file, AWS error name, request id.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> CliError {
        self.context = context.into();
        self
    }

    /// What to try next, as a command where there is one.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> CliError {
        self.advice = advice.into();
        self
    }

    /// What happened, without where and what to do.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The exit code that belongs to it.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Standard output was closed by its reader (`ana tail orders | head`): not worth a word.
    pub fn is_silent(&self) -> bool {
        self.what.is_empty()
    }

    /// The end of a command whose reader went away.
    pub fn silent(exit: Exit) -> CliError {
        CliError::new(exit, "")
    }

    /// A file could not be read or written.
    pub fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> CliError {
        CliError::new(Exit::Failed, format!("cannot {doing}: {error}"))
            .context(format!("file {}", path.display()))
            .advice("check the path, its permissions and the free space of the disk")
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for line in [&self.context, &self.advice] {
            if !line.is_empty() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_three_lines() {
        let error = CliError::new(Exit::NotFound, "stream \"orders\" not found")
            .context("endpoint http://127.0.0.1:4567, ResourceNotFoundException")
            .advice("try: ana stream ls");
        assert_eq!(
            error.to_string(),
            "error: stream \"orders\" not found\n  endpoint http://127.0.0.1:4567, \
             ResourceNotFoundException\n  try: ana stream ls"
        );
        assert_eq!(error.exit().code(), 3);
    }
}
