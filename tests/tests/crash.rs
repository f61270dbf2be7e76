//! A process that is killed, or finds the disk full, leaves the old object or the new one. `cargo xtask crash` does more of this.

#![cfg(unix)]
#![allow(clippy::exit, reason = "the process that is killed tells how it ended")]

use std::process::Command;

use anndata::Result;
use anndata_tests::crash::{Driver, act};

/// Not a test: what is killed.
#[test]
#[ignore = "it is run by the test below"]
fn works() {
    if let Some(status) = act() {
        std::process::exit(status);
    }
}

#[test]
fn a_process_that_is_killed_or_finds_no_room_leaves_the_old_object_or_the_new_one() -> Result<()> {
    let program = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", "works", "--ignored", "--nocapture"]);
        Ok(command)
    };
    let report = Driver::new(&program, 1, |_| true)?.run(24, 16)?;
    assert!(report.broken.is_empty(), "{report}");
    assert_eq!(report.rows.iter().map(|row| row.faults).sum::<u32>(), 40, "{report}");
    Ok(())
}
