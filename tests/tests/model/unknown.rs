//! Encodings that are not known, and those that users add.

use std::any::Any;
use std::sync::Arc;

use anndata::encoding::{BuildContext, EncodeContext, Encoding, Registry};
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::{ArrayNode, GroupNode, Node};
use anndata::validate::{Checker, Rule, Severity};
use anndata::{
    AnnData, ArraySpec, Attribute, AxisSelection, Column, Complex, ConcatAxis, ConcatOptions, DType, DataFrame,
    Description, Element, Error, Extension, Group, Join, Mapping, Result, Schema, Tensor, ValidateOptions, concat,
    validate,
};
use anndata_tests::stores;

/// A group of an encoding from the future, with everything that a store can hold in it.
fn future(root: &Group, path: &str) -> Result<()> {
    let group = root.create_group(path)?;
    let put = |key: &str, values: &Tensor| -> Result<()> {
        let array = group.create_array(key, &ArraySpec::of(values))?;
        array.write(&vec![0; values.ndim()], values)?;
        array.set_attributes(&[("unit".to_owned(), Attribute::from("µm"))].into_iter().collect())
    };
    put("numbers", &Tensor::from_vec([2, 2], vec![1_u16, 2, 3, 4])?)?;
    put("inner/complex", &Tensor::from_vec([1], vec![Complex::new(1.0_f32, -2.0)])?)?;
    put("inner/deeper/text", &Tensor::from_strings([2], ["ä", ""])?)?;
    put("fixed", &Tensor::from_bytes(DType::FixedBytes(3), [2], b"abcd\0\0")?)?;
    put("scalar", &Tensor::scalar(2.5_f64))?;
    put("empty", &Tensor::from_vec([0, 7], Vec::<i8>::new())?)?;
    group.create_array("nothing", &ArraySpec::null(DType::F32))?;
    group.create_group("empty group")?;
    group.set_attributes(
        &[
            ("encoding-type", Attribute::from("from-the-future")),
            ("encoding-version", Attribute::from("7.0")),
            ("words", Attribute::Tensor(Tensor::from_strings([2], ["a", "b"])?)),
            ("matrix", Attribute::Tensor(Tensor::from_vec([2, 1], vec![1_i8, -1])?)),
            ("flag", Attribute::from(true)),
            ("refers", Attribute::Reference(format!("{path}/inner/deeper"))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect(),
    )
}

/// What stands in a group and below: attributes, dtypes, shapes, values.
fn listing(group: &Group) -> Result<Vec<String>> {
    let mut lines = vec![format!("{} {:?}", group.path(), group.attributes()?)];
    for key in group.children()? {
        if group.kind(&key)? == Some(anndata::NodeKind::Group) {
            lines.extend(listing(&group.group(&key)?)?);
            continue;
        }
        let array = group.array(&key)?;
        let spec = array.spec();
        let values = if spec.null { "null".to_owned() } else { format!("{:?}", array.read()?) };
        lines.push(format!("{} {} {values} {:?}", array.path(), spec.dtype, array.attributes()?));
    }
    Ok(lines)
}

#[test]
fn unknown_elements_are_rewritten_unchanged() -> Result<()> {
    stores::on_each(|root| {
        io::write_anndata(root, &AnnData::builder().shape(2, 2).build()?, &ElemWriteOptions::default())?;
        let paths = ["uns/future", "obsm/future", "layers/future", "obs/future", "beside"];
        for path in paths {
            future(root, path)?;
        }
        for lazy in [false, true] {
            let adata = io::read_anndata(root, &ElemReadOptions::default().with_lazy(lazy))?;
            let Element::Opaque(opaque) = &adata.uns()["future"] else { panic!("{:?}", adata.uns()) };
            assert_eq!(opaque.encoding_type().as_deref(), Some("from-the-future"));
            assert_eq!(opaque.encoding_version().as_deref(), Some("7.0"));
            stores::on_each(|copy| {
                io::write_anndata(copy, &adata, &ElemWriteOptions::default())?;
                for path in paths {
                    assert_eq!(listing(&copy.group(path)?)?, listing(&root.group(path)?)?, "lazy: {lazy}");
                }
                assert_eq!(io::read_anndata(copy, &ElemReadOptions::default())?, adata.load()?);
                Ok(())
            })?;
        }
        Ok(())
    })
}

#[test]
fn an_array_without_value_and_encoding_is_nothing_and_blocks_nothing() -> Result<()> {
    stores::on_each(|root| {
        io::write_anndata(root, &AnnData::builder().shape(1, 1).build()?, &ElemWriteOptions::default())?;
        root.create_array("uns/nothing", &ArraySpec::null(DType::F32))?;
        for lazy in [false, true] {
            let adata = io::read_anndata(root, &ElemReadOptions::default().with_lazy(lazy))?;
            assert_eq!(adata.uns()["nothing"].load()?, Element::Null);
            assert_eq!(stores::through(&stores::memory(), &adata)?, adata.load()?);
        }
        Ok(())
    })
}

#[test]
fn references_within_an_unknown_element_follow_it() -> Result<()> {
    stores::on_each(|root| {
        future(root, "here")?;
        let element = io::read_elem(root, "here", &ElemReadOptions::default())?;
        io::write_elem(root, "group/there", &element, &ElemWriteOptions::default())?;
        let attributes = root.group("group/there")?.attributes()?;
        assert_eq!(attributes["refers"], Attribute::Reference("group/there/inner/deeper".to_owned()));
        Ok(())
    })
}

/// A column of an unknown encoding is in the way only where its values are asked for, and then named.
#[test]
fn a_column_that_cannot_be_read_is_named_with_the_way_to_remove_it() -> Result<()> {
    let object = |frame: DataFrame| AnnData::builder().obs(frame).build();
    let plain = DataFrame::new(["a", "b"]).with_column("n", vec![1, 2])?;
    let root = stores::memory();
    io::write_anndata(&root, &object(plain.clone().with_column("wcol", vec![3, 4])?)?, &ElemWriteOptions::default())?;
    let wcol = root.array("obs/wcol")?;
    let mut attributes = wcol.attributes()?;
    attributes.insert("encoding-type".to_owned(), Attribute::from("from-the-future"));
    wcol.set_attributes(&attributes)?;
    let says = |error: Error, words: &str| {
        let text = error.to_string();
        assert!(text.starts_with("obs/wcol: ") && text.contains(words), "{text}");
        assert!(text.ends_with("`remove_obs_column(\"wcol\")` removes it"), "{text}");
    };
    for lazy in [false, true] {
        let mut adata = io::read_anndata(&root, &ElemReadOptions::default().with_lazy(lazy))?;
        let view = adata.select(1.., ..)?;
        says(view.load().unwrap_err(), "no part of it can be selected");
        says(io::write_anndata(&stores::memory(), &view, &ElemWriteOptions::default()).unwrap_err(), "no part of it");
        says(adata.obs().column("wcol").unwrap_err(), "cannot be read: its encoding, 'from-the-future', is not known");
        says(adata.obs().to_record_batch("_index").unwrap_err(), "cannot be read");
        let other = object(plain.clone())?;
        let outer = ConcatOptions::default().with_join(Join::Outer);
        says(concat(&[&other, &adata], &outer).unwrap_err(), "cannot be concatenated");
        // What is not in the result need not be read.
        let inner = concat(&[&other, &adata], &ConcatOptions::default())?;
        assert_eq!(inner.obs().column("n")?, Column::from(vec![1, 2, 1, 2]));
        assert!(adata.remove_obs_column("wcol").is_some());
        assert_eq!(adata.select(1.., ..)?.load()?.obs().column("n")?, Column::from(vec![2]));
    }
    let skipped = io::read_anndata(&root, &ElemReadOptions::default().with_skip(["/obs/wcol"]))?;
    assert_eq!(skipped, object(plain)?);
    Ok(())
}

/// Intervals: an element that anndata does not have.
#[derive(Debug, PartialEq)]
struct Intervals(Vec<i64>);

impl Extension for Intervals {
    fn encoding_type(&self) -> &'static str {
        "intervals"
    }

    fn shape(&self) -> Option<Vec<usize>> {
        Some(vec![self.0.len() / 2])
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Arc<dyn Extension>> {
        let bounds = Tensor::from_vec([self.0.len() / 2, 2], self.0.clone())?;
        let rows = axes.first().cloned().unwrap_or(AxisSelection::Range(0..0));
        let selected = bounds.select(&[rows, AxisSelection::Range(0..2)])?;
        Ok(Arc::new(Self(selected.as_slice::<i64>()?.to_vec())))
    }

    fn concat(&self, parts: &[(Option<Arc<dyn Extension>>, usize)]) -> Result<Arc<dyn Extension>> {
        let mut all = Vec::new();
        for (part, rows) in parts {
            match part {
                Some(part) => all.extend_from_slice(&part.as_any().downcast_ref::<Self>().unwrap().0),
                // Intervals that are not there are empty.
                None => all.extend(std::iter::repeat_n(0, rows * 2)),
            }
        }
        Ok(Arc::new(Self(all)))
    }

    fn equals(&self, other: &dyn Extension) -> bool {
        other.as_any().downcast_ref::<Self>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The whole of an encoding that anndata does not have.
#[derive(Debug)]
struct IntervalEncoding;

static ENDS_FIRST: Rule =
    Rule::new("interval-ends-first", Severity::Error, "An interval ends before it starts.", "Swap its bounds.");

impl Encoding for IntervalEncoding {
    fn name(&self) -> &'static str {
        "intervals"
    }

    fn versions(&self) -> &[&str] {
        &["0.9", "1.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        let bounds = node.into_group()?.take("bounds")?.into_tensor()?;
        let bounds = bounds.as_slice::<i64>()?.to_vec();
        if bounds.chunks(2).any(|pair| pair[0] > pair[1]) {
            return Err(Error::invalid_data("an interval ends before it starts"));
        }
        Ok(Element::Extension(Arc::new(Intervals(bounds))))
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let bounds = intervals(element).ok_or_else(|| Error::invalid_input("no intervals"))?;
        let mut group = GroupNode::encoded(path, "intervals", "1.0");
        let bounds = Tensor::from_vec([bounds.len() / 2, 2], bounds.to_vec())?;
        group.insert("bounds", Node::Array(ArrayNode::plain(&format!("{path}/bounds"), bounds)))?;
        Ok(Node::Group(group))
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        let Some(bounds) = checker.group(node).and_then(|group| checker.array_child(group, "bounds")) else { return };
        checker.stream(bounds, &mut |_, _| Ok(()));
        if let Err(error) = node.fetch().and_then(|node| registry.build(node)) {
            checker.add(&ENDS_FIRST, node.path(), error.message());
        }
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        let shape = node.as_group()?.child("bounds")?.as_array()?.shape()?.into_iter().take(1).collect();
        Ok(Schema::Extension { encoding: self.name().to_owned(), shape: Some(shape) })
    }
}

fn intervals(element: &Element) -> Option<&[i64]> {
    let Element::Extension(extension) = element else { return None };
    extension.as_any().downcast_ref::<Intervals>().map(|intervals| intervals.0.as_slice())
}

fn extension(bounds: &[i64]) -> Element {
    Element::Extension(Arc::new(Intervals(bounds.to_vec())))
}

fn genes() -> Result<AnnData> {
    AnnData::builder()
        .shape(1, 2)
        .varm("exons", extension(&[1, 5, 7, 9]))
        .uns("nested", Mapping::from([("one".to_owned(), extension(&[0, 1]))]))
        .build()
}

/// Reads, writes, selects, concatenates, validates and is described, by what stands above and one line of the registry.
#[test]
fn an_encoding_of_ones_own_is_one_of_all() -> Result<()> {
    let registry = Registry::default().with(IntervalEncoding);
    let genes = |names: [&str; 2], bounds: &[i64]| {
        AnnData::builder().shape(1, 2).var(DataFrame::new(names)).varm("exons", extension(bounds)).build()
    };
    let (a, b) = (genes(["a", "b"], &[1, 5, 7, 9])?, genes(["c", "d"], &[2, 3, 4, 6])?);
    let options = ElemReadOptions::default().with_registry(registry.clone()).with_lazy(true);
    stores::on_each(|root| {
        io::write_anndata(root, &a, &ElemWriteOptions::default().with_registry(registry.clone()))?;
        let stored = io::read_anndata(root, &options)?;
        // Selection and concatenation, of what is stored and in memory.
        let view = stored.select(.., ["b"])?;
        assert_eq!(intervals(&view.varm()["exons"].load()?), Some(&[7, 9][..]));
        assert_eq!(a.select(.., [1, 0])?.load()?, a.select(.., ["b", "a"])?.load()?);
        let along = ConcatOptions::default().with_axis(ConcatAxis::Var);
        let joined = concat(&[&stored, &b], &along)?;
        assert_eq!(intervals(&joined.varm()["exons"]), Some(&[1, 5, 7, 9, 2, 3, 4, 6][..]));
        let mut without = b.clone();
        without.remove_varm("exons");
        let outer = concat(&[&stored, &without], &along.with_join(Join::Outer))?;
        assert_eq!(intervals(&outer.varm()["exons"]), Some(&[1, 5, 7, 9, 0, 0, 0, 0][..]));
        // It is listed with its shape, and clean.
        let tree = Description::of(&Node::open(root, "")?, &registry)?;
        let text = tree.to_string();
        assert!(text.lines().any(|line| line.contains("exons") && line.contains("intervals 1.0  (2,)")), "{text}");
        let validate_options = ValidateOptions::default().with_registry(registry.clone());
        let report = validate(root, &validate_options)?;
        assert!(report.findings.is_empty(), "{report}");
        root.array("varm/exons/bounds")?.write(&[0, 0], &Tensor::from_vec([1, 1], vec![6_i64])?)?;
        let found = validate(root, &validate_options)?.findings;
        assert_eq!((found.len(), found[0].rule, found[0].path.as_str()), (1, "interval-ends-first", "varm/exons"));
        Ok(())
    })
}

#[test]
fn an_encoding_of_ones_own_is_written_and_read() -> Result<()> {
    let registry = Registry::default().with(IntervalEncoding);
    stores::on_each(|root| {
        let back = stores::through_with(root, &genes()?, &ElemWriteOptions::default(), &registry)?;
        assert_eq!(intervals(&back.varm()["exons"]), Some(&[1, 5, 7, 9][..]));
        assert_eq!(intervals(&back.uns()["nested"].as_mapping()?["one"]), Some(&[0, 1][..]));

        let options = ElemReadOptions::default().with_registry(registry.clone()).with_lazy(true);
        let lazy = io::read_anndata(root, &options)?;
        let Element::Lazy(exons) = &lazy.varm()["exons"] else { panic!("{:?}", lazy.varm()) };
        assert_eq!(exons.shape()?, Some(vec![2]));
        assert!(!exons.is_loaded());
        assert_eq!(intervals(&exons.load()?), Some(&[1, 5, 7, 9][..]));
        Ok(())
    })
}

#[test]
fn without_its_encoding_an_element_is_opaque_and_with_it_known_again() -> Result<()> {
    let registry = Registry::default().with(IntervalEncoding);
    stores::on_each(|root| {
        io::write_anndata(root, &genes()?, &ElemWriteOptions::default().with_registry(registry.clone()))?;
        let plain = io::read_anndata(root, &ElemReadOptions::default())?;
        assert!(matches!(plain.varm()["exons"], Element::Opaque(_)), "{:?}", plain.varm());
        let copy = stores::memory();
        io::write_anndata(&copy, &plain, &ElemWriteOptions::default())?;
        let back = io::read_anndata(&copy, &ElemReadOptions::default().with_registry(registry.clone()))?;
        assert_eq!(intervals(&back.varm()["exons"]), Some(&[1, 5, 7, 9][..]));
        Ok(())
    })
}

#[test]
fn errors_of_an_encoding_of_ones_own_name_the_element() -> Result<()> {
    let registry = Registry::default().with(IntervalEncoding);
    let wrong = AnnData::builder().shape(1, 1).uns("w", extension(&[5, 1])).build()?;
    let misaligned = AnnData::builder().shape(1, 3).varm("exons", extension(&[1, 5])).build().unwrap_err();
    assert!(misaligned.to_string().contains("varm/exons: expected a shape that begins with"), "{misaligned}");
    stores::on_each(|root| {
        let error = io::write_anndata(root, &wrong, &ElemWriteOptions::default()).unwrap_err();
        assert!(error.is_unsupported() && error.path() == Some("uns/w"), "not registered: {error}");
        let error = stores::through_with(root, &wrong, &ElemWriteOptions::default(), &registry).unwrap_err();
        assert!(error.is_invalid_data() && error.path() == Some("uns/w"), "{error}");
        Ok(())
    })
}
