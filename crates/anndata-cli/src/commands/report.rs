//! `anndata report`: one page to look at.

use std::io::Write;
use std::path::{Path, PathBuf};

use anndata::ValidateOptions;
use anndata::report::ReportOptions;
use anndata::storage::atomic::{AtomicOutput, OutputKind};
use clap::Args;

use super::Failure;
use crate::progress::Bar;

/// Write one page of HTML about an object: embeddings, counts, columns, structure, findings.
///
/// The page is one file, without scripts, that needs no network. Large objects are sampled, and the page says where.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata report cells.h5ad -o cells.html\n  anndata report cells.zarr -o cells.html --color leiden --color CD8A\n  anndata report cells.h5ad -o - --no-validate | ssh host 'cat > cells.html'"
)]
pub(crate) struct Report {
    /// The object: a path, or the URL of a zarr store.
    path: PathBuf,
    /// Where to write the page; - is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The heading of the page. Default: the name of the file.
    #[arg(long)]
    title: Option<String>,
    /// A column of obs, or a variable, that embeddings are coloured by; may be given up to eight times.
    #[arg(long, value_name = "NAME")]
    color: Vec<String>,
    /// A layer, in place of X.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// The most points of an embedding that are drawn.
    #[arg(long, value_name = "N", default_value_t = ReportOptions::default().max_points)]
    max_points: usize,
    /// Do not look for violations of the format, which reads all values.
    #[arg(long)]
    no_validate: bool,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

impl Report {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        if self.output == Path::new("-") {
            return Ok(out.write_all(self.page()?.as_bytes())?);
        }
        let failed = Failure::of(&self.output);
        // Refused before anything is read.
        let output = AtomicOutput::create(&self.output, OutputKind::File, self.overwrite).map_err(&failed)?;
        let page = self.page()?;
        std::fs::write(output.path(), page).map_err(|error| failed(error.into()))?;
        output.commit(true).map_err(failed)
    }

    fn page(&self) -> Result<String, Failure> {
        let mut options = ReportOptions::default().with_max_points(self.max_points);
        options.title.clone_from(&self.title);
        options.colors.clone_from(&self.color);
        options.layer.clone_from(&self.layer);
        let bar = Bar::start("read");
        let mut validate = ValidateOptions::default();
        if let Some(progress) = bar.progress() {
            validate = validate.with_progress(progress);
        }
        let page = anndata::report_path(&self.path, &options, (!self.no_validate).then_some(&validate));
        drop(bar);
        page.map_err(Failure::of(&self.path))
    }
}
