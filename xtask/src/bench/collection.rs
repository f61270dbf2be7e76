//! `cargo xtask bench collection|concat-on-disk`: many stores as one object, and written as one.
//!
//! Of the concatenation the chunks of zarr stores are copied beside `cp -r`, and 4 GiB of forty inputs are put together within
//! 256 MiB of memory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::qc::{report_memory, report_peak, same_numbers};
use super::{Bench, Pairs, build, measure};
use crate::sh::{Result, command, step};

const SCRIPT: &str = "tests/python/bench_collection.py";
/// The most memory that a thousand open stores may take.
const OPEN_MEMORY: f64 = 64.0 * 1_048_576.0;

impl Bench {
    pub(super) fn collection(&self) -> Result<()> {
        let rust = self.collection_files()?;
        let opened = self.reads_beside_python(&rust, "open")?;
        self.report("open a thousand stores", "Python", &opened, None);
        report_peak(&opened, OPEN_MEMORY)?;
        self.report("512 rows of ten stores", "Python", &self.reads_beside_python(&rust, "rows")?, None);
        Ok(())
    }

    pub(super) fn concat_on_disk(&self) -> Result<()> {
        let rust = self.collection_files()?;
        self.remove_outputs()?;
        for (what, variables) in [("same", "the same variables"), ("outer", "outer join")] {
            let pairs = self.stores_beside_python(&rust, what, &[])?;
            self.report(&format!("concat on disk, {variables}"), "Python", &pairs, None);
            let pairs = self.stores_beside_python(&rust, what, &["--durable"])?;
            self.report(&format!("concat on disk, {variables}, durable"), "Python", &pairs, None);
        }
        self.remove_outputs()?;
        let run = |what: &str, extension: &str| {
            measure(self.measured().arg(&rust).arg(what).arg(&self.folder).arg(self.output(extension)))
        };
        let pairs = self.pairs(|| run("rectilinear", "zarr"), || run("copy", "copies"))?;
        self.report("concat on disk, chunks copied", "cp -r", &pairs, None);
        self.remove_outputs()?;
        let large: Pairs = vec![(run("large", "h5ad")?, run("large", "zarr")?)];
        self.report("concat on disk, 4 GiB, to .h5ad", "to zarr", &large, None);
        self.remove_outputs()?;
        report_memory(&large)
    }

    /// Makes the files to read once; they stay in `target/bench`. Returns the program.
    fn collection_files(&self) -> Result<PathBuf> {
        let rust = build("bench_collection", &[])?;
        self.concat_files()?;
        if !self.folder.join("large/39.h5ad").exists() {
            step("make the stores", command(&rust).arg("make").arg(&self.folder))?;
        }
        Ok(rust)
    }

    fn reads_beside_python(&self, rust: &Path, what: &str) -> Result<Pairs> {
        self.pairs_of_stores(rust, what, Vec::new)
    }

    /// With an output of its own for each.
    fn stores_beside_python(&self, rust: &Path, what: &str, options: &[&str]) -> Result<Pairs> {
        self.pairs_of_stores(rust, what, || {
            let mut words = vec![self.output("h5ad").into_os_string()];
            words.extend(options.iter().map(Into::into));
            words
        })
    }

    fn pairs_of_stores(&self, rust: &Path, what: &str, words: impl Fn() -> Vec<OsString>) -> Result<Pairs> {
        let pairs = self.pairs(
            || measure(self.measured().arg(rust).arg(what).arg(&self.folder).args(words())),
            || {
                let mut run = self.measured();
                run.arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(&self.folder).args(words());
                measure(&mut run)
            },
        )?;
        same_numbers(what, &pairs)?;
        Ok(pairs)
    }
}
