//! [`Filter`]: a condition on rows, and which rows meet it, no more of which are read than has to be.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;

use crate::error;

/// A condition on some columns of a table.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) expr: Arc<dyn PhysicalExpr>,
    /// The columns that it is of, among those of the table.
    pub(crate) columns: Vec<usize>,
}

impl Filter {
    /// A condition on columns of a table, which it names.
    pub(crate) fn new(expr: Arc<dyn PhysicalExpr>, table: &Schema) -> Result<Self> {
        let mut columns = collect_columns(&expr)
            .iter()
            .map(|column| Ok(table.index_of(column.name())?))
            .collect::<Result<Vec<_>>>()?;
        columns.sort_unstable();
        Ok(Self { expr, columns })
    }

    /// Which rows meet it; those for which it is not known do not.
    ///
    /// What is asked of a column of categories alone is asked of the categories, not of each row.
    fn meets(&self, schema: &SchemaRef, arrays: &[ArrayRef], n_rows: usize) -> Result<BooleanArray> {
        if let [array] = arrays
            && let Some(codes) = array.as_dictionary_opt::<Int32Type>()
            && codes.values().len() < n_rows
        {
            return self.meets_by_category(schema, codes);
        }
        self.evaluate(schema, arrays, n_rows)
    }

    fn meets_by_category(&self, schema: &SchemaRef, codes: &DictionaryArray<Int32Type>) -> Result<BooleanArray> {
        // Each category once, and a missing one.
        let n = codes.values().len();
        let keys = (0..n).map(|key| i32::try_from(key).ok()).chain([None]).collect::<Int32Array>();
        let each: ArrayRef = Arc::new(DictionaryArray::try_new(keys, Arc::clone(codes.values()))?);
        let meets = self.evaluate(schema, &[each], n + 1)?;
        let missing = meets.value(n);
        let of_code = |code: Option<i32>| match code.map(usize::try_from) {
            Some(Ok(code)) if code < n => meets.value(code),
            _ => missing,
        };
        Ok(codes.keys().iter().map(|code| Some(of_code(code))).collect())
    }

    fn evaluate(&self, schema: &SchemaRef, arrays: &[ArrayRef], n_rows: usize) -> Result<BooleanArray> {
        // What the other side of a join has is known by now.
        let expr = reassign_expr_columns(snapshot_physical_expr(Arc::clone(&self.expr))?, schema)?;
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays.to_vec(), &options)?;
        let met = expr.evaluate(&batch)?.into_array(n_rows)?;
        if *met.data_type() == DataType::Null {
            return Ok(BooleanArray::from(vec![false; n_rows]));
        }
        let met = met.as_boolean_opt().ok_or_else(|| error::plan(format!("'{}' is no condition", self.expr)))?;
        Ok(match met.nulls() {
            Some(known) => BooleanArray::new(met.values() & known.inner(), None),
            None => met.clone(),
        })
    }
}

/// Which of some rows pass, and the columns that were read to find out.
#[derive(Debug)]
pub(crate) struct Passing {
    /// `None` if all do.
    pub(crate) mask: Option<BooleanArray>,
    /// The columns that were read, of all rows.
    pub(crate) read: HashMap<usize, ArrayRef>,
}

impl Passing {
    /// Applies filters one after the other, until no row is left; a function reads a column.
    pub(crate) fn of<'a>(
        filters: impl IntoIterator<Item = &'a Filter>,
        table: &Schema,
        n_rows: usize,
        mut read: impl FnMut(usize) -> Result<ArrayRef>,
    ) -> Result<Self> {
        let mut passing = Self { mask: None, read: HashMap::new() };
        for filter in filters {
            if passing.count(n_rows) == 0 {
                break;
            }
            let mut arrays = Vec::with_capacity(filter.columns.len());
            for &column in &filter.columns {
                let array = match passing.read.get(&column) {
                    Some(array) => Arc::clone(array),
                    None => read(column)?,
                };
                passing.read.insert(column, Arc::clone(&array));
                arrays.push(array);
            }
            let schema = Arc::new(table.project(&filter.columns)?);
            let meets = filter.meets(&schema, &arrays, n_rows)?;
            passing.mask = Some(match passing.mask.take() {
                Some(mask) => BooleanArray::new(mask.values() & meets.values(), None),
                None => meets,
            });
        }
        // All pass as none were asked.
        if passing.count(n_rows) == n_rows {
            passing.mask = None;
        }
        Ok(passing)
    }

    /// How many rows pass.
    pub(crate) fn count(&self, n_rows: usize) -> usize {
        self.mask.as_ref().map_or(n_rows, |mask| mask.values().count_set_bits())
    }

    /// The positions of those that pass, from `start` on.
    pub(crate) fn positions(&self, start: u64, n_rows: usize) -> Vec<u64> {
        match &self.mask {
            Some(mask) => mask.values().set_indices().map(|row| start + row as u64).collect(),
            None => (start..start + n_rows as u64).collect(),
        }
    }
}
