//! The `anndata` command: each subcommand parses its arguments, calls one function of the library and prints.
//!
//! Exit status: 0 done; 1 a finding of a check; 2 wrong usage or an error, one line on standard error.

mod commands;
mod progress;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::concat::Concat;
use commands::convert::Convert;
use commands::get::Get;
use commands::show::Show;
use commands::validate::Validate;

/// Show, convert, look into, check and concatenate annotated data matrices.
#[derive(Debug, Parser)]
#[command(name = "anndata", version, propagate_version = true)]
struct Cli {
    /// Tell more on standard error; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
    Convert(Box<Convert>),
    Get(Get),
    Validate(Validate),
    Concat(Box<Concat>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.verbose);
    let done = match cli.command {
        Command::Show(show) => show.run(&mut io::stdout().lock()).map(|()| true),
        Command::Convert(convert) => convert.run().map(|()| true),
        Command::Get(get) => get.run(&mut io::stdout().lock()).map(|()| true),
        Command::Validate(validate) => validate.run(&mut io::stdout().lock()),
        Command::Concat(concat) => concat.run().map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Where even this cannot be written, the status says it.
            let _ = writeln!(io::stderr(), "anndata: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Sends the library's messages to standard error.
fn log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing_subscriber::filter::LevelFilter::INFO,
        _ => tracing_subscriber::filter::LevelFilter::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).without_time().init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_themselves() {
        super::Cli::command().debug_assert();
    }
}
