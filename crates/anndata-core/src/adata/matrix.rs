//! Data frames that are given as matrices.

use anndata_storage::{DType, Error, Result, Tensor};

use crate::{Column, DataFrame};
use anndata_array::promote::result_type;

/// The columns of a frame as the columns of a matrix, of the dtype that holds them all. Rows and columns have to be
/// labelled as the axes are (each with its slot), or 0, 1, ....
pub(super) fn of_frame(frame: &DataFrame, rows: (&str, &DataFrame), columns: (&str, &DataFrame)) -> Result<Tensor> {
    check_labels("index of the data frame is", &frame.index().load()?.to_labels()?, rows)?;
    check_labels(
        "columns of the data frame are",
        &frame.column_names().map(str::to_owned).collect::<Vec<_>>(),
        columns,
    )?;
    let len = frame.len()?;
    let values = frame.columns().map(|(name, series)| {
        let values = numbers(&series.load()?).map_err(|error| {
            let message = format!("column '{name}' of a data frame that is given as a matrix");
            Error::new(error.kind(), message).with_source(error)
        })?;
        values.reshape([1, len])
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    if values.is_empty() {
        return Tensor::from_vec([len, 0], Vec::<f64>::new());
    }
    let dtypes: Vec<&DType> = values.iter().map(Tensor::dtype).collect();
    let dtype = result_type(dtypes).ok_or_else(|| Error::dtype("the columns have no common numeric type"))?;
    let values = values.iter().map(|values| values.cast(&dtype)).collect::<Result<Vec<_>>>()?;
    Tensor::concat_rows(&values)?.transpose()
}

/// The values of a column of numbers, none of them missing.
fn numbers(column: &Column) -> Result<Tensor> {
    if (0..column.len()).any(|row| column.is_missing(row)) {
        return Err(Error::dtype("a value is missing"));
    }
    let values = column.to_tensor()?;
    if values.dtype().is_numeric() {
        return Ok(values);
    }
    let message = format!("it holds {}, not numbers: keep it in obs, var, obsm or varm", values.dtype());
    Err(Error::dtype(message))
}

fn check_labels(what: &str, own: &[String], (slot, axis): (&str, &DataFrame)) -> Result<()> {
    let unnamed = || own.iter().enumerate().all(|(at, label)| *label == at.to_string());
    if own == axis.index().load()?.to_labels()? || unnamed() {
        return Ok(());
    }
    let message = format!("the {what} not the names of {slot}: reorder it, or give an array");
    Err(Error::invalid_input(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnnData, Element};

    fn frame() -> Result<DataFrame> {
        let frame = DataFrame::new(["c1", "c2"]).with_index_name(Some("cell".to_owned()));
        frame.with_column("A", vec![1_i32, 2])?.with_column("B", vec![0.5_f32, 1.5])
    }

    fn values(element: Option<&Element>) -> Result<Vec<f64>> {
        let tensor = element.ok_or_else(|| Error::not_found("there is no such matrix"))?.to_tensor()?;
        assert_eq!((tensor.dtype(), tensor.shape()), (&DType::F64, &[2, 2][..]));
        Ok(tensor.as_slice::<f64>()?.to_vec())
    }

    #[test]
    fn a_frame_gives_x_its_names_and_layers_become_arrays() -> Result<()> {
        let adata = AnnData::builder().x(frame()?).layer("counts", frame()?).build()?;
        assert_eq!(values(adata.x())?, [1.0, 0.5, 2.0, 1.5]);
        assert_eq!(values(adata.layer(Some("counts")))?, [1.0, 0.5, 2.0, 1.5]);
        assert_eq!((adata.obs_names()?, adata.var_names()?), (frame()?.names()?, vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!((adata.obs().index_name(), adata.var().index_name()), (Some("cell"), None));
        assert_eq!(adata.obs().columns().len(), 0);
        assert_eq!(AnnData::from_frame(&frame()?)?.x(), adata.x());
        let text = AnnData::from_frame(&frame()?.with_column("C", vec!["x", "y"])?);
        assert!(text.is_err_and(|error| error.is_dtype() && error.to_string().contains("column 'C'")));

        let mut set = AnnData::builder().obs(frame()?).var(DataFrame::new(["A", "B"])).build()?;
        set.set_x(frame()?)?;
        set.set_layer(
            Some("l"),
            DataFrame::unnamed(2).with_column("0", vec![1.0, 2.0])?.with_column("1", vec![3.0, 4.0])?,
        )?;
        assert_eq!(
            (values(set.x())?, values(set.layer(Some("l")))?),
            (vec![1.0, 0.5, 2.0, 1.5], vec![1.0, 3.0, 2.0, 4.0])
        );
        let square =
            DataFrame::new(["c1", "c2"]).with_column("c1", vec![1.0, 2.0])?.with_column("c2", vec![3.0, 4.0])?;
        set.set_obsp("d", square.clone())?;
        assert_eq!(values(set.obsp().get("d"))?, [1.0, 3.0, 2.0, 4.0]);
        let built = AnnData::builder().obs(frame()?).obsp("d", square).build()?;
        assert_eq!(built.obsp(), set.obsp());
        Ok(())
    }

    #[test]
    fn a_frame_that_is_no_matrix_of_the_object_is_refused() -> Result<()> {
        let told = |made: Result<AnnData>| made.map_or_else(|error| error.to_string(), |adata| adata.to_string());
        let other = AnnData::builder().obs(DataFrame::new(["c2", "c1"])).x(frame()?);
        assert_eq!(
            told(other.build()),
            "X: the index of the data frame is not the names of obs: reorder it, or give an array"
        );
        let other = AnnData::builder().var(DataFrame::new(["B", "A"])).x(frame()?);
        assert!(told(other.build()).contains("the columns of the data frame are not the names of var"));
        let text = AnnData::builder().x(frame()?.with_column("C", vec!["x", "y"])?);
        assert!(
            told(text.build()).starts_with("X: column 'C' of a data frame that is given as a matrix: it holds string")
        );
        let mut adata = AnnData::builder().x(frame()?).build()?;
        let before = adata.clone();
        let other = DataFrame::new(["c2", "c1"]).with_column("A", vec![1, 2])?;
        let error = adata.set_layer(Some("l"), other).unwrap_err();
        assert!(error.to_string().contains("of the data frame"), "{error:?}");
        assert_eq!(adata, before);
        Ok(())
    }
}
