//! `anndata get`: the array that a reference names, read without the rest.

mod arrow;
mod print;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;

use anndata::acc::{A, AccError, Access as _, Target};
use anndata::{AnnData, ColumnKind, Element, Error, Tensor};
use clap::{Args, ValueEnum};

use super::Failure;
use crate::npy;
use crate::printable::{Escapes, Printable};

/// Print the array that a reference names, without reading the rest.
#[derive(Debug, Args)]
#[command(
    long_about = "Print the array that a reference names, without reading the rest.\n\n\
        A reference is a simplified text: obs.louvain, obsm.X_pca.0, X[:,GENE], obsp.distances[CELL,:], layers.counts; \
        or what Python prints: A.obs.index, A.obsm['X_pca'][:, 0], A.var. Of uns, it is a path: uns/pca/params.\n\n\
        JSON is one object of reference, names and values. CSV has a header and a row for each name; a sparse matrix has \
        a row for each stored value. mtx is a matrix as text, without names. npy is an array in numpy's format, and \
        arrow a table as a stream of Arrow (pyarrow.ipc.open_stream), and parquet the same table as a file that pandas reads \
        (read_parquet); all three are for a pipe or a file.",
    after_help = "Examples:\n  anndata get cells.h5ad obs.louvain\n  anndata get cells.zarr 'X[:,CD8A]' --format csv\n  anndata get cells.h5ad obsm.X_umap --format npy > umap.npy\n  anndata get cells.h5ad A.obs --format arrow > obs.arrows\n  anndata get cells.h5ad obs --format parquet > obs.parquet"
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
    Npy,
    Arrow,
    Mtx,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// Whether it is for programs alone.
    fn is_binary(self) -> bool {
        !matches!(self, Self::Json | Self::Csv | Self::Mtx)
    }
}

impl Get {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        if self.reference == "uns" || self.reference.starts_with("uns/") {
            return self.unstructured(out).map_err(failed)?.map_err(Failure::Output);
        }
        let target = parse(&self.reference).map_err(|error| Failure::Usage(error.to_string()))?;
        let adata = anndata::read_lazy(&self.path).map_err(&failed)?;
        let element = get(&adata, &target).map_err(|error| failed(error.into()))?;
        let mut out = BufWriter::new(out);
        match self.format {
            binary if binary.is_binary() && std::io::stdout().is_terminal() => {
                return Err(Failure::Usage("this format is not for a terminal: redirect it to a file".to_owned()));
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => arrow::parquet(&mut out, &adata, &target, &element),
            Format::Mtx => mtx(&mut out, &element),
            Format::Arrow => arrow::write(&mut out, &adata, &target, &element),
            Format::Npy => array(&element)
                .and_then(|array| npy::write(&mut out, &array))
                .map_or_else(|error| Err(print::Error::Data(error)), |written| written.map_err(print::Error::Output)),
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

impl Get {
    /// An element of `uns`, which has no names.
    fn unstructured(&self, out: &mut impl Write) -> anndata::Result<io::Result<()>> {
        let element = anndata::read_lazy(&self.path)?.at(&self.reference)?.load()?;
        let named = |error: Error| error.at(&self.reference);
        match self.format {
            Format::Json => {
                let json = element.to_json().map_err(named)?;
                Ok(writeln!(Printable::new(out, Escapes::Json), "{json}"))
            }
            Format::Npy => npy::write(out, &array(&element).map_err(named)?).map_err(named),
            _ => Err(named(Error::unsupported("what is in uns has no names: use --format json or npy"))),
        }
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

/// A matrix in the Matrix Market format.
fn mtx(out: &mut impl Write, element: &Element) -> Result<(), print::Error> {
    let mut text = Vec::new();
    anndata::text::write_matrix_market(&mut text, element)?;
    Ok(out.write_all(&text)?)
}

/// The values of a dense array or a column, in which nothing may be missing.
fn array(element: &Element) -> anndata::Result<Tensor> {
    match element {
        Element::Tensor(tensor) => Ok(tensor.clone()),
        Element::Column(column) if column.missing().contains(&true) => {
            Err(Error::unsupported("values are missing, for which .npy has no form; use --format csv or json"))
        }
        Element::Column(column) => match column.kind() {
            ColumnKind::Categorical { .. } => column.without_categories()?.to_tensor(),
            _ => column.to_tensor(),
        },
        other => {
            Err(Error::unsupported(format!("{} has no form in .npy; use --format csv or json", other.kind_name())))
        }
    }
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
