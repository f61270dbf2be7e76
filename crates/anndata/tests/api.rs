//! What holds of the public items as a whole.
#![cfg(all(feature = "hdf5", feature = "zarr"))]

use anndata::{acc, hdf5, io, node};

macro_rules! assert_send_and_sync {
    ($($type:ty),* $(,)?) => {
        $(const _: () = {
            const fn is_send_and_sync<T: ?Sized + Send + Sync>() {}
            is_send_and_sync::<$type>();
        };)*
    };
}

// Checked when this file is compiled.
assert_send_and_sync!(
    // Objects and their slots.
    anndata::AnnData,
    anndata::AnnDataBuilder,
    anndata::ColumnSchema,
    anndata::DataFrame,
    anndata::Difference,
    anndata::Element,
    dyn anndata::Extension,
    anndata::Layers,
    anndata::Lazy,
    dyn anndata::LazySource,
    anndata::Mapping,
    anndata::MemorySize,
    anndata::Opaque,
    dyn anndata::OpaqueSource,
    anndata::Raw,
    anndata::Schema,
    anndata::Selection,
    anndata::Series,
    anndata::Tolerance,
    // Values.
    anndata::awkward::Awkward,
    anndata::Column,
    anndata::ColumnKind,
    anndata::DType,
    anndata::NaValue,
    anndata::SparseFormat,
    anndata::SparseMatrix,
    anndata::Tensor,
    // Selection.
    acc::AdRef,
    anndata::AxisSelection,
    anndata::Chunks<'_>,
    anndata::Selector,
    anndata::NameIndex,
    anndata::Reindex,
    anndata::SelectOptions,
    // Reading and writing.
    anndata::Backed,
    anndata::Converted,
    anndata::Description,
    anndata::Finding,
    anndata::Format,
    anndata::Mode,
    anndata::Note,
    anndata::Report,
    anndata::Severity,
    anndata::SparseDataset,
    anndata::Unwriteable,
    // Stores and encodings.
    anndata::Array,
    anndata::ArraySpec,
    anndata::Attribute,
    anndata::Codec,
    anndata::Group,
    anndata::MemoryStore,
    anndata::NodeKind,
    dyn anndata::Storage,
    anndata::encoding::Registry,
    node::Node,
    hdf5::Hdf5Store,
    anndata::zarr::ZarrStore,
    // Concatenation.
    anndata::ColumnPlan,
    anndata::ConcatPlan,
    // Options.
    anndata::Compression,
    anndata::ConcatAxis,
    anndata::ConcatOptions,
    anndata::ConvertOptions,
    anndata::FillValue,
    anndata::Join,
    anndata::Limits,
    anndata::Merge,
    anndata::ReadOptions,
    anndata::Sharding,
    anndata::ValidateOptions,
    anndata::WriteOptions,
    anndata::ZarrFormat,
    anndata::ZarrOptions,
    io::ElemReadOptions,
    io::ElemWriteOptions,
    // Errors.
    anndata::Error,
    anndata::ErrorKind,
);

/// What stands in the lists of names, and is none, or not always there.
const RENAMED: [&str; 11] = [
    "self",
    "as",
    "anndata_acc",
    "anndata_io_hdf5",
    "anndata_io_text",
    "anndata_io_zarr",
    "anndata_report",
    "report",
    "report_path",
    "testing",
    "text",
];

/// A function without what its name says of options and of blocking: the page names it once.
fn plain(name: &str) -> &str {
    let name = name.strip_suffix("_async").unwrap_or(name);
    name.strip_suffix("_with").unwrap_or(name)
}

/// The front page has a line for every name at the root, in the section of what it is for.
#[test]
fn the_front_page_names_every_public_item() {
    let source = include_str!("../src/lib.rs");
    let (page, code): (Vec<&str>, Vec<&str>) = source.lines().partition(|line| line.starts_with("//!"));
    let page = page.join("\n");
    // Modules are indented, so that what they export does not count.
    let uses = code.join("\n");
    let uses = uses.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let names = uses.flat_map(|exported| exported.split([',', '{', '}', ' ', '\n']));
    let names = names.filter(|path| !path.is_empty() && !path.ends_with("::"));
    let names: Vec<&str> = names.filter_map(|path| path.rsplit("::").next()).collect();
    assert!(names.contains(&"AnnData") && names.contains(&"write_zarr_with") && names.contains(&"acc"), "{names:?}");
    let is_linked = |name: &str| {
        ["[`", "[`mod@", "[`struct@"]
            .iter()
            .any(|open| ["`]", "()`]", "!`]"].iter().any(|end| page.contains(&format!("{open}{name}{end}"))))
    };
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !RENAMED.contains(name) && !is_linked(name) && !is_linked(plain(name)))
        .collect();
    assert!(missing.is_empty(), "not on the front page: {missing:?}");
}
