//! An object as a folder of csv files.

mod cells;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anndata_core::{AnnData, DataFrame, Element, Mapping};
use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};

use cells::{Cells, Row};

/// How an object is written as a folder of csv files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteCsvsOptions {
    /// Whether `X` is left out.
    pub skip_data: bool,
    /// What separates the fields of a line.
    pub separator: char,
    /// Whether a folder that is there is replaced.
    pub overwrite: bool,
    /// Whether the folder is on the disk when writing returns.
    pub durable: bool,
}

impl Default for WriteCsvsOptions {
    fn default() -> Self {
        Self { skip_data: true, separator: ',', overwrite: false, durable: true }
    }
}

impl WriteCsvsOptions {
    /// Sets whether `X` is left out. Default: yes.
    #[must_use]
    pub fn with_skip_data(mut self, skip: bool) -> Self {
        self.skip_data = skip;
        self
    }

    /// Sets what separates the fields of a line. Default: a comma.
    #[must_use]
    pub fn with_separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Sets whether a folder that is there is replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets whether the folder is on the disk (fsync) when writing returns. Default: yes.
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }
}

/// Writes the annotations of an object as a folder of csv files, as Python's `write_csvs` does:
///
/// ```text
/// obs.csv  var.csv     with names and header
/// obsm.csv  varm.csv   the columns of all arrays, side by side, as KEY1, KEY2, ... under a header
/// X.csv                if it is asked for; no names, no header
/// uns/KEY.csv          no names, no header
/// ```
///
/// Gives the paths of the elements that have no place there: sparse and awkward arrays, mappings, arrays of more than two
/// dimensions. (Python writes what it prints of them, or nothing.) The folder appears whole or not at all.
///
/// # Errors
/// If something is there, or writing fails.
pub fn write_csvs(path: impl AsRef<Path>, adata: &AnnData) -> Result<Vec<String>> {
    write_csvs_with(path, adata, &WriteCsvsOptions::default())
}

/// Writes an object as a folder of csv files as the options say. A path that ends in `.csv` loses that.
///
/// # Errors
/// As [`write_csvs`].
pub fn write_csvs_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteCsvsOptions) -> Result<Vec<String>> {
    let mut path = path.as_ref().to_owned();
    if path.extension().is_some_and(|ending| ending == "csv") {
        path.set_extension("");
    }
    let output = AtomicOutput::create(&path, OutputKind::Folder, options.overwrite)?;
    let mut writer = CsvWriter { folder: output.path().to_owned(), separator: options.separator, omitted: Vec::new() };
    fs::create_dir_all(writer.folder.join("uns"))?;
    writer.frame("obs", adata.obs())?;
    writer.frame("var", adata.var())?;
    writer.arrays("obsm", adata.obsm(), adata.n_obs())?;
    writer.arrays("varm", adata.varm(), adata.n_vars())?;
    if let (false, Some(_)) = (options.skip_data, adata.x()) {
        writer.matrix(adata)?;
    }
    for (key, element) in adata.uns() {
        writer.annotation(key, &element.load()?)?;
    }
    let CsvWriter { omitted, .. } = writer;
    output.commit(options.durable)?;
    Ok(omitted)
}

struct CsvWriter {
    folder: PathBuf,
    separator: char,
    omitted: Vec<String>,
}

impl CsvWriter {
    fn file(&self, name: &str) -> Result<BufWriter<File>> {
        Ok(BufWriter::new(File::create(self.folder.join(name))?))
    }

    /// A frame with its labels and a header.
    fn frame(&self, name: &str, frame: &DataFrame) -> Result<()> {
        let mut file = self.file(&format!("{name}.csv"))?;
        let mut header = Row::new(self.separator);
        header.push(frame.index_name().unwrap_or_default());
        let mut columns = vec![Cells::of_labels(frame.index().load()?.to_labels()?)];
        for (name, series) in frame.columns() {
            header.push(name);
            columns.push(Cells::of(&series.load()?)?);
        }
        header.end(&mut file)?;
        self.rows(&mut file, &columns, frame.len()?)
    }

    fn rows(&self, file: &mut impl Write, columns: &[Cells], rows: usize) -> Result<()> {
        for at in 0..rows {
            let mut row = Row::new(self.separator);
            for column in columns {
                row.push(column.get(at).or_bug("a column is too short")?);
            }
            row.end(file)?;
        }
        file.flush()?;
        Ok(())
    }

    /// The columns of all arrays of a slot.
    fn arrays(&mut self, slot: &str, arrays: &Mapping, rows: usize) -> Result<()> {
        let mut file = self.file(&format!("{slot}.csv"))?;
        let (mut header, mut columns) = (Row::new(self.separator), Vec::new());
        for (key, element) in arrays {
            let mut found = Vec::new();
            match element.load()? {
                Element::Frame(frame) => {
                    for (_, series) in frame.columns() {
                        found.push(Cells::of(&series.load()?)?);
                    }
                }
                Element::Tensor(tensor) if tensor.ndim() == 2 => found = columns_of(&tensor)?,
                _ => self.omitted.push(format!("{slot}/{key}")),
            }
            for (number, cells) in (1..).zip(found) {
                header.push(&format!("{key}{number}"));
                columns.push(cells);
            }
        }
        header.end_or_empty(&mut file)?;
        self.rows_or_empty(&mut file, &columns, rows)
    }

    /// As [`rows`](Self::rows), with empty lines if there are no columns.
    fn rows_or_empty(&self, file: &mut impl Write, columns: &[Cells], rows: usize) -> Result<()> {
        if !columns.is_empty() {
            return self.rows(file, columns, rows);
        }
        for _ in 0..rows {
            file.write_all(b"\n")?;
        }
        file.flush()?;
        Ok(())
    }

    /// `X`, dense, a block of rows at a time.
    fn matrix(&self, adata: &AnnData) -> Result<()> {
        let mut file = self.file("X.csv")?;
        for chunk in adata.chunked_x(AnnData::CHUNK_ROWS)? {
            let (block, start, end) = chunk?;
            self.rows_or_empty(&mut file, &columns_of(&block.to_dense()?)?, end - start)?;
        }
        Ok(())
    }

    /// An element of `uns`.
    fn annotation(&mut self, key: &str, element: &Element) -> Result<()> {
        let columns = match element {
            Element::Frame(frame) => {
                frame.columns().map(|(_, series)| Cells::of(&series.load()?)).collect::<Result<Vec<_>>>()?
            }
            Element::Column(column) => vec![Cells::of(column)?],
            Element::Tensor(tensor) if tensor.ndim() <= 2 => columns_of(tensor)?,
            Element::Null => vec![Cells::of_labels(vec![String::new()])],
            _ => {
                self.omitted.push(format!("uns/{key}"));
                return Ok(());
            }
        };
        if key.contains(['/', '\\']) || key == "." || key == ".." {
            return Err(Error::unsupported("the key is not the name of a file").at(&format!("uns/{key}")));
        }
        let mut file = self.file(&format!("uns/{key}.csv"))?;
        let rows = columns.first().map_or(0, Cells::len);
        self.rows_or_empty(&mut file, &columns, rows)
    }
}

/// The columns of an array of up to two dimensions; a scalar is one cell.
fn columns_of(tensor: &Tensor) -> Result<Vec<Cells>> {
    let (rows, columns) = match tensor.shape() {
        [] => (1, 1),
        [rows] => (*rows, 1),
        [rows, columns] => (*rows, *columns),
        _ => return Err(Error::bug("an array of more than two dimensions")),
    };
    let flat = tensor.clone().reshape([rows * columns])?;
    let flat = if flat.dtype().is_text() && *flat.dtype() != DType::String { flat.to_text()? } else { flat };
    Cells::strided(&flat, columns)
}
