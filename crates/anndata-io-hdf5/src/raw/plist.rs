//! Property lists. Those that are the same for many objects are made once: to make a list takes about as long as to make what it is
//! for, where that is small.

use std::sync::OnceLock;

use anndata_storage::Result;
use hdf5_metno_sys::h5d::{H5D_alloc_time_t, H5D_fill_time_t};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::{
    H5P_CLS_ATTRIBUTE_CREATE, H5P_CLS_DATASET_CREATE, H5P_CLS_GROUP_CREATE, H5P_CLS_LINK_CREATE, H5P_CRT_ORDER_INDEXED,
    H5P_CRT_ORDER_TRACKED, H5Pcreate, H5Pget_attr_creation_order, H5Pget_link_creation_order, H5Pset_alloc_time,
    H5Pset_attr_creation_order, H5Pset_char_encoding, H5Pset_create_intermediate_group, H5Pset_fill_time,
    H5Pset_link_creation_order, H5Pset_obj_track_times,
};
use hdf5_metno_sys::h5t::H5T_cset_t;

use super::{Id, h5};

/// Track and index the order of creation.
pub(super) const CREATION_ORDER: u32 = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

/// A new list of a class. The class is looked up after the library is initialised.
pub(super) fn new(class: impl FnOnce() -> hid_t) -> Result<Id> {
    h5!(Io, "a property list cannot be made", H5Pcreate(class())).map(Id::own)
}

/// A list that is made where it is first needed, and kept.
fn kept(list: &'static OnceLock<Id>, make: impl FnOnce() -> Result<Id>) -> Result<&'static Id> {
    match list.get() {
        Some(list) => Ok(list),
        None => make().map(|made| list.get_or_init(|| made)),
    }
}

/// Lets objects made with this list remember the order of their attributes, and not when they were made: the same calls
/// make the same bytes.
pub(super) fn set_up_objects(list: &Id) -> Result<()> {
    h5!(Io, "times of objects cannot be set up", H5Pset_obj_track_times(list.get(), 0))?;
    h5!(Io, "attribute order cannot be set up", H5Pset_attr_creation_order(list.get(), CREATION_ORDER)).map(drop)
}

/// For new groups: links and attributes are kept in the order in which they are made.
pub(super) fn group_creation() -> Result<&'static Id> {
    static LIST: OnceLock<Id> = OnceLock::new();
    kept(&LIST, || {
        let list = new(|| *H5P_CLS_GROUP_CREATE)?;
        h5!(Io, "link order cannot be set up", H5Pset_link_creation_order(list.get(), CREATION_ORDER))?;
        set_up_objects(&list)?;
        Ok(list)
    })
}

/// For new links: names are UTF-8; groups above are not made by the library, which would not track their order.
pub(super) fn link_creation() -> Result<&'static Id> {
    static LIST: OnceLock<Id> = OnceLock::new();
    kept(&LIST, || {
        let list = new(|| *H5P_CLS_LINK_CREATE)?;
        h5!(Io, "link names cannot be set up", H5Pset_char_encoding(list.get(), H5T_cset_t::H5T_CSET_UTF8))?;
        h5!(Io, "link creation cannot be set up", H5Pset_create_intermediate_group(list.get(), 0))?;
        Ok(list)
    })
}

/// For new attributes: names are UTF-8.
pub(super) fn attribute_creation() -> Result<&'static Id> {
    static LIST: OnceLock<Id> = OnceLock::new();
    kept(&LIST, || {
        let list = new(|| *H5P_CLS_ATTRIBUTE_CREATE)?;
        h5!(Io, "attribute names cannot be set up", H5Pset_char_encoding(list.get(), H5T_cset_t::H5T_CSET_UTF8))?;
        Ok(list)
    })
}

/// For new datasets in one piece, without a fill value: one that gets its place at once, or when it is written.
pub(super) fn plain_dataset_creation(preallocate: bool) -> Result<&'static Id> {
    static AT_ONCE: OnceLock<Id> = OnceLock::new();
    static LATER: OnceLock<Id> = OnceLock::new();
    kept(if preallocate { &AT_ONCE } else { &LATER }, || dataset_creation(preallocate))
}

/// For new datasets that need more than that.
pub(super) fn dataset_creation(preallocate: bool) -> Result<Id> {
    let list = new(|| *H5P_CLS_DATASET_CREATE)?;
    set_up_objects(&list)?;
    if preallocate {
        const MESSAGE: &str = "allocation cannot be set up";
        h5!(Io, MESSAGE, H5Pset_alloc_time(list.get(), H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY))?;
        h5!(Io, MESSAGE, H5Pset_fill_time(list.get(), H5D_fill_time_t::H5D_FILL_TIME_NEVER))?;
    }
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
