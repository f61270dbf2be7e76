//! `anndata set`: one element of an object from a file, in its place.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anndata::{AnnData, Element, Error};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Failure;
use crate::npy;
use crate::table::Table;

/// Set one element of an object from a file, in its place.
#[derive(Debug, Args)]
#[command(
    long_about = "Set one element of an object from a file, in its place. The object is changed as a whole or not at all.\n\n\
        The kind of the file is told by its name:\n  \
        .csv, .tsv         a table with a header, whose first column has names. Its rows are brought into the order of the \
        object. For a column, the one of that name, or else the only one\n  \
        .json              a value for uns, or a list of values\n  \
        .npy               an array\n  \
        .parquet           a table, whose index has names; its columns keep their dtypes\n  \
        anything else      an object, of which the same element is taken, or the one that --element names\n\n\
        --from - reads standard input. Of that and of pipes, as of <(command), the content says the kind: an array of numpy, \
        a table of Parquet, JSON, or a table of tabs or commas.",
    after_help = "Examples:\n  anndata set cells.h5ad obs/cell_type --from labels.csv --categorical\n  anndata set cells.h5ad obsm/X_umap --from umap.npy\n  anndata set cells.h5ad obs --from obs.parquet\n  echo '{\"method\": \"leiden\"}' | anndata set cells.zarr uns/leiden --from -\n  anndata set cells.h5ad obs/kind --from <(cut -f1,3 labels.tsv)\n  anndata set cells.h5ad layers/counts --from raw.h5ad --element X"
)]
pub(crate) struct Set {
    /// The object: a file, or a zarr folder.
    path: PathBuf,
    /// The path of the element: X, layers/counts, obs, obs/louvain, obsm/X_pca, uns/pca/params, raw.
    element: String,
    /// The file with its values.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The kind of the file, whatever its name.
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// The column of a Parquet table that has the names of its rows. Default: its index.
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "COLUMN")]
    index: Option<String>,
    /// The path of the element in the other object.
    #[arg(long = "element", value_name = "ELEMENT")]
    other: Option<String>,
    /// Make text in tables categorical.
    #[arg(long)]
    categorical: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Csv,
    Tsv,
    Json,
    Npy,
    #[cfg(feature = "parquet")]
    Parquet,
    Object,
}

impl Set {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let stream = self.is_stream().then(|| bytes(&self.from)).transpose().map_err(Failure::of(&self.from))?;
        let kind = self.kind(stream.as_deref());
        if self.other.is_some() && kind != Kind::Object {
            return Err(Failure::Usage("--element goes with another object as --from".to_owned()));
        }
        #[cfg(feature = "parquet")]
        if self.index.is_some() && kind != Kind::Parquet {
            return Err(Failure::Usage("--index goes with a Parquet table as --from".to_owned()));
        }
        let from = Failure::of(&self.from);
        // Read before the object is opened to be changed, which it may be itself.
        let given = self.given(kind, stream).map_err(from)?;
        let set = |adata: &mut AnnData| {
            let element = match given {
                Given::Element(element) => element,
                Given::Table(table) => {
                    table.element(adata, &self.element, self.categorical).map_err(|error| error.at(&self.element))?
                }
            };
            adata.set_at(&self.element, element)
        };
        anndata::edit(&self.path, set).map_err(Failure::of(&self.path))
    }

    /// Whether it is read once, from its beginning to its end, and its name says nothing.
    fn is_stream(&self) -> bool {
        let is_file_or_folder = |metadata: std::fs::Metadata| metadata.is_file() || metadata.is_dir();
        self.from.as_os_str() == "-" || self.from.metadata().is_ok_and(|metadata| !is_file_or_folder(metadata))
    }

    /// The kind of the file, or of what a stream brought.
    fn kind(&self, stream: Option<&[u8]>) -> Kind {
        let ending = self.from.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        let of_content = stream.map(of_content);
        self.kind.or(of_content).unwrap_or(match ending.as_str() {
            "csv" => Kind::Csv,
            "tsv" | "tab" => Kind::Tsv,
            "json" => Kind::Json,
            "npy" => Kind::Npy,
            #[cfg(feature = "parquet")]
            "parquet" | "pq" => Kind::Parquet,
            _ => Kind::Object,
        })
    }

    fn given(&self, kind: Kind, stream: Option<Vec<u8>>) -> anndata::Result<Given> {
        let bytes = || stream.map_or_else(|| bytes(&self.from), Ok);
        Ok(match kind {
            Kind::Csv => Given::Table(Table::parse(&bytes()?, b',')?),
            Kind::Tsv => Given::Table(Table::parse(&bytes()?, b'\t')?),
            Kind::Json => {
                let value: Value = serde_json::from_slice(&bytes()?)
                    .map_err(|error| Error::invalid_data("it is not JSON").with_source(error))?;
                Given::Element(Element::try_from(value)?)
            }
            Kind::Npy => Given::Element(npy::read(&bytes()?)?.into()),
            #[cfg(feature = "parquet")]
            Kind::Parquet => {
                let options = anndata::text::ReadParquetOptions::default().with_index(self.index.clone());
                Given::Table(Table::of(&anndata::text::parse_parquet(bytes()?, &options)?)?)
            }
            Kind::Object => {
                if self.is_stream() {
                    return Err(Error::unsupported("an object is not read from a pipe: write it to a file"));
                }
                let path = self.other.as_ref().unwrap_or(&self.element);
                let element = anndata::read_lazy(&self.from)?.at(path)?;
                // A file that is read cannot be changed.
                let same = self.from.canonicalize().ok() == self.path.canonicalize().ok();
                Given::Element(if same { element.load()? } else { element })
            }
        })
    }
}

/// What a file holds.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Given {
    Element(Element),
    Table(Table),
}

/// What bytes look like. What is neither an array nor a table is JSON, or an error that says so.
fn of_content(bytes: &[u8]) -> Kind {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let is_json = || serde_json::from_slice::<Value>(start).is_ok();
    match start.first() {
        _ if bytes.starts_with(b"\x93NUMPY") => Kind::Npy,
        #[cfg(feature = "parquet")]
        _ if bytes.starts_with(b"PAR1") => Kind::Parquet,
        Some(b'{' | b'[') => Kind::Json,
        _ if is_json() => Kind::Json,
        _ if line.contains(&b'\t') => Kind::Tsv,
        _ if line.contains(&b',') => Kind::Csv,
        _ => Kind::Json,
    }
}

/// A file, or standard input.
fn bytes(path: &Path) -> anndata::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return Ok(std::fs::read(path)?);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_pipe_says_its_kind() {
        for (bytes, kind) in [
            (&b"\x93NUMPY\x01\0"[..], Kind::Npy),
            (b" {\"a\": 1}", Kind::Json),
            (b"[1, 2]", Kind::Json),
            (b"\"text, with a comma\"\n", Kind::Json),
            (b"1.5", Kind::Json),
            (b"cell\tkind, of a cell\na\tT\n", Kind::Tsv),
            (b"\xef\xbb\xbfcell,kind\na,T\n", Kind::Csv),
            (b"neither", Kind::Json),
        ] {
            assert_eq!(of_content(bytes), kind, "{bytes:?}");
        }
    }
}
