//! A progress bar on a terminal, and none in a pipe.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anndata::node::Progress;
use anndata::{AnnData, DataFrame, Element};
use indicatif::{ProgressBar, ProgressStyle};

/// A counter of bytes, where standard error is a terminal. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    done: &'static str,
}

impl Bar {
    /// Of bytes that are `done` ("written", "read").
    pub(crate) fn start(done: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            set_style(&bar, &format!("{{spinner}} {{bytes}} {done}, {{bytes_per_sec}}, {{elapsed}}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, done }
    }

    /// What the library tells of bytes that are done.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let bar = self.bar.clone()?;
        Some(Progress::new(move |bytes| bar.inc(bytes)))
    }

    /// About how many bytes there are in all, so that the time that is left is shown too. Asked for if there is a bar.
    pub(crate) fn expect(&self, bytes: impl FnOnce() -> u64) {
        let Some(bar) = &self.bar else { return };
        let all = bytes();
        if all > 0 {
            let done = self.done;
            set_style(
                bar,
                &format!("[{{bar:24}}] {{bytes}} of {{total_bytes}} {done}, {{bytes_per_sec}}, {{eta}} left"),
            );
            bar.set_length(all);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A counter of rows, where standard error is a terminal and standard output is not. It goes when it is dropped.
#[cfg(feature = "sql")]
#[derive(Debug)]
pub(crate) struct Rows(Option<ProgressBar>);

#[cfg(feature = "sql")]
impl Rows {
    pub(crate) fn start() -> Self {
        Self(io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            set_style(&bar, "{spinner} {human_pos} rows, {per_sec}, {elapsed}");
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    /// So many more.
    pub(crate) fn add(&self, rows: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(rows as u64);
        }
    }
}

#[cfg(feature = "sql")]
impl Drop for Rows {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

/// About how many bytes the values of an object take, as its metadata tell.
pub(crate) fn bytes_of(adata: &AnnData) -> u64 {
    let size = |element: &Element| element.size_in_memory(true) as u64;
    let frame = |frame: &DataFrame| -> u64 {
        let series = std::iter::once(frame.index()).chain(frame.columns().map(|(_, series)| series));
        series.map(|series| size(&series.to_element())).sum()
    };
    let layers: u64 = adata.layers().values().map(size).sum();
    let mappings: u64 = adata.mappings().iter().flat_map(|(_, mapping)| mapping.values()).map(size).sum();
    let raw = adata.raw().map_or(0, |raw| raw.x().map_or(0, size) + frame(raw.var()));
    layers + mappings + raw + frame(adata.obs()) + frame(adata.var())
}

#[cfg(test)]
mod tests {
    use anndata::Tensor;

    use super::*;

    #[test]
    fn the_bytes_of_an_object_are_those_of_its_values() -> anndata::Result<()> {
        let adata = AnnData::builder()
            .x(Tensor::from_vec([2, 3], vec![0.0_f32; 6])?)
            .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2])?)
            .obsm("m", Tensor::from_vec([2, 1], vec![0.0_f64; 2])?)
            .build()?;
        let names = bytes_of(&AnnData::builder().shape(2, 3).obs(DataFrame::new(["a", "b"])).build()?);
        assert_eq!(bytes_of(&adata) - names, 24 + 16 + 16);
        Ok(())
    }
}
