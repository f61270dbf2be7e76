//! Tables as DataFusion asks for them: which conditions they meet, and how they are scanned.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, Statistics};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;

use crate::error::stored;
use crate::filter::Filter;
use crate::{AnnDataSource, AnnDataTable, Blocks};

#[async_trait]
impl TableProvider for AnnDataTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema_ref())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let supports = |filter: &&Expr| {
            let columns = filter.column_refs();
            let at =
                columns.iter().map(|column| self.schema_ref().index_of(&column.name)).collect::<Result<Vec<_>, _>>();
            match at {
                Ok(at) if !at.is_empty() && is_plain(filter) && self.can_filter(&at) => {
                    TableProviderFilterPushDown::Exact
                }
                _ => TableProviderFilterPushDown::Unsupported,
            }
        };
        Ok(filters.iter().map(supports).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let all = Blocks::new(std::iter::once(0..self.n_rows())).ok()?;
        Some(Self::statistics_of(self.schema_ref(), self.count(&all)))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = DFSchema::try_from(Arc::clone(self.schema_ref()))?;
        let filters = filters.iter().map(|filter| state.create_physical_expr(filter.clone(), &schema));
        let filters = filters.collect::<Result<Vec<Arc<dyn PhysicalExpr>>>>()?;
        // Those on the store alone are met now.
        let (mut of_stores, mut of_rows) = (Vec::new(), Vec::new());
        for expr in filters {
            let filter = Filter::new(Arc::clone(&expr), self.schema_ref())?;
            match (filter.columns.as_slice(), self.store_column()) {
                ([at], Some(store)) if *at == store => of_stores.push(filter),
                _ => of_rows.push(expr),
            }
        }
        let rows = self.rows_of_stores(&of_stores)?;
        let parts = state.config().target_partitions();
        let mut partitions = self.partitions(&rows, parts).map_err(stored)?;
        if partitions.is_empty() {
            partitions.push(Blocks::default());
        }
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema_ref().fields().len()).collect());
        let projected = self.schema_ref().project(&projection)?;
        let count = self.count(&rows);
        let count = if of_rows.is_empty() { count } else { count.to_inexact() };
        // As the source is to own the table.
        let table = Arc::new(self.clone());
        let source = AnnDataSource::new(&table, projection, of_rows, &state.runtime_env().memory_pool)?;
        source.plan(&partitions, limit, Some(Self::statistics_of(&projected, count)))
    }
}

/// Whether a condition has the same answer each time, and needs no other table.
fn is_plain(filter: &Expr) -> bool {
    let needs_more = |expr: &Expr| {
        matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..))
    };
    !filter.is_volatile() && !contains(filter, &needs_more)
}

fn contains(filter: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    // A walk that fails has found what it cannot look into.
    filter.exists(|expr| Ok(wanted(expr))).unwrap_or(true)
}
