//! Dataspaces: shapes and selections.

use anndata_storage::{Error, Result};
use hdf5_metno_sys::h5d::H5Dget_space;
use hdf5_metno_sys::h5s::{
    H5S_UNLIMITED, H5S_class_t, H5S_seloper_t, H5Screate, H5Screate_simple, H5Sget_simple_extent_dims,
    H5Sget_simple_extent_ndims, H5Sget_simple_extent_npoints, H5Sget_simple_extent_type, H5Sselect_hyperslab,
};

use super::{Id, h5, locked};

/// The extent of a dataset or attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    /// No value.
    Null,
    /// The length of each axis, and whether the first may grow.
    Simple { shape: Vec<u64>, resizable: bool },
}

/// The shape of a dataset.
pub(super) fn of_dataset(dataset: &Id) -> Result<Id> {
    h5!(InvalidData, "the shape of the array cannot be read", H5Dget_space(dataset.get())).map(Id::own)
}

/// The number of axes; the library takes as many numbers from every pointer to coordinates or lengths.
pub(super) fn rank(space: &Id) -> Result<usize> {
    let rank = h5!(InvalidData, "the shape cannot be read", H5Sget_simple_extent_ndims(space.get()))?;
    usize::try_from(rank).map_err(|_| Error::invalid_data("the shape has no axes that can be counted"))
}

/// The number of elements.
pub(super) fn count(space: &Id) -> Result<u64> {
    let count = h5!(InvalidData, "the shape cannot be read", H5Sget_simple_extent_npoints(space.get()))?;
    u64::try_from(count).map_err(|_| Error::invalid_data("the elements of the shape cannot be counted"))
}

/// Checks that there is one number for each axis of a dataspace.
pub(super) fn check_rank(space: &Id, numbers: &[u64]) -> Result<()> {
    let rank = rank(space)?;
    if numbers.len() == rank {
        return Ok(());
    }
    Err(Error::invalid_input(format!("{} numbers are given for an array of {rank} axes", numbers.len())))
}

/// The extent of a dataspace.
pub(crate) fn extent(space: &Id) -> Result<Extent> {
    // SAFETY: the identifier is held alive.
    match locked(|| unsafe { H5Sget_simple_extent_type(space.get()) }) {
        H5S_class_t::H5S_NULL => return Ok(Extent::Null),
        H5S_class_t::H5S_SCALAR | H5S_class_t::H5S_SIMPLE => {}
        H5S_class_t::H5S_NO_CLASS => return Err(Error::invalid_data("the shape is of an unknown class")),
    }
    let ndim = rank(space)?;
    let (mut shape, mut max) = (vec![0; ndim], vec![0; ndim]);
    h5!(InvalidData, "the shape cannot be read", {
        H5Sget_simple_extent_dims(space.get(), shape.as_mut_ptr(), max.as_mut_ptr())
    })?;
    Ok(Extent::Simple { resizable: max.first().is_some_and(|&max| max == H5S_UNLIMITED), shape })
}

/// A dataspace of an extent.
pub(crate) fn new(extent: &Extent) -> Result<Id> {
    let id = match extent {
        Extent::Null => h5!(Io, "a shape cannot be made", H5Screate(H5S_class_t::H5S_NULL)),
        Extent::Simple { shape, .. } if shape.is_empty() => {
            h5!(Io, "a shape cannot be made", H5Screate(H5S_class_t::H5S_SCALAR))
        }
        Extent::Simple { shape, resizable } => {
            let mut max = shape.clone();
            if let (true, Some(first)) = (*resizable, max.first_mut()) {
                *first = H5S_UNLIMITED;
            }
            let ndim =
                i32::try_from(shape.len()).map_err(|_| Error::invalid_input("the number of axes exceeds 31 bits"))?;
            h5!(InvalidInput, "a shape cannot be made", H5Screate_simple(ndim, shape.as_ptr(), max.as_ptr()))
        }
    };
    id.map(Id::own)
}

/// A dataspace without anything beyond its shape.
pub(crate) fn simple(shape: &[u64]) -> Result<Id> {
    new(&Extent::Simple { shape: shape.to_vec(), resizable: false })
}

/// Selects a box of a dataspace. A scalar is always selected.
pub(crate) fn select(space: &Id, start: &[u64], count: &[u64]) -> Result<()> {
    check_rank(space, start)?;
    check_rank(space, count)?;
    if start.is_empty() {
        return Ok(());
    }
    h5!(InvalidInput, "a box cannot be selected", {
        let (start, count) = (start.as_ptr(), count.as_ptr());
        H5Sselect_hyperslab(
            space.get(),
            H5S_seloper_t::H5S_SELECT_SET,
            start,
            std::ptr::null(),
            count,
            std::ptr::null(),
        )
    })
    .map(drop)
}
