//! Datasets: properties, chunks, transfer of values.

use std::ffi::{c_char, c_uint, c_void};

use anndata_storage::{Error, OrBug as _, Result};
use hdf5_metno_sys::h5::{H5_ITER_CONT, H5_ITER_ERROR, haddr_t, herr_t, hsize_t};
use hdf5_metno_sys::h5d::{
    H5D_fill_value_t, H5D_layout_t, H5Dchunk_iter, H5Dcreate2, H5Dget_chunk_index_type, H5Dget_chunk_info_by_coord,
    H5Dget_create_plist, H5Dget_offset, H5Dget_storage_size, H5Dget_type, H5Dread, H5Dset_extent, H5Dwrite,
    H5Dwrite_chunk,
};
use hdf5_metno_sys::h5p::{
    H5Pfill_value_defined, H5Pget_chunk, H5Pget_chunk_opts, H5Pget_external_count, H5Pget_fill_value, H5Pget_filter2,
    H5Pget_layout, H5Pget_nfilters, H5Pset_chunk, H5Pset_fill_value, H5Pset_filter,
};
use hdf5_metno_sys::h5t::H5Treclaim;
use hdf5_metno_sys::h5z::{H5Z_FILTER_FLETCHER32, H5Z_FLAG_MANDATORY, H5Z_FLAG_OPTIONAL};

use super::space::{self, Extent};
use super::{DEFAULT, Id, c_string, driver, h5, locked, plist};
use crate::filters::FilterInfo;
use crate::plan::{Chunk, Layout};

/// The library's `H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS`.
const EDGES_UNFILTERED: c_uint = 2;
/// The library's `H5D_CHUNK_IDX_EARRAY`.
const EXTENSIBLE_ARRAY: c_uint = 4;
/// The address that stands for "nowhere".
const NOWHERE: u64 = u64::MAX;

pub(crate) fn datatype(dataset: &Id) -> Result<Id> {
    h5!(InvalidData, "the type of the array cannot be read", H5Dget_type(dataset.get())).map(Id::own)
}

pub(crate) fn extent(dataset: &Id) -> Result<Extent> {
    space::extent(&space::of_dataset(dataset)?)
}

/// The properties with which a dataset was made.
pub(crate) fn properties(dataset: &Id) -> Result<Id> {
    h5!(InvalidData, "the properties of the array cannot be read", H5Dget_create_plist(dataset.get())).map(Id::own)
}

pub(crate) fn layout(properties: &Id) -> Result<Layout> {
    let list = properties.get();
    if h5!(InvalidData, "the external files of the array cannot be listed", H5Pget_external_count(list))? > 0 {
        return Ok(Layout::External);
    }
    // SAFETY: the identifier is held alive.
    Ok(match locked(|| unsafe { H5Pget_layout(list) }) {
        H5D_layout_t::H5D_COMPACT => Layout::Compact,
        H5D_layout_t::H5D_CONTIGUOUS => Layout::Contiguous,
        H5D_layout_t::H5D_VIRTUAL => Layout::Virtual,
        H5D_layout_t::H5D_CHUNKED => {
            let mut shape = vec![0; 32];
            let ndim = h5!(InvalidData, "the chunks of the array cannot be read", {
                H5Pget_chunk(list, 32, shape.as_mut_ptr())
            })?;
            shape.truncate(usize::try_from(ndim).map_err(|_| Error::invalid_data("the chunks have no axes"))?);
            Layout::Chunked(shape)
        }
        _ => return Err(Error::invalid_data("the layout of the array is not known")),
    })
}

pub(crate) fn filters(properties: &Id) -> Result<Vec<FilterInfo>> {
    let count = h5!(InvalidData, "the filters of the array cannot be counted", H5Pget_nfilters(properties.get()))?;
    (0..u32::try_from(count).or_bug("a negative number of filters")?).map(|number| filter(properties, number)).collect()
}

fn filter(properties: &Id, number: u32) -> Result<FilterInfo> {
    let mut values = vec![0_u32; 64];
    loop {
        let mut count = values.len();
        let mut name = vec![0_u8; 128];
        let (mut flags, mut config) = (0, 0);
        let id = h5!(InvalidData, "a filter of the array cannot be read", {
            H5Pget_filter2(
                properties.get(),
                number,
                &raw mut flags,
                &raw mut count,
                values.as_mut_ptr(),
                name.len(),
                name.as_mut_ptr().cast::<c_char>(),
                &raw mut config,
            )
        })?;
        // The library says how many there are, also where it gave fewer.
        if count > values.len() {
            values.resize(count, 0);
            continue;
        }
        values.truncate(count);
        // A name that is longer is cut.
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        return Ok(FilterInfo { id, values, name: String::from_utf8_lossy(&name).into_owned() });
    }
}

/// The bytes of the fill value in the memory type, `None` if none was set.
pub(crate) fn fill_value(properties: &Id, memory: &Id, size: usize) -> Result<Option<Vec<u8>>> {
    let mut status = H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED;
    h5!(InvalidData, "the fill value cannot be read", H5Pfill_value_defined(properties.get(), &raw mut status))?;
    if status != H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED {
        return Ok(None);
    }
    if size != super::datatype::size(memory) {
        return Err(Error::invalid_data("the fill value is of another size than the values"));
    }
    let mut value = vec![0_u8; size];
    h5!(InvalidData, "the fill value cannot be read", {
        H5Pget_fill_value(properties.get(), memory.get(), value.as_mut_ptr().cast())
    })?;
    Ok(Some(value))
}

/// Where the one piece of a contiguous dataset begins, in a file whose user block has `base` bytes; `None` if it has none yet.
pub(crate) fn address(dataset: &Id, base: u64) -> Option<u64> {
    // SAFETY: the identifier is held alive.
    let address = locked(|| unsafe { H5Dget_offset(dataset.get()) });
    // The library adds the user block to what is no address, too.
    (address != NOWHERE && address != NOWHERE.wrapping_add(base)).then_some(address)
}

/// The bytes that the values take in the file, as declared.
pub(crate) fn storage_size(dataset: &Id) -> u64 {
    // SAFETY: the identifier is held alive.
    locked(|| unsafe { H5Dget_storage_size(dataset.get()) })
}

/// Whether the library lists the chunks of a dataset where they are, and with the filters that they went through.
///
/// It does not in two cases. It numbers the chunks of an array with one unlimited axis along that axis first (an
/// extensible array, of HDF5 1.10 and later), and forgets so when it lists them. And chunks that reach over the edge of
/// an array may be stored without filters, which their mask does not say.
///
/// `resizable` says whether the first axis is unlimited.
pub(crate) fn lists_chunks_right(dataset: &Id, properties: &Id, resizable: bool) -> Result<bool> {
    let mut options = 0;
    h5!(InvalidData, "the chunk options of the array cannot be read", {
        H5Pget_chunk_opts(properties.get(), &raw mut options)
    })?;
    if options & EDGES_UNFILTERED != 0 {
        return Ok(false);
    }
    let mut index = 0;
    h5!(InvalidData, "the chunk index of the array cannot be read", {
        H5Dget_chunk_index_type(dataset.get(), &raw mut index)
    })?;
    Ok(resizable || index != EXTENSIBLE_ARRAY)
}

/// Shows every chunk that is stored, with the position of its first element. Ends early where `visit` says `false`.
pub(crate) fn visit_chunks(dataset: &Id, mut visit: impl FnMut(&[u64], Chunk) -> bool) -> Result<()> {
    struct Visit<'a> {
        ndim: usize,
        visit: &'a mut dyn FnMut(&[u64], Chunk) -> bool,
    }
    unsafe extern "C" fn step(
        offset: *const hsize_t,
        mask: c_uint,
        address: haddr_t,
        size: hsize_t,
        data: *mut c_void,
    ) -> herr_t {
        // SAFETY: the library hands over the pointer that was given with the function, and one number per axis.
        let (data, offset) = unsafe {
            let data = &mut *data.cast::<Visit>();
            let offset = std::slice::from_raw_parts(offset, data.ndim);
            (data, offset)
        };
        if (data.visit)(offset, Chunk { address, size, mask }) { H5_ITER_CONT } else { H5_ITER_ERROR }
    }
    let mut data = Visit { ndim: space::rank(&space::of_dataset(dataset)?)?, visit: &mut visit };
    h5!(InvalidData, "the chunks of the array cannot be listed", {
        H5Dchunk_iter(dataset.get(), DEFAULT, Some(step), (&raw mut data).cast())
    })
    .map(drop)
}

/// The chunk whose first element is at `offset`, `None` if it was never written.
pub(crate) fn chunk_at(dataset: &Id, offset: &[u64]) -> Result<Option<Chunk>> {
    space::check_rank(&space::of_dataset(dataset)?, offset)?;
    let mut chunk = Chunk { address: NOWHERE, size: 0, mask: 0 };
    h5!(InvalidData, "a chunk of the array cannot be looked up", {
        let (mask, address, size) = (&raw mut chunk.mask, &raw mut chunk.address, &raw mut chunk.size);
        H5Dget_chunk_info_by_coord(dataset.get(), offset.as_ptr(), mask, address, size)
    })?;
    Ok((chunk.address != NOWHERE).then_some(chunk))
}

/// Gives the encoded bytes of a chunk a place in the file, and says where in the file they are to be written; `None` if they are there.
pub(crate) fn place_chunk(dataset: &Id, offset: &[u64], bytes: &[u8]) -> Result<Option<u64>> {
    space::check_rank(&space::of_dataset(dataset)?, offset)?;
    let (written, place) = driver::left_to_caller(bytes, || {
        h5!(Io, "a chunk cannot be written", {
            H5Dwrite_chunk(dataset.get(), DEFAULT, 0, offset.as_ptr(), bytes.len(), bytes.as_ptr().cast())
        })
    });
    written.map(|_| place)
}

/// A box of a dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) start: &'a [u64],
    pub(crate) count: &'a [u64],
}

impl Block<'_> {
    /// The selection in the file and the shape in memory, for elements of the memory type in `bytes`.
    fn spaces(&self, dataset: &Id, memory: &Id, bytes: &[u8]) -> Result<(Id, Id)> {
        let size = super::datatype::size(memory) as u64;
        let needed = self.count.iter().try_fold(size, |product, &len| product.checked_mul(len));
        if needed != Some(bytes.len() as u64) {
            return Err(Error::invalid_input("a block does not have the bytes that its shape takes"));
        }
        let file = space::of_dataset(dataset)?;
        space::select(&file, self.start, self.count)?;
        Ok((file, space::simple(self.count)?))
    }
}

/// Reads a box into `bytes`, in the memory type.
pub(crate) fn read(dataset: &Id, memory: &Id, block: Block<'_>, bytes: &mut [u8]) -> Result<()> {
    let (file, shape) = block.spaces(dataset, memory, bytes)?;
    h5!(InvalidData, "the values cannot be read", {
        H5Dread(dataset.get(), memory.get(), shape.get(), file.get(), DEFAULT, bytes.as_mut_ptr().cast())
    })
    .map(drop)
}

/// Writes a box from `bytes`, in the memory type.
pub(crate) fn write(dataset: &Id, memory: &Id, block: Block<'_>, bytes: &[u8]) -> Result<()> {
    let (file, shape) = block.spaces(dataset, memory, bytes)?;
    h5!(Io, "the values cannot be written", {
        H5Dwrite(dataset.get(), memory.get(), shape.get(), file.get(), DEFAULT, bytes.as_ptr().cast())
    })
    .map(drop)
}

/// Frees the texts that the library allocated for `count` elements.
pub(crate) fn reclaim(memory: &Id, count: u64, bytes: &mut [u8]) {
    let Ok(space) = space::simple(&[count]) else { return };
    if count.checked_mul(super::datatype::size(memory) as u64) == Some(bytes.len() as u64) {
        // SAFETY: the buffer holds `count` elements of the memory type, filled by the library; the pointers in it are
        // not used after.
        locked(|| unsafe { H5Treclaim(memory.get(), space.get(), DEFAULT, bytes.as_mut_ptr().cast()) });
    }
}

/// Changes the lengths of the axes.
pub(crate) fn resize(dataset: &Id, shape: &[u64]) -> Result<()> {
    space::check_rank(&space::of_dataset(dataset)?, shape)?;
    h5!(InvalidInput, "the array cannot be resized", H5Dset_extent(dataset.get(), shape.as_ptr())).map(drop)
}

/// How a dataset is to be made.
#[derive(Debug)]
pub(crate) struct Creation<'a> {
    pub(crate) extent: &'a Extent,
    /// The shape of a chunk, or one piece.
    pub(crate) chunks: Option<&'a [u64]>,
    pub(crate) filters: &'a [FilterInfo],
    /// Give the one piece its place in the file now, and leave there what is there.
    pub(crate) preallocate: bool,
    /// A value of the file type that unwritten elements read as; `None` leaves it to the library.
    pub(crate) fill: Option<&'a [u8]>,
}

/// Makes a dataset.
pub(crate) fn create(parent: &Id, name: &str, datatype: &Id, how: &Creation<'_>) -> Result<Id> {
    let is_plain = how.chunks.is_none() && how.filters.is_empty() && how.fill.is_none();
    let own = if is_plain { None } else { Some(creation(datatype, how)?) };
    let list = match &own {
        Some(list) => list,
        None => plist::plain_dataset_creation(how.preallocate)?,
    };
    let (space, links) = (space::new(how.extent)?, plist::link_creation()?);
    let name = c_string(name)?;
    h5!(Io, "the array cannot be made", {
        H5Dcreate2(parent.get(), name.as_ptr(), datatype.get(), space.get(), links.get(), list.get(), DEFAULT)
    })
    .map(Id::own)
}

/// The properties of a dataset that is to be made.
fn creation(datatype: &Id, how: &Creation<'_>) -> Result<Id> {
    let list = plist::dataset_creation(how.preallocate)?;
    if let Some(chunks) = how.chunks {
        let ndim =
            i32::try_from(chunks.len()).map_err(|_| Error::invalid_input("the number of axes exceeds 31 bits"))?;
        h5!(InvalidInput, "the chunk shape does not fit", H5Pset_chunk(list.get(), ndim, chunks.as_ptr()))?;
    }
    for filter in how.filters {
        // The library leaves out a compression that makes a chunk larger, where it may; else it fails when it closes.
        let flags = if filter.id == H5Z_FILTER_FLETCHER32 { H5Z_FLAG_MANDATORY } else { H5Z_FLAG_OPTIONAL };
        h5!(Unsupported, "the compression cannot be set up", {
            H5Pset_filter(list.get(), filter.id, flags, filter.values.len(), filter.values.as_ptr())
        })?;
    }
    if let Some(value) = how.fill {
        if value.len() != super::datatype::size(datatype) {
            return Err(Error::invalid_input("a fill value is not of the size of an element"));
        }
        h5!(Io, "the fill value cannot be set up", {
            H5Pset_fill_value(list.get(), datatype.get(), value.as_ptr().cast())
        })?;
    }
    Ok(list)
}
