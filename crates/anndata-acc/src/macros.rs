//! [`acc!`](crate::acc): references in Python's spelling, checked when the program is compiled.

/// A reference or accessor in Python's spelling.
///
/// Names, keys and positions are any expressions; lists give a `Vec` of references. What is not a reference does not
/// compile. A leading `A.` may be written.
///
/// ```
/// use anndata_acc::{A, acc};
///
/// assert_eq!(acc!(X[:, "gene-3"]), A.x().column("gene-3"));
/// assert_eq!(acc!(A.layers["counts"]["cell-1", :]), A.layer("counts").row("cell-1"));
/// assert_eq!(acc!(obs["louvain"]), A.obs("louvain"));
/// assert_eq!(acc!(var.index), A.var_index());
/// assert_eq!(acc!(obsm["pca"][:, 0]), A.obsm("pca").column(0));
/// assert_eq!(acc!(obsp["distances"][:, :]), A.obsp("distances").all());
///
/// // Lists.
/// assert_eq!(acc!(obs[["a", "b"]]), [A.obs("a"), A.obs("b")]);
/// assert_eq!(acc!(obsm["pca"][:, [0, 1]]), A.obsm("pca").columns([0, 1]));
///
/// // Accessors.
/// assert_eq!(acc!(X), A.x());
/// assert_eq!(acc!(obsm["pca"]), A.obsm("pca"));
/// assert_eq!(acc!(obs), A.obs_frame());
/// assert_eq!(acc!(varp), A.varp_map());
///
/// // Expressions.
/// let (gene, component) = (format!("gene-{}", 3), 1);
/// assert_eq!(acc!(X[:, gene.as_str()]).to_string(), "A.X[:, 'gene-3']");
/// assert_eq!(acc!(obsm["pca"][:, component + 1]), A.obsm("pca").column(2));
/// ```
///
/// ```compile_fail
/// anndata_acc::acc!(X["cell-1"]); // a row is ["cell-1", :]
/// ```
#[macro_export]
macro_rules! acc {
    (A . $($rest:tt)+) => { $crate::acc!($($rest)+) };

    (X) => { $crate::A.x() };
    (X [$($idx:tt)*]) => { $crate::__idx2d!($crate::A.x(), $($idx)*) };

    (layers) => { $crate::A.layers() };
    (layers [None] $($rest:tt)*) => { $crate::acc!(X $($rest)*) };
    (layers [$k:expr]) => { $crate::A.layer($k) };
    (layers [$k:expr] [$($idx:tt)*]) => { $crate::__idx2d!($crate::A.layer($k), $($idx)*) };

    (obs) => { $crate::A.obs_frame() };
    (obs . index) => { $crate::A.obs_index() };
    (obs [$($idx:tt)*]) => { $crate::__column!($crate::A.obs_frame(), $($idx)*) };
    (var) => { $crate::A.var_frame() };
    (var . index) => { $crate::A.var_index() };
    (var [$($idx:tt)*]) => { $crate::__column!($crate::A.var_frame(), $($idx)*) };

    (obsm) => { $crate::A.obsm_map() };
    (obsm [$k:expr]) => { $crate::A.obsm($k) };
    (obsm [$k:expr] [$($idx:tt)*]) => { $crate::__position!($crate::A.obsm($k), $($idx)*) };
    (varm) => { $crate::A.varm_map() };
    (varm [$k:expr]) => { $crate::A.varm($k) };
    (varm [$k:expr] [$($idx:tt)*]) => { $crate::__position!($crate::A.varm($k), $($idx)*) };

    (obsp) => { $crate::A.obsp_map() };
    (obsp [$k:expr]) => { $crate::A.obsp($k) };
    (obsp [$k:expr] [$($idx:tt)*]) => { $crate::__idx2d!($crate::A.obsp($k), $($idx)*) };
    (varp) => { $crate::A.varp_map() };
    (varp [$k:expr]) => { $crate::A.varp($k) };
    (varp [$k:expr] [$($idx:tt)*]) => { $crate::__idx2d!($crate::A.varp($k), $($idx)*) };

    ($($other:tt)*) => {
        ::core::compile_error!(
            "not a reference: expected X, layers[k], obsp[k] or varp[k] with [:, :], [name, :] or [:, name]; \
             obs[name], obs.index, var[name], var.index; obsm[k] or varm[k] with [:, i]"
        )
    };
}

/// The index of a matrix in [`acc!`](crate::acc).
#[doc(hidden)]
#[macro_export]
macro_rules! __idx2d {
    ($acc:expr, : , : $(,)?) => { $acc.all() };
    ($acc:expr, : , [$($name:expr),* $(,)?] $(,)?) => { $acc.columns([$($name),*]) };
    ($acc:expr, : , $name:expr $(,)?) => { $acc.column($name) };
    ($acc:expr, [$($name:expr),* $(,)?], : $(,)?) => { $acc.rows([$($name),*]) };
    ($acc:expr, $name:expr, : $(,)?) => { $acc.row($name) };
    ($acc:expr, $($other:tt)*) => {
        ::core::compile_error!("the index of a matrix is [:, :], [name, :] or [:, name], or one with a list of names")
    };
}

/// The index of a frame in [`acc!`](crate::acc).
#[doc(hidden)]
#[macro_export]
macro_rules! __column {
    ($acc:expr, None) => { $acc.index() };
    ($acc:expr, [$($name:expr),* $(,)?]) => { $acc.columns([$($name),*]) };
    ($acc:expr, $name:expr) => { $acc.column($name) };
    ($acc:expr, $($other:tt)*) => { ::core::compile_error!("the index of a frame is [name] or a list of names") };
}

/// The index of a multi-dimensional annotation in [`acc!`](crate::acc).
#[doc(hidden)]
#[macro_export]
macro_rules! __position {
    ($acc:expr, $(: ,)? [$($position:expr),* $(,)?]) => { $acc.columns([$($position),*]) };
    ($acc:expr, $(: ,)? $position:expr) => { $acc.column($position) };
    ($acc:expr, $($other:tt)*) => {
        ::core::compile_error!("the index of a multi-dimensional annotation is [:, i] or [:, [i, j]]")
    };
}
