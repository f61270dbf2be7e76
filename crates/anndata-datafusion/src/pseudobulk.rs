//! Sums of a matrix over groups of observations: those of one partition, which the engine adds up.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anndata_core::{AxisSelection, DType, Element, SparseFormat, SparseMatrix};
use anndata_storage::{Error, OrBug, Scalar, dispatch};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_cast::cast;
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::{DataType, Field};
use arrow_select::take::take;
use datafusion::common::Result;

use crate::dataset::{Dataset, Piece};
use crate::error::stored;
use crate::matrix::{MatrixKey, StoreMatrix};
use crate::rows::{Axis, Frame, RowColumn, RowReader, local};
use crate::scan::Scan;
use crate::sides::Sides;

/// The columns behind those of the groups.
pub(crate) const COLUMNS: [&str; 5] = ["var_id", "var_name", "n_cells", "n_expressed", "sum"];

/// The fields of the table: the columns of `obs` that make groups, with categories as what they are, and [`COLUMNS`].
///
/// # Errors
/// If `obs` has no such column.
pub(crate) fn fields(dataset: &Dataset, by: &[String]) -> anndata_core::Result<Vec<Field>> {
    let group = |name: &String| {
        let field = RowColumn::Series(Frame::Obs, name.clone()).field(dataset, name)?;
        Ok(match field.data_type() {
            DataType::Dictionary(_, values) => Field::new(name, (**values).clone(), true),
            _ => field,
        })
    };
    let mut fields = by.iter().map(group).collect::<anndata_core::Result<Vec<_>>>()?;
    let types = [DataType::Int64, DataType::Utf8View, DataType::Int64, DataType::Int64, DataType::Float64];
    fields.extend(COLUMNS.iter().zip(types).map(|(name, data_type)| Field::new(*name, data_type, false)));
    Ok(fields)
}

/// What the columns are of.
pub(crate) fn sides(by: &[String]) -> Sides {
    let mut obs: Vec<_> = by.iter().map(|name| Some(RowColumn::Series(Frame::Obs, name.clone()))).collect();
    obs.extend(COLUMNS.map(|_| None));
    let mut var: Vec<_> = by.iter().map(|_| None).collect();
    var.extend([Some(RowColumn::Id(Axis::Var)), Some(RowColumn::Name(Axis::Var)), None, None, None]);
    Sides { obs, var }
}

/// The sums of a group.
struct Group {
    key: OwnedRow,
    /// Observations in stores that have all variables that are asked for.
    cells: i64,
    /// Of each variable, the observations in other stores that have it.
    more_cells: Vec<i64>,
    /// Of each variable.
    totals: Vec<Total>,
}

/// What the values of one variable in one group come to; side by side, as a value changes both.
#[derive(Clone, Copy, Default)]
struct Total {
    sum: f64,
    expressed: i64,
}

impl Total {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.expressed += i64::from(value != 0.0);
    }
}

/// The sums of all groups of a partition.
pub(crate) struct Groups<'a> {
    key: &'a MatrixKey,
    by: &'a [String],
    sides: Sides,
    /// The variables that pass the filters.
    variables: Vec<usize>,
    /// Where each variable is among these.
    place: Vec<Option<usize>>,
    converter: RowConverter,
    all: Vec<Group>,
    of_key: HashMap<OwnedRow, usize>,
}

impl<'a> Groups<'a> {
    /// No sums yet.
    pub(crate) fn new(scan: &Scan<'_>, key: &'a MatrixKey, by: &'a [String]) -> Result<Self> {
        let sides = sides(by);
        let passing = sides.passing_variables(scan)?;
        let n_vars = scan.dataset.collection().n_vars();
        let variables: Vec<usize> = match &passing {
            Some(passing) => passing.iter().enumerate().filter(|(_, passes)| **passes).map(|(at, _)| at).collect(),
            None => (0..n_vars).collect(),
        };
        let mut place = vec![None; n_vars];
        for (at, &variable) in variables.iter().enumerate() {
            *place.get_mut(variable).or_bug("a variable that is not there").map_err(stored)? = Some(at);
        }
        let fields = by.iter().enumerate().map(|(at, _)| SortField::new(scan.schema.field(at).data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        Ok(Self { key, by, sides, variables, place, converter, all: Vec::new(), of_key: HashMap::new() })
    }

    /// Adds rows of one store.
    pub(crate) fn add(&mut self, scan: &mut Scan<'_>, piece: &Piece, rows: &Range<u64>) -> Result<()> {
        let matrix = StoreMatrix::new(self.key, scan.dataset.collection(), piece.store).map_err(stored)?;
        let Some(matrix) = matrix else { return Ok(()) };
        let (own, of_collection) = matrix.kept(|variable| self.place.get(variable).copied().flatten().is_some());
        let rows = self.sides.passing_rows(scan, piece, rows)?;
        if rows.is_empty() || own.is_empty() {
            return Ok(());
        }
        let of_row = self.groups_of(scan, piece, &rows)?;
        self.count(&of_row, &of_collection)?;
        scan.reserve(self.all.len() * self.variables.len() * size_of::<[u64; 3]>())?;
        let places =
            of_collection.iter().map(|&at| self.place.get(at).copied().flatten().or_bug("a variable left out"));
        let places = places.collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?;
        let kept = AxisSelection::of_positions(own);
        let chunks = matrix.chunks(&local(&rows, piece.start), &kept, scan.memory).map_err(stored)?;
        let by_row = chunks.by_row;
        for chunk in chunks {
            let (range, chunk) = chunk.map_err(stored)?;
            let (groups, places) = if by_row {
                (of_row.get(range), Some(places.as_slice()))
            } else {
                (Some(of_row.as_slice()), places.get(range))
            };
            let groups = groups.or_bug("rows beyond the last").map_err(stored)?;
            let places = places.or_bug("columns beyond the last").map_err(stored)?;
            self.add_part(&chunk, groups, places).map_err(stored)?;
        }
        Ok(())
    }

    /// The group of each row.
    fn groups_of(&mut self, scan: &Scan<'_>, piece: &Piece, rows: &AxisSelection) -> Result<Vec<usize>> {
        let reader = RowReader { dataset: scan.dataset, piece: Some(piece), memory: scan.memory };
        let read = |(at, name): (usize, &String)| {
            let array = reader.read(&RowColumn::Series(Frame::Obs, name.clone()), rows).map_err(stored)?;
            Ok(cast(&array, scan.schema.field(at).data_type())?)
        };
        let arrays = self.by.iter().enumerate().map(read).collect::<Result<Vec<ArrayRef>>>()?;
        let keys = self.converter.convert_columns(&arrays)?;
        let mut of_row = Vec::with_capacity(keys.num_rows());
        for key in &keys {
            let key = key.owned();
            let group = if let Some(&group) = self.of_key.get(&key) {
                group
            } else {
                let n = self.variables.len();
                let (more_cells, totals) = (vec![0; n], vec![Total::default(); n]);
                self.all.push(Group { key: key.clone(), cells: 0, more_cells, totals });
                self.of_key.insert(key, self.all.len() - 1);
                self.all.len() - 1
            };
            of_row.push(group);
        }
        Ok(of_row)
    }

    /// Counts rows, of the variables that their store has.
    fn count(&mut self, of_row: &[usize], has: &[usize]) -> Result<()> {
        let mut counts = vec![0_i64; self.all.len()];
        for &group in of_row {
            *counts.get_mut(group).or_bug("a group that is not there").map_err(stored)? += 1;
        }
        let has_all = has.len() == self.variables.len();
        for (group, count) in self.all.iter_mut().zip(counts).filter(|(_, count)| *count > 0) {
            if has_all {
                group.cells += count;
                continue;
            }
            for &variable in has {
                let at = self.place.get(variable).copied().flatten().or_bug("a variable left out").map_err(stored)?;
                *group.more_cells.get_mut(at).or_bug("a variable left out").map_err(stored)? += count;
            }
        }
        Ok(())
    }

    /// Adds a part of a matrix, whose rows are of these groups and whose columns have these places.
    fn add_part(&mut self, part: &Element, of_row: &[usize], places: &[usize]) -> anndata_core::Result<()> {
        let Element::Sparse(matrix) = part else {
            let dense = part.to_tensor()?.cast(&DType::F64)?;
            let rows = dense.as_slice::<f64>()?.chunks(places.len().max(1));
            for (&group, row) in of_row.iter().zip(rows) {
                let totals = self.totals(group)?;
                for (&place, &value) in places.iter().zip(row) {
                    totals.get_mut(place).or_bug("a variable left out")?.add(value);
                }
            }
            return Ok(());
        };
        // Repeated entries are one value.
        let matrix = if matrix.is_canonical()? { matrix.clone() } else { matrix.to_canonical()? };
        let narrow = *matrix.indices().dtype() == DType::I32;
        let matrix = if narrow { matrix } else { matrix.cast_indices(&DType::I64)? };
        dispatch!(real matrix.dtype(), V => if narrow {
            self.add_sparse::<V, i32>(&matrix, of_row, places)
        } else {
            self.add_sparse::<V, i64>(&matrix, of_row, places)
        }, else => Err(Error::dtype(format!("values of type {} cannot be added up as float64", matrix.dtype()))))
    }

    fn add_sparse<V: Scalar, I: Scalar + TryInto<usize>>(
        &mut self,
        matrix: &SparseMatrix,
        of_row: &[usize],
        places: &[usize],
    ) -> anndata_core::Result<()> {
        let (values, indices) = (matrix.data().as_slice::<V>()?, matrix.indices().as_slice::<I>()?);
        let offsets = matrix.major_offsets()?;
        let slice = |range: Range<usize>| -> anndata_core::Result<_> {
            let values = values.get(range.clone()).or_bug("a major slice beyond the values")?;
            Ok(indices.get(range).or_bug("a major slice beyond the indices")?.iter().zip(values))
        };
        let minor = |index: &I| (*index).try_into().ok().or_bug("an index that was not checked");
        if matrix.format() == SparseFormat::Csc {
            for (&place, range) in places.iter().zip(offsets.ranges()) {
                for (row, value) in slice(range)? {
                    let group = *of_row.get(minor(row)?).or_bug("a row of no group")?;
                    self.totals(group)?.get_mut(place).or_bug("a variable left out")?.add(value.to_f64());
                }
            }
            return Ok(());
        }
        // Group by group, whose totals stay in the cache; within one, in the order of the rows.
        let mut rows: Vec<(usize, Range<usize>)> = of_row.iter().copied().zip(offsets.ranges()).collect();
        rows.sort_by_key(|(group, _)| *group);
        for (group, range) in rows {
            let totals = self.totals(group)?;
            for (column, value) in slice(range)? {
                let place = *places.get(minor(column)?).or_bug("a value of no column")?;
                totals.get_mut(place).or_bug("a variable left out")?.add(value.to_f64());
            }
        }
        Ok(())
    }

    fn totals(&mut self, group: usize) -> anndata_core::Result<&mut [Total]> {
        Ok(&mut self.all.get_mut(group).or_bug("a row of no group")?.totals)
    }

    /// Hands on the sums, group by group.
    pub(crate) fn finish(self, scan: &mut Scan<'_>) -> Result<()> {
        let n = self.variables.len();
        let id = |&at: &usize| i64::try_from(at).or_bug("more variables than there are numbers for");
        let ids = self.variables.iter().map(id).collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?;
        let names = scan.dataset.var_names().map_err(stored)?;
        let at = self.variables.iter().map(|&at| u32::try_from(at).or_bug("more than 2^32 variables"));
        let at = at.collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?;
        let (ids, names): (ArrayRef, ArrayRef) =
            (Arc::new(Int64Array::from(ids)), take(names, &UInt32Array::from(at), None)?);
        for group in &self.all {
            let mut arrays = self.converter.convert_rows([group.key.row()])?;
            let zeros = UInt32Array::from(vec![0; n]);
            for array in &mut arrays {
                *array = take(array, &zeros, None)?;
            }
            let cells = group.more_cells.iter().map(|more| group.cells + more);
            arrays.extend([Arc::clone(&ids), Arc::clone(&names)]);
            arrays.push(Arc::new(Int64Array::from_iter_values(cells)));
            arrays.push(Arc::new(Int64Array::from_iter_values(group.totals.iter().map(|total| total.expressed))));
            arrays.push(Arc::new(Float64Array::from_iter_values(group.totals.iter().map(|total| total.sum))));
            let projected = scan.projection.iter().map(|&at| {
                let array = arrays.get(at).or_bug("a column that is not there").map_err(stored)?;
                Ok(cast(array, scan.schema.field(at).data_type())?)
            });
            let projected = projected.collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(n));
            if !scan.emit(RecordBatch::try_new_with_options(Arc::clone(&scan.projected), projected, &options)?)? {
                break;
            }
        }
        Ok(())
    }
}
