//! `anndata get`: the array that a reference names, read without the rest.

mod print;

use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;

use anndata::acc::{A, AccError, Access as _, Target};
use anndata::{AnnData, Element};
use clap::{Args, ValueEnum};

use super::Failure;
use crate::printable::{Escapes, Printable};

/// Print the array that a reference names, without reading the rest.
#[derive(Debug, Args)]
#[command(
    long_about = "Print the array that a reference names, without reading the rest.\n\n\
        A reference is a simplified text: obs.louvain, obsm.X_pca.0, X[:,GENE], obsp.distances[CELL,:], layers.counts; \
        or what Python prints: A.obs.index, A.obsm['X_pca'][:, 0], A.var.\n\n\
        JSON is one object of reference, names and values. CSV has a header and a row for each name; a sparse matrix has \
        a row for each stored value.",
    after_help = "Examples:\n  anndata get cells.h5ad obs.louvain\n  anndata get cells.zarr 'X[:,CD8A]' --format csv"
)]
pub(crate) struct Get {
    /// The object.
    path: PathBuf,
    /// What to print.
    #[arg(value_name = "REF")]
    reference: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
}

impl Get {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let target = parse(&self.reference).map_err(|error| Failure::Usage(error.to_string()))?;
        let failed = Failure::of(&self.path);
        let adata = anndata::read_lazy(&self.path).map_err(&failed)?;
        let element = get(&adata, &target).map_err(|error| failed(error.into()))?;
        let mut out = BufWriter::new(out);
        match self.format {
            Format::Json => print::json(&mut Printable::new(&mut out, Escapes::Json), &adata, &target, &element),
            // A program gets what is there; a terminal would obey it.
            Format::Csv if std::io::stdout().is_terminal() => {
                print::csv(&mut Printable::new(&mut out, Escapes::Text), &adata, &target, &element)
            }
            Format::Csv => print::csv(&mut out, &adata, &target, &element),
        }
        .map_err(|error| match error {
            print::Error::Output(error) => Failure::Output(error),
            print::Error::Data(error) => failed(error),
        })?;
        out.flush()?;
        Ok(())
    }
}

/// A reference in either spelling; the `A.` of the one that Python prints may be left out where that is no other.
fn parse(text: &str) -> Result<Target, AccError> {
    let text = text.trim();
    if text.starts_with("A.") {
        return text.parse();
    }
    A.resolve(text).or_else(|error| format!("A.{text}").parse().map_err(|_| error))
}

fn get(adata: &AnnData, target: &Target) -> Result<Element, AccError> {
    Ok(adata.get(target)?.load()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() -> Result<(), AccError> {
        for (text, printed) in [
            ("obs.louvain", "A.obs['louvain']"),
            ("obsm.X_pca.0", "A.obsm['X_pca'][:, 0]"),
            ("X[:,CD8A]", "A.X[:, 'CD8A']"),
            ("obsp.distances[c1,:]", "A.obsp['distances']['c1', :]"),
            ("layers.counts", "A.layers['counts']"),
            ("A.obs.index", "A.obs.index"),
            ("obs.index", "A.obs['index']"),
            ("obs[\"cell type\"]", "A.obs['cell type']"),
            (" A.varm['PCs'][0] ", "A.varm['PCs'][:, 0]"),
            ("var", "A.var"),
        ] {
            assert_eq!(parse(text)?.to_string(), printed);
        }
        let told = |text| parse(text).map_or_else(|error| error.to_string(), |found| found.to_string());
        assert!(told("uns.pca").contains("there is no `uns`"));
        assert!(told("A.uns['pca']").contains("expected `X`, `layers`"));
        Ok(())
    }
}
