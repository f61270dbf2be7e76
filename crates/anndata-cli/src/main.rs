//! The `anndata` command: each subcommand parses its arguments, calls one function of the library and prints.
//!
//! Exit status: 0 done; 1 a finding of a check; 2 wrong usage or an error, one line on standard error.

mod commands;
mod json;
mod npy;
mod printable;
mod progress;
mod signals;
mod style;
mod table;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use commands::Failure;
use commands::completions::{Completions, Man};
use commands::concat::Concat;
use commands::convert::Convert;
use commands::create::Create;
use commands::diff::Diff;
use commands::elements::{Cp, Mv, Rm};
use commands::get::Get;
use commands::head::Head;
use commands::rechunk::Rechunk;
use commands::repack::Repack;
#[cfg(feature = "report")]
use commands::report::Report;
use commands::set::Set;
use commands::show::Show;
use commands::split::Split;
#[cfg(feature = "sql")]
use commands::sql::Sql;
use commands::stats::Stats;
use commands::subset::Subset;
use commands::transpose::Transpose;
use commands::validate::Validate;

/// Show, convert, look into, check, change and concatenate annotated data matrices.
#[derive(Debug, Parser)]
#[command(name = "anndata", version, propagate_version = true)]
struct Cli {
    /// Log to standard error (-vv for more).
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
    Head(Head),
    Stats(Stats),
    Validate(Validate),
    Diff(Diff),
    #[cfg(feature = "report")]
    Report(Report),
    Subset(Box<Subset>),
    Transpose(Box<Transpose>),
    Split(Box<Split>),
    Concat(Box<Concat>),
    Rechunk(Box<Rechunk>),
    #[cfg(feature = "sql")]
    Sql(Sql),
    Repack(Box<Repack>),
    Create(Create),
    Set(Set),
    Rm(Rm),
    Mv(Mv),
    Cp(Cp),
    Completions(Completions),
    #[command(hide = true)]
    Man(Man),
}

fn main() -> ExitCode {
    let cli = Cli::parse_from(commands::rechunk::with_seeds(std::env::args_os()));
    log(cli.verbose);
    signals::watch();
    let done = start_threads().and_then(|()| run(cli.command));
    signals::wait_where_one_came();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // If even this cannot be written, the status says it.
            let _ = writeln!(io::stderr(), "anndata: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Starts the threads that the library works on, which would panic where there are none.
fn start_threads() -> Result<(), Failure> {
    rayon::ThreadPoolBuilder::new().build_global().map_err(|error| {
        Failure::Usage(format!("no threads can be started: {error}: is the number of processes limited?"))
    })
}

/// Runs a subcommand. Whether nothing was found that it looks for.
fn run(command: Command) -> Result<bool, Failure> {
    match command {
        Command::Show(show) => show.run(&mut io::stdout().lock()).map(|()| true),
        Command::Convert(convert) => convert.run().map(|()| true),
        Command::Get(get) => get.run(&mut io::stdout().lock()).map(|()| true),
        Command::Head(head) => head.run(&mut io::stdout().lock()).map(|()| true),
        Command::Stats(stats) => stats.run(&mut io::stdout().lock()).map(|()| true),
        Command::Diff(diff) => diff.run(&mut io::stdout().lock()),
        #[cfg(feature = "report")]
        Command::Report(report) => report.run(&mut io::stdout().lock()).map(|()| true),
        Command::Subset(subset) => subset.run().map(|()| true),
        Command::Transpose(transpose) => transpose.run().map(|()| true),
        Command::Split(split) => split.run(&mut io::stdout().lock()).map(|()| true),
        Command::Repack(repack) => repack.run(&mut io::stdout().lock()).map(|()| true),
        Command::Create(create) => create.run().map(|()| true),
        Command::Set(set) => set.run().map(|()| true),
        Command::Rm(rm) => rm.run().map(|()| true),
        Command::Mv(mv) => mv.run().map(|()| true),
        Command::Cp(cp) => cp.run().map(|()| true),
        Command::Validate(validate) => validate.run(&mut io::stdout().lock()),
        Command::Concat(concat) => concat.run(&mut io::stdout().lock()).map(|()| true),
        #[cfg(feature = "sql")]
        Command::Sql(sql) => sql.run(io::stdout()).map(|()| true),
        Command::Rechunk(rechunk) => rechunk.run().map(|()| true),
        Command::Completions(completions) => completions.run(Cli::command(), &mut io::stdout().lock()).map(|()| true),
        Command::Man(man) => man.run(Cli::command()).map(|()| true),
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
    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_themselves() {
        Cli::command().debug_assert();
    }
}
