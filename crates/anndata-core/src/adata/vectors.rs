//! One row or column of a matrix, an annotation by its key alone, and a matrix as a table.

use std::sync::Arc;

use anndata_storage::{AxisSelection, Error, OrBug, Result, Tensor};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::AnnData;
use crate::{Column, DataFrame, Element, Raw};

impl AnnData {
    /// The values of an annotation of the observations, or of a variable: a column of `obs`, or else the column of `X`
    /// or of a layer that belongs to the variable of this name.
    ///
    /// ```
    /// use anndata_core::{AnnData, Column, DataFrame, Tensor};
    ///
    /// let adata = AnnData::builder()
    ///     .x(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?)
    ///     .obs(DataFrame::new(["s1", "s2"]).with_column("depth", vec![7_i64, 9])?)
    ///     .var(DataFrame::new(["CD4", "CD8"]))
    ///     .build()?;
    /// assert_eq!(adata.obs_vector("depth", None)?, Column::from(vec![7_i64, 9]));
    /// assert_eq!(adata.obs_vector("CD8", None)?, Column::from(vec![2.0_f32, 4.0]));
    /// assert_eq!(adata.var_vector("s2", None)?, Column::from(vec![3.0_f32, 4.0]));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is neither, or no such layer;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are both, or two variables have the name.
    pub fn obs_vector(&self, key: &str, layer: Option<&str>) -> Result<Column> {
        match find(key, ("obs", &self.obs), ("var_names", &self.var))? {
            None => self.obs.column(key),
            Some(at) => slice(self.matrix(layer)?, 1, at),
        }
    }

    /// The values of an annotation of the variables, or of an observation: a column of `var`, or else the row of `X` or
    /// of a layer that belongs to the observation of this name.
    ///
    /// # Errors
    /// As [`obs_vector`](Self::obs_vector).
    pub fn var_vector(&self, key: &str, layer: Option<&str>) -> Result<Column> {
        match find(key, ("var", &self.var), ("obs_names", &self.obs))? {
            None => self.var.column(key),
            Some(at) => slice(self.matrix(layer)?, 0, at),
        }
    }

    /// `X` or a layer as a table: a field with the names of the observations, then one for each variable under its name.
    ///
    /// The first field has the name of the index of `obs`, or `_index`. Sparse matrices become dense. Annotations are
    /// left out. Names of variables that stand twice are names of two fields.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such matrix; if it, or the names, cannot be read.
    pub fn to_df(&self, layer: Option<&str>) -> Result<RecordBatch> {
        let index = self.obs.index().load()?;
        let mut fields = vec![index.to_field(self.obs.index_name().unwrap_or("_index"))];
        let mut arrays: Vec<ArrayRef> = vec![Arc::clone(index.array())];
        let columns = dense(self.matrix(layer)?)?.transpose()?;
        for (at, name) in self.var_names()?.into_iter().enumerate() {
            let array = columns.slice_rows(at..at + 1)?.reshape([self.n_obs])?.to_arrow()?;
            fields.push(Field::new(name, array.data_type().clone(), false));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.n_obs));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::invalid_data("the columns cannot become a record batch").with_source(error))
    }

    /// `X` or a layer, which must be there.
    pub(super) fn matrix(&self, layer: Option<&str>) -> Result<&Element> {
        self.layer(layer).ok_or_else(|| match layer {
            None => Error::not_found("the object has no X"),
            Some(key) => Error::not_found(format!("there is no layer '{key}'")),
        })
    }
}

impl Raw {
    /// The column of the matrix that belongs to the variable of this name.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such variable or no matrix;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if two variables have the name.
    pub fn obs_vector(&self, key: &str) -> Result<Column> {
        let x = self.x().ok_or_else(|| Error::not_found("raw has no X"))?;
        match position(key, self.var(), "raw.var_names")? {
            Some(at) => slice(x, 1, at),
            None => Err(Error::not_found(format!("'{key}' is not in raw.var_names"))),
        }
    }
}

/// Where among the names of the other axis a key is; `None` if it is a column instead.
fn find(key: &str, (frame_name, frame): (&str, &DataFrame), (names, other): (&str, &DataFrame)) -> Result<Option<u64>> {
    match (frame.contains(key), position(key, other, names)?) {
        (true, Some(_)) => {
            Err(Error::invalid_input(format!("'{key}' is in {names} and a column of {frame_name} as well")))
        }
        (false, None) => Err(Error::not_found(format!("'{key}' is neither in {names} nor a column of {frame_name}"))),
        (true, None) => Ok(None),
        (false, position) => Ok(position),
    }
}

fn position(key: &str, frame: &DataFrame, names: &str) -> Result<Option<u64>> {
    match *frame.name_index()?.all_positions(key) {
        [] => Ok(None),
        [at] => Ok(Some(at)),
        _ => Err(Error::invalid_input(format!("'{key}' occurs more than once in {names}"))),
    }
}

/// One row (axis 0) or column (axis 1) of a matrix; of a stored one no more is read than has to be.
fn slice(matrix: &Element, axis: usize, at: u64) -> Result<Column> {
    let shape = matrix.shape()?.or_bug("a matrix without a shape")?;
    let [rows, columns] = *shape else {
        return Err(Error::unsupported(format!("a matrix has two axes, not the shape {shape:?}")));
    };
    let mut selection = [AxisSelection::Range(0..rows as u64), AxisSelection::Range(0..columns as u64)];
    *selection.get_mut(axis).or_bug("a matrix has two axes")? = AxisSelection::Range(at..at + 1);
    let values = dense(&matrix.select(&selection)?)?;
    let len = values.len();
    Column::plain(&values.reshape([len])?)
}

/// A matrix as a dense array; what is read for it is not kept.
pub(super) fn dense(matrix: &Element) -> Result<Tensor> {
    match matrix {
        Element::Lazy(lazy) => lazy.load_once()?.to_dense(),
        other => other.to_dense(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SparseFormat, SparseMatrix};

    fn adata() -> Result<AnnData> {
        let x = Tensor::from_vec([2, 3], vec![0_i64, 2, 3, 0, 5, 6])?;
        AnnData::builder()
            .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
            .layer("half", Tensor::from_vec([2, 3], vec![0.0, 1.0, 1.5, 0.0, 2.5, 3.0])?)
            .obs(DataFrame::new(["s1", "s2"]).with_column("anno", vec!["c1", "c2"])?.with_column("b2", vec![1, 2])?)
            .var(DataFrame::new(["a", "b", "c"]).with_column("s1x", vec![1.0, 2.0, 3.0])?)
            .build()
    }

    #[test]
    fn keys_are_annotations_or_names() -> Result<()> {
        let adata = adata()?;
        assert_eq!(adata.obs_vector("b", None)?, Column::from(vec![2_i64, 5]));
        assert_eq!(adata.obs_vector("b", Some("half"))?, Column::from(vec![1.0, 2.5]));
        assert_eq!(adata.obs_vector("anno", Some("half"))?, Column::from(vec!["c1", "c2"]));
        assert_eq!(adata.var_vector("s2", None)?, Column::from(vec![0_i64, 5, 6]));
        assert_eq!(adata.var_vector("s1x", None)?, Column::from(vec![1.0, 2.0, 3.0]));
        assert_eq!(Raw::from(&adata).obs_vector("c")?, Column::from(vec![3_i64, 6]));
        assert!(Raw::from(&adata).obs_vector("anno").is_err_and(|error| error.is_not_found()));
        assert!(adata.obs_vector("nope", None).is_err_and(|error| error.to_string().contains("neither in var_names")));
        assert!(adata.obs_vector("b", Some("nope")).is_err_and(|error| error.is_not_found()));
        Ok(())
    }

    #[test]
    fn ambiguous_keys_are_refused() -> Result<()> {
        let mut adata = adata()?;
        adata.set_obs_column("b", vec![7, 8])?;
        assert!(adata.obs_vector("b", None).is_err_and(|error| error.to_string().contains("as well")));
        adata.set_var_names(["a", "a", "b2"])?;
        assert!(adata.obs_vector("a", None).is_err_and(|error| error.to_string().contains("more than once")));
        Ok(())
    }

    #[test]
    fn a_matrix_is_a_table_of_its_variables() -> Result<()> {
        let mut adata = adata()?;
        let table = adata.to_df(None)?;
        let frame = DataFrame::from_record_batch(&table, Some("_index"))?;
        assert_eq!(frame.names()?, ["s1", "s2"]);
        assert_eq!(frame.column_names().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(frame.column("c")?, Column::from(vec![3_i64, 6]));
        assert_eq!(adata.select(1, 1..)?.to_df(Some("half"))?.num_columns(), 3);
        adata.remove_x();
        assert!(adata.to_df(None).is_err_and(|error| error.to_string().contains("no X")));
        Ok(())
    }
}
