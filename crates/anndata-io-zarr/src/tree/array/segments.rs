//! Arrays whose chunks along the first axis are not all of one length: one array for each stretch that has one.

use std::ops::Range;

use anndata_storage::{ArrayStorage, AsyncArrayStorage, AxisSelection, OrBug, Result, Tensor, ensure};

use super::ZarrArray;

impl ZarrArray {
    /// Reads what each stretch has of a selection.
    pub(super) fn read_segments(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let parts = self.split(selection)?;
        let parts = parts.iter().map(|(segment, own)| segment.read(own)).collect::<Result<Vec<_>>>()?;
        together(&parts)
    }

    pub(super) async fn read_segments_async(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let mut parts = Vec::new();
        for (segment, own) in self.split(selection)? {
            parts.push(segment.read_async(&own).await?);
        }
        together(&parts)
    }

    /// Reads from each stretch what it has of runs of a one-dimensional array.
    pub(super) fn read_runs_of_segments(&self, runs: &[Range<u64>], mut out: &mut [u8]) -> Result<()> {
        let size = self.0.meta.dtype.size().or_bug("numbers without a size")? as u64;
        let starts: Vec<u64> = self.0.segments.iter().map(|(first, _)| *first).collect();
        // Pieces of one stretch that follow each other are read together.
        let mut pieces: Vec<(usize, Vec<Range<u64>>)> = Vec::new();
        for run in runs.iter().filter(|run| !run.is_empty()) {
            let mut start = run.start;
            while start < run.end {
                let number = starts.partition_point(|&first| first <= start).checked_sub(1);
                let number = number.or_bug("a run before the first stretch")?;
                let end = starts.get(number + 1).map_or(run.end, |&next| next.min(run.end));
                let first = *starts.get(number).or_bug("a stretch that is not there")?;
                let own = start - first..end - first;
                match pieces.last_mut() {
                    Some((last, runs)) if *last == number => runs.push(own),
                    _ => pieces.push((number, vec![own])),
                }
                start = end;
            }
        }
        for (number, runs) in pieces {
            let (_, segment) = self.0.segments.get(number).or_bug("a stretch that is not there")?;
            let bytes = runs.iter().map(|run| run.end - run.start).sum::<u64>().saturating_mul(size);
            let own = usize::try_from(bytes).ok().and_then(|bytes| out.split_off_mut(..bytes));
            segment.read_runs_into(&runs, own.or_bug("runs of more values than there is memory for")?)?;
        }
        ensure!(out.is_empty(), "the stretches leave {} bytes out", out.len());
        Ok(())
    }

    /// Writes to each stretch its part of a block.
    pub(super) fn write_segments(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let start = *offset.first().or_bug("an array without axes")?;
        let len = *values.shape().first().or_bug("values without axes")? as u64;
        for (first, segment) in &self.0.segments {
            let (from, to) = (start.max(*first), (start + len).min(first + segment.rows()?));
            if from < to {
                let place = |at: u64| usize::try_from(at - start).or_bug("a row beyond the block");
                let mut own = offset.to_vec();
                own.splice(..1, [from - first]);
                segment.write(&own, &values.slice_rows(place(from)?..place(to)?)?)?;
            }
        }
        Ok(())
    }

    fn rows(&self) -> Result<u64> {
        self.0.meta.shape.first().copied().or_bug("an array without axes")
    }

    /// The stretches that have something of a selection, with what they have of it; if none has, the first with nothing.
    fn split(&self, selection: &[AxisSelection]) -> Result<Vec<(&Self, Vec<AxisSelection>)>> {
        let (rows, rest) = selection.split_first().or_bug("an array without axes")?;
        let mut parts = Vec::new();
        for (first, segment) in &self.0.segments {
            let end = first + segment.rows()?;
            let own = match rows {
                AxisSelection::Range(range) => {
                    let (from, to) = (range.start.clamp(*first, end), range.end.clamp(*first, end));
                    AxisSelection::Range(from - first..to.max(from) - first)
                }
                AxisSelection::Indices(rows) => {
                    let at = |row: u64| rows.partition_point(|&own| own < row);
                    let own = rows.get(at(*first)..at(end)).unwrap_or_default();
                    AxisSelection::of_positions(own.iter().map(|row| row - first).collect())
                }
            };
            if !own.is_empty() {
                parts.push((segment, [&[own], rest].concat()));
            }
        }
        if parts.is_empty() {
            let (_, first) = self.0.segments.first().or_bug("an array without rows in parts")?;
            parts.push((first, [&[AxisSelection::Range(0..0)], rest].concat()));
        }
        Ok(parts)
    }
}

fn together(parts: &[Tensor]) -> Result<Tensor> {
    match parts {
        [one] => Ok(one.clone()),
        parts => Tensor::concat_rows(parts),
    }
}
