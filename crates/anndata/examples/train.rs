//! Trains a model that tells cell types from counts: a softmax regression of the library candle, on a collection of three files of
//! which no more than a window is in memory, and says how many held-out cells it gets right.
//!
//! ```text
//! cargo run --features candle --example train [FOLDER]
//! ```

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use anndata::experimental::tensors::candle_core::{D, Device, Var};
use anndata::experimental::tensors::{candle_core, to_candle};
use anndata::experimental::{
    Batch, Collection, Encoder, Fields, Loader, LoaderOptions, MatrixRef, RowSet, Sampling, SplitBy, Tail, Want, split,
};
use anndata::{AnnData, Column, ConcatOptions, DType, DataFrame, SparseFormat, SparseMatrix, Tensor};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const KINDS: [&str; 4] = ["B", "Monocyte", "NK", "T"];
const GENES: usize = 60;
const EPOCHS: u64 = 5;
const RATE: f64 = 0.3;

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
    let model = Model::new(cells.n_vars())?;
    let mut out = std::io::stdout();
    let (training, held_out) = (loader(training, Tail::Drop)?, loader(held_out, Tail::Keep)?);
    for epoch in 0..EPOCHS {
        let (mut loss, mut batches) = (0.0_f32, 0_u16);
        for batch in training.epoch(epoch)? {
            loss += model.step(batch?)?;
            batches += 1;
        }
        writeln!(out, "epoch {epoch}: loss {:.4}", loss / f32::from(batches))?;
    }
    let (mut right, mut all) = (0.0_f32, 0.0_f32);
    for batch in held_out.epoch(0)? {
        let (x, kinds) = tensors(batch?)?;
        let found = model.scores(&x)?.argmax(D::Minus1)?.to_dtype(candle_core::DType::I64)?;
        right += found.eq(&kinds)?.to_dtype(candle_core::DType::F32)?.sum_all()?.to_scalar::<f32>()?;
        all += f32::from(u16::try_from(kinds.elem_count())?);
    }
    writeln!(out, "held-out accuracy {:.3} of {all} cells", right / all)?;
    Ok(())
}

/// The logarithms of counts and the numbers of the kinds. The counts are not copied.
fn tensors(batch: Batch) -> Result<(candle_core::Tensor, candle_core::Tensor)> {
    let kinds = to_candle(batch.labels["kind"].clone(), &Device::Cpu)?;
    let counts = to_candle(batch.into_dense(&MatrixRef::X)?, &Device::Cpu)?;
    Ok(((counts + 1.0)?.log()?, kinds))
}

/// Weights of each gene, and a constant, for each kind.
struct Model {
    weights: Var,
    bias: Var,
}

impl Model {
    fn new(genes: usize) -> Result<Self> {
        let zeros = |rows: usize| Var::zeros((rows, KINDS.len()), candle_core::DType::F32, &Device::Cpu);
        Ok(Self { weights: zeros(genes)?, bias: zeros(1)? })
    }

    /// The score of each kind: the larger, the more probable it is.
    fn scores(&self, x: &candle_core::Tensor) -> Result<candle_core::Tensor> {
        Ok(x.matmul(&self.weights)?.broadcast_add(&self.bias)?)
    }

    /// A step of gradient descent; gives the mean loss of the batch before it.
    fn step(&self, batch: Batch) -> Result<f32> {
        let (x, kinds) = tensors(batch)?;
        let scores = self.scores(&x)?;
        let of_kind = scores.gather(&kinds.unsqueeze(1)?, 1)?.squeeze(1)?;
        let loss = (scores.log_sum_exp(1)? - of_kind)?.mean_all()?;
        let gradients = loss.backward()?;
        for own in [&self.weights, &self.bias] {
            let gradient = gradients.get(own).ok_or("no gradient")?;
            own.set(&(own.as_tensor() - (gradient * RATE)?)?)?;
        }
        Ok(loss.to_scalar::<f32>()?)
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
