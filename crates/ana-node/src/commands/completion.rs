//! `ana completion`: scripts that complete the command line.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;
use crate::error::{CliError, Exit};
use crate::output;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(ana completion bash)
  ana completion zsh > \"${fpath[1]}/_ana\"
  ana completion fish > ~/.config/fish/completions/ana.fish")]
pub(super) struct Completion {
    /// Which shell.
    #[arg(value_enum)]
    shell: For,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum For {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        let shell = match self.shell {
            For::Bash => Shell::Bash,
            For::Zsh => Shell::Zsh,
            For::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "ana", &mut script);
        output::data_bytes(&script)?;
        Ok(Exit::Ok)
    }
}
