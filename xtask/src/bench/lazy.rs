//! `cargo xtask bench lazy|dispatch`: opening a file lazily, reading some of its rows, one pass over its matrix, and reading it
//! with a function that is asked of each element.

use std::path::Path;

use super::qc::{report_memory, same_numbers};
use super::{Bench, Pairs, build, measure};
use crate::sh::Result;

const SCRIPT: &str = "tests/python/bench_lazy.py";

impl Bench {
    /// `quick` takes a small file, to see that all of it works.
    pub(super) fn lazy(&self, quick: bool) -> Result<()> {
        let (rust, file) = (build("bench_lazy", &[])?, self.counts(quick)?);
        self.report("open lazily", "Python", &self.beside_python(&rust, &file, "open")?, None);
        self.report("a thousand rows, gzip", "Python", &self.beside_python(&rust, &file, "rows")?, None);
        let pass = self.beside_python(&rust, &file, "pass")?;
        self.report("one pass, gzip", "Python", &pass, None);
        report_memory(&pass)
    }

    /// The same of reading with a function that is asked of each element.
    pub(super) fn dispatch(&self, quick: bool) -> Result<()> {
        let (rust, file) = (build("bench_lazy", &[])?, self.counts(quick)?);
        self.report("read, dispatched", "Python", &self.beside_python(&rust, &file, "dispatched")?, None);
        let run = |what: &str| measure(self.measured().arg(&rust).arg(what).arg(&file));
        let pairs = self.pairs(|| run("dispatched"), || run("whole"))?;
        same_numbers("dispatched", &pairs)?;
        self.report("read, dispatched", "without a function", &pairs, None);
        Ok(())
    }

    fn beside_python(&self, rust: &Path, file: &Path, what: &str) -> Result<Pairs> {
        let pairs = self.pairs(
            || measure(self.measured().arg(rust).arg(what).arg(file)),
            || measure(self.measured().arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(file)),
        )?;
        same_numbers(what, &pairs)?;
        Ok(pairs)
    }
}
