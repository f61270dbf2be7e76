//! Texts of any length, handed over by the library as the references that the file holds.
//!
//! The library turns such texts into pointers, and takes the memory for a text from a length in the file that it does not
//! check. It lets programs add conversions between types, so one is added that does nothing: from a text in the file to
//! 16 opaque bytes. Elements that are read as those hold their references, which are followed here (`crate::heap`).

use std::ffi::{CStr, c_void};

use anndata_storage::Result;
use hdf5_metno_sys::h5::herr_t;
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5t::{
    H5T_C_S1, H5T_VARIABLE, H5T_bkg_t, H5T_cdata_t, H5T_class_t, H5T_cmd_t, H5T_pers_t, H5Tclose, H5Tcopy, H5Tcreate,
    H5Tget_size, H5Tis_variable_str, H5Tregister, H5Tset_size, H5Tset_tag,
};

use super::{Id, h5};
use crate::dtype::REFERENCE;

/// Marks the opaque type, so that no other is taken for it.
const TAG: &CStr = c"anndata: reference to a text";

/// The type of a reference.
pub(crate) fn datatype() -> Result<Id> {
    let id = Id::own(h5!(Io, "a reference type cannot be made", H5Tcreate(H5T_class_t::H5T_OPAQUE, REFERENCE))?);
    h5!(Io, "a reference type cannot be made", H5Tset_tag(id.get(), TAG.as_ptr()))?;
    Ok(id)
}

/// Adds the conversion. To be called once, under the library's lock.
pub(super) fn register() {
    // SAFETY: types are made of the library's own and closed; names are C strings. The library keeps the classes of the
    // types and the function.
    unsafe {
        let text = H5Tcopy(*H5T_C_S1);
        H5Tset_size(text, H5T_VARIABLE);
        let reference = H5Tcreate(H5T_class_t::H5T_OPAQUE, REFERENCE);
        H5Tregister(H5T_pers_t::H5T_PERS_SOFT, c"anndata".as_ptr(), text, reference, Some(convert));
        H5Tclose(reference);
        H5Tclose(text);
    }
}

/// What the library calls to convert texts in place: a reference in the file stays as it is.
extern "C" fn convert(
    text: hid_t,
    reference: hid_t,
    data: *mut H5T_cdata_t,
    _count: usize,
    _stride: usize,
    _background_stride: usize,
    _elements: *mut c_void,
    _background: *mut c_void,
    _transfer: hid_t,
) -> herr_t {
    // SAFETY: the library hands over a structure that it keeps through the call.
    let Some(data) = (unsafe { data.as_mut() }) else { return -1 };
    if data.command != H5T_cmd_t::H5T_CONV_INIT {
        return 0;
    }
    data.need_bkg = H5T_bkg_t::H5T_BKG_NO;
    // SAFETY: the library hands over types that are open through the call. A text in memory is a pointer, of another size.
    let fits = unsafe {
        H5Tis_variable_str(text) > 0 && H5Tget_size(text) == REFERENCE && H5Tget_size(reference) == REFERENCE
    };
    if fits { 0 } else { -1 }
}
