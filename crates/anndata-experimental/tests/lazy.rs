//! Lazy elements read what is asked for, and keep of it what they should.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::{Arc, Barrier};

use anndata_core::testing::RandomAnnData;
use anndata_core::{AnnData, Column, DataFrame, Element, ErrorKind, Keep, Result, Tensor};
use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions, Names};
use anndata_storage::{Attribute, MemoryStore, Storage as _};
use support::Counting;

const ROWS: usize = 1000;

/// A thousand rows, of which each is in a category of its own.
fn many_categories() -> Result<AnnData> {
    let categories = (0..ROWS).map(|at| format!("k{at:04}"));
    let obs = DataFrame::new((0..ROWS).map(|at| format!("c{at}")))
        .with_column("z", (0_i64..1000).collect::<Vec<_>>())?
        .with_column("kind", Column::categorical_from_strings(categories)?)?
        .with_column("a", vec![0.5; ROWS])?;
    AnnData::builder().x(Tensor::from_vec([ROWS, 2], vec![1_i32; 2 * ROWS])?).obs(obs).build()
}

fn lazily() -> ElemReadOptions {
    ElemReadOptions::default().with_lazy(true)
}

#[test]
fn no_array_is_read_to_open_and_names_alone_if_they_are_asked_for() -> Result<()> {
    let (root, reads) = Counting::of(&RandomAnnData::new(7, 5).make()?, &ElemWriteOptions::default())?;
    let adata = io::read_anndata(&root, &lazily())?;
    assert_eq!((reads.take(), adata.shape()), (Vec::new(), (7, 5)));

    let adata = io::read_anndata(&root, &lazily().with_keep(Keep::Never).with_names(Names::Now))?;
    let read = reads.take();
    assert!(read.iter().all(|(path, _)| path.ends_with("/_index") || path.contains("/_index/")), "{read:?}");
    for index in [("obs/_index".to_owned(), 7), ("var/_index".to_owned(), 5), ("raw/var/_index".to_owned(), 8)] {
        assert!(read.contains(&index), "{index:?} in {read:?}");
    }
    // From then on they are in memory, whatever becomes of other values.
    assert_eq!((adata.obs_names()?.len(), adata.var_names()?.len(), reads.take()), (7, 5, Vec::new()));
    Ok(())
}

#[test]
fn columns_are_read_one_by_one_and_are_in_the_order_of_the_file() -> Result<()> {
    let (root, reads) = Counting::of(&many_categories()?, &ElemWriteOptions::default())?;
    let adata = io::read_anndata(&root, &lazily())?;
    assert_eq!(adata.obs().column_names().collect::<Vec<_>>(), ["z", "kind", "a"]);
    adata.obs().column("a")?;
    adata.obs().column("z")?;
    assert_eq!(reads.take(), [("obs/a".to_owned(), 1000), ("obs/z".to_owned(), 1000)]);
    // The names are the true ones.
    let one = adata.select("c5", ..)?;
    assert_eq!((one.obs_names()?, reads.take()), (vec!["c5".to_owned()], vec![("obs/_index".to_owned(), 1000)]));
    assert!(adata.select("5", ..).is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[test]
fn categories_are_counted_and_read_without_codes() -> Result<()> {
    let (root, reads) = Counting::of(&many_categories()?, &ElemWriteOptions::default())?;
    let adata = io::read_anndata(&root, &lazily())?;
    let kind = adata.obs().series("kind").unwrap();
    assert_eq!((kind.n_categories()?, reads.take()), (Some(ROWS), Vec::new()));
    assert_eq!(kind.categories(3..5)?.to_vec::<String>()?, ["k0003", "k0004"]);
    assert_eq!(reads.take(), [("obs/kind/categories".to_owned(), 2)]);
    assert_eq!(kind.categories(1000..1000)?.len(), 0);
    // A view has the categories of its rows, for which these are read.
    let view = adata.select([7, 5], ..)?;
    let seen = view.obs().series("kind").unwrap();
    assert_eq!((seen.n_categories()?, seen.categories(1..2)?.to_vec::<String>()?), (None, vec!["k0007".to_owned()]));
    let error = seen.categories(1..3).unwrap_err();
    assert!(error.is_invalid_input() && error.text().contains("1..3 are out of bounds of 2"), "{error}");

    let error = kind.categories(999..1001).unwrap_err();
    assert!(error.is_invalid_input() && error.path() == Some("obs/kind"), "{error:?}");
    let error = adata.obs().series("a").unwrap().categories(0..1).unwrap_err();
    assert!(error.is_dtype() && error.text().contains("not categorical"), "{error}");
    assert_eq!(adata.obs().series("a").unwrap().n_categories()?, None);
    Ok(())
}

#[test]
fn rows_of_a_column_are_read_alone() -> Result<()> {
    let (root, reads) = Counting::of(&many_categories()?, &ElemWriteOptions::default())?;
    let adata = io::read_anndata(&root, &lazily())?;
    let z = adata.obs().series("z").unwrap();
    assert_eq!(z.slice(10..13)?, Column::from(vec![10_i64, 11, 12]));
    assert_eq!(reads.take(), [("obs/z".to_owned(), 3)]);
    let error = z.slice(999..1002).unwrap_err();
    assert!(error.is_invalid_input() && error.path() == Some("obs/z"), "{error:?}");
    z.load()?;
    reads.take();
    assert_eq!((z.slice(0..2)?.len(), reads.take()), (2, Vec::new()));
    Ok(())
}

#[test]
fn values_are_kept_as_asked() -> Result<()> {
    let (root, reads) = Counting::of(&many_categories()?, &ElemWriteOptions::default())?;
    let times = |keep: Keep| {
        let adata = io::read_anndata(&root, &lazily().with_keep(keep))?;
        for name in ["a", "z", "a"] {
            adata.obs().column(name)?;
        }
        Ok::<_, anndata_core::Error>((reads.times("obs/a"), reads.times("obs/z")))
    };
    assert_eq!(times(Keep::Once)?, (1, 1));
    assert_eq!(times(Keep::Never)?, (2, 1));
    // There is room for both, for one, for none.
    assert_eq!(times(Keep::cache(16_000))?, (1, 1));
    assert_eq!(times(Keep::cache(8_000))?, (2, 1));
    assert_eq!(times(Keep::cache(7_999))?, (2, 1));

    // A cache that several objects share gives back what theirs was.
    let keep = Keep::cache(20_000);
    let Keep::Cache(cache) = &keep else { unreachable!() };
    let options = lazily().with_keep(keep.clone());
    let (one, other) = (io::read_anndata(&root, &options)?, io::read_anndata(&root, &options)?);
    one.obs().column("a")?;
    other.obs().column("z")?;
    assert_eq!(cache.bytes(), 16_000);
    drop(one);
    assert_eq!((cache.bytes(), cache.max_bytes()), (8_000, 20_000));
    Ok(())
}

#[test]
fn many_threads_that_ask_at_once_read_once() -> Result<()> {
    let (root, reads) = Counting::of(&many_categories()?, &ElemWriteOptions::default())?;
    for keep in [Keep::Once, Keep::cache(1 << 20)] {
        let adata = io::read_anndata(&root, &lazily().with_keep(keep))?;
        let (x, barrier) = (adata.x().unwrap(), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(x.to_tensor().unwrap().shape(), [ROWS, 2]);
                });
            }
        });
        assert_eq!(reads.times("X"), 1);
        // Those of the pool do not wait for each other.
        rayon::scope(|scope| (0..8).for_each(|_| scope.spawn(|_| drop(adata.obs().column("kind").unwrap()))));
    }
    Ok(())
}

#[test]
fn what_is_empty_or_unknown_keeps_no_store_from_being_opened() -> Result<()> {
    let obs = DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2])?;
    let empty = Tensor::from_vec([2, 0], Vec::<f32>::new())?;
    let adata = AnnData::builder().shape(2, 0).obs(obs).obsm("none", empty).uns("nothing", Element::Null).build()?;
    let store = Arc::new(MemoryStore::new());
    let root = anndata_format::Group::root(Arc::clone(&store) as Arc<dyn anndata_storage::Storage>);
    io::write_anndata(&root, &adata, &ElemWriteOptions::default())?;
    let mut attributes = store.attributes("obs/n")?;
    attributes.insert("encoding-type".to_owned(), Attribute::from("of-tomorrow"));
    store.set_attributes("obs/n", &attributes)?;

    let lazy = io::read_anndata(&root, &lazily())?;
    assert_eq!((lazy.shape(), lazy.obs_names()?), ((2, 0), vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(lazy.obsm()["none"].to_tensor()?.shape(), [2, 0]);
    let unknown = lazy.obs().series("n").unwrap();
    assert_eq!((unknown.schema()?, unknown.n_categories()?), (None, None));
    assert!(unknown.slice(0..1).is_err_and(|error| error.kind() == ErrorKind::Unsupported));

    let none =
        io::read_anndata(&Counting::of(&AnnData::builder().build()?, &ElemWriteOptions::default())?.0, &lazily())?;
    assert_eq!((none.shape(), none.load()?.shape()), ((0, 0), (0, 0)));
    Ok(())
}
