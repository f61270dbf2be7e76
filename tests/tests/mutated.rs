//! Mutated files and stores end no process that looks at them. `cargo xtask mutate` does more of this.

#![cfg(unix)]
#![allow(clippy::exit, reason = "the process that looks tells how it ended")]

use std::process::Command;

use anndata::Result;
use anndata_tests::mutated::{Driver, Kind, Report, act};

/// Not a test: the process that looks.
#[test]
#[ignore = "it is run by the tests below"]
fn works() {
    if let Some(status) = act() {
        std::process::exit(status);
    }
}

fn run(kind: Kind, inputs: u64, planted: &'static str) -> Result<Report> {
    let program = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", "works", "--ignored", "--nocapture"]);
        Ok(command)
    };
    let folder = tempfile::tempdir()?;
    let mut driver = Driver::new(&program, 1, folder.path());
    driver.planted = planted;
    driver.run(kind, inputs)
}

#[test]
fn mutated_files_end_no_process() -> Result<()> {
    let report = run(Kind::H5ad, 40, "")?;
    assert_eq!(report.ends(), 0, "{report}");
    assert!(report.rows.values().all(|row| row.inputs == 40 && row.done + row.refused + row.wrong == 40), "{report}");
    assert!(report.rows.values().any(|row| row.refused > 10), "nothing was mutated: {report}");
    Ok(())
}

#[test]
fn mutated_stores_end_no_process() -> Result<()> {
    let report = run(Kind::Zarr, 40, "")?;
    assert_eq!(report.ends(), 0, "{report}");
    assert!(report.rows.values().all(|row| row.inputs == 40 && row.wrong == 0), "{report}");
    assert!(report.rows.values().any(|row| row.refused > 10), "nothing was mutated: {report}");
    Ok(())
}

/// What ends a process is counted, and the next input is looked at.
#[test]
fn ends_are_counted() -> Result<()> {
    for planted in ["panic", "abort"] {
        let report = run(Kind::Zarr, 2, planted)?;
        let rows: Vec<(u64, u64, u64)> =
            report.rows.values().map(|row| (row.inputs, row.panics, row.signals)).collect();
        assert_eq!(rows, [if planted == "panic" { (2, 2, 0) } else { (2, 0, 2) }], "{planted}: {report}");
        assert_eq!(report.faults.len(), 2, "{report}");
    }
    Ok(())
}
