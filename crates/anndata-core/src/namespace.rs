//! Namespaces: functions of other crates on [`AnnData`], under a name of their own.
//!
//! A namespace is a type that is made from an object and has methods. [`AnnData::ns`] gives it; with
//! [`register_anndata_namespace!`](crate::register_anndata_namespace) it is reached by a method of its own name.
//!
//! ```
//! use anndata_core::{AnnData, Namespace, Result, register_anndata_namespace};
//!
//! #[derive(Debug)]
//! struct Counts {
//!     adata: AnnData,
//! }
//!
//! impl Namespace for Counts {
//!     const NAME: &'static str = "counts";
//!
//!     fn new(adata: &AnnData) -> Self {
//!         Self { adata: adata.clone() }
//!     }
//! }
//!
//! impl Counts {
//!     fn cells(&self) -> usize {
//!         self.adata.n_obs()
//!     }
//! }
//!
//! register_anndata_namespace! {
//!     /// Counting.
//!     trait CountsExt { fn counts() -> Counts; }
//! }
//!
//! let adata = AnnData::builder().shape(3, 2).build()?;
//! assert_eq!(adata.counts()?.cells(), 3);
//! assert_eq!(adata.ns::<Counts>()?.cells(), 3);
//! # Ok::<(), anndata_core::Error>(())
//! ```
//!
//! A namespace is made when it is first asked for and kept with the object: what it computes once is there the next
//! time. It sees the object as it was then. **An edit of the object drops its namespaces**, so that they are made anew of
//! what the object has become. A view has namespaces of its own, and so has a clone.
//!
//! Names that `AnnData` has itself are refused when the program is compiled:
//!
//! ```compile_fail
//! # use anndata_core::{AnnData, Namespace};
//! struct Mine;
//! impl Namespace for Mine {
//!     const NAME: &'static str = "obs";
//!     fn new(_: &AnnData) -> Self { Self }
//! }
//! AnnData::builder().build().unwrap().ns::<Mine>();
//! ```
//!
//! Two namespaces of one name on one object are an error of [`AnnData::ns`].

use std::sync::Arc;

use anndata_storage::Result;

use crate::AnnData;

/// A type with functions on an object. See the [module](self).
pub trait Namespace: Send + Sync + 'static {
    /// The name, as of a method: no name that [`AnnData`] has itself.
    const NAME: &'static str;

    /// The namespace of an object. A clone of the object costs next to nothing.
    fn new(adata: &AnnData) -> Self;
}

impl AnnData {
    /// The namespace of this object: made on first use, and kept until the object is edited.
    ///
    /// A name that `AnnData` has itself does not compile. See [`namespace`](crate::namespace).
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if another namespace of the same name is in use on this
    /// object.
    pub fn ns<T: Namespace>(&self) -> Result<Arc<T>> {
        const { assert!(!is_reserved(T::NAME), "the name of the namespace is that of a method of AnnData, or no name") };
        if let Some(kept) = self.namespaces().get::<T>(T::NAME)? {
            return Ok(kept);
        }
        // Not while the cache is locked: it may use other namespaces.
        self.namespaces().keep(T::NAME, Arc::new(T::new(self)))
    }
}

/// Makes the extension trait that gives a [`Namespace`] its method on [`AnnData`].
///
/// The method has the name that the namespace has, or it does not compile; nor does a name that `AnnData` has itself, or
/// a trait twice in one module. See [`namespace`](crate::namespace) for an example.
#[macro_export]
macro_rules! register_anndata_namespace {
    ($(#[$doc:meta])* $visibility:vis trait $trait:ident { fn $name:ident() -> $namespace:ty; }) => {
        $(#[$doc])*
        $visibility trait $trait {
            #[doc = concat!("The namespace `", stringify!($name), "` of this object.")]
            ///
            /// # Errors
            /// If another namespace of the same name is in use on this object.
            fn $name(&self) -> $crate::Result<::std::sync::Arc<$namespace>>;
        }

        impl $trait for $crate::AnnData {
            fn $name(&self) -> $crate::Result<::std::sync::Arc<$namespace>> {
                self.ns::<$namespace>()
            }
        }

        const _: () = {
            const NAME: &str = <$namespace as $crate::Namespace>::NAME;
            assert!(!$crate::namespace::is_reserved(NAME), "AnnData has a method of the name of the namespace");
            assert!(
                $crate::namespace::is_same(NAME, stringify!($name)),
                "the method has another name than the namespace"
            );
        };
    };
}

/// Whether a name cannot be that of a namespace: [`AnnData`] has it, or it is empty.
pub const fn is_reserved(name: &str) -> bool {
    let mut at = 0;
    while at < RESERVED.len() {
        if is_same(RESERVED[at], name) {
            return true;
        }
        at += 1;
    }
    name.is_empty()
}

/// Whether two names are the same, when the program is compiled.
pub const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The names of the slots and methods of [`AnnData`], and of what every type has.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "CHUNK_ROWS", "X", "approx_eq", "as_ref", "at", "borrow", "borrow_mut", "builder", "check_frame_labels", "chunk_x",
    "chunked_layer", "chunked_x", "clear_obs", "clear_var", "clone", "clone_from", "clone_into", "close", "copy",
    "differences", "eq", "filename", "fmt", "from", "from_frame", "group_by", "group_by_groups", "into", "is_backed", "is_view", "isbacked",
    "layer", "layers", "load", "load_annotations", "load_async", "mappings", "n_obs", "n_vars", "ne", "ns", "obs", "obs_names",
    "obs_names_make_unique", "obs_vector", "obsm", "obsp", "other", "random_chunk_x", "raw", "raw_to_adata",
    "remove_at", "remove_layer", "remove_obs_column", "remove_obsm", "remove_obsp", "remove_raw", "remove_uns",
    "remove_unused_categories", "remove_var_column", "remove_varm", "remove_varp", "remove_x", "rename_categories",
    "rename_layer", "rename_obs_column", "rename_obsm", "rename_obsp", "rename_uns", "rename_var_column",
    "rename_varm", "rename_varp", "select", "select_with", "set_all_layers", "set_all_obsm", "set_all_obsp",
    "set_all_uns", "set_all_varm", "set_all_varp", "set_at", "set_layer", "set_layer_at", "set_obs", "set_obs_column",
    "set_obs_names", "set_obsm", "set_obsp", "set_raw", "set_uns", "set_var", "set_var_column", "set_var_names",
    "set_varm", "set_varp", "set_x", "set_x_at", "shape", "size_in_memory", "strings_to_categoricals", "subset",
    "to_df", "to_memory", "to_owned", "to_string", "transpose", "transpose_lazy", "try_from", "try_into", "type_id", "uns", "uns_at",
    "uns_mut", "update_layer", "update_x", "var", "var_names", "var_names_make_unique", "var_vector", "varm", "varp",
    "view_of", "write", "write_h5ad", "write_zarr", "x",
];

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{DataFrame, Tensor};

    static MADE: AtomicUsize = AtomicUsize::new(0);

    struct Names(Vec<String>);

    impl Namespace for Names {
        const NAME: &'static str = "names";

        fn new(adata: &AnnData) -> Self {
            MADE.fetch_add(1, Ordering::Relaxed);
            Self(adata.obs_names().unwrap_or_default())
        }
    }

    register_anndata_namespace! {
        trait NamesExt { fn names() -> Names; }
    }

    #[test]
    fn a_namespace_is_kept_until_an_edit() -> Result<()> {
        let mut adata = AnnData::builder().obs(DataFrame::new(["a", "b"])).build()?;
        let first = adata.names()?;
        assert!(Arc::ptr_eq(&first, &adata.names()?) && Arc::ptr_eq(&first, &adata.ns::<Names>()?));
        assert_eq!(MADE.load(Ordering::Relaxed), 1);
        assert_eq!(format!("{:?}", adata.namespaces()), "{\"names\"}");

        let view = adata.select(1, ..)?;
        assert_eq!(view.names()?.0, ["b"]);
        assert!(!Arc::ptr_eq(&first, &adata.clone().names()?));

        assert!(adata.set_obs_names(["only one"]).is_err_and(|error| error.to_string().contains('1')));
        assert!(Arc::ptr_eq(&first, &adata.names()?), "what was refused is not an edit");
        adata.set_obs_names(["c", "d"])?;
        assert_eq!(adata.names()?.0, ["c", "d"]);
        Ok(())
    }

    #[test]
    fn every_edit_drops_the_namespaces() -> Result<()> {
        type Edit = fn(&mut AnnData) -> Result<()>;
        let one = || Tensor::from_vec([1, 1], vec![1]);
        let edits: &[Edit] = &[
            |adata| adata.set_obsm("m", Tensor::from_vec([1, 1], vec![2])?),
            |adata| {
                adata.remove_x();
                Ok(())
            },
            |adata| adata.set_x_at(.., .., 5),
            |adata| {
                let raw = crate::Raw::from(&*adata);
                adata.set_raw(raw)?;
                adata.remove_raw();
                Ok(())
            },
            |adata| adata.set_obs_column("n", vec![1]),
            |adata| adata.rename_obsm("m", "n"),
            |adata| adata.strings_to_categoricals(),
            |adata| adata.remove_unused_categories(),
            |adata| adata.subset(.., ..),
            |adata| {
                adata.set_uns("k", 1);
                Ok(())
            },
            |adata| {
                adata.uns_mut().clear();
                Ok(())
            },
            |adata| {
                adata.remove_obsm("m");
                Ok(())
            },
            |adata| {
                adata.clear_var();
                Ok(())
            },
        ];
        for (number, edit) in edits.iter().enumerate() {
            let mut adata = AnnData::builder().x(one()?).obsm("m", one()?).build()?;
            let before = adata.ns::<Names>()?;
            edit(&mut adata)?;
            assert!(!Arc::ptr_eq(&before, &adata.ns::<Names>()?), "edit {number}");
            let mut view = AnnData::builder().x(one()?).obsm("m", one()?).build()?.select(.., ..)?;
            edit(&mut view)?;
            assert!(!view.is_view(), "edit {number}");
        }
        Ok(())
    }

    #[test]
    fn two_namespaces_of_one_name_are_refused() -> Result<()> {
        struct Other;
        impl Namespace for Other {
            const NAME: &'static str = "names";

            fn new(_: &AnnData) -> Self {
                Self
            }
        }
        let adata = AnnData::builder().build()?;
        adata.ns::<Names>()?;
        let refused = adata.ns::<Other>().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            refused.contains("'names'") && refused.contains("Names and ") && refused.contains("Other"),
            "{refused}"
        );
        assert!(adata.ns::<Names>().is_ok());
        Ok(())
    }

    #[test]
    fn the_methods_of_the_object_are_reserved() {
        let sources = [
            include_str!("adata.rs"),
            include_str!("adata/assign.rs"),
            include_str!("adata/categories.rs"),
            include_str!("adata/chunks.rs"),
            include_str!("adata/edit.rs"),
            include_str!("adata/group.rs"),
            include_str!("adata/names.rs"),
            include_str!("adata/size.rs"),
            include_str!("adata/transpose.rs"),
            include_str!("adata/vectors.rs"),
            include_str!("adata/view.rs"),
            include_str!("leaves.rs"),
        ];
        let mut found = 0;
        for source in sources {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            // Of the object itself, not of the types beside it.
            for block in code.split("\nimpl AnnData {\n").skip(1) {
                let block = block.split("\n}\n").next().unwrap_or_default();
                let block = &block.replace("pub async fn ", "pub fn ");
                let methods = block.split("    pub fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
                // Invocations of macros list the methods that they make.
                let made = block.lines().filter(|line| line.starts_with("        ") && line.ends_with(';'));
                let made = made.flat_map(|line| line.split(", ")).map(str::trim);
                let verbs = ["set_", "set_all_", "remove_", "rename_", "clear_", "obs_names_", "var_names_"];
                let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                let made = made.filter(|name| verbs.iter().any(|verb| name.starts_with(verb))).filter(is_name);
                for name in methods.chain(made) {
                    found += 1;
                    assert!(is_reserved(name), "'{name}' is a method of AnnData and not reserved");
                }
            }
        }
        assert!(found > 70, "{found}");
        assert!(is_reserved("") && is_reserved("X") && !is_reserved("spatial"));
    }
}
