//! What is killed: jobs that make a target hold one of two objects, and the look at what it holds.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anndata::experimental::{OnDiskOptions, concat_on_disk};
use anndata::io::{ElemWriteOptions, write_elem};
use anndata::{
    AnnData, Column, ConcatOptions, ConvertOptions, DType, DataFrame, Element, Error, Mode, Raw, Result, SparseDataset,
    SparseFormat, SparseMatrix, Tensor, WriteOptions, concat_named, open_backed,
};

use super::{Job, OPERATIONS, Operation};

/// Where a process that the driver starts finds what it has to do, and in which folder.
pub(super) const ORDER: &str = "ANNDATA_CRASH_ORDER";
pub(super) const FOLDER: &str = "ANNDATA_CRASH_FOLDER";

/// What a process says when it is about to change its target, and before what it found there.
pub(super) const READY: &str = "ready";
pub(super) const FOUND: &str = "found ";

/// Does what the driver ordered, if it started this process, and returns the status to end with.
pub fn act() -> Option<i32> {
    let (order, folder) = (std::env::var(ORDER).ok()?, PathBuf::from(std::env::var_os(FOLDER)?));
    let done = Order::parse(&order).and_then(|order| order.run(&folder));
    let Err(error) = done else { return Some(0) };
    // Nobody is left to tell if even that fails.
    let _ = writeln!(std::io::stderr(), "{error}");
    Some(2)
}

/// What a process has to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Makes the target of an operation hold one of the two objects.
    Work { operation: Operation, state: usize, durable: bool },
    /// Says which object the target holds.
    Look { operation: Operation },
}

impl Order {
    /// The order as one line.
    pub(super) fn text(self) -> String {
        let number = |operation| OPERATIONS.iter().position(|one| *one == operation).unwrap_or_default();
        match self {
            Self::Work { operation, state, durable } => {
                format!("work {} {state} {}", number(operation), u8::from(durable))
            }
            Self::Look { operation } => format!("look {}", number(operation)),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let wrong = || Error::invalid_input(format!("'{text}' is not an order"));
        let numbers = words.iter().skip(1).map(|word| word.parse().map_err(|_| wrong()));
        let numbers = numbers.collect::<Result<Vec<usize>>>()?;
        let operation = |number: usize| OPERATIONS.get(number).copied().ok_or_else(wrong);
        match (words.first(), numbers.as_slice()) {
            (Some(&"work"), &[number, state, durable]) => {
                Ok(Self::Work { operation: operation(number)?, state, durable: durable == 1 })
            }
            (Some(&"look"), &[number]) => Ok(Self::Look { operation: operation(number)? }),
            _ => Err(wrong()),
        }
    }

    fn run(self, folder: &Path) -> Result<()> {
        match self {
            Self::Work { operation, state, durable } => work(operation, folder, state, durable),
            Self::Look { operation } => {
                let found = look(operation, &target(folder, operation))?;
                Ok(writeln!(std::io::stdout(), "{FOUND}{found}")?)
            }
        }
    }
}

/// The file or folder that an operation changes.
pub(super) fn target(folder: &Path, operation: Operation) -> PathBuf {
    folder.join("out").join(format!("cells.{}", operation.format))
}

/// Where an object that the target may hold stands, to be put there.
pub(super) fn kept(folder: &Path, operation: Operation, state: usize) -> PathBuf {
    folder.join("kept").join(format!("{state}.{}", operation.format))
}

/// The files that an operation reads.
fn inputs(folder: &Path, operation: Operation, state: usize) -> Vec<PathBuf> {
    let input = |name: String| folder.join("in").join(name);
    match (operation.job, operation.format) {
        (Job::Convert, "h5ad") => vec![input(format!("{state}.zarr"))],
        (Job::Convert, _) => vec![input(format!("{state}.h5ad"))],
        (Job::Concat | Job::Resume, _) => vec![input(format!("{state}-a.zarr")), input(format!("{state}-b.h5ad"))],
        _ => Vec::new(),
    }
}

/// Writes the two objects and all inputs of an operation.
pub(super) fn prepare(folder: &Path, operation: Operation) -> Result<()> {
    let quick = WriteOptions::default().with_durable(false);
    for name in ["in", "kept", "out"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    for state in 0..2 {
        anndata::write_with(kept(folder, operation, state), &held(operation.job, state)?, &quick)?;
        let objects = match operation.job {
            Job::Convert => vec![object(state, 300)?],
            Job::Concat | Job::Resume => parts(state)?,
            _ => Vec::new(),
        };
        for (path, object) in inputs(folder, operation, state).iter().zip(objects) {
            anndata::write_with(path, &object, &quick)?;
        }
    }
    Ok(())
}

/// The object that a target holds in one of its two states.
fn held(job: Job, state: usize) -> Result<AnnData> {
    match job {
        Job::Write | Job::Convert | Job::WriteBack => object(state, 300),
        Job::Concat | Job::Resume => {
            let parts = parts(state)?;
            concat_named(["a", "b"].into_iter().zip(&parts), &concat_options())
        }
        Job::SetElement => {
            let mut adata = object(0, 300)?;
            adata.set_layer(Some("counts"), sparse(state, 0..300)?)?;
            Ok(adata)
        }
        Job::Append => {
            let mut adata = object(0, 300)?;
            adata.set_uns("grown", sparse(0, 0..if state == 0 { 40 } else { 240 })?);
            Ok(adata)
        }
    }
}

/// The two objects of which one of the states is a concatenation.
fn parts(state: usize) -> Result<Vec<AnnData>> {
    [180, 120].into_iter().map(|rows| object(state, rows)).collect()
}

fn concat_options() -> ConcatOptions {
    ConcatOptions::default().with_label("plate")
}

/// A number that depends on its position and on the state: no value is the same in both states.
fn value(state: usize, at: usize) -> f32 {
    let mixed = u16::try_from(at.wrapping_mul(40_503) % 30_000).unwrap_or_default();
    f32::from(mixed) + if state == 0 { 0.25 } else { 0.75 }
}

/// Some rows of a matrix of 80 columns, of which each row has 20 values.
fn sparse(state: usize, rows: Range<usize>) -> Result<SparseMatrix> {
    let (len, nnz) = (rows.len(), rows.len() * 20);
    let data: Vec<f32> = (rows.start * 20..rows.end * 20).map(|at| value(state, at)).collect();
    let indices: Vec<i32> = (0..len).flat_map(|_| (0..20).map(|column| column * 4)).collect();
    let indptr: Vec<u64> = (0..=len as u64).map(|row| row * 20).collect();
    let (data, indices) = (Tensor::from_vec([nnz], data)?, Tensor::from_vec([nnz], indices)?);
    let indptr = Tensor::from_vec([len + 1], indptr)?.cast(&DType::I64)?;
    SparseMatrix::new(SparseFormat::Csr, (len, 80), data, indices, indptr)
}

/// An object with something in most slots, some hundred kilobytes.
fn object(state: usize, rows: usize) -> Result<AnnData> {
    let dense = |columns: usize| {
        Tensor::from_vec([rows, columns], (0..rows * columns).map(|at| value(state, at)).collect::<Vec<_>>())
    };
    let kinds = Column::categorical_from_strings((0..rows).map(|row| format!("kind {} of {state}", row % 7)))?;
    let obs = DataFrame::new((0..rows).map(|row| format!("cell-{rows}-{row}")))
        .with_column("kind", kinds)?
        .with_column("score", (0..rows).map(|row| f64::from(value(state, row))).collect::<Vec<_>>())?;
    let mut adata = AnnData::builder()
        .x(sparse(state, 0..rows)?)
        .layer("counts", sparse(state, 0..rows)?)
        .layer("dense", dense(80)?)
        .obs(obs)
        .var(DataFrame::new((0..80).map(|gene| format!("gene-{gene}"))))
        .obsm("pca", dense(10)?)
        .uns("note", format!("this is {state}").as_str())
        .build()?;
    adata.set_raw(Raw::from(&adata))?;
    Ok(adata)
}

/// Makes the target of an operation hold one of the two objects.
fn work(operation: Operation, folder: &Path, state: usize, durable: bool) -> Result<()> {
    let target = target(folder, operation);
    let options = WriteOptions::default().with_durable(durable).with_overwrite(true);
    let inputs = inputs(folder, operation, state);
    match operation.job {
        Job::Write => {
            let adata = held(operation.job, state)?;
            ready()?;
            anndata::write_with(target, &adata, &options)
        }
        Job::Convert => {
            ready()?;
            let input = inputs.first().ok_or_else(|| Error::bug("a conversion has an input"))?;
            anndata::convert(input, target, &ConvertOptions::default().with_write(options)).map(drop)
        }
        Job::Concat | Job::Resume => {
            let options = OnDiskOptions::default()
                .with_concat(concat_options())
                .with_write(options)
                .with_memory_limit(1 << 18)
                .with_resume(operation.job == Job::Resume);
            ready()?;
            concat_on_disk(["a", "b"].into_iter().zip(&inputs), target, &options).map(drop)
        }
        Job::WriteBack => {
            let mut backed = open_backed(target, Mode::ReadWrite)?;
            *backed = held(operation.job, state)?;
            ready()?;
            backed.write_back(&ElemWriteOptions::default())?;
            backed.close()
        }
        Job::SetElement => {
            let root = anndata::open_rw(target)?;
            let layer = Element::from(sparse(state, 0..300)?);
            ready()?;
            write_elem(&root, "layers/counts", &layer, &ElemWriteOptions::default())
        }
        Job::Append => {
            let root = anndata::open_rw(target)?;
            let mut grown = SparseDataset::open(&root, "uns/grown")?;
            let rows = sparse(0, 40..240)?;
            ready()?;
            grown.append(&rows)
        }
    }
}

/// Tells the driver that what comes now is to be interrupted.
fn ready() -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{READY}")?;
    Ok(out.flush()?)
}

/// Which of its two objects a target holds. Where it is edited in place, opening it for editing must not make that another one.
fn look(operation: Operation, target: &Path) -> Result<String> {
    let which = |found: &AnnData| -> Result<String> {
        let is = |state| Ok::<_, Error>(*found == held(operation.job, state)?);
        Ok(if is(0)? {
            "0"
        } else if is(1)? {
            "1"
        } else {
            "a mixture"
        }
        .to_owned())
    };
    let found = which(&anndata::read(target)?)?;
    if matches!(operation.job, Job::WriteBack | Job::SetElement | Job::Append) {
        let recovered = which(&open_backed(target, Mode::ReadWrite)?.to_memory()?)?;
        if recovered != found {
            return Ok(format!("a mixture: {found} when it is read, {recovered} when it is opened for editing"));
        }
    }
    Ok(found)
}
