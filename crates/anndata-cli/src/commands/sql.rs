//! `anndata sql`: a query over one object or many.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anndata::experimental::Collection;
use anndata::{ConcatOptions, Join, Merge};
use clap::{Args, ValueEnum};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::json::ArrayWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt as _;

use super::Failure;
use crate::printable::{Escapes, Printable};
use crate::progress::Rows;

/// Ask one object, or many as one, in SQL.
#[derive(Debug, Args)]
#[command(
    long_about = "Ask one object, or many as one, in SQL.\n\n\
        Tables: obs (obs_id, obs_name, its columns, _store, _row), var (var_id, var_name, its columns), x and layers_KEY (a row \
        for each stored value: obs_id, obs_name, var_id, var_name, value, _store), obsm_KEY. Functions: gene('CD8A'), \
        cell_totals(), pseudobulk('COLUMN'), and gene_in('LAYER', …) and so on. Names are as they are written, capitals too. \
        `EXPLAIN SELECT …` tells what a query reads.",
    after_help = "Examples:\n  anndata sql cells.h5ad \"SELECT louvain, count(*) FROM obs GROUP BY louvain\"\n  anndata sql a.h5ad b.zarr \"SELECT _store, avg(CD8A) FROM obs JOIN gene('CD8A') USING (obs_id) GROUP BY _store\" --format csv\n  anndata sql cells.zarr \"SELECT * FROM pseudobulk('louvain')\" --format parquet > means.parquet"
)]
pub(crate) struct Sql {
    /// The objects, and the query at the end.
    #[arg(required = true, num_args = 2.., value_names = ["PATH", "QUERY"])]
    paths_and_query: Vec<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Variables that there are: those in all objects (inner), or those in any (outer).
    #[arg(long, value_enum, default_value_t = Joined::Outer)]
    join: Joined,
    /// Ask a cluster, by the URL of its scheduler (df://HOST:50050), which reads the objects itself.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Parquet,
    Arrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Joined {
    Inner,
    Outer,
}

/// The schema that tables are in where a query names none.
const SCHEMA: &str = "data";

impl Sql {
    pub(crate) fn run(&self, out: impl Write + Send) -> Result<(), Failure> {
        let Some((query, paths)) = self.paths_and_query.split_last().filter(|(_, paths)| !paths.is_empty()) else {
            return Err(Failure::Usage("expected an object, and a query behind it".to_owned()));
        };
        let query = query.to_str().ok_or_else(|| Failure::Usage("the query is not Unicode".to_owned()))?;
        if matches!(self.format, Format::Parquet | Format::Arrow) && io::stdout().is_terminal() {
            return Err(Failure::Usage(format!("{} is not for a terminal: redirect it to a file", self.format.name())));
        }
        let join = if self.join == Joined::Inner { Join::Inner } else { Join::Outer };
        let options = ConcatOptions::default().with_join(join).with_merge(Merge::Unique);
        let stores = keys(paths).into_iter().zip(paths);
        let collection = Collection::open(stores, &options, |path: &Path| anndata::open_object(path));
        let collection = collection.map_err(Failure::Library)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.ask(&collection, query, out))
    }

    async fn ask(&self, collection: &Collection, query: &str, out: impl Write + Send) -> Result<(), Failure> {
        let context = self.session().await.map_err(failed)?;
        anndata_datafusion::register(&context, SCHEMA, collection).map_err(failed)?;
        let frame = context.sql(query).await.map_err(failed)?;
        let schema = SchemaRef::new(frame.schema().as_arrow().clone());
        let mut batches = frame.execute_stream().await.map_err(failed)?;
        let mut writer = Writer::new(self.format, &schema, BufWriter::new(out))?;
        let rows = Rows::start();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(failed)?;
            rows.add(batch.num_rows());
            writer.write(&batch)?;
        }
        drop(rows);
        writer.finish()
    }

    async fn session(&self) -> Result<SessionContext, DataFusionError> {
        let mut config = SessionConfig::new();
        #[cfg(feature = "cluster")]
        if let Some(url) = &self.cluster {
            let context = anndata_ballista::connect(url, config.target_partitions()).await?;
            context.sql("SET datafusion.catalog.default_schema = 'data'").await?.collect().await?;
            context.sql("SET datafusion.sql_parser.enable_ident_normalization = false").await?.collect().await?;
            return Ok(context);
        }
        config = config.with_default_catalog_and_schema("datafusion", SCHEMA);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        config.options_mut().catalog.information_schema = true;
        Ok(SessionContext::new_with_config(config))
    }
}

/// The keys of the objects: their names without endings, or what they were called by where two have the same name.
fn keys(paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let ends = [".zarr.zip", ".h5ad", ".zarr", ".h5mu"];
        ends.iter().find_map(|end| name.strip_suffix(end)).map_or(name.clone(), str::to_owned)
    };
    let names: Vec<String> = paths.iter().map(name).collect();
    let distinct: std::collections::HashSet<&String> = names.iter().collect();
    if distinct.len() == names.len() {
        return names;
    }
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Why a query failed: what the library says of a store, or the first line of what the engine does.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: DataFusionError) -> Failure {
    let text = match error.find_root() {
        DataFusionError::External(source) => source.to_string(),
        _ => error.strip_backtrace(),
    };
    Failure::Usage(text)
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// Writes an answer, batch by batch.
enum Writer<W: Write + Send> {
    /// Columns are as wide as their widest value, so that all rows have to be there.
    Table(Vec<RecordBatch>, SchemaRef, W),
    Csv(Box<datafusion::arrow::csv::Writer<W>>),
    Json(Box<ArrayWriter<W>>),
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: Write + Send> Writer<W> {
    fn new(format: Format, schema: &SchemaRef, out: W) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::Usage(format!("the answer cannot be written: {error}"));
        Ok(match format {
            Format::Table => Self::Table(Vec::new(), SchemaRef::clone(schema), out),
            Format::Csv => Self::Csv(Box::new(WriterBuilder::new().with_header(true).build(out))),
            Format::Json => Self::Json(Box::new(ArrayWriter::new(out))),
            Format::Parquet => {
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), None);
                Self::Parquet(Box::new(writer.map_err(|error| broken(&error))?))
            }
            Format::Arrow => Self::Arrow(Box::new(StreamWriter::try_new(out, schema).map_err(|error| broken(&error))?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match self {
            Self::Table(batches, _, _) => {
                batches.push(batch.clone());
                Ok(())
            }
            Self::Csv(writer) => writer.write(batch).map_err(arrow),
            Self::Json(writer) => writer.write(batch).map_err(arrow),
            Self::Parquet(writer) => writer.write(batch).map_err(|error| arrow(error.into())),
            Self::Arrow(writer) => writer.write(batch).map_err(arrow),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Table(mut batches, schema, mut out) => {
                if batches.is_empty() {
                    batches.push(RecordBatch::new_empty(schema));
                }
                let table = pretty_format_batches(&batches).map_err(arrow)?.to_string();
                // A program gets what is there; a terminal would obey it.
                if io::stdout().is_terminal() {
                    writeln!(Printable::new(&mut out, Escapes::Text), "{table}")?;
                } else {
                    writeln!(out, "{table}")?;
                }
                out.flush()?;
            }
            Self::Csv(writer) => writer.into_inner().flush()?,
            Self::Json(mut writer) => {
                writer.finish().map_err(arrow)?;
                let mut out = writer.into_inner();
                writeln!(out)?;
                out.flush()?;
            }
            Self::Parquet(mut writer) => {
                writer.finish().map_err(|error| arrow(error.into()))?;
                writer.inner_mut().flush()?;
            }
            Self::Arrow(mut writer) => {
                writer.finish().map_err(arrow)?;
                writer.get_mut().flush()?;
            }
        }
        Ok(())
    }
}

/// An error of a writer, which may be that nobody reads any more.
fn arrow(error: datafusion::arrow::error::ArrowError) -> Failure {
    match error {
        datafusion::arrow::error::ArrowError::IoError(_, error) => Failure::Output(error),
        other => Failure::Usage(format!("the answer cannot be written: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_called_by_their_names_or_their_places() {
        let of = |paths: &[&str]| keys(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["x/a.h5ad", "b.zarr.zip", "c.zarr", "d.txt"]), ["a", "b", "c", "d.txt"]);
        assert_eq!(of(&["x/a.h5ad", "y/a.h5ad"]), ["x/a.h5ad", "y/a.h5ad"]);
    }
}
