//! Table functions: what a biologist asks for and SQL alone does not have.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, col, ident};

use crate::dataset::Dataset;
use crate::error::{plan, stored};
use crate::{AnnDataTable, MatrixKey, TableKind, pseudobulk};

/// A table function of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) what: What,
    /// Whether the first argument is the name of a layer, which is read in place of `X`.
    pub(crate) of_layer: bool,
}

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Gene,
    CellTotals,
    Pseudobulk,
}

impl What {
    /// All of them, by name.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("gene", Self::Gene), ("cell_totals", Self::CellTotals), ("pseudobulk", Self::Pseudobulk)];
}

impl TableFunctionImpl for Function {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let mut names = args.exprs().iter().map(text).collect::<Result<Vec<_>>>()?;
        let matrix = if self.of_layer {
            if names.is_empty() {
                return Err(plan("expected the name of a layer first, as gene_in('counts', 'CD8A')"));
            }
            MatrixKey::Layer(names.remove(0))
        } else {
            MatrixKey::X
        };
        match self.what {
            What::Gene if names.is_empty() => Err(plan("expected names of variables, as gene('CD8A', 'CD4')")),
            What::Gene => Ok(AnnDataTable::new(&self.dataset, TableKind::Genes { matrix, names }).map_err(stored)?),
            What::CellTotals if names.is_empty() => {
                Ok(AnnDataTable::new(&self.dataset, TableKind::Totals { matrix }).map_err(stored)?)
            }
            What::CellTotals => Err(plan("expected no arguments, as cell_totals() or cell_totals_in('counts')")),
            What::Pseudobulk if names.is_empty() => {
                Err(plan("expected columns of obs that make groups, as pseudobulk('donor', 'cell_type')"))
            }
            What::Pseudobulk => self.pseudobulk(matrix, names),
        }
    }
}

impl Function {
    /// The sums of all partitions, added up by the engine.
    fn pseudobulk(&self, matrix: MatrixKey, by: Vec<String>) -> Result<Arc<dyn TableProvider>> {
        let keys: Vec<Expr> = by.iter().chain(&pseudobulk::COLUMNS.map(str::to_owned)[..2]).map(ident).collect();
        if let Some(name) = by.iter().find(|name| pseudobulk::COLUMNS.contains(&name.as_str())) {
            return Err(plan(format!(
                "a column of obs called '{name}' cannot make groups: the result has one of that name"
            )));
        }
        let partial = AnnDataTable::new(&self.dataset, TableKind::Groups { matrix, by }).map_err(stored)?;
        let sums = ["n_cells", "n_expressed", "sum"].map(|name| sum(col(name)).alias(name));
        let double = |name: &str| cast(col(name), arrow_schema::DataType::Float64);
        let mut shown = keys.clone();
        shown.extend([
            col("n_cells"),
            col("sum"),
            (col("sum") / double("n_cells")).alias("mean"),
            (double("n_expressed") / double("n_cells")).alias("fraction"),
        ]);
        let logical = LogicalPlanBuilder::scan("pseudobulk", provider_as_source(partial), None)?
            .aggregate(keys, sums)?
            // Groups that no store with the variable has.
            .filter(col("n_cells").gt(datafusion::logical_expr::lit(0_i64)))?
            .project(shown)?
            .build()?;
        Ok(Arc::new(ViewTable::new(logical, None)))
    }
}

/// An argument that is text.
fn text(argument: &Expr) -> Result<String> {
    match argument {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) => Ok(text.clone()),
        other => Err(plan(format!("expected a name in single quotes, found {other}"))),
    }
}
