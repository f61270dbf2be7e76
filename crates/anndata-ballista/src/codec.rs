//! [`LogicalCodec`] and [`PhysicalCodec`]: how tables and scans go to the scheduler and to executors. What they do not know they
//! hand on to Ballista's own.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use anndata_datafusion::{AnnDataSource, AnnDataTable, Blocks, Dataset};
use anndata_experimental::Collection;
use anndata_storage::Error;
use arrow_schema::SchemaRef;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, Extension, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::PhysicalExprNode;
use prost::Message;

use crate::Roots;
use crate::wire::{self, Scan, Table};

/// The first byte of what is Ballista's, and of what is ours.
const THEIRS: u8 = 0;
const OURS: u8 = 1;

/// How many collections a process keeps open.
const OPEN: usize = 16;

fn stored(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The stores that plans from elsewhere ask for: opened if they are below the roots, and what they were when the plan was made.
#[derive(Debug, Default)]
pub struct Stores {
    roots: Roots,
    /// The collections that were asked for last, the latest at the end.
    open: Mutex<Vec<(wire::Stores, Arc<Dataset>)>>,
}

impl Stores {
    /// Stores below these roots.
    pub fn new(roots: Roots) -> Arc<Self> {
        Arc::new(Self { roots, open: Mutex::default() })
    }

    /// The table that a message means.
    fn table(&self, message: &Table) -> anndata_storage::Result<Arc<AnnDataTable>> {
        message.check_version()?;
        let dataset = self.dataset(&message.stores)?;
        AnnDataTable::new(&dataset, message.kind())
    }

    fn dataset(&self, stores: &wire::Stores) -> anndata_storage::Result<Arc<Dataset>> {
        for place in Collection::locations_of_manifest(&stores.manifest)? {
            self.roots.check(&place)?;
        }
        let found = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let at = open.iter().position(|(other, _)| other == stores);
            at.map(|at| {
                let found = open.remove(at);
                let dataset = Arc::clone(&found.1);
                open.push(found);
                dataset
            })
        };
        if let Some(found) = found {
            // It may have changed since it was opened.
            Collection::check_files_of_manifest(&stores.manifest)?;
            return Ok(found);
        }
        let open = |place: &std::path::Path| anndata::open(place);
        let collection = Collection::from_manifest(&stores.manifest, &stores.options()?, open)?;
        let dataset = Dataset::new(&collection)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push((stores.clone(), Arc::clone(&dataset)));
        let more = open.len().saturating_sub(OPEN);
        open.drain(..more);
        Ok(dataset)
    }
}

/// How tables go to the scheduler.
#[derive(Debug, Default)]
pub struct LogicalCodec {
    stores: Arc<Stores>,
    inner: BallistaLogicalExtensionCodec,
}

impl LogicalCodec {
    /// A codec that opens these stores for plans that it reads.
    pub fn new(stores: &Arc<Stores>) -> Self {
        Self { stores: Arc::clone(stores), inner: BallistaLogicalExtensionCodec::default() }
    }
}

/// How scans go to executors.
#[derive(Debug, Default)]
pub struct PhysicalCodec {
    stores: Arc<Stores>,
    inner: BallistaPhysicalExtensionCodec,
}

impl PhysicalCodec {
    /// A codec that opens these stores for plans that it reads.
    pub fn new(stores: &Arc<Stores>) -> Self {
        Self { stores: Arc::clone(stores), inner: BallistaPhysicalExtensionCodec::default() }
    }
}

fn unknown(what: &str) -> DataFusionError {
    stored(Error::invalid_data(format!("{what} of an unknown kind: are all processes of one version?")))
}

impl LogicalExtensionCodec for LogicalCodec {
    fn try_decode(&self, buffer: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.inner.try_decode(buffer, inputs, context)
    }

    fn try_encode(&self, node: &Extension, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode(node, buffer)
    }

    fn try_decode_table_provider(
        &self,
        buffer: &[u8],
        name: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        match buffer.split_first() {
            Some((&OURS, mut rest)) => {
                let message: Table = wire::take_json(&mut rest).map_err(stored)?;
                let table = self.stores.table(&message).map_err(stored)?;
                message.check_schema(&table.schema()).map_err(stored)?;
                Ok(table)
            }
            Some((&THEIRS, rest)) => self.inner.try_decode_table_provider(rest, name, schema, context),
            _ => Err(unknown("a table")),
        }
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        node: Arc<dyn TableProvider>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(table) = (node.as_ref() as &dyn Any).downcast_ref::<AnnDataTable>() else {
            buffer.push(THEIRS);
            return self.inner.try_encode_table_provider(name, node, buffer);
        };
        buffer.push(OURS);
        let message = Table::of(table, &table.schema()).map_err(stored)?;
        wire::put_json(&message, buffer).map_err(stored)
    }

    fn try_decode_file_format(&self, buffer: &[u8], context: &TaskContext) -> Result<Arc<dyn FileFormatFactory>> {
        self.inner.try_decode_file_format(buffer, context)
    }

    fn try_encode_file_format(&self, buffer: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.inner.try_encode_file_format(buffer, node)
    }

    fn try_decode_udf(&self, name: &str, buffer: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, buffer)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udf(node, buffer)
    }

    fn try_decode_udaf(&self, name: &str, buffer: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.inner.try_decode_udaf(name, buffer)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udaf(node, buffer)
    }

    fn try_decode_udwf(&self, name: &str, buffer: &[u8]) -> Result<Arc<WindowUDF>> {
        self.inner.try_decode_udwf(name, buffer)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udwf(node, buffer)
    }
}

/// The scan that a node of a plan is, if it is one.
fn scan_of(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &AnnDataSource)> {
    let source = node.downcast_ref::<DataSourceExec>()?.data_source();
    let config = (source.as_ref() as &dyn Any).downcast_ref::<FileScanConfig>()?;
    let source = (config.file_source().as_ref() as &dyn Any).downcast_ref::<AnnDataSource>()?;
    Some((config, source))
}

impl PhysicalExtensionCodec for PhysicalCodec {
    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rest = match buffer.split_first() {
            Some((&OURS, rest)) => rest,
            Some((&THEIRS, rest)) => return self.inner.try_decode(rest, inputs, context, converter),
            _ => return Err(unknown("a node of a plan")),
        };
        let message: Scan = wire::take_json(&mut rest).map_err(stored)?;
        let table = self.stores.table(&message.table).map_err(stored)?;
        let schema = table.schema();
        message.table.check_schema(&schema).map_err(stored)?;
        if message.n_filters > rest.len() {
            return Err(stored(Error::invalid_data("a plan has fewer conditions than it says")));
        }
        let decode = PhysicalPlanDecodeContext::new(context, self);
        let mut filters = Vec::with_capacity(message.n_filters);
        for _ in 0..message.n_filters {
            let node = PhysicalExprNode::decode(wire::take(&mut rest).map_err(stored)?);
            let node =
                node.map_err(|error| stored(Error::invalid_data("a condition cannot be read").with_source(error)))?;
            filters.push(converter.proto_to_physical_expr(&node, &schema, &decode)?);
        }
        let partitions = message.partitions.iter().map(|text| match text.as_str() {
            "" => Ok(Blocks::default()),
            rows => rows.parse::<Blocks>(),
        });
        let partitions = partitions.collect::<anndata_storage::Result<Vec<_>>>().map_err(stored)?;
        let pool = &context.runtime_env().memory_pool;
        AnnDataSource::new(&table, message.projection, filters, pool)?.plan(&partitions, message.limit, None)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some((config, source)) = scan_of(&node) else {
            buffer.push(THEIRS);
            return self.inner.try_encode(node, buffer, converter);
        };
        // The partitions as they are now: those of one task.
        let partitions = AnnDataSource::partitions(config).map_err(stored)?;
        let filters = source.filters().map(|filter| converter.physical_expr_to_proto(filter, self));
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let message = Scan {
            table: Table::of(source.table(), &source.table().schema()).map_err(stored)?,
            projection: source.projection().to_vec(),
            partitions: partitions.iter().map(Blocks::to_string).collect(),
            limit: config.limit,
            n_filters: filters.len(),
        };
        buffer.push(OURS);
        wire::put_json(&message, buffer).map_err(stored)?;
        filters.iter().try_for_each(|filter| wire::put(&filter.encode_to_vec(), buffer)).map_err(stored)
    }

    fn try_decode_udf(&self, name: &str, buffer: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, buffer)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udf(node, buffer)
    }

    fn try_decode_udaf(&self, name: &str, buffer: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.inner.try_decode_udaf(name, buffer)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udaf(node, buffer)
    }

    fn try_decode_udwf(&self, name: &str, buffer: &[u8]) -> Result<Arc<WindowUDF>> {
        self.inner.try_decode_udwf(name, buffer)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udwf(node, buffer)
    }
}
