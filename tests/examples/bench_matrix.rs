//! The Rust half of `cargo xtask bench matrix`: operations on the matrix of a file, one line of JSON each.
//!
//! ```text
//! bench_matrix FILE [REPEATS [OPERATION]]      read the matrix, then time each operation on it REPEATS times
//! ```

use std::cell::RefCell;
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use anndata::{AnnData, AxisSelection, Backed, DType, Element, Mode, SparseFormat, SparseMatrix, Tensor};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The first columns, as which the dense matrix is taken.
const DENSE_COLUMNS: usize = 500;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, repeats, only) = match arguments.as_slice() {
        [file] => (file, 5, None),
        [file, repeats] => (file, repeats.parse()?, None),
        [file, repeats, only] => (file, repeats.parse()?, Some(only)),
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let adata = anndata::read_h5ad(file)?;
    let Some(Element::Sparse(x)) = adata.x().cloned() else {
        return Err("X is not a sparse matrix".into());
    };
    let stored = anndata::open_backed(file, Mode::Read)?;
    for (name, operation) in all(&adata, &x, stored)? {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let mut seconds = Vec::new();
        let mut check = 0;
        for _ in 0..repeats {
            let start = Instant::now();
            check = operation(&x)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let mut line = serde_json::json!({ "name": name, "seconds": best, "check": check });
        if let Some((read, written)) = moved(name, &x, check) {
            (line["read"], line["written"]) = (read.into(), written.into());
        }
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn all(adata: &AnnData, x: &SparseMatrix, stored: Backed) -> Result<Vec<(&'static str, Operation)>> {
    let parts = [operations(x), reductions(), conversions(x)?, lookups(adata, stored)?, vec![edits(x)?]];
    Ok(parts.into_iter().flatten().collect())
}

/// The bytes that an operation has to read and to write, whoever does it: those of the values it takes and of the result, which has
/// as many as `check` says. Selecting columns looks at all indices. Memory is read in lines of the cache.
fn moved(name: &str, x: &SparseMatrix, check: usize) -> Option<(usize, usize)> {
    let (data, indices) = (x.data().nbytes(), x.indices().nbytes());
    let (whole, dense) = (data + indices, x.shape().0 * DENSE_COLUMNS * 4);
    let result = check.checked_mul(whole)?.checked_div(x.nnz())?;
    match name {
        "rows, half of them" | "rows, half of them shuffled" | "an object's rows, half of them by a mask" => {
            Some((result, result))
        }
        "columns, a tenth of them" | "columns, a tenth of them shuffled" => {
            // Of sixteen values in a line there is one of a tenth four times in five.
            Some((indices + data / 5 * 4, result))
        }
        "to CSC" | "to CSR" => Some((whole, whole)),
        // The matrix remembers from the time before that no index is stored twice.
        "row sums" | "row variances" | "row maxima" => Some((data, 0)),
        "column sums" | "column variances" | "column maxima" => Some((whole, 0)),
        "values of columns counted" => Some((indices, 0)),
        "values as doubles" => Some((data, 2 * data)),
        "dense, transposed" => Some((dense, dense)),
        "dense, as doubles" => Some((dense, 2 * dense)),
        "dense, column sums" | "dense, row maxima" => Some((dense, 0)),
        _ => None,
    }
}

/// One timed operation; it gives a number that the other side has to find too.
type Operation = Box<dyn Fn(&SparseMatrix) -> Result<usize>>;

/// The same operations, under the same names, as the Python half.
fn operations(x: &SparseMatrix) -> Vec<(&'static str, Operation)> {
    let (n, p) = x.shape();
    // About half of the rows and a tenth of the columns, spread evenly but not regularly.
    let rows = picked(n, 2);
    let columns = picked(p, 10);
    let shuffled = shuffle(&columns);
    let (all_rows, all_columns) = (AxisSelection::Range(0..n as u64), AxisSelection::Range(0..p as u64));
    let select = |rows: &AxisSelection, columns: &AxisSelection| -> Operation {
        let (rows, columns) = (rows.clone(), columns.clone());
        Box::new(move |x| Ok(x.select(&rows, &columns)?.nnz()))
    };
    let list = |positions: &[u64]| AxisSelection::from(positions);
    vec![
        ("rows, half of them", select(&list(&rows), &all_columns)),
        ("rows, half of them shuffled", select(&list(&shuffle(&rows)), &all_columns)),
        ("columns, a tenth of them", select(&all_rows, &list(&columns))),
        ("columns, a tenth of them shuffled", select(&all_rows, &list(&shuffled))),
        ("rows and columns", select(&list(&rows), &list(&columns))),
    ]
}

/// What is made of each row, or of each column.
fn reductions() -> Vec<(&'static str, Operation)> {
    vec![
        ("row sums", Box::new(|x| Ok(x.row_sums()?.len()))),
        ("column sums", Box::new(|x| Ok(x.column_sums()?.len()))),
        ("row variances", Box::new(|x| Ok(x.row_variances(0)?.len()))),
        ("column variances", Box::new(|x| Ok(x.column_variances(0)?.len()))),
        ("row maxima", Box::new(|x| halves(&x.row_maxima()?))),
        ("column maxima", Box::new(|x| halves(&x.column_maxima()?))),
        ("values of columns counted", Box::new(|x| Ok(x.nnz_per_column()?.iter().sum()))),
    ]
}

/// The sum of values that are whole halves, in halves.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the values are small and above zero")]
fn halves(values: &Tensor) -> Result<usize> {
    Ok((values.cast(&DType::F64)?.as_slice::<f64>()?.iter().sum::<f64>() * 2.0) as usize)
}

/// The same values in another form; and a dense matrix, some of the columns.
fn conversions(x: &SparseMatrix) -> Result<Vec<(&'static str, Operation)>> {
    let csc = x.to_format(SparseFormat::Csc)?;
    let all_rows = AxisSelection::Range(0..x.shape().0 as u64);
    let dense = x.select(&all_rows, &AxisSelection::Range(0..DENSE_COLUMNS as u64))?.to_dense()?;
    let of_dense = |of: fn(&Tensor) -> Result<usize>| -> Operation {
        let dense = dense.clone();
        Box::new(move |_| of(&dense))
    };
    Ok(vec![
        ("to CSC", Box::new(|x| Ok(x.to_format(SparseFormat::Csc)?.nnz()))),
        ("to CSR", Box::new(move |_| Ok(csc.to_format(SparseFormat::Csr)?.nnz()))),
        ("values as doubles", Box::new(|x| Ok(x.cast(&DType::F64)?.nnz()))),
        ("dense, transposed", of_dense(|dense| Ok(dense.transpose()?.len()))),
        ("dense, as doubles", of_dense(|dense| Ok(dense.cast(&DType::F64)?.len()))),
        ("dense, column sums", of_dense(|dense| halves(&dense.column_sums()?))),
        ("dense, row maxima", of_dense(|dense| halves(&dense.row_maxima()?))),
    ])
}

/// Half of an object's rows by a mask; looking up all names, in another order; and reading rows of the stored matrix.
fn lookups(adata: &AnnData, stored: Backed) -> Result<Vec<(&'static str, Operation)>> {
    let names = adata.obs().name_index()?;
    let every = adata.obs_names()?;
    let mixed: Vec<String> =
        shuffle(&picked(every.len(), 1)).iter().filter_map(|&i| every.get(usize::try_from(i).ok()?).cloned()).collect();
    let some = AxisSelection::from(shuffle(&picked(every.len(), (every.len() as u64 / 1000).max(1))));
    let mut mask = vec![false; adata.n_obs()];
    for row in picked(adata.n_obs(), 2) {
        mask[usize::try_from(row)?] = true;
    }
    let whole = adata.clone();
    Ok(vec![
        (
            "an object's rows, half of them by a mask",
            Box::new(move |_| {
                let part = whole.select(mask.as_slice(), ..)?.load()?;
                Ok(part.x().ok_or("no X")?.to_sparse()?.nnz())
            }),
        ),
        ("names looked up", Box::new(move |_| Ok(names.positions(&mixed)?.len()))),
        (
            "rows from the file, a thousand",
            Box::new(move |_| {
                let part = stored.select(some.clone(), ..)?;
                Ok(part.x().ok_or("no X")?.to_sparse()?.nnz())
            }),
        ),
    ])
}

/// Setting stored values of an object, one by one. Its matrix is its own, as that of an object that was read is.
fn edits(x: &SparseMatrix) -> Result<(&'static str, Operation)> {
    let cells = picked(x.shape().0, (x.shape().0 as u64 / 100).max(1)).into_iter();
    let columns = x.cast_indices(&DType::I64)?;
    let column = |row: usize| -> anndata::Result<i64> {
        let first = columns.major_range(row)?.start;
        Ok(columns.indices().as_slice::<i64>()?.get(first).copied().unwrap_or(0))
    };
    let cells: Vec<(usize, usize)> = cells
        .map(|row| {
            let row = usize::try_from(row)?;
            Ok((row, usize::try_from(column(row)?)?))
        })
        .collect::<Result<_>>()?;
    let object = RefCell::new(AnnData::builder().x(x.clone()).build()?);
    // What is shared is copied by the first.
    if let Some(&(row, column)) = cells.first() {
        object.borrow_mut().set_x_at(row, column, 2.0_f32)?;
    }
    let set = move |_: &SparseMatrix| {
        let mut object = object.borrow_mut();
        for &(row, column) in &cells {
            object.set_x_at(row, column, 2.0_f32)?;
        }
        Ok(cells.len())
    };
    Ok(("stored values, a hundred set one by one", Box::new(set)))
}

/// One position in `step` or so: the same numbers as the Python half picks.
fn picked(len: usize, step: u64) -> Vec<u64> {
    (0..len as u64).filter(|i| hash(*i).is_multiple_of(step)).collect()
}

/// The positions in the order of their hashes.
fn shuffle(positions: &[u64]) -> Vec<u64> {
    let mut shuffled = positions.to_vec();
    shuffled.sort_by_key(|i| (hash(*i), *i));
    shuffled
}

/// A number that looks random, small enough for both languages to compute it exactly.
fn hash(i: u64) -> u64 {
    (i * 2_654_435_761 % (1 << 32)) >> 12
}
