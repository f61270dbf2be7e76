//! What references are to: objects, and regions of arrays.
//!
//! In a file a reference is an address, which means nothing in another one. Here it is text: the path of the object
//! (`/obsm/X`), for a region followed by a NUL and the region as [`region`] writes it. A reference to nothing is empty. One
//! that leads to no object with a path is a NUL and the reason; it can be read, compared and left out, but not written.

use anndata_storage::{Error, Result, ensure};
use hdf5_metno_sys::h5r::{H5R_type_t, H5Rcreate, H5Rget_name, H5Rget_region};
use hdf5_metno_sys::h5s::{
    H5S_sel_type, H5S_seloper_t, H5Sget_regular_hyperslab, H5Sget_select_elem_npoints, H5Sget_select_elem_pointlist,
    H5Sget_select_hyper_blocklist, H5Sget_select_hyper_nblocks, H5Sget_select_type, H5Sis_regular_hyperslab,
    H5Sselect_all, H5Sselect_elements, H5Sselect_hyperslab, H5Sselect_none, H5Sselect_valid,
};

use super::link::{self, ObjectKind, utf8_name};
use super::space::{self, Extent};
use super::{Id, c_string, h5, locked};
use crate::dtype::Target;

/// The library's name for a kind of reference.
fn kind_of(target: Target) -> H5R_type_t {
    match target {
        Target::Object => H5R_type_t::H5R_OBJECT1,
        Target::Region => H5R_type_t::H5R_DATASET_REGION1,
    }
}

/// What a reference in the file of an object is to, as text.
pub(crate) fn read(object: &Id, kind: Target, reference: &[u8]) -> Result<Vec<u8>> {
    ensure!(reference.len() == kind.size(), "a reference of {} bytes, not {}", reference.len(), kind.size());
    if reference.iter().all(|&byte| byte == 0) {
        return Ok(Vec::new());
    }
    let text = path(object, kind, reference).and_then(|path| match kind {
        Target::Object => Ok(path),
        Target::Region => Ok(format!("{path}\0{}", region(&region_of(object, reference)?)?)),
    });
    Ok(text.unwrap_or_else(|error| format!("\0{error}")).into_bytes())
}

fn path(object: &Id, kind: Target, reference: &[u8]) -> Result<String> {
    const LONGEST: usize = 1 << 12;
    let mut name = vec![0_u8; LONGEST];
    let len = h5!(InvalidData, "a reference leads nowhere", {
        H5Rget_name(object.get(), kind_of(kind), reference.as_ptr().cast(), name.as_mut_ptr().cast(), LONGEST)
    })?;
    let len = usize::try_from(len).ok().filter(|&len| len < LONGEST);
    name.truncate(len.ok_or_else(|| Error::invalid_data("the path that a reference leads to is too long"))?);
    if name.is_empty() {
        return Err(Error::invalid_data("a reference leads to an object without a path"));
    }
    utf8_name(name)
}

fn region_of(object: &Id, reference: &[u8]) -> Result<Id> {
    h5!(InvalidData, "the region of a reference cannot be read", {
        H5Rget_region(object.get(), kind_of(Target::Region), reference.as_ptr().cast())
    })
    .map(Id::own)
}

/// A reference in the file of an object, to what a text of [`read`] says.
///
/// # Errors
/// If that is not in the file, or an array of another shape than the one that a region is of.
pub(crate) fn make(object: &Id, kind: Target, text: &[u8]) -> Result<Vec<u8>> {
    let mut reference = vec![0_u8; kind.size()];
    if text.is_empty() {
        return Ok(reference);
    }
    let text = str::from_utf8(text)
        .map_err(|error| Error::invalid_input("the path of a reference is not UTF-8").with_source(error))?;
    let (path, region) = text.split_once('\0').map_or((text, None), |(path, region)| (path, Some(region)));
    if path.is_empty() {
        let reason = region.unwrap_or_default();
        return Err(Error::invalid_input(format!("a reference cannot be written anew: {reason}")));
    }
    let target = link::open(object, path).map_err(|_| {
        Error::invalid_input(format!("a reference is to '{path}', which is not in the file that is written"))
    })?;
    if !target.identity.is_in_file_of(&link::open(object, ".")?.identity) {
        return Err(Error::unsupported(format!("a reference is to '{path}', which is in another file")));
    }
    let space = match (kind, region) {
        (Target::Object, None) => None,
        (Target::Region, Some(region)) => {
            if target.kind != ObjectKind::Dataset {
                return Err(Error::invalid_input(format!("a region is of '{path}', which is not an array")));
            }
            let space = parse_region(region)?;
            let (expected, found) = (shape(&space)?, shape(&space::of_dataset(&target.id)?)?);
            if expected != found {
                return Err(Error::invalid_input(format!(
                    "a reference is to a region of '{path}' of shape {expected:?}, which is of shape {found:?} here"
                )));
            }
            Some(space)
        }
        _ => return Err(Error::invalid_input(format!("'{text}' is not what a reference of its kind is to"))),
    };
    let name = c_string(path)?;
    h5!(InvalidInput, "a reference cannot be made", {
        let space = space.as_ref().map_or(-1, Id::get);
        H5Rcreate(reference.as_mut_ptr().cast(), object.get(), name.as_ptr(), kind_of(kind), space)
    })?;
    Ok(reference)
}

fn shape(space: &Id) -> Result<Vec<u64>> {
    match space::extent(space)? {
        Extent::Simple { shape, .. } => Ok(shape),
        Extent::Null => Err(Error::invalid_data("a region is of an array without values")),
    }
}

/// The selection of a dataspace: what it is, the number of axes, the shape, and then numbers in order, all separated by
/// spaces. `all` and `none` have no numbers; `points` have one per axis; `grid` is start, stride, count and block;
/// `boxes` are the first and the last corner of each.
fn region(space: &Id) -> Result<String> {
    const MESSAGE: &str = "the region of a reference cannot be read";
    let shape = shape(space)?;
    let ndim = shape.len();
    let room = |count: i64, width: usize| {
        let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(width));
        len.ok_or_else(|| Error::limit_exceeded("a region does not fit into memory")).map(|len| vec![0_u64; len])
    };
    let id = space.get();
    // SAFETY: the identifier is held alive.
    let (what, numbers) = match locked(|| unsafe { H5Sget_select_type(id) }) {
        H5S_sel_type::H5S_SEL_ALL => ("all", Vec::new()),
        H5S_sel_type::H5S_SEL_NONE => ("none", Vec::new()),
        H5S_sel_type::H5S_SEL_POINTS => {
            let count = h5!(InvalidData, MESSAGE, H5Sget_select_elem_npoints(id))?;
            let mut points = room(count, ndim)?;
            h5!(InvalidData, MESSAGE, H5Sget_select_elem_pointlist(id, 0, count.unsigned_abs(), points.as_mut_ptr()))?;
            ("points", points)
        }
        H5S_sel_type::H5S_SEL_HYPERSLABS if h5!(InvalidData, MESSAGE, H5Sis_regular_hyperslab(id))? > 0 => {
            let [mut start, mut stride, mut count, mut block] = [(); 4].map(|()| vec![0_u64; ndim]);
            h5!(InvalidData, MESSAGE, {
                let (start, stride) = (start.as_mut_ptr(), stride.as_mut_ptr());
                H5Sget_regular_hyperslab(id, start, stride, count.as_mut_ptr(), block.as_mut_ptr())
            })?;
            ("grid", [start, stride, count, block].concat())
        }
        H5S_sel_type::H5S_SEL_HYPERSLABS => {
            let count = h5!(InvalidData, MESSAGE, H5Sget_select_hyper_nblocks(id))?;
            let mut boxes = room(count, 2 * ndim)?;
            h5!(InvalidData, MESSAGE, H5Sget_select_hyper_blocklist(id, 0, count.unsigned_abs(), boxes.as_mut_ptr()))?;
            ("boxes", boxes)
        }
        H5S_sel_type::H5S_SEL_ERROR | H5S_sel_type::H5S_SEL_N => {
            return Err(Error::invalid_data("a region of no known kind"));
        }
    };
    let numbers = std::iter::once(ndim as u64).chain(shape).chain(numbers).map(|number| number.to_string());
    Ok(std::iter::once(what.to_owned()).chain(numbers).collect::<Vec<_>>().join(" "))
}

/// A dataspace with the selection that a text of [`region`] says.
fn parse_region(text: &str) -> Result<Id> {
    const MESSAGE: &str = "a region cannot be selected";
    let malformed = || Error::invalid_input(format!("'{text}' is no region of an array"));
    let beyond = || Error::invalid_input(format!("the region '{text}' reaches beyond its array"));
    let mut words = text.split(' ');
    let what = words.next().ok_or_else(malformed)?;
    let numbers = words.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| malformed())?;
    let (&ndim, numbers) = numbers.split_first().ok_or_else(malformed)?;
    let ndim = usize::try_from(ndim).map_err(|_| malformed())?;
    let (shape, numbers) = numbers.split_at_checked(ndim).ok_or_else(malformed)?;
    let space = space::simple(shape)?;
    let id = space.get();
    let selected = match what {
        "all" if numbers.is_empty() => h5!(InvalidInput, MESSAGE, H5Sselect_all(id)),
        "none" if numbers.is_empty() => h5!(InvalidInput, MESSAGE, H5Sselect_none(id)),
        "points" if ndim > 0 && !numbers.is_empty() && numbers.len().is_multiple_of(ndim) => {
            // The library takes points just beyond the end for valid ones.
            if numbers.chunks_exact(ndim).any(|point| point.iter().zip(shape).any(|(at, len)| at >= len)) {
                return Err(beyond());
            }
            let count = numbers.len() / ndim;
            let set = H5S_seloper_t::H5S_SELECT_SET;
            h5!(InvalidInput, MESSAGE, H5Sselect_elements(id, set, count, numbers.as_ptr()))
        }
        "grid" if ndim > 0 && numbers.len() == 4 * ndim => {
            let mut parts = numbers.chunks_exact(ndim).map(<[u64]>::as_ptr);
            let mut part = || parts.next().ok_or_else(malformed);
            let (start, stride, count, block) = (part()?, part()?, part()?, part()?);
            let set = H5S_seloper_t::H5S_SELECT_SET;
            h5!(InvalidInput, MESSAGE, H5Sselect_hyperslab(id, set, start, stride, count, block))
        }
        "boxes" if ndim > 0 && numbers.len().is_multiple_of(2 * ndim) => {
            h5!(InvalidInput, MESSAGE, H5Sselect_none(id))?;
            for corners in numbers.chunks_exact(2 * ndim) {
                let (first, last) = corners.split_at(ndim);
                let len = |(&last, &first): (&u64, &u64)| last.checked_sub(first)?.checked_add(1);
                let count = last.iter().zip(first).map(len).collect::<Option<Vec<u64>>>().ok_or_else(malformed)?;
                h5!(InvalidInput, MESSAGE, {
                    let (or, null) = (H5S_seloper_t::H5S_SELECT_OR, std::ptr::null());
                    H5Sselect_hyperslab(id, or, first.as_ptr(), null, count.as_ptr(), null)
                })?;
            }
            Ok(0)
        }
        _ => return Err(malformed()),
    };
    selected?;
    if h5!(InvalidInput, MESSAGE, H5Sselect_valid(id))? == 0 {
        return Err(beyond());
    }
    Ok(space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_text_and_back() -> Result<()> {
        for text in [
            "all 2 5 3",
            "all 0",
            "none 1 4",
            "points 2 5 3 4 2 0 0 4 2",
            "grid 2 5 3 0 1 2 1 2 1 1 2",
            "boxes 2 5 3 0 0 1 0 3 1 4 2",
        ] {
            assert_eq!(region(&parse_region(text)?)?, text);
        }
        for text in
            ["", "all", "all 2 5", "points 1 5 x", "grid 1 5 0 1 1", "boxes 1 5 3 1", "points 0 1", "circle 1 5"]
        {
            assert!(parse_region(text).is_err_and(|error| error.is_invalid_input()), "{text}");
        }
        for text in ["points 1 5 5", "grid 1 5 4 1 1 2", "boxes 1 5 3 5"] {
            assert!(parse_region(text).is_err_and(|error| error.message().contains("beyond")), "{text}");
        }
        Ok(())
    }
}
