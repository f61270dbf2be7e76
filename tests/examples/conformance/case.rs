//! One case: what is read, with which options, and where the result goes.

use std::cell::RefCell;
use std::path::PathBuf;

use anndata::encoding::EncodeOptions;
use anndata::io::ElemWriteOptions;
use anndata::node::NodeWriteOptions;
use anndata::{
    AnnData, Compression, Error, Format, Group, Result, Sharding, WriteOptions, ZarrFormat, ZarrOptions, io,
};
use serde_json::{Map, Value};

/// What the name of a zarr store of version 2 ends in.
const ZARR_2: &str = ".v2.zarr";

/// A case as Python made it. An option that no one asks for is an error, so that none is ignored.
pub(crate) struct Case {
    id: String,
    pub(crate) operation: String,
    inputs: Vec<PathBuf>,
    pub(crate) output: PathBuf,
    options: RefCell<Map<String, Value>>,
}

impl Case {
    pub(crate) fn parse(json: &Value) -> Self {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let inputs = json["inputs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            id: text("id"),
            operation: text("operation"),
            inputs: inputs.map(PathBuf::from).collect(),
            output: text("output").into(),
            options: RefCell::new(json["options"].as_object().cloned().unwrap_or_default()),
        }
    }

    /// An error of the case itself.
    pub(crate) fn malformed(&self, what: &str) -> Error {
        Error::invalid_input(format!("the case {} {what}", self.id))
    }

    pub(crate) fn check_all_used(&self) -> Result<()> {
        match self.options.borrow().keys().next() {
            Some(key) => {
                Err(self.malformed(&format!("has the option '{key}', which {} does not take", self.operation)))
            }
            None => Ok(()),
        }
    }

    // ------------------------------------------------------------ inputs and output

    /// Where an input is.
    pub(crate) fn path(&self, number: usize) -> Result<&PathBuf> {
        self.inputs.get(number).ok_or_else(|| self.malformed("has too few inputs"))
    }

    /// The number of inputs.
    pub(crate) fn count(&self) -> usize {
        self.inputs.len()
    }

    /// The root of an input.
    pub(crate) fn group(&self, number: usize) -> Result<Group> {
        anndata::open(self.path(number)?)
    }

    /// The object in an input, lazy where the option `lazy` is set.
    pub(crate) fn read(&self, number: usize) -> Result<AnnData> {
        io::read_anndata(&self.group(number)?, &io::ElemReadOptions::default().with_lazy(self.flag("lazy")))
    }

    /// Writes the result, as the options of [`writing`](Self::writing) and the name of the output say.
    pub(crate) fn write(&self, adata: &AnnData) -> Result<()> {
        let (write, zarr) = (self.writing()?, self.zarr());
        if Format::for_name(&self.output)? == Format::H5ad {
            let options = WriteOptions::default().with_elem(write).with_durable(false);
            return anndata::write_h5ad_with(&self.output, adata, &options);
        }
        anndata::write_zarr_with(&self.output, adata, &WriteOptions::default().with_elem(write).with_zarr(zarr))
    }

    /// The options `compression`, `chunk_rows`, `as_dense`, `as_sparse`, `strings_to_categoricals`, `plain_strings`.
    pub(crate) fn writing(&self) -> Result<ElemWriteOptions> {
        let encode = EncodeOptions::default()
            .with_as_dense(self.list("as_dense"))
            .with_as_sparse(self.list("as_sparse"))
            .with_strings_to_categoricals(self.flag("strings_to_categoricals"))
            .with_plain_strings(self.flag("plain_strings"));
        let store = NodeWriteOptions::default()
            .with_compression(self.compression()?)
            .with_chunk_rows(self.number("chunk_rows"));
        Ok(ElemWriteOptions::default().with_encode(encode).with_store(store))
    }

    fn compression(&self) -> Result<Compression> {
        Ok(match self.text("compression").as_deref() {
            None => Compression::Default,
            Some("none") => Compression::None,
            Some("gzip") => Compression::Gzip(4),
            Some("lzf") => Compression::Lzf,
            Some("zstd") => Compression::Zstd(3),
            Some("blosc") => Compression::Blosc(5),
            Some(other) => return Err(self.malformed(&format!("has the compression '{other}'"))),
        })
    }

    /// How a zarr output is made: its name says the version, the option `no_shards` whether there are shards.
    pub(crate) fn zarr(&self) -> ZarrOptions {
        let version = if self.output.to_string_lossy().ends_with(ZARR_2) { ZarrFormat::V2 } else { ZarrFormat::V3 };
        let sharding = if self.flag("no_shards") { Sharding::Off } else { Sharding::default() };
        ZarrOptions::default().with_format(version).with_sharding(sharding).with_durable(false)
    }

    // ------------------------------------------------------------ options

    /// An option as it is. It counts as used.
    pub(crate) fn option(&self, key: &str) -> Option<Value> {
        self.options.borrow_mut().remove(key)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.option(key).and_then(|value| value.as_bool()).unwrap_or_default()
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.option(key).and_then(|value| value.as_u64())
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.option(key).and_then(|value| value.as_str().map(str::to_owned))
    }

    /// A text that the case must have.
    pub(crate) fn required(&self, key: &str) -> Result<String> {
        self.text(key).ok_or_else(|| self.malformed(&format!("has no option '{key}'")))
    }

    /// A list of texts; empty if there is none.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let texts = self.option(key);
        let texts = texts.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }
}
