//! Every error that a user can meet, as it is printed: kind, path and text of what the public API refuses, in one file to
//! look over when a text changes (`cargo insta review`).

// Long file: the table of what is refused.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]
#![allow(clippy::needless_question_mark, reason = "errors of several types become one")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::acc::{A, Access as _};
use anndata::io::{ElemReadOptions, ElemWriteOptions, read_elem, write_anndata, write_elem};
use anndata::{
    AnnData, ArraySpec, AxisSelection, Column, Compression, ConcatOptions, ConvertOptions, DType, DataFrame, Element,
    Error, Format, Group, MemoryStore, Mode, NaValue, Raw, Result, SparseFormat, SparseMatrix, Tensor, ValidateOptions,
    WriteOptions, text,
};
use anndata_tests::fixtures;
use arrow_array::{ArrayRef, RecordBatch, Time32SecondArray};

/// What was refused, in two lines each.
struct Refusals {
    lines: String,
    folder: String,
    fixtures: String,
}

impl Refusals {
    /// A text as it is on every machine.
    fn stable(&self, text: &str) -> String {
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let text = text.replace(&self.folder, "FOLDER").replace(&self.fixtures, "FIXTURES");
        // Not before, as a random name of a folder may look like one.
        assert!(!text.contains("0x"), "{text:?} has an address");
        text
    }

    fn add<T>(&mut self, action: &str, result: Result<T>) {
        let error = result.err().unwrap_or_else(|| panic!("{action} works"));
        let text = self.stable(&error.to_string());
        writeln!(self.lines, "{action}\n    {:?} {text}", error.kind()).unwrap();
    }
}

macro_rules! refused {
    ($refusals:ident: $($action:literal => $result:expr;)*) => {
        $(
            let attempt = || -> Result<_> { Ok($result?) };
            $refusals.add($action, attempt());
        )*
    };
}

fn numbers<const N: usize>(shape: [usize; N]) -> Tensor {
    let count = shape.iter().product::<usize>();
    Tensor::from_vec(shape, (0_u16..).take(count).map(f32::from).collect()).unwrap()
}

/// 2 x 3, with one of everything.
fn object() -> AnnData {
    AnnData::builder()
        .x(numbers([2, 3]))
        .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2]).unwrap())
        .var(DataFrame::new(["x", "y", "y"]))
        .layer("counts", numbers([2, 3]))
        .obsm("pca", numbers([2, 2]))
        .uns("note", "text")
        .build()
        .unwrap()
}

/// What is refused in one way of using the library, with a folder to use.
type Section = fn(&mut Refusals, &Path);

/// Every error, in the order of what users do.
#[test]
fn every_error() {
    let fixtures = fixtures::folder().to_str().unwrap().to_owned();
    let mut refusals = Refusals { lines: String::new(), folder: String::new(), fixtures };
    let sections: [(&str, Section); 7] = [
        ("Opening", of_opening),
        ("Writing", of_writing),
        ("Malformed files", of_malformed_files),
        ("Objects", of_objects),
        ("Arrays and frames", of_arrays_and_frames),
        ("Backed objects", of_backed_objects),
        ("Text", of_text),
    ];
    for (title, section) in sections {
        let directory = tempfile::tempdir().unwrap();
        directory.path().to_str().unwrap().clone_into(&mut refusals.folder);
        writeln!(refusals.lines, "# {title}\n").unwrap();
        section(&mut refusals, directory.path());
        refusals.lines.push('\n');
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("errors", refusals.lines));
}

fn of_opening(refusals: &mut Refusals, directory: &Path) {
    let path = |name: &str| directory.join(name);
    let object = object();
    anndata::write_h5ad(path("a.h5ad"), &object).unwrap();
    anndata::write_zarr(path("a.zarr"), &object).unwrap();
    anndata::write_zarr(path("a.zarr.zip"), &object).unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::create_dir(path("broken.zarr")).unwrap();
    fs::write(path("broken.zarr/zarr.json"), "{").unwrap();
    fs::write(path("text.h5ad"), "text").unwrap();
    fs::write(path("empty.h5ad"), "").unwrap();
    fs::write(path("text.zip"), b"PK\x03\x04 and nothing more").unwrap();
    let read_only = anndata::open(path("a.h5ad")).unwrap();
    refused! { refusals:
        "open what is absent" => anndata::open(path("absent.h5ad"));
        "open a folder that is not a store" => anndata::open(path("folder"));
        "open a text" => anndata::open(path("text.h5ad"));
        "open a broken store" => anndata::open(path("broken.zarr"));
        "open a broken zip" => anndata::open(path("text.zip"));
        "open a group that is absent" => anndata::open(path("a.h5ad/mod/rna"));
        "open an array as a group" => anndata::open(path("a.h5ad/X"));
        "open_backed what is absent" => anndata::open_backed(path("absent.h5ad"), Mode::Read);
        "open_backed a zip for writing" => anndata::open_backed(path("a.zarr.zip"), Mode::ReadWrite);
        "validate_path of what is absent" => anndata::validate_path(path("absent.zarr"), &ValidateOptions::default());
        "Format::of a text" => Format::of(path("text.h5ad"));
        "Format::for_name" => Format::for_name(path("a.csv"));
        "read_h5ad of what is absent" => anndata::read_h5ad(path("absent.h5ad"));
        "read_h5ad of a folder" => anndata::read_h5ad(path("folder"));
        "read_h5ad of a text" => anndata::read_h5ad(path("text.h5ad"));
        "read_h5ad of an empty file" => anndata::read_h5ad(path("empty.h5ad"));
        "read_h5ad of a zarr store" => anndata::read_h5ad(path("a.zarr"));
        "read_h5ad of a zip file" => anndata::read_h5ad(path("a.zarr.zip"));
        "read_zarr of what is absent" => anndata::read_zarr(path("absent.zarr"));
        "read_zarr of a folder" => anndata::read_zarr(path("folder"));
        "read_zarr of an HDF5 file" => anndata::read_zarr(path("a.h5ad"));
        "read_zarr of a text" => anndata::read_zarr(path("text.h5ad"));
        "read_anndata of a group that is none" => {
            anndata::io::read_anndata(&read_only.group("uns").unwrap(), &ElemReadOptions::default())
        };
        "read_elem of what is absent" => read_elem(&read_only, "obsm/umap", &ElemReadOptions::default());
        "read_elem as sparse, of no matrix" => {
            anndata::io::read_anndata(&read_only, &ElemReadOptions::default().with_as_sparse(["obs"], SparseFormat::Csr))
        };
        "write_elem to a store that is read" => write_elem(&read_only, "uns/x", &1_i64.into(), &ElemWriteOptions::default());
    }
}

fn of_writing(refusals: &mut Refusals, directory: &Path) {
    let path = |name: &str| directory.join(name);
    let object = object();
    anndata::write_h5ad(path("a.h5ad"), &object).unwrap();
    anndata::write_zarr(path("a.zarr"), &object).unwrap();
    fs::create_dir(path("folder.h5ad")).unwrap();
    fs::create_dir(path("folder.zarr")).unwrap();
    fs::write(path("text.zarr.zip"), "text").unwrap();
    std::os::unix::fs::symlink("/dev/null", path("null.h5ad")).unwrap();
    std::os::unix::fs::symlink("round.h5ad", path("round.h5ad")).unwrap();
    let h5ad = WriteOptions::default().with_overwrite(false);
    let zarr = WriteOptions::default().with_overwrite(false);
    let convert = ConvertOptions::default();
    let as_dense = |keys: &[&str]| {
        let encode = anndata::encoding::EncodeOptions::default().with_as_dense(keys.to_vec());
        ConvertOptions::default().with_write(ElemWriteOptions::default().with_encode(encode))
    };
    let lzf = ElemWriteOptions::default().with_compression(Compression::Lzf);
    refused! { refusals:
        "write_h5ad where a file is" => anndata::write_h5ad_with(path("a.h5ad"), &object, &h5ad);
        "write_h5ad where a folder is" => anndata::write_h5ad(path("folder.h5ad"), &object);
        "write_h5ad to a device" => anndata::write_h5ad(path("null.h5ad"), &object);
        "write_h5ad to a link to itself" => anndata::write_h5ad(path("round.h5ad"), &object);
        "write_h5ad into no folder" => anndata::write_h5ad(path("no/a.h5ad"), &object);
        "write_h5ad into a file" => anndata::write_h5ad(path("a.h5ad/b.h5ad"), &object);
        "write_h5ad to no name" => anndata::write_h5ad("/", &object);
        "write_h5ad to a URL" => anndata::write_h5ad("s3://bucket/a.h5ad", &object);
        "write_zarr where a store is" => anndata::write_zarr_with(path("a.zarr"), &object, &zarr);
        "write_zarr where a folder is" => anndata::write_zarr(path("folder.zarr"), &object);
        "write_zarr where a text is" => anndata::write_zarr(path("text.zarr.zip"), &object);
        "write_zarr into no folder" => anndata::write_zarr(path("no/a.zarr"), &object);
        "write_zarr to the URL of a zip file" => anndata::write_zarr("s3://bucket/a.zarr.zip", &object);
        "write_zarr with lzf" => {
            anndata::write_zarr_with(path("b.zarr"), &object, &WriteOptions::default().with_elem(lzf))
        };
        "convert to what is there" => anndata::convert(path("a.h5ad"), path("a.zarr"), &convert);
        "convert to a name of no format" => anndata::convert(path("a.h5ad"), path("a.csv"), &convert);
        "convert what is absent" => anndata::convert(path("absent.h5ad"), path("b.h5ad"), &convert);
        "convert into no folder" => anndata::convert(path("a.h5ad"), path("no/b.h5ad"), &convert);
        "convert into itself" => anndata::convert(path("a.zarr"), path("a.zarr/b.h5ad"), &convert);
        "convert to a URL" => anndata::convert(path("a.h5ad"), "s3://bucket/a.h5ad", &convert);
        "convert with a key that is none" => anndata::convert(path("a.h5ad"), path("b.h5ad"), &as_dense(&["nope"]));
        "write_elem at no name" => {
            let root = Group::root(Arc::new(MemoryStore::new()));
            write_elem(&root, "", &Element::from(1_i64), &ElemWriteOptions::default())
        };
        "write_anndata where something is" => {
            let root = Group::root(Arc::new(MemoryStore::new()));
            root.create_group("obs").unwrap();
            write_anndata(&root, &object, &ElemWriteOptions::default())
        };
    }
}

/// A malformed file is refused, or has elements that are, when it is read; and it is never converted.
fn of_malformed_files(refusals: &mut Refusals, directory: &Path) {
    let (output, convert) = (directory.join("output.h5ad"), ConvertOptions::default().with_durable(false));
    for file in fixtures::h5ad_files(&fixtures::folder().join("malformed")).unwrap() {
        let stem = fixtures::stem(&file);
        match anndata::read_h5ad(&file) {
            Err(error) => refusals.add::<()>(&format!("read {stem}"), Err(error)),
            Ok(adata) => {
                let found = fixtures::unreadable(&adata);
                assert!(!found.is_empty(), "{stem} is accepted");
                for (path, text) in found {
                    let text = refusals.stable(&text);
                    writeln!(refusals.lines, "read {stem}, but for {path}\n    {text}").unwrap();
                }
            }
        }
        refusals.add(&format!("convert {stem}"), anndata::convert(&file, &output, &convert));
    }
}

fn of_objects(refusals: &mut Refusals, _directory: &Path) {
    let text = || Tensor::from_strings([2, 3], ["a"; 6]).unwrap();
    let build = AnnData::builder;
    let obs = || DataFrame::new(["a", "b"]);
    refused! { refusals:
        "build with X of one axis" => build().x(numbers([2])).build();
        "build with X of text" => build().x(text()).build();
        "build with obs that is short" => build().x(numbers([3, 2])).obs(obs()).build();
        "build with var that is short" => build().shape(2, 3).var(obs()).build();
        "build with another shape than X" => build().shape(3, 3).x(numbers([2, 3])).build();
        "build with a layer of another shape" => build().x(numbers([2, 3])).layer("counts", numbers([3, 2])).build();
        "build with obsm that is long" => build().x(numbers([2, 3])).obsm("pca", numbers([3, 2])).build();
        "build with varm that is short" => build().x(numbers([2, 3])).varm("PCs", numbers([2, 2])).build();
        "build with obsp that is not square" => build().x(numbers([2, 3])).obsp("knn", numbers([2, 3])).build();
        "build with varp of text" => build().shape(1, 2).varp("t", Tensor::from_strings([2, 2], ["a"; 4])?).build();
        "build with obsm that is a text" => build().shape(2, 3).obsm("pca", "text").build();
        "build with a frame of other names" => build().obs(obs()).obsm("f", DataFrame::new(["a", "c"])).build();
        "build with raw of other observations" => {
            build().shape(2, 3).raw(Raw::new(Some(numbers([3, 3]).into()), DataFrame::unnamed(3), [].into())?).build()
        };
        "Raw::new of other variables" => Raw::new(Some(numbers([2, 3]).into()), obs(), [].into());
        "Raw::new with varm that is long" => Raw::new(None, obs(), [("PCs".to_owned(), numbers([3, 1]).into())].into());
        "set_x of another shape" => object().set_x(numbers([3, 2]));
        "set_layer of another shape" => object().set_layer(Some("l"), numbers([3, 2]));
        "set_obsm of another length" => object().set_obsm("pca", numbers([3, 2]));
        "set_varm of no axes" => object().set_varm("PCs", Element::Null);
        "set_obsp of another shape" => object().set_obsp("knn", numbers([2, 3]));
        "set_obs of another length" => object().set_obs(DataFrame::new(["a"]));
        "set_obs_column of another length" => object().set_obs_column("q", vec![1_i32]);
        "set_obs_names of another length" => object().set_obs_names(["a"]);
        "set_x_at with values of another shape" => object().set_x_at(0, .., numbers([2, 2]));
        "set_layer_at of no layer" => object().set_layer_at(Some("nope"), 0, .., numbers([1, 3]));
        "rename_obsm to a key that is there" => {
            let mut adata = object();
            adata.set_obsm("umap", numbers([2, 2]))?;
            adata.rename_obsm("umap", "pca")
        };
        "rename_layer that is not there" => object().rename_layer(Some("nope"), None);
        "rename_categories of no column" => object().rename_categories("nope", vec!["a"]);
        "rename_categories of no categories" => object().rename_categories("n", vec!["a"]);
        "raw_to_adata without raw" => object().raw_to_adata();
        "select a position that is not there" => object().select(5, ..);
        "select a range that is not there" => object().select(0..5, ..);
        "select a name that is not there" => object().select("c", ..);
        "select with a mask of another length" => object().select([true], ..);
        "obs_vector that is not there" => object().obs_vector("nope", None);
        "obs_vector of a name that stands twice" => object().obs_vector("y", None);
        "obs_vector of a layer that is not there" => object().obs_vector("x", Some("nope"));
        "concat of nothing" => anndata::concat(&[], &ConcatOptions::default());
        "concat of names that stand twice" => anndata::concat(&[&object(), &object()], &ConcatOptions::default());
        "concat with too few keys" => {
            let one = build().shape(1, 1).build()?;
            anndata::concat(&[&one, &one], &ConcatOptions::default().with_keys(vec!["a"]))
        };
        "concat with the same key twice" => {
            let one = build().shape(1, 1).build()?;
            anndata::concat(&[&one, &one], &ConcatOptions::default().with_keys(vec!["a", "a"]))
        };
        "to_tensor of a mapping" => Element::Mapping([].into()).to_tensor();
        "to_sparse of an array" => Element::from(numbers([1, 1])).to_sparse();
        "as_frame of null" => Element::Null.as_frame().map(drop);
        "as_mapping of an object" => Element::from(object()).as_mapping().map(drop);
        "to_text of a number" => Element::from(1_i64).to_text();
        "into_column of a frame" => Element::from(obs()).into_column();
        "row_sums of text" => Element::from("text").row_sums();
        "a reference that is none" => "A.obs[".parse::<anndata::acc::AdRef>();
        "get a column that is not there" => object().get(&A.obs("m"));
        "get a key that is not there" => object().get(&A.obsm("pcb"));
        "get a column of a matrix that is not there" => object().get(&A.obsm("pca").column(7));
        "get a name that is not there" => object().get(&A.x().column("CD4"));
    }
}

fn of_arrays_and_frames(refusals: &mut Refusals, _directory: &Path) {
    let ints = |values: &[i32]| Tensor::from_vec([values.len()], values.to_vec()).unwrap();
    let csr = |data: &[i32], indices: &[i32], indptr: &[i32]| {
        SparseMatrix::new(SparseFormat::Csr, (2, 3), ints(data), ints(indices), ints(indptr))
    };
    let categories = || Column::strings(["a", "b"]);
    let frame = || DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2]).unwrap();
    let batch = || {
        let times: ArrayRef = Arc::new(Time32SecondArray::from(vec![0, 1]));
        RecordBatch::try_from_iter([("time", times)]).unwrap()
    };
    let root = || Group::root(Arc::new(MemoryStore::new()));
    let filled = || {
        let root = root();
        root.create_array("counts", &ArraySpec::of(&numbers([2, 3]))).unwrap();
        root.create_group("obs").unwrap();
        root
    };
    refused! { refusals:
        "Tensor::from_vec of another length" => Tensor::from_vec([2], vec![1.0]);
        "as_slice of another type" => numbers([2]).as_slice::<i32>().map(drop);
        "reshape to another length" => numbers([6]).reshape([4]);
        "slice_rows out of bounds" => numbers([2]).slice_rows(1..3);
        "take out of bounds" => numbers([2]).take(0, &[5]);
        "take along no axis" => numbers([2]).take(1, &[0]);
        "select with too few axes" => numbers([2, 3]).select(&[AxisSelection::Range(0..1)]);
        "get out of bounds" => numbers([2, 3]).get::<f32>(&[2, 0]);
        "cast text" => Tensor::from_strings([1], ["a"]).unwrap().cast(&DType::F64);
        "row_sums of one axis" => numbers([2]).row_sums();
        "field of no record" => numbers([2]).field("a").cloned();
        "SparseMatrix with lengths that differ" => csr(&[1], &[0, 1], &[0, 1, 1]);
        "SparseMatrix with too few offsets" => csr(&[1], &[0], &[0, 1]);
        "SparseMatrix with offsets from 1" => csr(&[1], &[0], &[1, 1, 1]);
        "SparseMatrix with offsets that decrease" => csr(&[1, 2], &[0, 1], &[0, 2, 1]);
        "SparseMatrix with offsets beyond its values" => csr(&[1], &[0], &[0, 1, 2]);
        "SparseMatrix with an index out of bounds" => csr(&[1], &[3], &[0, 1, 1]);
        "SparseMatrix with a negative index" => csr(&[1], &[-1], &[0, 1, 1]);
        "SparseMatrix with a negative offset" => csr(&[1], &[0], &[0, -1, 1]);
        "SparseMatrix of indices of two axes" => {
            SparseMatrix::new(SparseFormat::Csc, (1, 1), numbers([1]), numbers([1, 1]), ints(&[0, 1]))
        };
        "SparseMatrix of text" => {
            SparseMatrix::new(SparseFormat::Csc, (1, 1), Tensor::from_strings([1], ["a"])?, ints(&[0]), ints(&[0, 1]))
        };
        "SparseMatrix with offsets of floats" => {
            SparseMatrix::new(SparseFormat::Csc, (1, 1), numbers([1]), ints(&[0]), numbers([2]))
        };
        "Column::categorical with a code too large" => Column::categorical(&ints(&[0, 2]), &categories(), false);
        "Column::categorical with a code too small" => Column::categorical(&ints(&[-2]), &categories(), false);
        "Column::categorical of floats" => Column::categorical(&numbers([1]), &categories(), false);
        "Column::nullable with a short mask" => Column::nullable(&ints(&[1, 2]), &[true], NaValue::Na);
        "Column::nullable of floats" => Column::nullable(&numbers([1]), &[true], NaValue::Na);
        "Column::plain of two axes" => Column::plain(&numbers([1, 1]));
        "with_column of another length" => frame().with_column("m", vec![1_i8]);
        "column that is not there" => frame().column("m");
        "set_index of another length" => frame().set_index(Column::strings(["a"]));
        "rename a column that is not there" => frame().rename("m", "n");
        "to_record_batch with a name that is there" => frame().to_record_batch("n");
        "from_record_batch without its index" => DataFrame::from_record_batch(&batch(), Some("nope"));
        "from_record_batch of a type that is not stored" => DataFrame::from_record_batch(&batch(), None);
        "from_record_batch of an index that is not stored" => DataFrame::from_record_batch(&batch(), Some("time"));
        "group that is not there" => filled().group("var");
        "group that is an array" => filled().group("counts");
        "array that is not there" => filled().array("X");
        "array that is a group" => filled().array("obs");
        "create_group where one is" => filled().create_group("obs");
        "create_group below an array" => filled().create_group("counts/a");
        "create_group of no name" => filled().create_group("a/../b");
        "rename what is not there" => filled().rename("nope", "a");
        "rename below itself" => filled().rename("obs", "obs/a");
        "remove what is not there" => filled().remove("nope");
        "remove the root" => filled().remove("");
        "read too few axes" => filled().array("counts")?.read_selection(&[AxisSelection::Range(0..1)]);
        "read out of bounds" => filled().array("counts")?.read_selection(&[AxisSelection::Range(0..9), AxisSelection::Range(0..1)]);
        "write out of bounds" => filled().array("counts")?.write(&[1, 0], &numbers([2, 3]));
        "write another type" => filled().array("counts")?.write(&[0, 0], &ints(&[1]).reshape([1, 1])?);
        "resize what cannot grow" => filled().array("counts")?.resize(&[3, 3]);
        "create_array that grows without chunks" => {
            let mut spec = ArraySpec::new(DType::F32, [2]);
            spec.resizable = true;
            let directory = tempfile::tempdir()?;
            anndata::hdf5::write_atomic(directory.path().join("a.h5"), false, false, |store| {
                Group::root(Arc::clone(store) as _).create_array("x", &spec).map(drop)
            }).map_err(|error| Error::new(error.kind(), error.message().to_owned()).at(error.path().unwrap_or_default()))
        };
        "create_array of chunks of another rank" => {
            root().create_array("x", &ArraySpec::new(DType::F32, [2]).with_chunks([1, 1]))
        };
    }
}

fn of_backed_objects(refusals: &mut Refusals, directory: &Path) {
    let file = |name: &str| {
        let path = directory.join(name);
        anndata::write_h5ad(&path, &object()).unwrap();
        path
    };
    let backed = |mode| anndata::open_backed(file("a.h5ad"), mode).unwrap();
    let lazy = {
        let root = anndata::open(file("c.h5ad")).unwrap();
        anndata::io::read_anndata(&root, &ElemReadOptions::default().with_lazy(true)).unwrap()
    };
    fs::write(directory.join("b.h5ad"), "b").unwrap();
    refused! { refusals:
        "write_x where it is only read" => backed(Mode::Read).write_x(0, .., &numbers([1, 3]));
        "write_x of another shape" => backed(Mode::ReadWrite).write_x(0, .., &numbers([2, 3]));
        "write_x out of bounds" => backed(Mode::ReadWrite).write_x(7, .., &numbers([1, 3]));
        "write_layer that is not there" => backed(Mode::ReadWrite).write_layer(Some("nope"), 0, .., &numbers([1, 3]));
        "copy_backed where a file is" => anndata::copy_backed(&object(), directory.join("b.h5ad"), Mode::Read);
        "select of a lazy object" => lazy.select(9, ..);
    }
}

fn of_text(refusals: &mut Refusals, directory: &Path) {
    let file = |name: &str, content: &str| {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let mtx = |body: &str| file("a.mtx", &format!("%%MatrixMarket matrix coordinate integer general\n{body}"));
    let csv = |content: &str| file("a.csv", content);
    let hdf5 = directory.join("a.h5");
    let counts = directory.join("counts");
    fs::create_dir(&counts).unwrap();
    fs::write(counts.join("matrix.mtx"), "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 2\n").unwrap();
    anndata::hdf5::write_atomic(&hdf5, false, false, |store| {
        Group::root(Arc::clone(store) as _).create_group("other").map(drop)
    })
    .unwrap();
    refused! { refusals:
        "read_mtx of what is absent" => text::read_mtx(directory.join("absent.mtx"));
        "read_mtx of a text without a banner" => text::read_mtx(csv("1 1 1\n"));
        "read_mtx of complex numbers" => text::read_mtx(csv("%%MatrixMarket matrix array complex general\n1 1\n1 0\n"));
        "read_mtx of too few entries" => text::read_mtx(mtx("2 2 2\n1 1 1\n"));
        "read_mtx of an entry outside" => text::read_mtx(mtx("2 2 1\n3 1 1\n"));
        "read_mtx of an entry without a value" => text::read_mtx(mtx("2 2 1\n1 1\n"));
        "read_mtx of a fraction among integers" => text::read_mtx(mtx("2 2 1\n1 1 0.5\n"));
        "read_csv of an empty file" => text::read_csv(csv(""));
        "read_csv of a line without a comma" => text::read_csv(csv("a b\n"));
        "read_csv of a short line" => text::read_csv(csv(",a,b\nr,1,2\ns,1\n"));
        "read_csv of what is not a number" => text::read_csv(csv(",a,b\nr,1,x\n"));
        "read_csv of an open quote" => text::read_csv(csv(",a,b\n\"r,1,2\n"));
        "read_umi_tools without counts" => text::read_umi_tools(csv("gene\tcell\n"));
        "read_10x_mtx without features" => text::read_10x_mtx(&counts);
        "read_mtx_folder of another folder" => text::read_mtx_folder(directory);
        "read_10x_h5 of another file" => text::read_10x_h5(&hdf5);
        "read_loom of another file" => text::read_loom(&hdf5);
        "read_h5mu of another file" => text::read_h5mu(&hdf5);
        "read_hdf of an array that is absent" => text::read_hdf(&hdf5, "data");
    }
}

/// The path of a folder in an error says which, whatever is in its name.
#[test]
fn names_with_control_characters_are_escaped() {
    let root = Group::root(Arc::new(MemoryStore::new()));
    let error = root.group("evil\u{1b}[31m\nred").unwrap_err();
    assert_eq!(error.to_string(), r"evil\x1b[31m\nred: no such group");
    let error = anndata::open(Path::new("evil\u{1b}[31m\nred.h5ad")).unwrap_err();
    assert!(error.to_string().starts_with(r"evil\x1b[31m\nred.h5ad: "), "{error}");
}
