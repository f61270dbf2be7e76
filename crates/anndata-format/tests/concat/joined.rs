//! Lazy concatenation: whatever is selected of it is what the concatenation in memory has there.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use anndata_core::testing::{RandomAnnData, RandomX};
use anndata_format::{DType, Group, MemoryStore, Raw, Tolerance};

/// One input: what is made at random, and what of it is kept.
#[derive(Debug, Clone)]
struct Input {
    seed: u64,
    x: RandomX,
    dtype: DType,
    obs: Vec<u64>,
    var: Vec<u64>,
    /// A bit for each element that may be left out.
    without: u8,
    raw: bool,
}

impl Input {
    fn make(&self) -> Result<AnnData> {
        let whole = RandomAnnData::new(6, 7)
            .with_x(self.x)
            .with_dtype(self.dtype.clone())
            .with_density(0.4)
            .with_raw(self.raw)
            .with_seed(self.seed);
        let mut made = whole.make()?.select(self.obs.clone(), self.var.clone())?.load()?;
        let n = made.n_obs();
        let is_without = |bit: u8| self.without & (1 << bit) != 0;
        let width = 1 + usize::from(self.without % 3);
        let values = |len: usize| (0..len).map(|i| i as f64 / 2.0).collect::<Vec<f64>>();
        made.set_obsm("width", Tensor::from_vec([n, width], values(n * width))?.cast(&self.dtype)?)?;
        made.set_obsm("cube", Tensor::from_vec([n, width, 2], values(n * width * 2))?)?;
        made.set_obsm("text", Tensor::from_strings([n, 2], (0..2 * n).map(|i| format!("t{i}")))?)?;
        if is_without(0) {
            made.remove_layer(Some("sparse"));
        }
        if is_without(1) {
            made.remove_obsm("sparse");
        }
        if is_without(2) {
            made.remove_obsm("awkward");
        }
        if is_without(3) {
            made.remove_obsp("array");
        }
        if is_without(4) {
            made.remove_obs_column("floats");
        }
        Ok(made)
    }
}

fn input() -> impl Strategy<Value = Input> {
    let x = prop_oneof![Just(RandomX::Dense), Just(RandomX::Csr), Just(RandomX::Csc), Just(RandomX::Absent)];
    let some = |n: u64| {
        Just((0..n).collect::<Vec<_>>()).prop_shuffle().prop_flat_map(move |all| {
            (0..=all.len()).prop_map(move |len| all.iter().copied().take(len).collect::<Vec<u64>>())
        })
    };
    let dtype = prop::sample::select(&DType::NUMERIC[..]);
    (0..50_u64, x, dtype, some(6), some(7), any::<u8>(), any::<bool>())
        .prop_map(|(seed, x, dtype, obs, var, without, raw)| Input { seed, x, dtype, obs, var, without, raw })
}

fn options() -> impl Strategy<Value = ConcatOptions> {
    let merge =
        || prop_oneof![Just(Merge::Off), Just(Merge::Same), Just(Merge::Unique), Just(Merge::First), Just(Merge::Only)];
    let fill = prop::option::of(prop_oneof![Just(FillValue::Int(3)), Just(FillValue::NAN)]);
    (any::<[bool; 4]>(), merge(), merge(), fill).prop_map(|([outer, unique, label, pairwise], merge, uns, fill)| {
        let mut options = ConcatOptions::default().with_merge(merge).with_uns_merge(uns).with_pairwise(pairwise);
        options.join = if outer { Join::Outer } else { Join::Inner };
        options.index_unique = unique.then(|| "-".to_owned());
        options.label = label.then(|| "batch".to_owned());
        options.fill_value = fill;
        options
    })
}

/// The same object, lazy.
pub(crate) fn stored(adata: &AnnData) -> Result<AnnData> {
    let root = Group::root(Arc::new(MemoryStore::new()));
    io::write_anndata(&root, adata, &io::ElemWriteOptions::default())?;
    io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true))
}

/// The dtypes of everything that has one, by path.
fn dtypes(adata: &AnnData) -> Result<Vec<(String, Option<DType>)>> {
    let mut dtypes = Vec::new();
    for (key, layer) in adata.layers() {
        dtypes.push((format!("layers/{key:?}"), layer.dtype()?));
    }
    for (slot, mapping) in
        [("obsm", adata.obsm()), ("obsp", adata.obsp()), ("varm", adata.varm()), ("varp", adata.varp())]
    {
        for (key, element) in mapping {
            dtypes.push((format!("{slot}/{key}"), element.dtype()?));
        }
    }
    dtypes.push(("raw".to_owned(), adata.raw().and_then(Raw::x).map(Element::dtype).transpose()?.flatten()));
    Ok(dtypes)
}

/// Compares a lazy concatenation, whole and selected from, with that in memory.
fn compare(inputs: &[Input], options: &ConcatOptions, obs: &[u64], var: &[u64]) -> Result<()> {
    let lazy = inputs.iter().map(|input| stored(&input.make()?)).collect::<Result<Vec<_>>>()?;
    // In another order than they were made in: layers are stored by name.
    let memory = inputs.iter().map(|input| stored(&input.make()?)?.load()).collect::<Result<Vec<_>>>()?;
    let (memory, lazy): (Vec<&AnnData>, Vec<&AnnData>) = (memory.iter().collect(), lazy.iter().collect());
    let whole = match concat(&memory, options) {
        Ok(whole) => whole,
        Err(error) => {
            let refused = concat_lazy(&lazy, options).and_then(|joined| joined.load());
            assert_eq!(refused.map_or_else(|error| error.text(), |_| String::new()), error.text());
            return Ok(());
        }
    };
    let joined = concat_lazy(&lazy, options)?;
    assert_eq!(joined.to_string(), whole.to_string());
    assert_eq!(dtypes(&joined)?, dtypes(&whole)?);
    for (lazy, loaded) in joined.obs().columns().zip(whole.obs().columns()) {
        assert_eq!(lazy.1.schema()?, loaded.1.schema()?, "{}", lazy.0);
    }
    assert_eq!(joined.obs().index().schema()?, whole.obs().index().schema()?);
    let pick = |positions: &[u64], len: usize| -> Vec<u64> {
        positions.iter().filter(|_| len > 0).map(|position| position % (len as u64).max(1)).collect()
    };
    let (obs, var) = (pick(obs, whole.n_obs()), pick(var, whole.n_vars()));
    let exact = Tolerance::EXACT;
    let same = |a: &AnnData, b: &AnnData, what: &str| {
        let difference = a.approx_eq(b, exact).err().map(|difference| difference.to_string());
        assert_eq!(difference, None, "{what}");
        assert_eq!(dtypes(a).ok(), dtypes(b).ok(), "{what}");
    };
    for (obs, var) in [(Some(obs.clone()), None), (None, Some(var.clone())), (Some(obs), Some(var))] {
        let select = |adata: &AnnData| match (&obs, &var) {
            (Some(obs), Some(var)) => adata.select(obs.clone(), var.clone()),
            (Some(obs), None) => adata.select(obs.clone(), ..),
            (_, var) => adata.select(.., var.clone().unwrap_or_default()),
        };
        let expected = select(&whole)?.load()?;
        let what = format!("{obs:?}, {var:?}");
        same(&select(&joined)?.load()?, &expected, &what);
        same(&pollster::block_on(select(&joined)?.load_async())?, &expected, &what);
    }
    let (written, expected) = (written(&joined, 1)?, written(&whole, 1 << 20)?);
    assert!(joined.layers().values().all(|layer| !matches!(layer, Element::Lazy(lazy) if lazy.is_loaded())));
    assert_eq!(written.1, expected.1);
    same(&written.0, &expected.0, "written");
    assert_eq!(written.0, expected.0);
    let loaded = joined.load()?;
    assert_eq!(loaded, whole);
    Ok(())
}

/// What a store holds of an object that is written in blocks of so many bytes: the object, and where the values of each
/// element are as they are stored.
fn written(adata: &AnnData, block_bytes: u64) -> Result<(AnnData, Vec<String>)> {
    let root = Group::root(Arc::new(MemoryStore::new()));
    let mut options = io::ElemWriteOptions::default();
    options.store = options.store.with_block_bytes(block_bytes);
    io::write_anndata(&root, adata, &options)?;
    let mut seen = Vec::new();
    describe(&root, &mut seen)?;
    Ok((io::read_anndata(&root, &io::ElemReadOptions::default())?, seen))
}

/// Path, dtype and attributes of everything.
fn describe(group: &Group, seen: &mut Vec<String>) -> Result<()> {
    seen.push(format!("{} {:?}", group.path(), group.attributes()?));
    for child in group.children()? {
        if let Ok(array) = group.array(&child) {
            let spec = array.spec();
            seen.push(format!("{} {} {:?} {:?}", array.path(), spec.dtype, spec.shape, array.attributes()?));
        } else {
            describe(&group.group(&child)?, seen)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_selected_is_what_is_there_in_memory(
        inputs in vec(input(), 1..4),
        options in options(),
        along_var in any::<bool>(),
        obs in vec(0..40_u64, 0..9),
        var in vec(0..40_u64, 0..9),
    ) {
        let axis = if along_var { ConcatAxis::Var } else { ConcatAxis::Obs };
        let compared = compare(&inputs, &options.with_axis(axis), &obs, &var);
        prop_assert!(compared.is_ok(), "{compared:?}");
    }
}

/// An element that is never given as a whole.
#[derive(Debug)]
struct OnlyParts(Element);

impl anndata_format::LazySource for OnlyParts {
    fn path(&self) -> &'static str {
        "part"
    }

    fn schema(&self) -> Result<anndata_format::Schema> {
        self.0.schema()
    }

    fn load(&self) -> Result<Element> {
        Err(Error::limit_exceeded("too large to be read as a whole"))
    }

    fn select(&self, axes: &[anndata_format::AxisSelection]) -> Result<Element> {
        match axes.first() {
            Some(rows) if rows.len() > 30 => Err(Error::limit_exceeded(format!("{} rows at once", rows.len()))),
            _ => self.0.select(axes),
        }
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        // So that it is counted some rows at a time.
        16 * (64 << 20)
    }
}

#[test]
fn what_is_joined_is_written_in_blocks() -> Result<()> {
    let lazy = |element: Element| anndata_format::Lazy::new(OnlyParts(element));
    let series = |column: Column| anndata_format::Series::Lazy(lazy(column.into()));
    let n = 40;
    let part = |names: &str, lazily: bool| {
        let element = |element: Element| if lazily { lazy(element).into() } else { element };
        let column = |column: Column| if lazily { series(column) } else { column.into() };
        let numbers: Vec<i64> = (0..n).collect();
        let x = Tensor::from_vec([40, 3], (0..120).map(|i| i64::from(i % 4 == 0) * i).collect::<Vec<_>>())?;
        let missing: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
        let ints = Tensor::from_vec([40], numbers.clone())?;
        let nullable = Column::nullable(&ints, &missing, anndata_format::NaValue::Na)?;
        let obs = DataFrame::with_index(column(Column::strings((0..n).map(|i| format!("{names}{i}")))))
            .with_column("category", Column::categorical_from_strings((0..n).map(|i| format!("c{}", i % 5)))?)?
            .with_column("nullable", column(nullable))?
            .with_column("number", column(numbers.into()))?
            .with_column("text", Column::strings((0..n).map(|i| "x".repeat(usize::try_from(i).unwrap_or(0)))))?;
        AnnData::builder()
            .x(element(SparseMatrix::from_dense(&x, SparseFormat::Csr)?.into()))
            .layer("dense", element(x.clone().into()))
            .layer("csc", element(SparseMatrix::from_dense(&x, SparseFormat::Csc)?.into()))
            .obs(obs)
            .var(DataFrame::new(labels(names)))
            .obsp(
                "near",
                element(
                    SparseMatrix::from_dense(&Tensor::from_vec([40, 40], vec![1_u8; 1600])?, SparseFormat::Csr)?.into(),
                ),
            )
            .build()
    };
    for options in [ConcatOptions::default(), outer(), outer().with_fill_value(2_i64)] {
        let options = options.with_pairwise(true);
        let (a, b) = (part("abc", true)?, part("cdb", true)?);
        let joined = concat_lazy(&[&a, &b], &options)?;
        let whole = concat(&[&part("abc", false)?, &part("cdb", false)?], &options)?;
        assert_eq!(written(&joined, 30)?, written(&whole, 1 << 20)?);
        let rows: Vec<u64> = (0..80).rev().step_by(3).collect();
        let view = |adata: &AnnData| adata.select(rows.clone(), ..);
        assert_eq!(written(&view(&joined)?, 30)?, written(&view(&whole)?, 1 << 20)?);
    }
    Ok(())
}
