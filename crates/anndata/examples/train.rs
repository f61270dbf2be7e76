//! Trains a model that tells cell types from counts: a softmax regression, on a collection of three files of which no more than a
//! window is in memory, and says how many held-out cells it gets right.
//!
//! ```text
//! cargo run --features experimental --example train [FOLDER]
//! ```

use std::io::Write as _;
use std::path::Path;

use anndata::experimental::{
    Collection, Encoder, Fields, Loader, LoaderOptions, MatrixRef, RowSet, Sampling, SplitBy, Tail,
};
use anndata::experimental::{Want, split};
use anndata::{AnnData, Column, ConcatOptions, DType, DataFrame, Result, SparseFormat, SparseMatrix, Tensor};

const KINDS: [&str; 4] = ["B", "Monocyte", "NK", "T"];
const GENES: usize = 60;
const EPOCHS: u64 = 5;
const RATE: f32 = 0.3;

fn main() -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("anndata-train-{}", std::process::id()));
    let folder = std::env::args().nth(1).map_or(scratch.clone(), Into::into);
    let trained = train(&folder);
    if folder == scratch {
        std::fs::remove_dir_all(scratch)?;
    }
    trained
}

fn train(folder: &Path) -> Result<()> {
    let plates = (0..3_u32).map(|number| Ok((format!("plate-{number}"), plate(folder, number)?)));
    let cells =
        Collection::open(plates.collect::<Result<Vec<_>>>()?, &ConcatOptions::default(), |path| anndata::open(path))?;
    let parts = split(&cells, &[0.8, 0.2], &SplitBy::Stratified("kind".to_owned()), 0)?;
    let [training, held_out] = parts.as_slice() else { return Ok(()) };
    let encoder = Encoder::fit(&cells, "kind")?;
    let loader = |rows: &RowSet, tail: Tail| {
        let fields = Fields::x(Want::dense(DType::F32)).with_labels("kind", encoder.clone());
        let sampling = Sampling::default().with_rows(rows.clone()).with_batch(64).with_tail(tail).with_seed(1);
        Loader::new(&cells, fields, sampling, LoaderOptions::default())
    };
    let mut model = Model { weights: vec![0.0; (cells.n_vars() + 1) * KINDS.len()], genes: cells.n_vars() };
    let mut out = std::io::stdout();
    let (training, held_out) = (loader(training, Tail::Drop)?, loader(held_out, Tail::Keep)?);
    for epoch in 0..EPOCHS {
        let (mut loss, mut rows) = (0.0_f32, 0_u16);
        for batch in training.epoch(epoch)? {
            let batch = batch?;
            let kinds = batch.labels["kind"].as_slice::<i64>()?.to_vec();
            let (x, _) = batch.into_dense_vec(&MatrixRef::X)?;
            loss += model.step(&x, &kinds);
            rows += 1;
        }
        writeln!(out, "epoch {epoch}: loss {:.4}", loss / f32::from(rows))?;
    }
    let (mut right, mut all) = (0_u16, 0_u16);
    for batch in held_out.epoch(0)? {
        let batch = batch?;
        let kinds = batch.labels["kind"].as_slice::<i64>()?.to_vec();
        let (x, _) = batch.into_dense_vec(&MatrixRef::X)?;
        for (cell, &kind) in x.chunks(model.genes).zip(&kinds) {
            all += 1;
            right += u16::from(model.kind(cell) == kind);
        }
    }
    writeln!(out, "held-out accuracy {:.3} of {all} cells", f32::from(right) / f32::from(all))?;
    Ok(())
}

/// Weights of each gene and of a constant, for each kind.
struct Model {
    weights: Vec<f32>,
    genes: usize,
}

impl Model {
    /// The probability of each kind.
    fn probabilities(&self, cell: &[f32]) -> Vec<f32> {
        let scores = self.weights.chunks(self.genes + 1).map(|weights| {
            let values = cell.iter().map(|value| value.ln_1p()).chain([1.0]);
            weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f32>()
        });
        let scores: Vec<f32> = scores.collect();
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let odds: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
        let total: f32 = odds.iter().sum();
        odds.into_iter().map(|odd| odd / total).collect()
    }

    /// The most probable kind.
    fn kind(&self, cell: &[f32]) -> i64 {
        let best = (0_i64..).zip(self.probabilities(cell)).max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(-1, |(kind, _)| kind)
    }

    /// A step of gradient descent; gives the mean loss of the batch before it.
    fn step(&mut self, x: &[f32], kinds: &[i64]) -> f32 {
        let (mut loss, mut cells) = (0.0, 0.0);
        let mut gradient = vec![0.0_f32; self.weights.len()];
        for (cell, &wanted) in x.chunks(self.genes).zip(kinds) {
            cells += 1.0;
            let kinds = (0_i64..).zip(self.probabilities(cell)).zip(gradient.chunks_mut(self.genes + 1));
            for ((kind, probability), gradient) in kinds {
                let is = if kind == wanted { 1.0 } else { 0.0 };
                loss -= is * probability.max(f32::MIN_POSITIVE).ln();
                let values = cell.iter().map(|value| value.ln_1p()).chain([1.0]);
                gradient.iter_mut().zip(values).for_each(|(sum, value)| *sum += (probability - is) * value);
            }
        }
        self.weights.iter_mut().zip(gradient).for_each(|(weight, sum)| *weight -= RATE * sum / cells);
        loss / cells
    }
}

/// A file of counts: each kind has more of some genes.
fn plate(folder: &Path, number: u32) -> Result<std::path::PathBuf> {
    let path = folder.join(format!("plate-{number}.h5ad"));
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(folder)?;
    let mut state = number + 1;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let (mut counts, mut kinds) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let kind = (0..KINDS.len()).nth(usize::try_from(random(4)).unwrap_or(0)).unwrap_or(0);
        kinds.push(KINDS.get(kind).copied().unwrap_or("T"));
        counts.extend((0..GENES).map(|gene| {
            let most = if gene % KINDS.len() == kind { 12 } else { 4 };
            f32::from(u16::try_from(random(most) * random(2)).unwrap_or(0))
        }));
    }
    let x = SparseMatrix::from_dense(&Tensor::from_vec([kinds.len(), GENES], counts)?, SparseFormat::Csr)?;
    let obs = DataFrame::new((0..kinds.len()).map(|cell| format!("{number}-{cell}")))
        .with_column("kind", Column::categorical_from_strings(kinds)?)?;
    anndata::write(&path, &AnnData::builder().x(x).obs(obs).build()?)?;
    Ok(path)
}
