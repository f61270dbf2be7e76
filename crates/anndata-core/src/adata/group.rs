//! [`GroupBy`]: statistics of groups of observations.

use anndata_array::Groups;
use anndata_storage::{DType, Error, OrBug, Result, Tensor};

use super::AnnData;
use crate::matrix::Matrix;
use crate::{Column, DataFrame};

/// A statistic of the values that a group of observations has of each variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// The sum: `F64`.
    Sum,
    /// The mean: `F64`.
    Mean,
    /// The number of values other than 0: `I64`.
    CountNonzero,
}

impl Aggregate {
    /// The name that scanpy has for it, which is that of the layer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::CountNonzero => "count_nonzero",
        }
    }
}

/// Groups of the observations of an object, whose values are summed, averaged or counted. Made by [`AnnData::group_by`].
///
/// A matrix that is stored is read in blocks, as by the statistics of [`Element`](crate::Element). Results do not depend on
/// the number of cores.
#[derive(Debug, Clone)]
#[must_use]
pub struct GroupBy<'a> {
    adata: &'a AnnData,
    groups: Groups,
    name: Option<String>,
    layer: Option<String>,
}

impl AnnData {
    /// Groups the observations by a column of `obs`: a group for each category that an observation has, in their order, or
    /// for each value, sorted. Observations without a value are in no group.
    ///
    /// ```
    /// use anndata_core::{Aggregate, AnnData, DataFrame, Tensor};
    ///
    /// let adata = AnnData::builder()
    ///     .x(Tensor::from_vec([3, 2], vec![1.0_f32, 0.0, 5.0, 6.0, 3.0, 2.0])?)
    ///     .obs(DataFrame::new(["a", "b", "c"]).with_column("cell_type", vec!["T", "B", "T"])?)
    ///     .build()?;
    /// assert_eq!(adata.group_by("cell_type")?.mean()?.as_slice::<f64>()?, [5.0, 6.0, 2.0, 1.0]);
    ///
    /// let summary = adata.group_by("cell_type")?.aggregate(&[Aggregate::Sum, Aggregate::CountNonzero])?;
    /// assert_eq!(summary.obs_names()?, ["B", "T"]);
    /// assert_eq!(summary.layer(Some("count_nonzero")).unwrap().to_tensor()?.as_slice::<i64>()?, [1, 1, 2, 1]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such column, or if its values have no order.
    #[doc(alias = "groupby")]
    pub fn group_by(&self, column: &str) -> Result<GroupBy<'_>> {
        let values = self.obs.column(column).map_err(|error| error.at("obs"))?;
        let groups = Groups::of(&values)?.without_empty()?;
        Ok(GroupBy { adata: self, groups, name: Some(column.to_owned()), layer: None })
    }

    /// Groups the observations by groups of the caller's own.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one row for each observation.
    pub fn group_by_groups(&self, groups: Groups) -> Result<GroupBy<'_>> {
        if groups.n_rows() != self.n_obs {
            let message = format!("groups of {} rows were given for {} observations", groups.n_rows(), self.n_obs);
            return Err(Error::invalid_input(message));
        }
        Ok(GroupBy { adata: self, groups, name: None, layer: None })
    }
}

impl GroupBy<'_> {
    /// Returns the same groups of the values of a layer in place of `X`.
    pub fn layer(mut self, key: impl Into<String>) -> Self {
        self.layer = Some(key.into());
        self
    }

    /// The groups: their names, and the positions of their observations.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The sums of each group: `F64`, groups x variables. A group without observations has zeros.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such matrix; if it does not hold real numbers, or cannot be
    /// read.
    pub fn sum(&self) -> Result<Tensor> {
        self.adata.matrix(self.layer.as_deref())?.of_groups(&self.groups, |groups, matrix| match matrix {
            Matrix::Dense(dense) => groups.sum_rows(dense),
            Matrix::Sparse(sparse) => groups.sum_sparse_rows(sparse),
        })
    }

    /// The means of each group: `F64`, groups x variables. A group without observations has NaN.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub fn mean(&self) -> Result<Tensor> {
        self.means_of(self.sum()?)
    }

    /// How many values of each group are not 0: `I64`, groups x variables.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub fn count_nonzero(&self) -> Result<Tensor> {
        self.adata.matrix(self.layer.as_deref())?.of_groups(&self.groups, |groups, matrix| match matrix {
            Matrix::Dense(dense) => groups.count_nonzero_rows(dense),
            Matrix::Sparse(sparse) => groups.count_nonzero_sparse_rows(sparse),
        })
    }

    /// An object whose observations are the groups, with a layer for each statistic, under its [name](Aggregate::name).
    ///
    /// `obs` has the column that was grouped by, as categories, and the number of observations of each group as
    /// `n_obs_aggregated`; `var` is that of the object. scanpy's `get.aggregate`.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    #[doc(alias = "get.aggregate")]
    pub fn aggregate(&self, statistics: &[Aggregate]) -> Result<AnnData> {
        let names = self.groups.names();
        let sizes =
            self.groups.sizes().into_iter().map(|len| i64::try_from(len).ok().or_bug("more rows than there are"));
        let mut obs = DataFrame::new(names.to_labels()?);
        if let Some(name) = &self.name {
            let codes = (0_i64..).take(names.len()).collect::<Vec<_>>();
            let codes = Tensor::from_vec([codes.len()], codes)?;
            obs.insert(name, Column::categorical(&codes, names, false)?)?;
        }
        obs.insert("n_obs_aggregated", sizes.collect::<Result<Vec<_>>>()?)?;
        let shape = (self.groups.len(), self.adata.n_vars);
        let mut builder = AnnData::builder().shape(shape.0, shape.1).obs(obs).var(self.adata.var.clone());
        // The matrix is passed over once for the sum and the mean.
        let wants_sum = statistics.iter().any(|statistic| matches!(statistic, Aggregate::Sum | Aggregate::Mean));
        let sums = if wants_sum { Some(self.sum()?) } else { None };
        for statistic in statistics {
            let sums = || sums.clone().or_bug("sums that were not made");
            let layer = match statistic {
                Aggregate::Sum => sums()?,
                Aggregate::Mean => self.means_of(sums()?)?,
                Aggregate::CountNonzero => self.count_nonzero()?,
            };
            builder = builder.layer(statistic.name(), layer);
        }
        builder.build()
    }

    /// Sums divided by the number of observations of their group.
    fn means_of(&self, mut sums: Tensor) -> Result<Tensor> {
        let sizes = self.groups.sizes().into_iter().map(|len| len as u64).collect::<Vec<_>>();
        let sizes = Tensor::from_vec([sizes.len()], sizes)?.cast(&DType::F64)?;
        let (sizes, columns) = (sizes.as_slice::<f64>()?, self.adata.n_vars.max(1));
        sums.modify(|sums: &mut [f64]| {
            for (sums, size) in sums.chunks_mut(columns).zip(sizes) {
                for sum in sums {
                    *sum /= size;
                }
            }
        })?;
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, SparseFormat};

    fn adata() -> Result<AnnData> {
        let x = Tensor::from_vec([4, 3], vec![1_i32, 0, 2, 0, 3, 0, 5, 0, 0, 7, 7, 7])?;
        let kinds = Column::categorical(
            &Tensor::from_vec([4], vec![2_i8, 0, 2, -1])?,
            &Column::strings(["b", "none", "a"]),
            false,
        )?;
        let dense = Element::from(x.clone());
        AnnData::builder()
            .x(x)
            .layer("csr", dense.to_format(SparseFormat::Csr)?)
            .layer("csc", dense.to_format(SparseFormat::Csc)?)
            .obs(DataFrame::unnamed(4).with_column("kind", kinds)?.with_column("batch", vec![2_i64, 1, 1, 2])?)
            .build()
    }

    #[test]
    fn groups_of_every_kind_of_matrix_say_the_same() -> Result<()> {
        let whole = adata()?;
        for adata in [whole.clone(), whole.select([0, 1, 2, 3], ..)?] {
            for layer in [None, Some("csr"), Some("csc")] {
                let mut by = adata.group_by("kind")?;
                if let Some(key) = layer {
                    by = by.layer(key);
                }
                assert_eq!(by.groups().names(), &Column::strings(["b", "a"]));
                assert_eq!(by.sum()?.as_slice::<f64>()?, [0.0, 3.0, 0.0, 6.0, 0.0, 2.0]);
                assert_eq!(by.mean()?.as_slice::<f64>()?, [0.0, 3.0, 0.0, 3.0, 0.0, 1.0]);
                assert_eq!(by.count_nonzero()?.as_slice::<i64>()?, [0, 1, 0, 2, 0, 1]);
            }
        }
        assert!(whole.group_by("kind")?.layer("none").sum().is_err_and(|error| error.is_not_found()));
        assert!(whole.group_by("nope").is_err_and(|error| error.is_not_found()));
        Ok(())
    }

    #[test]
    fn an_aggregate_is_an_object_of_groups() -> Result<()> {
        let summary =
            adata()?.group_by("batch")?.aggregate(&[Aggregate::Mean, Aggregate::Sum, Aggregate::CountNonzero])?;
        assert_eq!((summary.shape(), summary.obs_names()?), ((2, 3), vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(summary.obs().column("n_obs_aggregated")?, Column::from(vec![2_i64, 2]));
        assert_eq!(summary.obs().column("batch")?.to_labels()?, ["1", "2"]);
        let layer = |key: &str| summary.layer(Some(key)).map(Element::to_tensor).transpose();
        assert_eq!(layer("mean")?, Some(Tensor::from_vec([2, 3], vec![2.5, 1.5, 0.0, 4.0, 3.5, 4.5])?));
        assert_eq!(layer("sum")?, Some(Tensor::from_vec([2, 3], vec![5.0, 3.0, 0.0, 8.0, 7.0, 9.0])?));
        assert_eq!(layer("count_nonzero")?, Some(Tensor::from_vec([2, 3], vec![1_i64, 1, 0, 2, 1, 2])?));
        assert!(summary.x().is_none());
        Ok(())
    }

    #[test]
    fn own_groups_may_be_empty() -> Result<()> {
        let adata = adata()?;
        let groups = Groups::new(Column::strings(["all", "none"]), vec![0; 4])?;
        let by = adata.group_by_groups(groups)?;
        assert_eq!(by.sum()?.as_slice::<f64>()?, [13.0, 10.0, 9.0, 0.0, 0.0, 0.0]);
        assert!(by.mean()?.as_slice::<f64>()?[3..].iter().all(|mean| mean.is_nan()));
        let few = adata.group_by_groups(Groups::new(Column::strings(["a"]), vec![0])?).unwrap_err();
        assert!(few.is_invalid_input() && few.message() == "groups of 1 rows were given for 4 observations", "{few}");
        Ok(())
    }
}
