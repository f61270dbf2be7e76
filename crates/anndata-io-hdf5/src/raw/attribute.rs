//! Attributes of an object.

use std::ffi::{CStr, c_char, c_void};

use anndata_storage::{Error, Result};
use hdf5_metno_sys::h5::{H5_index_t, H5_iter_order_t, herr_t};
use hdf5_metno_sys::h5a::{
    H5A_info_t, H5Acreate2, H5Adelete, H5Aget_space, H5Aget_type, H5Aiterate2, H5Aopen, H5Aread, H5Awrite,
};
use hdf5_metno_sys::h5d::H5Dget_create_plist;
use hdf5_metno_sys::h5g::H5Gget_create_plist;
use hdf5_metno_sys::h5i::hid_t;

use super::link::{Names, Object, ObjectKind, sorted};
use super::space::{self, Extent};
use super::{DEFAULT, Id, c_string, h5, plist};

/// The names: in the order of creation where that is tracked, else sorted.
///
/// They are listed as they come and sorted here, for the reason that [`super::link::names`] has.
pub(crate) fn names(object: &Object) -> Result<Vec<String>> {
    extern "C" fn collect(_: hid_t, name: *const c_char, info: *const H5A_info_t, names: *mut c_void) -> herr_t {
        // SAFETY: the library hands over a C string, a structure, and the pointer that was given with the function. The
        // order is two plain numbers at the start of the structure.
        let (name, order, names) = unsafe {
            let order = ((&raw const (*info).corder_valid).read(), (&raw const (*info).corder).read());
            (CStr::from_ptr(name), order, &mut *names.cast::<Names>())
        };
        names.push(((order.0 > 0).then(|| i64::from(order.1)), name.to_bytes().to_vec()));
        0
    }
    let mut names = Names::new();
    h5!(InvalidData, "the attributes cannot be listed", {
        let (mut start, names) = (0, (&raw mut names).cast());
        let (index, order) = (H5_index_t::H5_INDEX_NAME, H5_iter_order_t::H5_ITER_NATIVE);
        H5Aiterate2(object.id.get(), index, order, &raw mut start, Some(collect), names)
    })?;
    // A new object has none, and its properties take longer to read than that.
    let ordered = names.len() > 1 && is_ordered(object)?;
    sorted(names, ordered)
}

fn is_ordered(object: &Object) -> Result<bool> {
    const MESSAGE: &str = "the properties of the element cannot be read";
    let list = match object.kind {
        ObjectKind::Group => h5!(InvalidData, MESSAGE, H5Gget_create_plist(object.id.get()))?,
        ObjectKind::Dataset => h5!(InvalidData, MESSAGE, H5Dget_create_plist(object.id.get()))?,
        ObjectKind::Other => return Ok(false),
    };
    plist::tracks_attributes(&Id::own(list))
}

/// Opens an attribute.
pub(crate) fn open(object: &Id, name: &str) -> Result<Id> {
    let name = c_string(name)?;
    h5!(InvalidData, "the attribute cannot be opened", H5Aopen(object.get(), name.as_ptr(), DEFAULT)).map(Id::own)
}

/// The type of the values, as it lies in memory.
pub(crate) fn datatype(attribute: &Id) -> Result<Id> {
    h5!(InvalidData, "the type of the attribute cannot be read", H5Aget_type(attribute.get())).map(Id::own)
}

/// The shape of the values.
pub(crate) fn extent(attribute: &Id) -> Result<(Id, Extent)> {
    let space = h5!(InvalidData, "the shape of the attribute cannot be read", H5Aget_space(attribute.get()))?;
    let space = Id::own(space);
    let extent = space::extent(&space)?;
    Ok((space, extent))
}

/// Checks that there are bytes for all elements of a shape, as the library takes from every pointer to values.
fn check_len(space: &Id, memory: &Id, bytes: &[u8]) -> Result<()> {
    let needed = space::count(space)?.checked_mul(super::datatype::size(memory) as u64);
    if needed == Some(bytes.len() as u64) {
        return Ok(());
    }
    Err(Error::invalid_input(format!("{} bytes are given for an attribute of another size", bytes.len())))
}

/// Reads all values. `bytes` has room for them in the memory type.
pub(crate) fn read(attribute: &Id, memory: &Id, bytes: &mut [u8]) -> Result<()> {
    check_len(&extent(attribute)?.0, memory, bytes)?;
    h5!(InvalidData, "the attribute cannot be read", {
        H5Aread(attribute.get(), memory.get(), bytes.as_mut_ptr().cast())
    })
    .map(drop)
}

/// Makes an attribute. `bytes` holds all values in the memory type; `None` for one without values.
pub(crate) fn create(
    object: &Id,
    name: &str,
    file: &Id,
    memory: &Id,
    shape: &Extent,
    bytes: Option<&[u8]>,
) -> Result<()> {
    let space = space::new(shape)?;
    let creation = plist::attribute_creation()?;
    let name = c_string(name)?;
    let attribute = Id::own(h5!(Io, "the attribute cannot be made", {
        H5Acreate2(object.get(), name.as_ptr(), file.get(), space.get(), creation.get(), DEFAULT)
    })?);
    if let Some(bytes) = bytes {
        check_len(&space, memory, bytes)?;
        h5!(Io, "the attribute cannot be written", H5Awrite(attribute.get(), memory.get(), bytes.as_ptr().cast()))?;
    }
    Ok(())
}

/// Removes an attribute.
pub(crate) fn remove(object: &Id, name: &str) -> Result<()> {
    let name = c_string(name)?;
    h5!(Io, "the attribute cannot be removed", H5Adelete(object.get(), name.as_ptr())).map(drop)
}
