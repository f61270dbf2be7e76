//! Processes that are killed in the midst of writing, or find the disk full, and what they leave.
//!
//! A program that calls [`act`] first is both the driver and, when the driver starts it again, the process that is killed.
//! The driver goes through [`OPERATIONS`]: each makes its target hold one of two objects where it held the other.

mod driver;
mod jobs;
mod process;
mod report;
mod target;

use std::fmt;

pub use driver::{Driver, Program};
pub use jobs::act;
pub use report::{Report, Row};

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// An object in memory is written over what is there.
    Write,
    /// A file is converted, and the output replaced.
    Convert,
    /// Two files are concatenated on disk, and the output replaced.
    Concat,
    /// The same, and what was interrupted is gone on with.
    Resume,
    /// Everything in a backed object is changed and written back.
    WriteBack,
    /// A layer of an open store is replaced.
    SetElement,
    /// Rows are appended to a stored sparse matrix.
    Append,
}

/// A job on a target of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub job: Job,
    /// How the name of the target ends.
    pub format: &'static str,
}

/// All that is tried.
pub const OPERATIONS: [Operation; 16] = [
    on(Job::Write, "h5ad"),
    on(Job::Write, "zarr"),
    on(Job::Write, "zarr.zip"),
    on(Job::Convert, "h5ad"),
    on(Job::Convert, "zarr"),
    on(Job::Convert, "zarr.zip"),
    on(Job::Concat, "h5ad"),
    on(Job::Concat, "zarr"),
    on(Job::Concat, "zarr.zip"),
    on(Job::Resume, "zarr"),
    on(Job::WriteBack, "h5ad"),
    on(Job::WriteBack, "zarr"),
    on(Job::SetElement, "h5ad"),
    on(Job::SetElement, "zarr"),
    on(Job::Append, "h5ad"),
    on(Job::Append, "zarr"),
];

const fn on(job: Job, format: &'static str) -> Operation {
    Operation { job, format }
}

impl Job {
    const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Convert => "convert",
            Self::Concat => "concat_on_disk",
            Self::Resume => "concat_on_disk, resumed",
            Self::WriteBack => "write_back",
            Self::SetElement => "write_elem",
            Self::Append => "append",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.job.name(), self.format)
    }
}

/// Numbers that look random, the same for the same seed.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}
