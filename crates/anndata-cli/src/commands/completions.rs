//! `anndata completions` and the hidden `anndata man`: what packagers install beside the command.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::Failure;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata completions bash > ~/.local/share/bash-completion/completions/anndata")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: Command, out: &mut impl Write) -> Result<(), Failure> {
        // Made in memory, as the generator panics where it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "anndata", &mut script);
        Ok(out.write_all(&script)?)
    }
}

/// Write the manual pages, one for each subcommand.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder that the pages are written to.
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(&self, command: Command) -> Result<(), Failure> {
        // The parser of arguments adds a subcommand `help`, which needs no pages.
        Ok(clap_mangen::generate_to(command.disable_help_subcommand(true), &self.folder)?)
    }
}
