//! The Rust part of `cargo xtask mutate`: mutated files and stores are looked at in every way, in processes of their own.
//!
//! ```text
//! mutate [--h5ad N] [--zarr N] [--seed S] [--jobs N] [--sample N --folder FOLDER]
//! mutate --again N [--zarr 1] [--seed S] --folder FOLDER
//! ```
//!
//! It starts itself again for each process. The table that is printed says what was found. With `--sample`, each so many-th input
//! that could be read is kept in `FOLDER/kept`, with what was read, to compare with Python. With `--again`, the input of that
//! number is made once more in the folder, an `.h5ad` unless `--zarr` is given, and nothing looks at it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anndata::{Error, Result};
use anndata_tests::mutated::{Driver, Kind, act};

fn main() -> Result<ExitCode> {
    if let Some(status) = act() {
        return Ok(ExitCode::from(u8::try_from(status).unwrap_or(2)));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut h5ad, mut zarr, mut seed, mut jobs, mut sample) = (1000, 1000, 1, 1, 0);
    let (mut folder, mut again, mut is_zarr) = (None, None, false);
    for pair in arguments.chunks(2) {
        let wrong = || Error::invalid_input("see the top of this example for its arguments");
        let [name, value] = pair else { return Err(wrong()) };
        if name == "--folder" {
            folder = Some(PathBuf::from(value));
            continue;
        }
        let number: u32 = value.parse().map_err(|_| wrong())?;
        match name.as_str() {
            "--h5ad" => h5ad = number,
            "--zarr" => (zarr, is_zarr) = (number, true),
            "--again" => again = Some(number),
            "--seed" => seed = number,
            "--jobs" => jobs = number,
            "--sample" => sample = number,
            _ => return Err(wrong()),
        }
    }
    let temporary = tempfile::tempdir()?;
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let program = || Ok(Command::new(std::env::current_exe()?));
    let mut driver = Driver::new(&program, seed.into(), folder);
    driver.jobs = usize::try_from(jobs.max(1)).map_err(|error| Error::invalid_input(error.to_string()))?;
    driver.sample = sample.into();
    let mut ends = 0;
    let mut out = std::io::stdout();
    if let Some(number) = again {
        let path = driver.again(if is_zarr { Kind::Zarr } else { Kind::H5ad }, number.into())?;
        writeln!(out, "{}", path.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    for (kind, inputs) in [(Kind::H5ad, h5ad), (Kind::Zarr, zarr)].into_iter().filter(|(_, inputs)| *inputs > 0) {
        let report = driver.run(kind, inputs.into())?;
        writeln!(out, "{report}")?;
        ends += report.ends();
    }
    writeln!(out, "{h5ad} .h5ad and {zarr} zarr inputs, seed {seed}: {ends} panics, ends by a signal, and hangs")?;
    Ok(if ends == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
