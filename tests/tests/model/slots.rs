//! What slots hold and refuse, and that it survives a store: keys, orders, names of columns, objects within objects.

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{AnnData, Column, DataFrame, Element, Mapping, Raw, Result, SparseFormat, SparseMatrix, Tensor};
use anndata_tests::stores;

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::from_vec(shape, vec![0.0_f32; shape.iter().product()]).unwrap()
}

fn message<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

#[test]
fn a_builder_names_the_slot_that_does_not_fit() {
    let builder = || AnnData::builder().x(zeros(&[2, 3]));
    let sparse = SparseMatrix::from_dense(&zeros(&[2, 4]), SparseFormat::Csc).unwrap();
    let raw = |rows| Raw::new(Some(zeros(&[rows, 5]).into()), DataFrame::unnamed(5), Mapping::new());
    for (expected, built) in vec![
        ("obs: expected 2 rows, as X has, found 4", builder().obs(DataFrame::unnamed(4)).build()),
        ("var: expected 3 rows, as X has, found 2", builder().var(DataFrame::unnamed(2)).build()),
        (
            "layers/counts: expected a shape that begins with [2, 3] (n_obs, n_vars), found [2, 4]",
            builder().layer("counts", sparse).build(),
        ),
        (
            "obsm/X_pca: expected a shape that begins with [2] (n_obs), found [3, 2]",
            builder().obsm("X_pca", zeros(&[3, 2])).build(),
        ),
        (
            "varm/PCs: expected a shape that begins with [3] (n_vars), found [2, 2]",
            builder().varm("PCs", zeros(&[2, 2])).build(),
        ),
        (
            "obsp/d: expected a shape that begins with [2, 2] (n_obs, n_obs), found [2, 3]",
            builder().obsp("d", zeros(&[2, 3])).build(),
        ),
        (
            "varp/c: expected a shape that begins with [3, 3] (n_vars, n_vars), found [3]",
            builder().varp("c", zeros(&[3])).build(),
        ),
        ("obsm/no: it is a mapping", builder().obsm("no", Mapping::new()).build()),
        ("obsm/no: expected a shape that begins with [2] (n_obs), found []", builder().obsm("no", 1.0).build()),
        ("obsm/df: its index", builder().obsm("df", DataFrame::new(["a", "b"])).build()),
        ("raw/X: expected 2 rows, one per observation, found shape [9, 5]", builder().raw(raw(9).unwrap()).build()),
        ("X: expected the shape (2, 4) that was given for the object, found [2, 3]", builder().shape(2, 4).build()),
        ("X: expected a matrix with two axes, found shape [2]", AnnData::builder().x(zeros(&[2])).build()),
    ] {
        let message = message(built);
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
    }
    assert!(message(Raw::new(Some(zeros(&[2, 4]).into()), DataFrame::unnamed(5), Mapping::new())).contains("raw/X"));
    assert!(
        message(Raw::new(None, DataFrame::unnamed(5), Mapping::from([("PCs".into(), zeros(&[4, 1]).into())])))
            .contains("raw/varm/PCs: expected a shape that begins with [5] (the rows of raw/var), found [4, 1]")
    );
}

#[test]
fn an_object_that_was_refused_is_as_it_was() -> Result<()> {
    let mut adata = AnnData::builder().x(zeros(&[2, 3])).obsm("m", zeros(&[2, 1])).build()?;
    let before = adata.clone();
    for (refused, message) in [
        (adata.set_obsm("m", zeros(&[3, 1])), "[3, 1]"),
        (adata.set_x(zeros(&[3, 3])), "[3, 3]"),
        (adata.set_layer(Some("l"), zeros(&[3, 3])), "[3, 3]"),
        (adata.set_obs(DataFrame::unnamed(3)), "3"),
    ] {
        let error = refused.unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains(message), "{error:?}: {message}");
    }
    assert_eq!(adata, before);
    Ok(())
}

#[test]
fn keys_that_would_not_read_back_are_refused() -> Result<()> {
    for key in ["a/b", "/", "", ".", "..", "nul\0"] {
        let inner = Mapping::from([(key.to_owned(), 1.into())]);
        let builders = [
            AnnData::builder().shape(1, 1).uns(key, 1),
            AnnData::builder().shape(1, 1).uns("outer", inner),
            AnnData::builder().shape(1, 1).obsm(key, zeros(&[1, 1])),
            AnnData::builder().shape(1, 1).layer(key, zeros(&[1, 1])),
        ];
        for (number, builder) in builders.into_iter().enumerate() {
            let adata = builder.build()?;
            stores::on_each(|root| {
                let error = io::write_anndata(root, &adata, &ElemWriteOptions::default()).unwrap_err();
                let slot = ["uns", "uns/outer", "obsm", "layers"][number];
                assert!(error.is_invalid_input(), "{key:?}: {error}");
                assert!(error.path().is_some_and(|path| path.starts_with(slot)), "{key:?}: {error}");
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn the_order_of_keys_and_columns_is_kept() -> Result<()> {
    let keys = ["zebra", "Apple", "mango", "10", "9", "ä", "_"];
    let mapping: Mapping = keys.iter().map(|&key| (key.to_owned(), key.into())).collect();
    let mut obs = DataFrame::unnamed(2);
    let mut builder = AnnData::builder().shape(2, 2).all_uns(mapping.clone()).uns("inner", mapping);
    for key in keys {
        obs.insert(key, vec![1_i32, 2])?;
        builder = builder.obsm(key, zeros(&[2, 1])).layer(key, zeros(&[2, 2])).varp(key, zeros(&[2, 2]));
    }
    let adata = builder.obs(obs).build()?;
    stores::on_each(|root| {
        let back = stores::through(root, &adata)?;
        assert_eq!(back, adata);
        assert_eq!(back.to_string(), adata.to_string());
        assert_eq!(back.obs().column_names().collect::<Vec<_>>(), keys);
        assert_eq!(back.uns()["inner"].as_mapping()?.keys().collect::<Vec<_>>(), keys);
        let lazy = io::read_anndata(root, &ElemReadOptions::default().with_lazy(true))?;
        assert_eq!(lazy.to_string(), adata.to_string());
        Ok(())
    })
}

#[test]
fn columns_with_slashes_are_read_back() -> Result<()> {
    let obs = DataFrame::new(["a", "b"])
        .with_column("qc/depth", vec![1_i64, 2])?
        .with_column("plain", vec![0.5, 1.5])?
        .with_column("qc/type", Column::categorical_from_strings(["x", "y"])?)?
        .with_column("a/b/c", vec!["p", "q"])?;
    let adata = AnnData::builder().obs(obs).build()?;
    stores::on_each(|root| {
        let back = stores::through(root, &adata)?;
        assert_eq!(back, adata);
        assert_eq!(back.obs().column_names().collect::<Vec<_>>(), ["qc/depth", "plain", "qc/type", "a/b/c"]);
        assert!(back.obs().other().is_empty());
        Ok(())
    })?;
    for (first, second) in [("qc", "qc/depth"), ("qc/depth", "qc"), ("a/b", "a/b/c")] {
        let obs = DataFrame::new(["a"]).with_column(first, vec![1])?.with_column(second, vec![2])?;
        let adata = AnnData::builder().obs(obs).build()?;
        stores::on_each(|root| {
            let error = stores::through(root, &adata).unwrap_err();
            assert!(error.is_invalid_input() && error.path().is_some_and(|path| path.starts_with("obs")), "{error}");
            Ok(())
        })?;
    }
    Ok(())
}

/// An empty name of a column, or of the index, would be the frame within itself, without end.
#[test]
fn a_frame_is_no_column_of_itself() -> Result<()> {
    for name in ["", "/", "n/", "//n"] {
        for attribute in ["_index", "column-order"] {
            stores::on_each(|root| {
                let frame = DataFrame::new(["a"]).with_column("n", vec![1])?;
                io::write_elem(root, "frame", &frame.into(), &ElemWriteOptions::default())?;
                let group = root.group("frame")?;
                match attribute {
                    "_index" => group.set_attribute("_index", Tensor::string(name))?,
                    _ => group.set_attribute("column-order", Tensor::from_strings([1], [name])?)?,
                }
                for lazy in [false, true] {
                    let error = io::read_elem(root, "frame", &ElemReadOptions::default().with_lazy(lazy)).unwrap_err();
                    assert!(error.is_invalid_data() && error.path() == Some("frame"), "{name:?}: {error}");
                }
                Ok(())
            })?;
        }
        let frame = DataFrame::new(["a"]).with_column(name, vec![1])?;
        let error =
            io::write_elem(&stores::memory(), "frame", &frame.into(), &ElemWriteOptions::default()).unwrap_err();
        let below = error.path().is_some_and(|path| path == "frame" || path.starts_with("frame/"));
        assert!(error.is_invalid_input() && below, "{name:?}: {error:?}");
    }
    Ok(())
}

#[test]
fn the_name_of_the_index_is_kept_and_may_be_that_of_an_equal_column() -> Result<()> {
    let frame = |column: Vec<&'static str>| {
        let frame = DataFrame::new(["a", "b"]).with_index_name(Some("cells".to_owned()));
        frame.with_column("cells", column)
    };
    stores::on_each(|root| {
        io::write_elem(root, "same", &frame(vec!["a", "b"])?.into(), &ElemWriteOptions::default())?;
        let back = io::read_elem(root, "same", &ElemReadOptions::default())?;
        assert_eq!(back.as_frame()?.index_name(), Some("cells"));
        assert_eq!(back, frame(vec!["a", "b"])?.into());
        let error = io::write_elem(root, "other", &frame(vec!["a", "c"])?.into(), &ElemWriteOptions::default());
        assert!(message(error).contains("cells"));
        let reserved = DataFrame::new(["a"]).with_column("_index", vec![1])?;
        assert!(
            message(io::write_elem(root, "reserved", &reserved.into(), &ElemWriteOptions::default()))
                .contains("_index")
        );
        assert_eq!(root.children()?, ["same"]);
        Ok(())
    })
}

/// The attribute `column-order` is far over the 64 KiB that an object header holds.
#[test]
fn a_frame_may_have_ten_thousand_columns() -> Result<()> {
    let mut frame = DataFrame::new(["a", "b"]);
    for number in 0..10_000_i32 {
        frame.insert(format!("column {number:05}"), vec![number, -number])?;
    }
    let element = Element::from(frame.clone());
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("wide.h5ad");
    io::write_elem(&stores::hdf5(&path)?, "wide", &element, &ElemWriteOptions::default())?;
    let back = io::read_elem(&anndata::open(&path)?, "wide", &ElemReadOptions::default().with_lazy(true))?;
    let names = |frame: &DataFrame| frame.column_names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(back.as_frame()?), names(&frame));
    for column in ["column 00000", "column 05000", "column 09999"] {
        assert_eq!(back.as_frame()?.column(column)?, frame.column(column)?);
    }
    Ok(())
}

#[test]
fn an_object_within_another_is_kept() -> Result<()> {
    let inner = AnnData::builder()
        .x(Tensor::from_vec([2, 2], vec![1_u8, 2, 3, 4])?)
        .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1.5, f64::NAN])?)
        .layer("l", SparseMatrix::from_dense(&Tensor::from_vec([2, 2], vec![0_i64, 7, 0, 0])?, SparseFormat::Csc)?)
        .uns("deep", AnnData::builder().shape(0, 3).build()?)
        .build()?;
    let with_raw = AnnData::builder()
        .x(zeros(&[1, 1]))
        .raw(Raw::new(
            Some(zeros(&[1, 4]).into()),
            DataFrame::unnamed(4),
            Mapping::from([("m".into(), zeros(&[4, 2]).into())]),
        )?)
        .build()?;
    let adata = AnnData::builder().shape(1, 1).uns("inner", inner).uns("with_raw", with_raw).build()?;
    stores::on_each(|root| {
        assert_eq!(stores::through(root, &adata)?, adata);
        let lazy = io::read_anndata(root, &ElemReadOptions::default().with_lazy(true))?;
        let Element::AnnData(inner) = &lazy.uns()["inner"] else { panic!("{:?}", lazy.uns()) };
        assert_eq!(inner.shape(), (2, 2));
        assert_eq!(lazy.load()?, adata);
        Ok(())
    })
}

/// As deep as may be read, on the small stack of a thread.
#[test]
fn deep_nesting_is_read_or_refused() -> Result<()> {
    let nested = |depth: usize, wrap: &dyn Fn(Element) -> Result<Element>| -> Result<Element> {
        (0..depth).try_fold(Element::from(1), |inner, _| wrap(inner))
    };
    let mapping = |inner: Element| Ok(Mapping::from([("m".to_owned(), inner)]).into());
    let object = |inner: Element| Ok(AnnData::builder().shape(1, 1).uns("o", inner).build()?.into());
    for (element, fits) in [
        (nested(95, &mapping)?, true),
        (nested(20, &object)?, true),
        (nested(120, &mapping)?, false),
        (nested(60, &object)?, false),
    ] {
        stores::on_each(|root| {
            let written = io::write_elem(root, "deep", &element, &ElemWriteOptions::default());
            for lazy in [false, true] {
                let read = io::read_elem(root, "deep", &ElemReadOptions::default().with_lazy(lazy));
                if fits {
                    assert_eq!(read?.load()?, element);
                } else {
                    let refused = written.as_ref().err().map_or_else(|| message(read), ToString::to_string);
                    assert!(refused.contains("more than 100 groups within each other"), "{refused}");
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn elements_beside_the_slots_are_written_and_kept() -> Result<()> {
    let extra = Mapping::from([("a".to_owned(), 1.into()), ("b".to_owned(), "text".into())]);
    let adata = AnnData::builder().shape(1, 1).other("spatial", extra.clone()).build()?;
    stores::on_each(|root| {
        let back = stores::through(root, &adata)?;
        assert_eq!(back.other().keys().collect::<Vec<_>>(), ["spatial"]);
        assert_eq!(io::read_elem(root, "spatial", &ElemReadOptions::default())?, extra.clone().into());
        let again = stores::memory();
        assert_eq!(stores::through(&again, &back)?, back);
        assert_eq!(io::read_elem(&again, "spatial", &ElemReadOptions::default())?, extra.clone().into());
        Ok(())
    })
}
