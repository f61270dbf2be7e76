//! A backend of one's own: an AnnData-like tree in one SQLite database.
//!
//! ```sh
//! cargo run -p anndata-storage --example sqlite
//! ```

#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
mod store;

use std::sync::Arc;

use anndata_storage::{ArraySpec, AxisSelection, Group, Result, Tensor};
use store::SqliteStore;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("example.sqlite");

    let root = Group::root(Arc::new(SqliteStore::open_rw(&path)?));
    let counts = Tensor::from_vec([3, 2], vec![1_i32, 2, 3, 4, 5, 6])?;
    let array = root.create_array("layers/counts", &ArraySpec::of(&counts))?;
    array.write(&[0, 0], &counts)?;
    array.set_attributes(&[("unit".to_owned(), "reads".into())].into())?;
    root.storage().commit()?;
    drop((root, array));

    let root = Group::root(Arc::new(SqliteStore::open(&path)?));
    let array = root.array("layers/counts")?;
    let rows = array.read_selection(&[AxisSelection::from(vec![2, 0]), AxisSelection::Range(0..2)])?;
    assert_eq!(rows.as_slice::<i32>()?, [5, 6, 1, 2]);
    assert!(array.write(&[0, 0], &counts).is_err_and(|error| error.is_read_only()));
    Ok(())
}
