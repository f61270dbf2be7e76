//! Links and objects: what a name in a group stands for.

use std::ffi::{CStr, c_char, c_int, c_void};

use anndata_storage::{Error, Result};
use hdf5_metno_sys::h5::{H5_index_t, H5_iter_order_t, herr_t};
use hdf5_metno_sys::h5g::{H5Gcreate2, H5Gget_create_plist};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5l::{H5L_info2_t, H5Ldelete, H5Lexists, H5Lget_info2, H5Lget_val, H5Literate2, H5Lmove};
use hdf5_metno_sys::h5o::{H5O_info2_t, H5O_token_t, H5O_type_t, H5Oget_info3, H5Oopen};
use hdf5_metno_sys::h5r::{H5R_type_t, H5Rcreate, H5Rget_name};

use super::{DEFAULT, Id, c_string, h5, plist};

/// What a name in a group is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Hard,
    /// A path, from the root where it begins with `/`, else from the group that holds the link.
    Soft(String),
    External,
    UserDefined,
}

/// `H5L_info2_t` with a plain integer for the type: files may hold types that the enumeration does not name.
#[repr(C)]
struct Info {
    kind: c_int,
    order_valid: u8,
    order: i64,
    charset: c_int,
    /// The length of a soft link's target, NUL included; a token for hard links.
    value: [u64; 2],
}
const _: () = assert!(size_of::<Info>() == size_of::<H5L_info2_t>());

/// An open object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) id: Id,
    pub(crate) kind: ObjectKind,
    /// Equal for two objects only where they are the same.
    pub(crate) identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Group,
    Dataset,
    /// A named datatype, or something newer than the library.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    file: std::ffi::c_ulong,
    token: H5O_token_t,
}

impl Identity {
    /// The same as a number: the file in the upper half, the position in it in the lower.
    pub(crate) fn number(&self) -> u128 {
        const { assert!(size_of::<H5O_token_t>() == size_of::<u128>()) };
        // SAFETY: a token is an array of bytes, which its crate keeps to itself.
        let token = unsafe { (&raw const self.token).cast::<[u8; size_of::<u128>()]>().read() };
        u128::from_le_bytes(token) ^ u128::from(self.file) << 64
    }

    /// Whether two objects are in one file.
    pub(crate) fn is_in_file_of(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

/// Bytes that the target of a soft link may have: as many as groups of the newer form can hold.
const MAX_TARGET: usize = 1 << 16;

/// What `name` in a group is, `None` if there is no such name.
pub(crate) fn get(group: &Id, name: &str) -> Result<Option<Link>> {
    const HARD: c_int = 0;
    const SOFT: c_int = 1;
    const EXTERNAL: c_int = 64;
    let name = c_string(name)?;
    if h5!(InvalidData, "a link cannot be looked up", H5Lexists(group.get(), name.as_ptr(), DEFAULT))? == 0 {
        return Ok(None);
    }
    let mut info = Info { kind: -1, order_valid: 0, order: 0, charset: 0, value: [0; 2] };
    h5!(InvalidData, "a link cannot be read", {
        H5Lget_info2(group.get(), name.as_ptr(), (&raw mut info).cast(), DEFAULT)
    })?;
    Ok(Some(match info.kind {
        HARD => Link::Hard,
        SOFT => {
            let [len, _] = info.value;
            let fitting = usize::try_from(len).ok().filter(|&len| len <= MAX_TARGET);
            let len = fitting.ok_or_else(|| {
                Error::limit_exceeded(format!("the target of a soft link takes {len} bytes, over {MAX_TARGET}"))
            })?;
            let mut target = vec![0_u8; len];
            h5!(InvalidData, "a soft link cannot be read", {
                H5Lget_val(group.get(), name.as_ptr(), target.as_mut_ptr().cast(), target.len(), DEFAULT)
            })?;
            let end = target.iter().position(|&byte| byte == 0).unwrap_or(target.len());
            target.truncate(end);
            Link::Soft(
                String::from_utf8(target)
                    .map_err(|error| Error::invalid_data("a soft link is not UTF-8").with_source(error))?,
            )
        }
        EXTERNAL => Link::External,
        _ => Link::UserDefined,
    }))
}

/// Opens the object that a name in a group stands for.
pub(crate) fn open(group: &Id, name: &str) -> Result<Object> {
    let name = c_string(name)?;
    let id = h5!(InvalidData, "the object cannot be opened", H5Oopen(group.get(), name.as_ptr(), DEFAULT))?;
    object(Id::own(id))
}

/// An object that is open.
pub(crate) fn object(id: Id) -> Result<Object> {
    let mut info = H5O_info2_t {
        fileno: 0,
        token: H5O_token_t::default(),
        type_: H5O_type_t::H5O_TYPE_UNKNOWN,
        rc: 0,
        atime: 0,
        mtime: 0,
        ctime: 0,
        btime: 0,
        num_attrs: 0,
    };
    h5!(InvalidData, "the object's header cannot be read", H5Oget_info3(id.get(), &raw mut info, 1))?;
    let kind = match info.type_ {
        H5O_type_t::H5O_TYPE_GROUP => ObjectKind::Group,
        H5O_type_t::H5O_TYPE_DATASET => ObjectKind::Dataset,
        _ => ObjectKind::Other,
    };
    Ok(Object { id, kind, identity: Identity { file: info.fileno, token: info.token } })
}

/// Names as they come, each with its position in the order of creation where that is known.
pub(super) type Names = Vec<(Option<i64>, Vec<u8>)>;

/// The names in the order of creation where it is tracked, else sorted.
pub(super) fn sorted(mut names: Names, ordered: bool) -> Result<Vec<String>> {
    if !ordered {
        for (order, _) in &mut names {
            *order = None;
        }
    }
    names.sort();
    names.into_iter().map(|(_, name)| utf8_name(name)).collect()
}

/// The names in a group: in the order of creation where that is tracked, else sorted.
///
/// The library lists them as they come, and they are sorted here. If it is to list them in an order, it makes a table
/// of as many entries as the file says that there are names, and writes beyond it where there are more.
pub(crate) fn names(group: &Id) -> Result<Vec<String>> {
    extern "C" fn collect(_: hid_t, name: *const c_char, info: *const H5L_info2_t, names: *mut c_void) -> herr_t {
        // SAFETY: the library hands over a C string, a structure, and the pointer that was given with the function.
        let (name, info, names) = unsafe { (CStr::from_ptr(name), &*info.cast::<Info>(), &mut *names.cast::<Names>()) };
        names.push(((info.order_valid != 0).then_some(info.order), name.to_bytes().to_vec()));
        0
    }
    let list = Id::own(h5!(InvalidData, "the group's properties cannot be read", H5Gget_create_plist(group.get()))?);
    let ordered = plist::tracks_links(&list)?;
    let mut names = Names::new();
    h5!(InvalidData, "the names in the group cannot be listed", {
        let (mut start, names) = (0, (&raw mut names).cast());
        let (index, order) = (H5_index_t::H5_INDEX_NAME, H5_iter_order_t::H5_ITER_NATIVE);
        H5Literate2(group.get(), index, order, &raw mut start, Some(collect), names)
    })?;
    sorted(names, ordered)
}

pub(super) fn utf8_name(name: Vec<u8>) -> Result<String> {
    String::from_utf8(name).map_err(|error| {
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        Error::invalid_data(format!("the name '{shown}' is not UTF-8"))
    })
}

/// Makes a group that remembers the order of its members.
pub(crate) fn create_group(parent: &Id, name: &str) -> Result<Id> {
    let (links, creation) = (plist::link_creation()?, plist::group_creation()?);
    let name = c_string(name)?;
    h5!(Io, "the group cannot be made", {
        H5Gcreate2(parent.get(), name.as_ptr(), links.get(), creation.get(), DEFAULT)
    })
    .map(Id::own)
}

/// Moves a name from a group to another.
pub(crate) fn rename(from: &Id, old: &str, to: &Id, new: &str) -> Result<()> {
    let links = plist::link_creation()?;
    let (old, new) = (c_string(old)?, c_string(new)?);
    h5!(Io, "the element cannot be moved", {
        H5Lmove(from.get(), old.as_ptr(), to.get(), new.as_ptr(), links.get(), DEFAULT)
    })
    .map(drop)
}

/// Removes a name from a group; what nothing else names is freed.
pub(crate) fn remove(group: &Id, name: &str) -> Result<()> {
    let name = c_string(name)?;
    h5!(Io, "the element cannot be removed", H5Ldelete(group.get(), name.as_ptr(), DEFAULT)).map(drop)
}

/// An object reference to the element at a path below `root`.
pub(crate) fn reference(root: &Id, path: &str) -> Result<[u8; 8]> {
    let path = c_string(path)?;
    let mut reference = [0_u8; 8];
    h5!(InvalidInput, "there is nothing to refer to", {
        H5Rcreate(reference.as_mut_ptr().cast(), root.get(), path.as_ptr(), H5R_type_t::H5R_OBJECT1, -1)
    })?;
    Ok(reference)
}

/// The path of the element that an object reference is to, `None` if it is to nothing.
pub(crate) fn referenced_path(object: &Id, reference: [u8; 8]) -> Result<Option<String>> {
    if reference == [0; 8] {
        return Ok(None);
    }
    let mut name = vec![0_u8; 1 << 12];
    let len = h5!(InvalidData, "a reference leads nowhere", {
        let (target, name) = (reference.as_ptr().cast(), name.as_mut_ptr().cast());
        H5Rget_name(object.get(), H5R_type_t::H5R_OBJECT1, target, name, 1 << 12)
    })?;
    let len = usize::try_from(len).ok().filter(|&len| len < name.len());
    name.truncate(len.ok_or_else(|| Error::invalid_data("the path that a reference leads to is too long"))?);
    if name.is_empty() {
        return Ok(None);
    }
    utf8_name(name).map(|path| Some(path.trim_matches('/').to_owned()))
}
