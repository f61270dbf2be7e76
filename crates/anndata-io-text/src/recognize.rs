//! Which of these formats a path has, told by what is there and not only by its name.

use std::path::Path;
use std::sync::Arc;

use anndata_core::AnnData;
use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{Error, Group, Result};

use crate::fields::Delimiter;
use crate::loom::is_loom;
use crate::mtx::is_mtx;
use crate::mudata::{is_h5mu, modalities};
use crate::source::{BOM, beginning};
use crate::table::TextOptions;
use crate::tenx::{MtxFolder, is_10x};
use crate::{LoomOptions, MtxOptions, Tenx5Options};

/// How much of a text is looked at.
const BEGINNING: u64 = 64 << 10;
/// What an HDF5 file begins with, here or after a block of the user.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A format of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextFormat {
    /// A Matrix Market file.
    Mtx,
    /// A folder of such a file and the names of its axes.
    MtxFolder,
    /// An HDF5 file of 10x Genomics.
    Tenx5,
    /// A loom file.
    Loom,
    /// A MuData file of several objects.
    H5mu,
    /// Counts of umi_tools.
    UmiTools,
    /// A table of numbers that are separated by commas.
    Csv,
    /// A table of numbers that are separated by tabs.
    Tsv,
    /// A spreadsheet.
    Excel,
}

impl TextFormat {
    /// The format of what is at a path; `None` if it is none of these, which `.h5ad` files and zarr stores are.
    ///
    /// HDF5 files are told by what they hold, Matrix Market files by their first line, counts of umi_tools by their header, and other
    /// text by its name (`.csv`, `.tsv`, `.txt`, `.tab`, `.data`, compressed or not) and its first line.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        if path.is_dir() {
            return match MtxFolder::of(path) {
                Ok(_) => Ok(Some(Self::MtxFolder)),
                Err(error) if error.is_unsupported() => Ok(None),
                Err(error) => Err(error),
            };
        }
        let start = beginning(path, BEGINNING)?;
        let is_hdf5 = [0, 512, 1024, 2048].iter().any(|&at| start.get(at..).is_some_and(|rest| rest.starts_with(HDF5)));
        if is_hdf5 {
            let store = Hdf5Store::open(path, &Hdf5Options::default())?;
            return Self::of_hdf5(&Group::root(Arc::new(store)));
        }
        Ok(Self::of_text(&start, path))
    }

    /// The format of an open HDF5 file; `None` if it is none of these.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of_hdf5(root: &Group) -> Result<Option<Self>> {
        let attributes = root.attributes()?;
        let encoding = attributes.get("encoding-type").and_then(anndata_storage::Attribute::as_str);
        if encoding.as_deref() == Some("anndata") || root.contains("X")? || root.contains("obs")? && !is_h5mu(root)? {
            return Ok(None);
        }
        Ok(if is_h5mu(root)? {
            Some(Self::H5mu)
        } else if is_loom(root)? {
            Some(Self::Loom)
        } else if is_10x(root)? {
            Some(Self::Tenx5)
        } else {
            None
        })
    }

    fn of_text(start: &[u8], path: &Path) -> Option<Self> {
        let start = start.strip_prefix(&BOM).unwrap_or(start);
        if is_mtx(start) {
            return Some(Self::Mtx);
        }
        let name = path.file_name()?.to_str()?.to_lowercase();
        let name = [".gz", ".zst", ".bz2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let ends = |endings: &[&str]| endings.iter().any(|end| name.ends_with(end));
        if ends(&[".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"]) {
            return Some(Self::Excel);
        }
        if start.contains(&0) || start.is_empty() {
            return None;
        }
        let first = start.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let mut columns: Vec<&[u8]> = first.split(|&byte| byte == b'\t').collect();
        columns.sort_unstable();
        if columns == [&b"cell"[..], b"count", b"gene"] {
            return Some(Self::UmiTools);
        }
        let lines = start.split(|&byte| byte == b'\n').find(|line| !line.starts_with(b"#")).unwrap_or_default();
        match (ends(&[".csv"]), ends(&[".tsv", ".txt", ".tab", ".data"])) {
            (true, _) if lines.contains(&b',') => Some(Self::Csv),
            (_, true) if lines.contains(&b'\t') => Some(Self::Tsv),
            _ => None,
        }
    }

    /// Reads what is at a path as this format, as the function of the format does by default.
    ///
    /// # Errors
    /// If it cannot be read, or is malformed. A MuData file holds several objects: the error lists them.
    pub fn read(self, path: impl AsRef<Path>) -> Result<AnnData> {
        self.read_with(path, &Hdf5Options::default())
    }

    /// Reads what is at a path as this format, with these limits, which hold for text as well.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(self, path: impl AsRef<Path>, options: &Hdf5Options) -> Result<AnnData> {
        let path = path.as_ref();
        match self {
            Self::Mtx => crate::read_mtx_with(path, &MtxOptions::default().with_limits(options.limits)),
            Self::MtxFolder => crate::read_mtx_folder(path),
            Self::Tenx5 => crate::read_10x_h5_with(path, &Tenx5Options::default().with_hdf5(*options)),
            Self::Loom => crate::read_loom_with(path, &LoomOptions::default().with_hdf5(*options)),
            Self::UmiTools => crate::read_umi_tools(path),
            Self::Csv => crate::read_csv(path),
            Self::Tsv => crate::read_text_with(path, &TextOptions::csv().with_delimiter(Delimiter::Char(b'\t'))),
            #[cfg(feature = "excel")]
            Self::Excel => crate::read_excel(path, 0),
            #[cfg(not(feature = "excel"))]
            Self::Excel => {
                Err(Error::unsupported("this build reads no spreadsheets: the feature 'excel' is off").in_file(path))
            }
            Self::H5mu => Err(Self::one_of_several(path)),
        }
    }

    /// The error of a file of several objects, of which one has to be said.
    fn one_of_several(path: &Path) -> Error {
        let root = Hdf5Store::open(path, &Hdf5Options::default()).map(|store| Group::root(Arc::new(store)));
        match root.and_then(|root| modalities(&root)) {
            Ok(names) => {
                let example = names.first().map_or("NAME", String::as_str);
                let message = format!("it holds several objects, '{}'", names.join("', '"));
                Error::invalid_input(message)
                    .with_advice(format!("say which: {}::{example}", path.display()))
                    .in_file(path)
            }
            Err(error) => error.in_file(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_by_its_beginning_and_its_name() {
        let of = |name: &str, text: &str| TextFormat::of_text(text.as_bytes(), Path::new(name));
        assert_eq!(of("odd-name", "%%matrixmarket matrix array real general\n"), Some(TextFormat::Mtx));
        assert_eq!(of("a.tsv.gz", "gene\tcell\tcount\n"), Some(TextFormat::UmiTools));
        assert_eq!(of("A.CSV", "x,y\n"), Some(TextFormat::Csv));
        assert_eq!(of("a.csv.zst", "# note\nx,y\n"), Some(TextFormat::Csv));
        assert_eq!(of("a.txt", "x\ty\n"), Some(TextFormat::Tsv));
        assert_eq!(of("a.xlsx", "PK\u{3}\u{4}\0"), Some(TextFormat::Excel));
        for (name, text) in
            [("a.csv", "x y\n"), ("a.dat", "x,y\n"), ("a.txt", "prose\n"), ("a.csv", "x,\0"), ("a.csv", "")]
        {
            assert_eq!(of(name, text), None, "{name}");
        }
    }
}
