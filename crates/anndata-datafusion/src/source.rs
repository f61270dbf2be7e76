//! [`AnnDataSource`]: the leaf of a plan that reads a table.
//!
//! It is a source of "files" of DataFusion, each of which is the [rows](Blocks) of one partition: engines that distribute plans
//! know how to give each task its own files, and no other leaf with several partitions. Nothing is ever opened under their names.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::utils::conjunction_opt;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures_util::{FutureExt, StreamExt};

use crate::error::stored;
use crate::filter::Filter;
use crate::scan::Scan;
use crate::table::{AnnDataTable, Layout};
use crate::{Blocks, pseudobulk, rows, x};

/// About the most bytes that the chunks of a matrix take in memory in all partitions, where the pool has no limit.
const MEMORY: u64 = 512 << 20;

/// What a partition is not to be below.
const LEAST_MEMORY: u64 = 1 << 20;

/// How many batches wait for whoever asks for them.
const WAITING: usize = 2;

/// What a partition reads: a table, some columns of it, and conditions that are met before more is read.
#[derive(Clone)]
pub struct AnnDataSource {
    table: Arc<AnnDataTable>,
    projection: Vec<usize>,
    filters: Vec<Filter>,
    /// Conditions that become known while the plan runs: rows that the other side of a join has.
    dynamic: Vec<Filter>,
    projected: TableSchema,
    batch_size: usize,
    pool: Arc<dyn MemoryPool>,
    metrics: ExecutionPlanMetricsSet,
}

impl AnnDataSource {
    /// A source of some columns of a table, in the order given, and of rows that meet conditions on columns of it by name.
    ///
    /// # Errors
    /// If the table has no such column.
    pub fn new(
        table: &Arc<AnnDataTable>,
        projection: Vec<usize>,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        pool: &Arc<dyn MemoryPool>,
    ) -> Result<Self> {
        let schema = table.schema_ref();
        let mut filters = filters.into_iter().map(|expr| Filter::new(expr, schema)).collect::<Result<Vec<_>>>()?;
        filters.sort_by_key(|filter| table.cost(filter));
        let projected = TableSchema::from(Arc::new(schema.project(&projection)?));
        Ok(Self {
            table: Arc::clone(table),
            projection,
            filters,
            dynamic: Vec::new(),
            projected,
            batch_size: 8192,
            pool: Arc::clone(pool),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The table.
    pub fn table(&self) -> &Arc<AnnDataTable> {
        &self.table
    }

    /// The columns that are read, among those of the table.
    pub fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// The conditions that are met.
    pub fn filters(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.filters.iter().map(|filter| &filter.expr)
    }

    /// A plan that reads these partitions.
    ///
    /// # Errors
    /// If the order of the rows cannot be told.
    pub fn plan(
        self,
        partitions: &[Blocks],
        limit: Option<usize>,
        statistics: Option<Statistics>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A partition without rows has no file; no partition at all stays none, as tasks count them.
        let file = |blocks: &Blocks| PartitionedFile::new(blocks.to_string(), 1);
        let files = |blocks: &Blocks| Some(file(blocks)).filter(|_| !blocks.is_empty()).into_iter().collect();
        let groups: Vec<FileGroup> = partitions.iter().map(|blocks| FileGroup::new(files(blocks))).collect();
        let ordering = self.ordering().into_iter().collect();
        let schema = Arc::clone(self.projected.table_schema());
        let mut builder = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(self))
            .with_file_groups(groups)
            .with_limit(limit)
            // A partition reads its own rows, and none of another one.
            .with_preserve_order(true)
            .with_output_ordering(ordering);
        builder = builder.with_statistics(statistics.unwrap_or_else(|| Statistics::new_unknown(&schema)));
        Ok(DataSourceExec::from_data_source(builder.build()))
    }

    /// The rows that each partition of a plan reads, if it is one of [`plan`](Self::plan), or a part of one.
    ///
    /// # Errors
    /// If a name is not of rows.
    pub fn partitions(config: &FileScanConfig) -> anndata_core::Result<Vec<Blocks>> {
        let rows = |group: &FileGroup| {
            let ranges = group.iter().map(|file| blocks_of(file).map(|blocks| blocks.ranges().to_vec()));
            Blocks::new(ranges.collect::<anndata_core::Result<Vec<_>>>()?.concat())
        };
        config.file_groups.iter().map(rows).collect()
    }

    /// The order of the rows of a partition, if they are in one.
    fn ordering(&self) -> Option<LexOrdering> {
        let by = self.table.ordered_by()?;
        let at = self.projection.iter().position(|&at| at == by)?;
        let name = self.projected.table_schema().field(at).name();
        LexOrdering::new([PhysicalSortExpr::new_default(Arc::new(Column::new(name, at)))])
    }

    /// Reads rows, and hands on batches until there are enough.
    fn run(
        &self,
        blocks: &Blocks,
        partitions: usize,
        limit: Option<usize>,
        send: &mut dyn FnMut(RecordBatch) -> bool,
    ) -> Result<()> {
        let dataset = self.table.dataset();
        let consumer = MemoryConsumer::new(format!("AnnData[{}]", self.table.kind()));
        let memory = memory_of(&self.pool, partitions);
        let mut scan = Scan {
            dataset,
            schema: Arc::clone(self.table.schema_ref()),
            projected: Arc::clone(self.projected.table_schema()),
            projection: self.projection.clone(),
            filters: &self.filters,
            dynamic: &self.dynamic,
            batch_size: self.batch_size.max(1),
            memory,
            limit,
            reservation: consumer.register(&self.pool),
            sent: 0,
            send,
        };
        scan.reserve(0)?;
        blocks.check(self.table.n_rows()).map_err(stored)?;
        let pieces = |range: &std::ops::Range<u64>| dataset.pieces(range).map_err(stored);
        match self.table.layout() {
            Layout::Rows { columns, by_variable: true } => {
                for range in blocks.ranges() {
                    if !rows::scan(&mut scan, columns, None, range)? {
                        return Ok(());
                    }
                }
            }
            Layout::Rows { columns, by_variable: false } => {
                for piece in blocks.ranges().iter().map(pieces).collect::<Result<Vec<_>>>()?.concat() {
                    if !rows::scan(&mut scan, columns, Some(&piece), &piece.rows)? {
                        return Ok(());
                    }
                }
            }
            Layout::Long { key, columns, sides } => {
                let variables = sides.passing_variables(&scan)?;
                for piece in blocks.ranges().iter().map(pieces).collect::<Result<Vec<_>>>()?.concat() {
                    let variables = variables.as_deref();
                    if !x::scan(&mut scan, key, columns, sides, variables, &piece, &piece.rows)? {
                        return Ok(());
                    }
                }
            }
            Layout::Groups { key, by } => {
                let mut groups = pseudobulk::Groups::new(&scan, key, by)?;
                for piece in blocks.ranges().iter().map(pieces).collect::<Result<Vec<_>>>()?.concat() {
                    groups.add(&mut scan, &piece, &piece.rows)?;
                }
                groups.finish(&mut scan)?;
            }
        }
        Ok(())
    }
}

/// What a chunk may take, of what the pool has.
fn memory_of(pool: &Arc<dyn MemoryPool>, partitions: usize) -> u64 {
    let all = match pool.memory_limit() {
        // There are other nodes of the plan.
        MemoryLimit::Finite(bytes) => (bytes as u64 / 8).min(MEMORY),
        _ => MEMORY,
    };
    (all / (partitions as u64).max(1)).max(LEAST_MEMORY)
}

fn blocks_of(file: &PartitionedFile) -> anndata_core::Result<Blocks> {
    file.object_meta.location.as_ref().parse()
}

impl FileSource for AnnDataSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        Ok(Arc::new(Opener { source: self.clone(), partitions: config.file_groups.len(), limit: config.limit }))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.projected
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        conjunction_opt(self.dynamic.iter().map(|filter| Arc::clone(&filter.expr)))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "anndata"
    }

    /// The "files" have no bytes to split.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    /// Takes the conditions that it can tell before a matrix is read. They are checked again above it.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; filters.len()]);
        let mut dynamic = self.dynamic.clone();
        for expr in filters {
            let filter = Filter::new(expr, self.table.schema_ref())?;
            if !is_volatile(&filter.expr) && self.table.can_filter(&filter.columns) {
                dynamic.push(filter);
            }
        }
        if dynamic.len() == self.dynamic.len() {
            return Ok(answer);
        }
        Ok(answer.with_updated_node(Arc::new(Self { dynamic, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in self.filters.iter().chain(&self.dynamic) {
            if f(&filter.expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    /// What is read.
    fn fmt_extra(&self, _format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, ", table={}", self.table.kind())?;
        let used = self.filters.iter().chain(&self.dynamic).flat_map(|filter| filter.columns.iter().copied());
        let reads = self.table.reads(&used.chain(self.projection.iter().copied()).collect::<Vec<_>>());
        write!(f, ", reads=[{}]", reads.join(", "))?;
        for (name, filters) in [("filters", &self.filters), ("join_filters", &self.dynamic)] {
            if !filters.is_empty() {
                let shown: Vec<String> = filters.iter().map(|filter| filter.expr.to_string()).collect();
                write!(f, ", {name}=[{}]", shown.join(", "))?;
            }
        }
        Ok(())
    }
}

impl Debug for AnnDataSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnnDataSource").field("table", &self.table.kind()).finish_non_exhaustive()
    }
}

/// Reads the rows of a partition on a thread that may block.
struct Opener {
    source: AnnDataSource,
    partitions: usize,
    limit: Option<usize>,
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (source, partitions, limit) = (self.source.clone(), self.partitions, self.limit);
        let blocks = blocks_of(&file).map_err(stored)?;
        Ok(async move {
            let schema = Arc::clone(source.projected.table_schema());
            let mut builder = RecordBatchReceiverStreamBuilder::new(schema, WAITING);
            let batches = builder.tx();
            builder.spawn_blocking(move || {
                source.run(&blocks, partitions, limit, &mut |batch| batches.blocking_send(Ok(batch)).is_ok())
            });
            Ok(builder.build().boxed())
        }
        .boxed())
    }
}
