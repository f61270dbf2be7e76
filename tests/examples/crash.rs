//! The Rust part of `cargo xtask crash`: processes that write are killed, or find the disk full, and what they leave is counted.
//!
//! ```text
//! crash --rounds N [--full-disks N] [--seed S] [--only NAME]
//! ```
//!
//! It starts itself again for each process. `--only` takes part of the name of an operation, as `append h5ad`. The table that is
//! printed says what was found; a broken promise is an error.

use std::io::Write as _;
use std::process::{Command, ExitCode};

use anndata::{Error, Result};
use anndata_tests::crash::{Driver, act};

fn main() -> Result<ExitCode> {
    if let Some(status) = act() {
        return Ok(ExitCode::from(u8::try_from(status).unwrap_or(2)));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut rounds, mut full_disks, mut seed) = (100, None, 1);
    let mut only = String::new();
    for pair in arguments.chunks(2) {
        let wrong = || Error::invalid_input("see the top of this example for its arguments");
        let [name, value] = pair else { return Err(wrong()) };
        if name == "--only" {
            only.clone_from(value);
            continue;
        }
        let number: u32 = value.parse().map_err(|_| wrong())?;
        match name.as_str() {
            "--rounds" => rounds = number,
            "--full-disks" => full_disks = Some(number),
            "--seed" => seed = u64::from(number),
            _ => return Err(wrong()),
        }
    }
    let program = || Ok(Command::new(std::env::current_exe()?));
    let full_disks = full_disks.unwrap_or(rounds / 5);
    let report =
        Driver::new(&program, seed, |operation| operation.to_string().contains(&only))?.run(rounds, full_disks)?;
    writeln!(std::io::stdout(), "{rounds} kills and {full_disks} full disks, seed {seed}\n\n{report}")?;
    Ok(if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
