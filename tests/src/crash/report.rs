//! [`Report`]: what was left, counted.

use std::fmt;

use super::Operation;

/// What was left of one operation after it was killed, or found no room, some times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub operation: Operation,
    /// What happened to it: `kill` or `full disk`.
    pub fault: &'static str,
    /// How often it did not come to its end.
    pub faults: u32,
    /// How often the old object was there.
    pub old: u32,
    /// How often the new one was there.
    pub new: u32,
    /// How often reading ended with an error.
    pub errors: u32,
    /// How often what was read was neither of the two objects.
    pub mixtures: u32,
    /// How often a temporary file or folder was left.
    pub left: u32,
}

impl Row {
    pub(super) fn new(operation: Operation, fault: &'static str) -> Self {
        Self { operation, fault, faults: 0, old: 0, new: 0, errors: 0, mixtures: 0, left: 0 }
    }
}

/// All that was counted, and whatever broke a promise.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Kills, then full disks, by operation.
    pub rows: Vec<Row>,
    /// Each broken promise, with the operation and the number of its round.
    pub broken: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| operation | format | fault | faults | old | new | errors | mixtures | leftovers |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            let (job, format) = (row.operation.job.name(), row.operation.format);
            let Row { fault, faults, old, new, errors, mixtures, left, .. } = row;
            writeln!(f, "| {job} | {format} | {fault} | {faults} | {old} | {new} | {errors} | {mixtures} | {left} |")?;
        }
        let sum = |of: fn(&Row) -> u32| self.rows.iter().map(of).sum::<u32>();
        let (faults, old, new) = (sum(|row| row.faults), sum(|row| row.old), sum(|row| row.new));
        let (errors, mixtures, left) = (sum(|row| row.errors), sum(|row| row.mixtures), sum(|row| row.left));
        writeln!(f, "| all | | | {faults} | {old} | {new} | {errors} | {mixtures} | {left} |\n")?;
        if !self.broken.is_empty() {
            writeln!(f, "Broken promises:\n")?;
            self.broken.iter().try_for_each(|line| writeln!(f, "- {line}"))?;
        }
        Ok(())
    }
}
