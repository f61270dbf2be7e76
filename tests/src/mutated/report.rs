//! [`Report`]: what became of all inputs.

use std::collections::BTreeMap;
use std::fmt;

use super::{Kind, Look};

/// What became of one look at the inputs of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// How many inputs were looked at.
    pub inputs: u64,
    /// Those that were right, or right enough.
    pub done: u64,
    /// Errors.
    pub refused: u64,
    /// Errors among them that name no file.
    pub nameless: u64,
    /// Two looks at the same input that disagree.
    pub wrong: u64,
    /// Panics.
    pub panics: u64,
    /// Ends by a signal, or for want of memory.
    pub signals: u64,
    /// Looks that took too long, twice.
    pub hangs: u64,
}

/// What became of all inputs.
#[derive(Debug, Default)]
pub struct Report {
    /// By kind and look.
    pub rows: BTreeMap<(&'static str, usize), Row>,
    /// Each fault, with what makes it again.
    pub faults: Vec<String>,
    /// Different texts of errors without a file, and of looks that disagree, with how often each was met and an input.
    pub texts: BTreeMap<String, (u64, String)>,
}

impl Report {
    pub(super) fn row(&mut self, kind: Kind, look: Look) -> &mut Row {
        let at = Look::ALL.iter().position(|one| *one == look).unwrap_or(0);
        self.rows.entry((kind.name(), at)).or_default()
    }

    pub(super) fn tell(&mut self, text: &str, input: String) {
        // Numbers differ from file to file.
        let text: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(160).collect();
        self.texts.entry(text).or_insert((0, input)).0 += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        for (at, row) in other.rows {
            let sum = self.rows.entry(at).or_default();
            sum.inputs += row.inputs;
            sum.done += row.done;
            sum.refused += row.refused;
            sum.nameless += row.nameless;
            sum.wrong += row.wrong;
            sum.panics += row.panics;
            sum.signals += row.signals;
            sum.hangs += row.hangs;
        }
        self.faults.extend(other.faults);
        for (text, (count, input)) in other.texts {
            self.texts.entry(text).or_insert((0, input)).0 += count;
        }
    }

    /// Panics, ends by a signal and hangs.
    pub fn ends(&self) -> u64 {
        self.rows.values().map(|row| row.panics + row.signals + row.hangs).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| format | look | inputs | done | refused | without a file | disagree | panics | signals | hangs |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for ((kind, look), row) in &self.rows {
            let name = Look::ALL.get(*look).map_or("", |look| look.name());
            let Row { inputs, done, refused, nameless, wrong, panics, signals, hangs } = row;
            writeln!(
                f,
                "| {kind} | {name} | {inputs} | {done} | {refused} | {nameless} | {wrong} | {panics} | {signals} | {hangs} |"
            )?;
        }
        for (text, (count, input)) in &self.texts {
            writeln!(f, "\n{count} times, as input {input}: {text}")?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "\n{fault}"))
    }
}
