//! `cargo xtask bench concat`: ten objects of 4 million non-zeros as one, this library and Python anndata in turn.
//!
//! Both sides read the objects first; only the concatenation is timed. The peak memory is that of the whole process,
//! compared with the size of the matrices of inputs and output.

use super::{Bench, build, measure};
use crate::sh::{Result, command, step};

const SCRIPT: &str = "tests/python/bench_concat.py";

impl Bench {
    pub(super) fn concat(&self) -> Result<()> {
        let rust = build("bench_concat", &[])?;
        self.concat_files()?;
        let limit = self.repeat(|| measure(self.measured().arg(&rust).arg("limit").arg(&self.folder)))?;
        for (what, variables) in [("same", "the same variables"), ("outer", "outer join"), ("inner", "inner join")] {
            let pairs = self.pairs(
                || measure(self.measured().arg(&rust).arg(what).arg(&self.folder)),
                || {
                    let mut run = self.measured();
                    measure(run.arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(&self.folder))
                },
            )?;
            self.report(
                &format!("concat, {variables}"),
                "Python",
                &pairs,
                (what == "same").then_some(limit.as_slice()),
            );
        }
        Ok(())
    }

    /// Makes the files to read once; they stay in `target/bench`.
    pub(super) fn concat_files(&self) -> Result<()> {
        // The file that is made last.
        if self.folder.join("concat-part-9.h5ad").exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder)?;
        step("make the files", command(&self.python).arg(SCRIPT).arg("make").arg(&self.folder))
    }
}
