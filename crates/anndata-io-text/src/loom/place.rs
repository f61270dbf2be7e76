//! Where arrays stand in a loom file.

use anndata_storage::{ArraySpec, Error, Group, Result, Tensor};

/// Makes an array of values.
pub(super) fn put(root: &Group, path: &str, values: &Tensor) -> Result<()> {
    let array = root.create_array(path, &ArraySpec::of(values))?;
    array.write(&vec![0; values.ndim()], values)
}

/// The path of an attribute, whose name is that of an array.
pub(super) fn child(slot: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.contains('/') || name == "." {
        return Err(Error::unsupported(format!("'{name}' cannot be the name of an attribute of a loom file")).at(slot));
    }
    Ok(format!("{slot}/{name}"))
}
