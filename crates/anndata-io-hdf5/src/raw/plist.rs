//! Property lists.

use anndata_storage::Result;
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::{
    H5P_CLS_GROUP_CREATE, H5P_CLS_LINK_CREATE, H5P_CRT_ORDER_INDEXED, H5P_CRT_ORDER_TRACKED, H5Pcreate,
    H5Pget_attr_creation_order, H5Pget_link_creation_order, H5Pset_attr_creation_order, H5Pset_char_encoding,
    H5Pset_create_intermediate_group, H5Pset_link_creation_order, H5Pset_obj_track_times,
};
use hdf5_metno_sys::h5t::H5T_cset_t;

use super::{Id, h5};

/// Track and index the order of creation.
pub(super) const CREATION_ORDER: u32 = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

/// A new list of a class. The class is looked up after the library is initialised.
pub(super) fn new(class: impl FnOnce() -> hid_t) -> Result<Id> {
    h5!(Io, "a property list cannot be made", H5Pcreate(class())).map(Id::own)
}

/// Lets objects made with this list remember the order of their attributes, and not when they were made: the same calls
/// make the same bytes.
pub(super) fn set_up_objects(list: &Id) -> Result<()> {
    h5!(Io, "times of objects cannot be set up", H5Pset_obj_track_times(list.get(), 0))?;
    h5!(Io, "attribute order cannot be set up", H5Pset_attr_creation_order(list.get(), CREATION_ORDER)).map(drop)
}

/// For new groups: links and attributes are kept in the order in which they are made.
pub(super) fn group_creation() -> Result<Id> {
    let list = new(|| *H5P_CLS_GROUP_CREATE)?;
    h5!(Io, "link order cannot be set up", H5Pset_link_creation_order(list.get(), CREATION_ORDER))?;
    set_up_objects(&list)?;
    Ok(list)
}

/// For new links: names are UTF-8; groups above are not made by the library, which would not track their order.
pub(super) fn link_creation() -> Result<Id> {
    let list = new(|| *H5P_CLS_LINK_CREATE)?;
    h5!(Io, "link names cannot be set up", H5Pset_char_encoding(list.get(), H5T_cset_t::H5T_CSET_UTF8))?;
    h5!(Io, "link creation cannot be set up", H5Pset_create_intermediate_group(list.get(), 0))?;
    Ok(list)
}

/// Whether a group's creation list says that the order of links is tracked.
pub(super) fn tracks_links(list: &Id) -> Result<bool> {
    let mut flags = 0;
    h5!(InvalidData, "the order of links cannot be read", H5Pget_link_creation_order(list.get(), &raw mut flags))?;
    Ok(flags & H5P_CRT_ORDER_TRACKED != 0)
}

/// Whether an object's creation list says that the order of attributes is tracked.
pub(super) fn tracks_attributes(list: &Id) -> Result<bool> {
    let mut flags = 0;
    h5!(InvalidData, "the order of attributes cannot be read", {
        H5Pget_attr_creation_order(list.get(), &raw mut flags)
    })?;
    Ok(flags & H5P_CRT_ORDER_TRACKED != 0)
}
