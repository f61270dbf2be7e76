//! An object with something for every part of a page.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_lossless,
    reason = "small numbers"
)]
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use anndata_format::{AnnData, Column, DataFrame, Element, Mapping, Result, SparseFormat, Tensor};

/// Pseudo-random numbers from 0 to 1, always the same.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(u32::MAX >> 1)
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Cells of five kinds, 30 genes, counts, an embedding with a cloud for each kind, places in an image.
pub(crate) fn cells(n_obs: usize) -> Result<AnnData> {
    let mut random = Random::new(7);
    let kinds = ["T cells", "B cells", "NK cells", "Monocytes", "Platelets"];
    let (mut umap, mut places, mut counts, mut kind_of) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_obs {
        let kind = (random.next() * 4.999) as usize;
        let angle = kind as f64 * 1.3;
        umap.extend([angle.cos() * 6.0 + random.normal(), angle.sin() * 6.0 + 0.6 * random.normal()]);
        places.extend([random.next() * 2000.0, random.next() * 1000.0]);
        kind_of.push((random.next() > 0.02).then_some(kinds[kind]));
        counts.extend((0..30).map(|gene| (random.next().powi(6) * (3 + gene) as f64 * 2.0).floor() as i32));
    }
    let genes = (0..30).map(|gene| if gene < 3 { format!("MT-{gene}") } else { format!("gene {gene}") });
    let totals: Vec<f64> = counts.chunks(30).map(|row| row.iter().map(|&count| f64::from(count)).sum()).collect();
    let obs = DataFrame::new((0..n_obs).map(|cell| format!("cell-{cell}")))
        .with_column("cell_type", Column::categorical_from_options(kind_of)?)?
        .with_column("total_counts", totals)?
        .with_column("is_doublet", (0..n_obs).map(|cell| cell % 17 == 0).collect::<Vec<bool>>())?
        .with_column(
            "barcode",
            (0..n_obs).map(|cell| format!("BC{:06}", cell * 7919 % 1_000_003)).collect::<Vec<_>>(),
        )?;
    let var = DataFrame::new(genes).with_column("mean", (0..30).map(f64::from).collect::<Vec<f64>>())?;
    let x = Element::from(Tensor::from_vec([n_obs, 30], counts)?).to_format(SparseFormat::Csr)?;
    let mut pca = Mapping::new();
    pca.insert("variance".to_owned(), Tensor::from_vec([2], vec![3.0, 1.0])?.into());
    AnnData::builder()
        .x(x)
        .obs(obs)
        .var(var)
        .obsm("X_umap", Tensor::from_vec([n_obs, 2], umap)?)
        .obsm("spatial", Tensor::from_vec([n_obs, 2], places)?)
        .uns("title", "Cells made up for a test")
        .uns("pca", Element::Mapping(pca))
        .build()
}
