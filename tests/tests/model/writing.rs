//! Writing loses nothing: a failure leaves the old file or element, and the object that is written stays as it is.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::encoding::{BuildContext, EncodeContext, Encoding, Registry};
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::{ArrayNode, BlockIter, BlockSource, GroupNode, Node, Source};
use anndata::storage::BlockSize;
use anndata::{
    AnnData, ArraySpec, Compression, ConvertOptions, DType, Element, Error, Extension, Group, ReadOptions, Result,
    Schema, SparseFormat, SparseMatrix, Tensor, ValidateOptions, WriteOptions, validate,
};
use anndata_tests::{fixtures, stores};

/// An element whose values run out while they are written.
#[derive(Debug)]
struct Breaks;

impl Extension for Breaks {
    fn encoding_type(&self) -> &'static str {
        "breaks"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl BlockSource for Breaks {
    fn blocks<'a>(&'a self, _size: BlockSize<'a>) -> BlockIter<'a> {
        let first = Tensor::from_vec([500], vec![1_i64; 500]).map(|values| (vec![0], values));
        Box::new([first, Err(Error::io("the cable came out"))].into_iter())
    }
}

#[derive(Debug)]
struct BreaksEncoding;

impl Encoding for BreaksEncoding {
    fn name(&self) -> &'static str {
        "breaks"
    }

    fn versions(&self) -> &[&str] {
        &["1"]
    }

    fn build(&self, _node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        Ok(Element::Extension(Arc::new(Breaks)))
    }

    fn encode(&self, _element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let mut group = GroupNode::encoded(path, "breaks", "1");
        let spec = ArraySpec::new(DType::I64, [1000]);
        let array = ArrayNode {
            path: format!("{path}/values"),
            attributes: anndata::Attributes::new(),
            spec,
            source: Source::Blocks(Arc::new(Breaks)),
        };
        group.insert("values", Node::Array(array))?;
        Ok(Node::Group(group))
    }

    fn schema(&self, _node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Extension { encoding: self.name().to_owned(), shape: None })
    }
}

fn breaking() -> Element {
    Element::Extension(Arc::new(Breaks))
}

fn breaking_options() -> ElemWriteOptions {
    ElemWriteOptions::default().with_registry(Registry::default().with(BreaksEncoding))
}

fn small(value: i64) -> Result<AnnData> {
    AnnData::builder().x(Tensor::from_vec([2, 2], vec![value; 4])?).uns("value", value).build()
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.collect()
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cells.h5ad");
    let broken = AnnData::builder().shape(2, 2).uns("a", 1).uns("breaks", breaking()).build()?;
    let options = WriteOptions::default().with_elem(breaking_options());

    let error = anndata::write_h5ad_with(&path, &broken, &options).unwrap_err();
    assert!(error.to_string().contains("the cable came out"), "{error}");
    assert!(names(directory.path()).is_empty(), "{:?}", names(directory.path()));

    anndata::write_h5ad(&path, &small(1)?)?;
    let before = fs::read(&path)?;
    let error = anndata::write_h5ad_with(&path, &broken, &options).unwrap_err();
    assert!(error.is_io() && error.to_string().contains("the cable came out"), "{error}");
    assert_eq!(names(directory.path()), ["cells.h5ad"]);
    assert_eq!(fs::read(&path)?, before);

    let refused = options.with_overwrite(false);
    let error = anndata::write_h5ad_with(&path, &small(2)?, &refused).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(fs::read(&path)?, before);
    assert_eq!(names(directory.path()), ["cells.h5ad"]);
    Ok(())
}

#[test]
fn the_file_that_is_read_lazily_can_be_written_over() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cells.h5ad");
    fs::copy(fixtures::folder().join("demo.h5ad"), &path)?;
    let expected = anndata::read_h5ad(&path)?;
    let options = ReadOptions::default().with_lazy(true);
    let mut lazy = anndata::read_h5ad_with(&path, &options)?;
    lazy.uns_mut().insert("new".to_owned(), 1.into());
    anndata::write_h5ad_with(&path, &lazy, &WriteOptions::default().with_compression(Compression::Gzip(1)))?;

    let mut back = anndata::read_h5ad(&path)?;
    assert_eq!(back.uns_mut().shift_remove("new"), Some(1.into()));
    assert_eq!(back, expected);
    lazy.uns_mut().shift_remove("new");
    assert_eq!(lazy.load()?, expected, "the lazy object still reads the old file");
    assert_eq!(names(directory.path()), ["cells.h5ad"]);

    let over = ConvertOptions::default().with_overwrite(true);
    anndata::convert(&path, &path, &over)?;
    assert_eq!(anndata::read_h5ad(&path)?.obs(), expected.obs());
    Ok(())
}

#[test]
fn writing_changes_nothing_of_the_object() -> Result<()> {
    let demo = fixtures::folder().join("demo.h5ad");
    let eager = anndata::read_h5ad(&demo)?;
    let copy = eager.clone();
    let options = ElemWriteOptions::default().with_encode(
        anndata::encoding::EncodeOptions::default().with_strings_to_categoricals(true).with_as_dense(["X"]),
    );
    stores::on_each(|root| io::write_anndata(root, &eager, &options))?;
    assert_eq!(eager, copy);

    let read = ReadOptions::default().with_lazy(true);
    let lazy = anndata::read_h5ad_with(&demo, &read)?;
    stores::on_each(|root| io::write_anndata(root, &lazy, &options))?;
    for element in lazy.layers().values().chain(lazy.obsm().values()).chain(lazy.obsp().values()) {
        let Element::Lazy(element) = element else { panic!("{element:?} is not lazy") };
        assert!(!element.is_loaded(), "{} was loaded and kept", element.path());
    }
    Ok(())
}

/// Runs a check on a store that holds an element at `uns/x`: in memory, and in a file that is opened for editing.
fn on_stores_with(old: &Element, check: impl Fn(&Group) -> Result<()>) -> Result<()> {
    let fill = |root: &Group| -> Result<()> {
        io::write_anndata(root, &small(1)?, &ElemWriteOptions::default())?;
        io::write_elem(root, "uns/x", old, &ElemWriteOptions::default())
    };
    let memory = stores::memory();
    fill(&memory)?;
    check(&memory)?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5ad");
    fill(&stores::hdf5(&path)?)?;
    check(&stores::edit(&path)?)?;
    // What was written is whole for a reader that comes after.
    anndata::read_h5ad(&path).map(drop)
}

fn read(root: &Group, key: &str) -> Result<Element> {
    io::read_elem(root, key, &ElemReadOptions::default())
}

#[test]
fn an_element_is_replaced_in_place_whatever_it_was() -> Result<()> {
    let matrix = SparseMatrix::from_dense(&Tensor::from_vec([2, 2], vec![0_i32, 1, 2, 0])?, SparseFormat::Csr)?;
    let elements: [Element; 4] = [
        matrix.into(),
        Tensor::from_vec([3], vec![1.5, 2.5, f64::NAN])?.into(),
        anndata::Mapping::from([("inner".to_owned(), "text".into())]).into(),
        "text".into(),
    ];
    for old in &elements {
        for new in &elements {
            on_stores_with(old, |root| {
                io::write_elem(root, "uns/x", new, &ElemWriteOptions::default())?;
                assert_eq!(read(root, "uns/x")?, *new);
                assert_eq!(read(root, "uns/value")?, 1_i64.into());
                let mut keys = root.group("uns")?.children()?;
                keys.sort();
                assert_eq!(keys, ["value", "x"]);
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn a_replacement_that_fails_leaves_the_old_element() -> Result<()> {
    let old = Element::from(Tensor::from_vec([3], vec![1_u8, 2, 3])?);
    let unwritable = anndata::Mapping::from([("a/b".to_owned(), 1.into())]);
    on_stores_with(&old, |root| {
        let error = io::write_elem(root, "uns/x", &breaking(), &breaking_options()).unwrap_err();
        assert!(error.is_io(), "{error}");
        let error =
            io::write_elem(root, "uns/x", &unwritable.clone().into(), &ElemWriteOptions::default()).unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains("a/b"), "{error:?}");
        let error = io::write_elem(root, "uns/new", &breaking(), &breaking_options()).unwrap_err();
        assert!(error.is_io() && error.to_string().contains("the cable came out"), "{error:?}");
        assert_eq!(read(root, "uns/x")?, old);
        let mut keys = root.group("uns")?.children()?;
        keys.sort();
        assert_eq!(keys, ["value", "x"], "something is left of what failed");
        Ok(())
    })
}

#[test]
fn a_store_that_is_read_is_not_written() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5ad");
    anndata::write_h5ad(&path, &small(1)?)?;
    let before = fs::read(&path)?;
    let error = io::write_elem(&anndata::open(&path)?, "uns/x", &1.into(), &ElemWriteOptions::default()).unwrap_err();
    assert!(error.is_read_only(), "{error}");
    assert_eq!(fs::read(&path)?, before);
    let group = stores::edit(&path)?;
    let error = io::write_anndata(&group, &small(2)?, &ElemWriteOptions::default()).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    Ok(())
}

#[test]
fn text_in_a_record_without_dimensions_is_written_as_python_reads_it() -> Result<()> {
    let record = |text: &str| {
        let fields = [("n", Tensor::scalar(1_i32)), ("text", Tensor::string(text))];
        AnnData::builder().shape(1, 1).uns("record", Tensor::from_fields([], fields)?).build()
    };
    stores::on_each(|root| {
        let back = stores::through(root, &record("CD4")?)?;
        let Element::Tensor(back) = &back.uns()["record"] else { panic!("{:?}", back.uns()) };
        assert!(back.shape().is_empty());
        assert_eq!(back.field("text")?.to_strings()?, ["CD4"]);
        assert_eq!(back.field("n")?.as_slice::<i32>()?, [1]);
        assert!(validate(root, &ValidateOptions::default())?.is_clean());

        // As other writers store it, it is found.
        let text_of_any_length = Tensor::from_fields([], [("text", Tensor::string("CD4"))])?;
        let array = root.create_array("uns/other", &ArraySpec::of(&text_of_any_length))?;
        array.write(&[], &text_of_any_length)?;
        array.set_attributes(
            &[("encoding-type".into(), "rec-array".into()), ("encoding-version".into(), "0.2.0".into())].into(),
        )?;
        let report = validate(root, &ValidateOptions::default())?;
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.path.as_str(), finding.rule)).collect();
        assert_eq!(found, [("uns/other", "record-text")]);
        Ok(())
    })?;

    let directory = tempfile::tempdir()?;
    let refused = anndata::write_h5ad(directory.path().join("a.h5ad"), &record("naïve")?).unwrap_err();
    assert!(refused.is_unsupported());
    assert!(refused.to_string().contains("uns/record") && refused.to_string().contains("not ASCII"), "{refused}");
    Ok(())
}
