//! Fuzz targets: functions of any bytes that must return. See `README.md` for how they are run.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a target tells by a panic what it found")]

mod awkward;
mod checksums;
mod codecs;
mod h5ad;
mod hdf5;
mod patches;
mod references;
mod zarr;

/// A function of any bytes, which panics where a promise is broken.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of inputs.
    pub name: &'static str,
    /// What is run on each input.
    pub run: fn(&[u8]),
    /// Sound inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "codecs", run: codecs::run, seeds: codecs::seeds },
    Target { name: "awkward", run: awkward::run, seeds: awkward::seeds },
    Target { name: "references", run: references::run, seeds: references::seeds },
    Target { name: "zarr_metadata_v2", run: zarr::metadata_v2, seeds: zarr::metadata_seeds_v2 },
    Target { name: "zarr_metadata_v3", run: zarr::metadata_v3, seeds: zarr::metadata_seeds_v3 },
    Target { name: "shard_index", run: zarr::shard, seeds: zarr::shard_seeds },
    Target { name: "hdf5_metadata", run: hdf5::run, seeds: hdf5::seeds },
    Target { name: "zarr", run: zarr::tree, seeds: patches::seeds },
    Target { name: "zarr_zip", run: zarr::zip, seeds: patches::seeds },
    Target { name: "h5ad", run: h5ad::run, seeds: patches::seeds },
];

impl Target {
    /// The target of a name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }
}
