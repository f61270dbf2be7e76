//! `cargo xtask bench cluster`: two executors beside one.

use std::env::consts::EXE_SUFFIX;

use crate::env::Tools;
use crate::sh::{Result, cargo, command, step, target};
use crate::sql::PACKAGES;

/// By the dev profile, with what `cargo xtask sql` builds: the release profile takes most of an hour for these crates. What is
/// measured is one number of executors beside another, and no peer.
pub(super) fn run(rounds: usize) -> Result<()> {
    let mut build = cargo();
    build.arg("build").args(PACKAGES).args(["--bin", "anndata-cluster", "--example", "bench_cluster"]);
    step("build", Tools::bring()?.apply(&mut build))?;
    let folder = target().join("debug");
    let mut ask = command(folder.join("examples").join(format!("bench_cluster{EXE_SUFFIX}")));
    ask.arg(folder.join(format!("anndata-cluster{EXE_SUFFIX}"))).arg(target().join("bench").join("cluster"));
    step("two executors beside one", ask.arg(rounds.to_string()))
}
