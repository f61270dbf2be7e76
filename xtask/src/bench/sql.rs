//! `cargo xtask bench sql|atlas`: queries over a file beside pandas and scanpy, and over more and more stores.

use std::path::PathBuf;

use super::qc::same_numbers;
use super::{Bench, measure, spread};
use crate::env::Tools;
use crate::sh::{Error, Result, cargo, command, output, step, target};

const SCRIPT: &str = "tests/python/bench_sql.py";

/// The most that may be read for some rows, as a multiple of the chunks that they are in.
const MOST_READ: f64 = 1.2;

/// The numbers of stores of the atlas, each ten times the one before.
const STORES: [&str; 3] = ["10", "100", "1000"];

impl Bench {
    pub(super) fn sql(&self) -> Result<()> {
        let rust = build()?;
        let file = self.file("sql");
        if !file.exists() {
            std::fs::create_dir_all(&self.folder)?;
            step("make the file", command(&self.python).arg(SCRIPT).arg("make").arg(&file))?;
        }
        for (what, theirs, title, peer) in [
            ("groups", "groups", "group by a categorical", "pandas on obs of a backed object"),
            ("groups", "columns", "group by a categorical", "pandas on two columns that are read by hand"),
            ("pseudobulk", "pseudobulk", "pseudobulk of 300 groups x 2,000 genes", "scanpy"),
        ] {
            let pairs = self.pairs(
                || measure(self.measured().arg(&rust).arg(what).arg(&file)),
                || {
                    let mut run = self.measured();
                    measure(run.arg(&self.python).args(["-W", "ignore", SCRIPT, theirs]).arg(&file))
                },
            )?;
            same_numbers(what, &pairs)?;
            self.report(title, peer, &pairs, None);
        }
        let rows = self.repeat(|| measure(self.measured().arg(&rust).arg("rows").arg(&file)))?;
        let read: Vec<f64> = rows.iter().filter_map(|rows| Some(rows.bytes / rows.check?)).collect();
        println!("x of 1 % of the rows: read {} the bytes of their chunks", spread(&read, " x"));
        let count = measure(self.measured().arg(&rust).arg("count").arg(&file))?;
        println!(
            "count(*) of x: {} values, {} bytes read, {:.4} s",
            count.check.unwrap_or(0.0),
            count.bytes,
            count.seconds
        );
        if read.iter().any(|read| *read > MOST_READ) {
            return Err(Error::new(format!("more than {MOST_READ} x the bytes of the chunks were read")));
        }
        Ok(())
    }

    pub(super) fn atlas(&self) -> Result<()> {
        let rust = build()?;
        let folder = self.folder.join("atlas");
        for stores in STORES {
            print!("{}", output(command(&rust).arg("atlas").arg(&folder).arg(stores))?);
        }
        Ok(())
    }
}

/// The program that asks, by the release profile.
fn build() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "anndata-datafusion", "--example", "bench_sql"]);
    step("build", Tools::bring()?.apply(&mut build))?;
    Ok(target().join("release/examples").join(format!("bench_sql{}", std::env::consts::EXE_SUFFIX)))
}
