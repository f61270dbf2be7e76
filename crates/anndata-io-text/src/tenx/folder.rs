//! Folders of a matrix of text and the names of its axes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anndata_core::{AnnData, Column, DataFrame, make_unique};
use anndata_storage::{DType, Error, OrBug as _, Result};

use super::{FEATURE_TYPES, GENE_EXPRESSION, names, with_value};
use crate::fields::{Delimiter, read_frame};
use crate::mtx::{MtxOptions, read_matrix};
use crate::source::Source;

/// What a compressed file may end in.
const ENDINGS: [&str; 4] = ["", ".gz", ".zst", ".bz2"];
/// The matrices that STARsolo makes for RNA velocity.
const VELOCITY: [&str; 3] = ["spliced", "unspliced", "ambiguous"];

/// What variables are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VarNames {
    /// Gene symbols; `var` has `gene_ids`.
    #[default]
    GeneSymbols,
    /// Gene ids; `var` has `gene_symbols`.
    GeneIds,
}

/// How a folder of Cell Ranger is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenxMtxOptions {
    /// What variables are named by.
    pub var_names: VarNames,
    /// Whether symbols that stand twice get a number.
    pub make_unique: bool,
    /// Whether only features of the type "Gene Expression" are kept.
    pub gex_only: bool,
    /// What the names of the files begin with.
    pub prefix: String,
    /// The dtype of the matrix.
    pub dtype: DType,
}

impl Default for TenxMtxOptions {
    fn default() -> Self {
        let var_names = VarNames::default();
        Self { var_names, make_unique: true, gex_only: true, prefix: String::new(), dtype: DType::F32 }
    }
}

impl TenxMtxOptions {
    /// Sets what variables are named by. Default: gene symbols.
    #[must_use]
    pub fn with_var_names(mut self, var_names: VarNames) -> Self {
        self.var_names = var_names;
        self
    }

    /// Sets whether symbols that stand twice get a number (`-1`, `-2`, …). Default: yes. Ids stay as they are.
    #[must_use]
    pub fn with_make_unique(mut self, make_unique: bool) -> Self {
        self.make_unique = make_unique;
        self
    }

    /// Sets whether only features of the type "Gene Expression" are kept. Default: yes. A folder of Cell Ranger 2 has no others.
    #[must_use]
    pub fn with_gex_only(mut self, gex_only: bool) -> Self {
        self.gex_only = gex_only;
        self
    }

    /// Sets what the names of the files begin with, such as `patientA_`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the dtype of the matrix, as [`MtxOptions::with_dtype`].
    #[must_use]
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }
}

/// Reads a folder of Cell Ranger, of any version, or of STARsolo, with its genes alone: scanpy's function of the same name.
///
/// It has `matrix.mtx`, whose rows are features, `barcodes.tsv`, and `features.tsv` (since version 3) or `genes.tsv`, each
/// of them compressed or not. `X` is a CSR matrix of `f32` whose rows are cells.
///
/// # Errors
/// If a file is missing or malformed, or the number of names is not that of the matrix; the error names the file.
pub fn read_10x_mtx(path: impl AsRef<Path>) -> Result<AnnData> {
    read_10x_mtx_with(path, &TenxMtxOptions::default())
}

/// Reads a folder of Cell Ranger as the options say.
///
/// # Errors
/// As [`read_10x_mtx`].
pub fn read_10x_mtx_with(path: impl AsRef<Path>, options: &TenxMtxOptions) -> Result<AnnData> {
    let folder = path.as_ref();
    let named = |name: &str| find(folder, &format!("{}{name}", options.prefix));
    let matrix = named("matrix.mtx");
    // STARsolo has several matrices for RNA velocity.
    let velocity: Vec<(&str, PathBuf)> = match matrix {
        Some(_) => Vec::new(),
        None => VELOCITY.into_iter().filter_map(|name| Some((name, named(&format!("{name}.mtx"))?))).collect(),
    };
    let first = matrix.as_ref().or_else(|| velocity.first().map(|(_, path)| path));
    let first = first.ok_or_else(|| missing(folder, &format!("{}matrix.mtx", options.prefix)))?;
    let read = MtxOptions::default().with_dtype(options.dtype.clone()).with_transpose(true);
    let x = read_matrix(first, &read)?;
    let (cells, features) = x.shape();

    let legacy = named("genes.tsv");
    let path = match &legacy {
        Some(path) => path.clone(),
        None => named("features.tsv").ok_or_else(|| missing(folder, &format!("{}features.tsv", options.prefix)))?,
    };
    let var = var_of(&path, features, options)?;
    let path = named("barcodes.tsv").ok_or_else(|| missing(folder, &format!("{}barcodes.tsv", options.prefix)))?;
    let obs = DataFrame::new(names::read_first(&path, "columns", cells)?);
    let has_types = var.contains(FEATURE_TYPES);
    let mut adata = AnnData::builder().x(x).obs(obs).var(var).build().map_err(|error| error.in_file(folder))?;
    for (number, (name, path)) in velocity.iter().enumerate() {
        let layer =
            if number == 0 { adata.x().cloned().or_bug("X is gone")? } else { read_matrix(path, &read)?.into() };
        adata.set_layer(Some(name), layer).map_err(|error| error.of_stored().in_file(path))?;
    }
    if options.gex_only && has_types {
        adata = with_value(&adata, FEATURE_TYPES, GENE_EXPRESSION)?;
    }
    Ok(adata)
}

/// The variables: ids, symbols, and types if the file has them.
fn var_of(path: &Path, expected: usize, options: &TenxMtxOptions) -> Result<DataFrame> {
    let mut columns = names::read(path)?.into_iter();
    let ids = columns.next().unwrap_or_default();
    names::check(path, "rows", ids.len(), expected)?;
    // Without symbols ids are all that there is.
    let symbols = columns.next().unwrap_or_else(|| ids.clone());
    let mut var = match options.var_names {
        VarNames::GeneSymbols => {
            let names = if options.make_unique { make_unique(&symbols, "-") } else { symbols };
            DataFrame::new(names).with_column("gene_ids", ids)?
        }
        VarNames::GeneIds => DataFrame::new(ids).with_column("gene_symbols", symbols)?,
    };
    if let Some(types) = columns.next() {
        var.insert(FEATURE_TYPES, types)?;
    }
    Ok(var)
}

/// Which program wrote a folder of a matrix of text and its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MtxFolder {
    /// Cell Ranger, or STARsolo: `matrix.mtx`, rows are features.
    CellRanger,
    /// kallisto bustools: `NAME.mtx`, rows are cells, with `NAME.barcodes.txt` and `NAME.genes.txt` (or `NAME.ec.txt`).
    Bustools,
    /// alevin-fry: `quants_mat.mtx`, rows are cells, with `quants_mat_rows.txt` and `quants_mat_cols.txt`.
    AlevinFry,
    /// Parse Biosciences: `DGE.mtx` or `count_matrix.mtx`, rows are cells, with `cell_metadata.csv` and `all_genes.csv`.
    Parse,
}

impl MtxFolder {
    /// Which program wrote a folder, told by the names of its files.
    ///
    /// # Errors
    /// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if it is none of these; if it cannot be looked into.
    pub fn of(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let has = |name: &str| find(folder, name).is_some();
        let has_names = has("barcodes.tsv") && (has("features.tsv") || has("genes.tsv"));
        if has_names && (has("matrix.mtx") || has("spliced.mtx")) {
            return Ok(Self::CellRanger);
        }
        if has("quants_mat_rows.txt") || has("alevin/quants_mat_rows.txt") {
            return Ok(Self::AlevinFry);
        }
        if has("cell_metadata.csv") && (has("DGE.mtx") || has("count_matrix.mtx")) {
            return Ok(Self::Parse);
        }
        if bustools_name(folder)?.is_some() {
            return Ok(Self::Bustools);
        }
        Err(Error::unsupported("the folder has no matrix of text with names that is known").in_file(folder))
    }
}

/// Reads a folder of a matrix of text and the names of its axes, whichever of [these programs](MtxFolder) wrote it.
///
/// - Cell Ranger and STARsolo: as [`read_10x_mtx`]. A folder of STARsolo with matrices for RNA velocity has them as layers
///   `spliced`, `unspliced` and `ambiguous`, the first of which is `X` as well.
/// - kallisto bustools: variables are named by gene ids, and `var` has `gene_name` if there is `NAME.genes.names.txt`; files
///   `NAME.LAYER.mtx` are layers, and the first of them is `X` if there is no `NAME.mtx`.
/// - alevin-fry: names as they stand there. Genes of a spliced and unspliced index are variables of their own (`GENE`,
///   `GENE-U`, `GENE-A`).
/// - Parse: variables are named by gene names made unique, or ids if there is none; `var` has the other columns of `all_genes.csv`,
///   `obs` those of `cell_metadata.csv`, whose `bc_wells` are the names.
///
/// # Errors
/// As [`read_10x_mtx`], and [`MtxFolder::of`].
pub fn read_mtx_folder(path: impl AsRef<Path>) -> Result<AnnData> {
    let folder = path.as_ref();
    match MtxFolder::of(folder)? {
        MtxFolder::CellRanger => read_10x_mtx(folder),
        MtxFolder::Bustools => read_bustools(folder),
        MtxFolder::AlevinFry => read_alevin_fry(folder),
        MtxFolder::Parse => read_parse(folder),
    }
}

fn read_bustools(folder: &Path) -> Result<AnnData> {
    let name = bustools_name(folder)?.ok_or_else(|| missing(folder, "NAME.barcodes.txt"))?;
    let named = |ending: &str| find(folder, &format!("{name}.{ending}"));
    let mut layers = Vec::new();
    for file in files(folder)? {
        let plain = without_ending(&file);
        let layer = plain.strip_suffix(".mtx").and_then(|stem| stem.strip_prefix(&format!("{name}.")));
        if let Some(layer) = layer {
            layers.push((layer.to_owned(), folder.join(&file)));
        }
    }
    layers.sort();
    let path = named("mtx").or_else(|| layers.first().map(|(_, path)| path.clone()));
    let path = path.ok_or_else(|| missing(folder, &format!("{name}.mtx")))?;
    let x = read_matrix(&path, &MtxOptions::default())?;
    let barcodes = named("barcodes.txt").ok_or_else(|| missing(folder, &format!("{name}.barcodes.txt")))?;
    let obs = names::read_first(&barcodes, "rows", x.shape().0)?;
    let obs = DataFrame::new(obs).with_index_name(Some("barcode".to_owned()));
    let genes = named("genes.txt").or_else(|| named("ec.txt"));
    let genes = genes.ok_or_else(|| missing(folder, &format!("{name}.genes.txt")))?;
    let var = names::read_first(&genes, "columns", x.shape().1)?;
    let mut var = DataFrame::new(var).with_index_name(Some("gene_id".to_owned()));
    if let Some(path) = named("genes.names.txt") {
        var.insert("gene_name", names::read_first(&path, "columns", x.shape().1)?)?;
    }
    let mut adata = AnnData::builder().x(x).obs(obs).var(var).build().map_err(|error| error.in_file(folder))?;
    for (layer, path) in layers {
        let matrix = read_matrix(&path, &MtxOptions::default())?;
        adata.set_layer(Some(&layer), matrix).map_err(|error| error.of_stored().in_file(path))?;
    }
    Ok(adata)
}

/// The name that the files of kallisto bustools in a folder have in common.
fn bustools_name(folder: &Path) -> Result<Option<String>> {
    let files = files(folder)?;
    let mut names: Vec<String> =
        files.iter().filter_map(|file| without_ending(file).strip_suffix(".barcodes.txt").map(str::to_owned)).collect();
    names.sort();
    let has =
        |name: &String, endings: [&str; 2]| endings.iter().any(|end| find(folder, &format!("{name}.{end}")).is_some());
    let matrix = |name: &String| {
        files.iter().any(|file| {
            let plain = without_ending(file);
            plain.strip_suffix(".mtx").is_some_and(|stem| stem.starts_with(name.as_str()))
        })
    };
    Ok(names.into_iter().find(|name| has(name, ["genes.txt", "ec.txt"]) && matrix(name)))
}

fn read_alevin_fry(folder: &Path) -> Result<AnnData> {
    let inner = folder.join("alevin");
    let folder = if find(&inner, "quants_mat_rows.txt").is_some() { &inner } else { folder };
    let named = |name: &str| find(folder, name).ok_or_else(|| missing(folder, name));
    let x = read_matrix(&named("quants_mat.mtx")?, &MtxOptions::default())?;
    let obs = names::read_first(&named("quants_mat_rows.txt")?, "rows", x.shape().0)?;
    let var = names::read_first(&named("quants_mat_cols.txt")?, "columns", x.shape().1)?;
    let built = AnnData::builder().x(x).obs(DataFrame::new(obs)).var(DataFrame::new(var)).build();
    built.map_err(|error| error.in_file(folder))
}

fn read_parse(folder: &Path) -> Result<AnnData> {
    let named = |name: &str| find(folder, name).ok_or_else(|| missing(folder, name));
    let x = read_matrix(&named("DGE.mtx").or_else(|_| named("count_matrix.mtx"))?, &MtxOptions::default())?;
    let path = named("cell_metadata.csv")?;
    let obs = read_frame(Source::open(&path)?, Delimiter::Char(b','), Some("bc_wells"))?;
    names::check(&path, "rows", obs.len()?, x.shape().0)?;
    let path = named("all_genes.csv").or_else(|_| named("genes.csv"))?;
    let mut var = read_frame(Source::open(&path)?, Delimiter::Char(b','), None)?;
    names::check(&path, "columns", var.len()?, x.shape().1)?;
    let texts = |column: &str| -> Result<Option<Vec<String>>> {
        if !var.contains(column) {
            return Ok(None);
        }
        Ok(Some(var.column(column)?.to_labels()?))
    };
    let ids = texts("gene_id")?.ok_or_else(|| Error::invalid_data("it has no column 'gene_id'").in_file(&path))?;
    let labels = match texts("gene_name")? {
        Some(symbols) => {
            symbols.into_iter().zip(ids).map(|(symbol, id)| if symbol.is_empty() { id } else { symbol }).collect()
        }
        None => ids,
    };
    var.set_index(Column::strings(make_unique(&labels, "-")))?;
    AnnData::builder().x(x).obs(obs).var(var).build().map_err(|error| error.in_file(folder))
}

/// A file of a folder, compressed or not.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| folder.join(format!("{name}{ending}"))).find(|path| path.is_file())
}

/// The names of the files of a folder.
fn files(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::from(error).in_file(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
    let names = names.map_err(|error| Error::from(error).in_file(folder))?;
    Ok(names.iter().filter_map(|name: &std::ffi::OsString| OsStr::to_str(name)).map(str::to_owned).collect())
}

/// A name without what says that the file is compressed.
fn without_ending(name: &str) -> &str {
    ENDINGS.iter().filter(|ending| !ending.is_empty()).find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

fn missing(folder: &Path, name: &str) -> Error {
    Error::not_found(format!("the folder has no file '{name}', compressed or not")).in_file(folder)
}
