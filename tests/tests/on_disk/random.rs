//! Random objects in files of any format: on disk they become what they become in memory.

use std::path::{Path, PathBuf};

use anndata::experimental::{Grid, OnDiskOptions, concat_on_disk};
use anndata::testing::{RandomAnnData, RandomX};
use anndata::{
    AnnData, Compression, ConcatAxis, ConcatOptions, DType, FillValue, Join, Merge, Result, Sharding, Tensor,
    Tolerance, WriteOptions, ZarrFormat, concat_named,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::outline;

/// An input: what is made at random, what of it is kept, and how it is stored.
#[derive(Debug, Clone)]
struct Input {
    seed: u64,
    x: RandomX,
    dtype: DType,
    obs: Vec<u64>,
    var: Vec<u64>,
    /// A bit for each element that is left out.
    without: u8,
    raw: bool,
    place: Place,
}

/// How an object is stored: format, compression, shards.
#[derive(Debug, Clone)]
struct Place {
    ending: &'static str,
    version: ZarrFormat,
    compression: Compression,
    shards: bool,
}

impl Place {
    fn options(&self) -> WriteOptions {
        let sharding = if self.shards { Sharding::default() } else { Sharding::Off };
        WriteOptions::default()
            .with_compression(self.compression)
            .with_zarr_format(self.version)
            .with_sharding(sharding)
            .with_durable(false)
    }
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
        let values = (0..u32::try_from(n * width).unwrap()).map(|at| f64::from(at) / 2.0).collect::<Vec<f64>>();
        made.set_obsm("width", Tensor::from_vec([n, width], values)?.cast(&self.dtype)?)?;
        if is_without(0) {
            made.remove_layer(Some("sparse"));
        }
        for (bit, key) in [(1, "sparse"), (2, "awkward")] {
            if is_without(bit) {
                made.remove_obsm(key);
            }
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

fn place() -> impl Strategy<Value = Place> {
    let compression = prop::sample::select(vec![Compression::Default, Compression::Gzip(1), Compression::None]);
    let ending = prop::sample::select(vec!["h5ad", "zarr", "zarr.zip"]);
    let version = prop::sample::select(vec![ZarrFormat::V2, ZarrFormat::V3]);
    (ending, version, compression, any::<bool>()).prop_map(|(ending, version, compression, shards)| Place {
        ending,
        version,
        compression,
        shards,
    })
}

fn input() -> impl Strategy<Value = Input> {
    let x = prop_oneof![Just(RandomX::Dense), Just(RandomX::Csr), Just(RandomX::Csc), Just(RandomX::Absent)];
    let some = |n: u64| {
        Just((0..n).collect::<Vec<_>>()).prop_shuffle().prop_flat_map(move |all| {
            (0..=all.len()).prop_map(move |len| all.iter().copied().take(len).collect::<Vec<u64>>())
        })
    };
    let dtype = prop::sample::select(&DType::NUMERIC[..]);
    (0..50_u64, x, dtype, some(6), some(7), any::<u8>(), any::<bool>(), place()).prop_map(
        |(seed, x, dtype, obs, var, without, raw, place)| Input { seed, x, dtype, obs, var, without, raw, place },
    )
}

fn options() -> impl Strategy<Value = ConcatOptions> {
    let merge =
        || prop_oneof![Just(Merge::Off), Just(Merge::Same), Just(Merge::Unique), Just(Merge::First), Just(Merge::Only)];
    let fill = prop::option::of(prop_oneof![Just(FillValue::Int(3)), Just(FillValue::NAN)]);
    (any::<[bool; 5]>(), merge(), merge(), fill).prop_map(
        |([outer, unique, label, pairwise, var], merge, uns, fill)| {
            let mut options = ConcatOptions::default().with_merge(merge).with_uns_merge(uns).with_pairwise(pairwise);
            options.axis = if var { ConcatAxis::Var } else { ConcatAxis::Obs };
            options.join = if outer { Join::Outer } else { Join::Inner };
            options.index_unique = unique.then(|| "-".to_owned());
            options.label = label.then(|| "batch".to_owned());
            options.fill_value = fill;
            options
        },
    )
}

/// Everything that a case is made of.
fn case() -> impl Strategy<Value = (Vec<Input>, ConcatOptions, Place, u64, bool)> {
    let memory = prop::sample::select(vec![100_u64, 2_000, 512 << 20]);
    (prop::collection::vec(input(), 1..4), options(), place(), memory, any::<bool>())
}

/// Compares what is written on disk with what is put together in memory and then written in the same way.
fn compare(
    folder: &Path,
    inputs: &[Input],
    concat: &ConcatOptions,
    place: &Place,
    memory: u64,
    copy: bool,
) -> Result<()> {
    let stored = inputs.iter().enumerate().map(|(at, input)| {
        let path = folder.join(format!("input-{at}.{}", input.place.ending));
        anndata::write_with(&path, &input.make()?, &input.place.options())?;
        Ok((format!("key {at}"), path))
    });
    let stored = stored.collect::<Result<Vec<(String, PathBuf)>>>()?;
    let [output, expected] = ["output", "expected"].map(|name| folder.join(format!("{name}.{}", place.ending)));
    let objects = stored.iter().map(|(key, path)| Ok((key.as_str(), anndata::read(path)?)));
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let cut = copy && place.ending != "h5ad" && place.version == ZarrFormat::V3;
    let options = OnDiskOptions::default()
        .with_grid(if cut { Grid::Rectilinear } else { Grid::Regular })
        .with_concat(concat.clone())
        .with_write(place.options())
        .with_memory_limit(memory)
        .with_copy_chunks(copy);
    let whole = match concat_named(objects.iter().map(|(key, object)| (*key, object)), concat) {
        Ok(whole) => whole,
        Err(error) => {
            let refused = concat_on_disk(stored, &output, &options).map(|report| report.dropped);
            assert_eq!(refused.map_err(|refused| refused.kind()), Err(error.kind()), "{error}");
            assert!(!output.exists());
            return Ok(());
        }
    };
    anndata::write_with(&expected, &whole, &place.options())?;
    concat_on_disk(stored, &output, &options)?;
    let (found, wanted) = (anndata::read(&output)?, anndata::read(&expected)?);
    let difference = found.approx_eq(&wanted, Tolerance::EXACT).err().map(|difference| difference.to_string());
    assert_eq!(difference, None);
    assert_eq!(outline(&output)?, outline(&expected)?);
    Ok(())
}

fn run(cases: u32) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&case(), |(inputs, concat, place, memory, copy)| {
        let folder = tempfile::tempdir().unwrap();
        let compared = compare(folder.path(), &inputs, &concat, &place, memory, copy);
        prop_assert!(compared.is_ok(), "{compared:?}");
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_is_on_disk_is_what_is_in_memory() {
    run(24);
}

#[test]
#[ignore = "it takes some minutes: run by hand"]
fn what_is_on_disk_is_what_is_in_memory_500_times() {
    run(500);
}
