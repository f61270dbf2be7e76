//! Concatenation of objects: along one axis they follow each other, along the other they are joined by label.
//!
//! ```
//! use anndata_core::{AnnData, ConcatOptions, DataFrame, Join, SparseFormat, SparseMatrix, Tensor, concat, concat_named};
//!
//! let object = |cells: [&str; 2], genes: &[&str], counts: Vec<i32>| {
//!     let counts = Tensor::from_vec([2, genes.len()], counts)?;
//!     let x = SparseMatrix::from_dense(&counts, SparseFormat::Csr)?;
//!     AnnData::builder().x(x).obs(DataFrame::new(cells)).var(DataFrame::new(genes)).build()
//! };
//! let a = object(["c1", "c2"], &["A", "B"], vec![0, 1, 2, 3])?;
//! let b = object(["c1", "c2"], &["A", "B", "C"], vec![4, 5, 6, 7, 8, 9])?;
//!
//! let inner = concat(&[&a, &b], &ConcatOptions::default())?;
//! assert_eq!(inner.shape(), (4, 2));
//!
//! let options = ConcatOptions::default().with_join(Join::Outer).with_label("batch").with_index_unique("-");
//! let outer = concat_named([("a", &a), ("b", &b)], &options)?;
//! assert_eq!(outer.obs_names()?, ["c1-a", "c2-a", "c1-b", "c2-b"]);
//! assert_eq!(outer.var_names()?, ["A", "B", "C"]);
//! // Sparse matrices are filled with zeros.
//! let x = outer.x().map(|x| x.to_sparse()?.to_dense()).transpose()?;
//! assert_eq!(x, Some(Tensor::from_vec([4, 3], vec![0, 1, 0, 2, 3, 0, 4, 5, 6, 7, 8, 9])?));
//! # Ok::<(), anndata_core::Error>(())
//! ```
//!
//! # What is not aligned to the axis
//!
//! Annotations of the other axis are kept as [`ConcatOptions::merge`] says, and `uns` as
//! [`ConcatOptions::uns_merge`] says; see [`Merge`].
//!
//! ```
//! use anndata_core::{AnnData, ConcatOptions, Merge, Mapping, Tensor, concat};
//!
//! let object = |ones: i64, own: Option<i64>| {
//!     let mut object = AnnData::builder().shape(1, 2).varm("ones", Tensor::from_vec([2, 1], vec![ones; 2])?);
//!     if let Some(own) = own {
//!         object = object.varm("own", Tensor::from_vec([2, 1], vec![own; 2])?);
//!     }
//!     object.varm("rank", Tensor::from_vec([2, 1], vec![ones, own.unwrap_or(0)])?).build()
//! };
//! let (a, b) = (object(1, Some(7))?, object(1, None)?);
//! for (merge, kept) in [
//!     (Merge::Off, vec![]),
//!     (Merge::Same, vec!["ones"]),
//!     (Merge::Unique, vec!["ones", "own"]),
//!     (Merge::First, vec!["ones", "own", "rank"]),
//!     (Merge::Only, vec!["own"]),
//! ] {
//!     let joined = concat(&[&a, &b], &ConcatOptions::default().with_merge(merge))?;
//!     assert_eq!(joined.varm().keys().collect::<Vec<_>>(), kept);
//! }
//!
//! // The same for `uns`, at every level of nested mappings.
//! let uns = |b: i64, inner: &[(&str, i64)]| -> Result<AnnData, anndata_core::Error> {
//!     let inner: Mapping = inner.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect();
//!     AnnData::builder().uns("a", 1_i64).uns("b", b).uns("c", inner).build()
//! };
//! let (a, b) = (uns(2, &[("c.a", 3), ("c.b", 4)])?, uns(3, &[("c.b", 4)])?);
//! let c = uns(4, &[("c.a", 3), ("c.b", 4), ("c.c", 5)])?;
//! let keys = |merge: Merge| {
//!     let joined = concat(&[&a, &b, &c], &ConcatOptions::default().with_uns_merge(merge))?;
//!     let inner = joined.uns().get("c").map(|c| Ok::<_, anndata_core::Error>(c.as_mapping()?.keys().cloned().collect::<Vec<_>>()));
//!     Ok::<_, anndata_core::Error>((joined.uns().keys().cloned().collect::<Vec<_>>(), inner.transpose()?.unwrap_or_default()))
//! };
//! let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
//! assert_eq!(keys(Merge::Same)?, (words("a c"), words("c.b")));
//! assert_eq!(keys(Merge::Unique)?, (words("a c"), words("c.a c.b c.c")));
//! assert_eq!(keys(Merge::Only)?, (words("c"), words("c.c")));
//! assert_eq!(keys(Merge::First)?, (words("a b c"), words("c.a c.b c.c")));
//! # Ok::<(), anndata_core::Error>(())
//! ```

mod categories;
mod columns;
mod dense;
mod equal;
mod execute;
mod join;
mod joined;
mod labels;
mod merge;
mod outline;
mod plan;

use anndata_storage::{Error, Result, Scalar};

use crate::adata::warn_of_duplicates;
use crate::{AnnData, Column, ColumnKind, DataFrame, Mapping, Tensor};
pub use anndata_array::Reindex;
use anndata_array::code_dtype;
pub use anndata_array::promote::FillValue;
pub use columns::ColumnPlan;
pub use labels::{JoinedLabels, Labels};
pub use merge::{Merge, MergeFunction};
pub use plan::{ConcatPlan, ElementKind, ElementPlan, FramePlan};

/// Concatenates objects; views and objects with lazy elements included.
///
/// Elements that are lazy are read one key at a time and not kept. See the [module](self) for examples.
///
/// # Errors
/// If there is no object, labels that are joined are repeated, keys are missing or repeated, or elements of one key
/// cannot become one; the message names the element.
pub fn concat(inputs: &[&AnnData], options: &ConcatOptions) -> Result<AnnData> {
    let joined = concat_lazy(inputs, options)?.load()?;
    warn_of_duplicates(options.axis.name(), options.axis.frame(&joined));
    Ok(joined)
}

/// Concatenates objects without reading them: the elements of the result are lazy, and no more of them is read than is
/// selected. What is said of [`concat`](concat()) holds for each element once it is read.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, Tensor, concat, concat_lazy};
///
/// let object = |rows: usize| AnnData::builder().x(Tensor::from_vec([rows, 2], vec![rows as f32; 2 * rows])?).build();
/// let (a, b) = (object(2)?, object(3)?);
/// let joined = concat_lazy(&[&a, &b], &ConcatOptions::default())?;
/// assert_eq!(joined.shape(), (5, 2));
/// // Of each object, the rows that are selected.
/// let rows = joined.select(vec![4, 0], ..)?;
/// assert_eq!(rows.x().unwrap().to_tensor()?.as_slice::<f32>()?, [3.0, 3.0, 2.0, 2.0]);
/// assert_eq!(joined.load()?, concat(&[&a, &b], &ConcatOptions::default())?);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// What is not aligned to the axis is merged now; see [`ConcatPlan::join`].
///
/// # Errors
/// As [`concat`](concat()).
pub fn concat_lazy(inputs: &[&AnnData], options: &ConcatOptions) -> Result<AnnData> {
    ConcatPlan::new(inputs, options)?.join(inputs, options)
}

/// Concatenates objects under names, which serve as keys.
///
/// # Errors
/// As [`concat`](concat()), and if the options have keys as well.
pub fn concat_named<'a, K: Into<String>>(
    inputs: impl IntoIterator<Item = (K, &'a AnnData)>,
    options: &ConcatOptions,
) -> Result<AnnData> {
    if options.keys.is_some() {
        return Err(Error::invalid_input("names and `ConcatOptions::keys` were both given: pass only one of them"));
    }
    let (keys, inputs): (Vec<String>, Vec<&AnnData>) =
        inputs.into_iter().map(|(key, input)| (key.into(), input)).unzip();
    concat(&inputs, &options.clone().with_keys(keys))
}

/// The axis along which objects follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConcatAxis {
    /// Observations follow each other, variables are joined.
    #[default]
    Obs,
    /// Variables follow each other, observations are joined.
    Var,
}

/// Which labels of the other axis the result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    /// Those that all inputs have, in the order of the first. Only elements that all inputs have are kept.
    #[default]
    Inner,
    /// Those that any has; sorted, unless all inputs have the same. What an input does not have is filled.
    Outer,
}

/// How objects are concatenated.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConcatOptions {
    /// The axis along which they follow each other. Default: observations.
    pub axis: ConcatAxis,
    /// Which labels of the other axis the result has. Default: those that all have.
    pub join: Join,
    /// What is kept of the annotations of the other axis. Default: nothing.
    pub merge: Merge,
    /// What is kept of `uns`. Default: nothing.
    pub uns_merge: Merge,
    /// The name of a column that says which input a row is from. Default: none.
    pub label: Option<String>,
    /// A name for each input, text or numbers. Default: "0", "1", ....
    pub keys: Option<Column>,
    /// What is put between a label and the key of its input, to make labels unique. Default: labels stay as they are.
    pub index_unique: Option<String>,
    /// What is in cells that an outer join introduces. Default: 0 in sparse matrices, NaN in dense arrays.
    pub fill_value: Option<FillValue>,
    /// Whether square matrices over the axis are kept, as blocks along a diagonal. Default: no.
    pub pairwise: bool,
}

impl ConcatOptions {
    /// Sets the axis to concatenate along.
    #[must_use]
    pub fn with_axis(mut self, axis: ConcatAxis) -> Self {
        self.axis = axis;
        self
    }

    /// Sets the join of the other axis.
    #[must_use]
    pub fn with_join(mut self, join: Join) -> Self {
        self.join = join;
        self
    }

    /// Sets which annotations of the other axis are kept.
    #[must_use]
    pub fn with_merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// Sets which elements of `uns` are kept.
    #[must_use]
    pub fn with_uns_merge(mut self, merge: Merge) -> Self {
        self.uns_merge = merge;
        self
    }

    /// Sets the name of a column that says which input a row is from.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets a name for each input: texts, or numbers.
    #[must_use]
    pub fn with_keys(mut self, keys: impl Into<Column>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// Appends the key of the input to each label, after this separator.
    #[must_use]
    pub fn with_index_unique(mut self, separator: impl Into<String>) -> Self {
        self.index_unique = Some(separator.into());
        self
    }

    /// Sets the value of cells that an outer join introduces.
    #[must_use]
    pub fn with_fill_value(mut self, value: impl Into<FillValue>) -> Self {
        self.fill_value = Some(value.into());
        self
    }

    /// Sets whether square matrices over the axis are kept.
    #[must_use]
    pub fn with_pairwise(mut self, yes: bool) -> Self {
        self.pairwise = yes;
        self
    }

    /// What the raw matrices are concatenated with.
    fn for_raw(&self) -> Self {
        Self { merge: Merge::Off, uns_merge: Merge::Off, pairwise: false, ..self.clone() }
    }

    /// The keys, one for each input at least, all different.
    fn keys(&self, inputs: usize) -> Result<Column> {
        let keys = match &self.keys {
            Some(keys) => keys.clone(),
            None => Column::strings((0..inputs).map(|i| i.to_string())),
        };
        if keys.len() < inputs {
            return Err(Error::invalid_input(format!(
                "expected one key per object, found {} keys for {inputs} objects",
                keys.len()
            )));
        }
        if keys.kind() != ColumnKind::Plain {
            return Err(Error::invalid_input("keys are texts or numbers, none of them missing"));
        }
        let mut texts = key_texts(&keys)?;
        texts.sort_unstable();
        match texts.windows(2).find_map(|pair| if let [a, b] = pair { (a == b).then_some(a) } else { None }) {
            Some(key) => Err(Error::invalid_input(format!("two objects have the key '{key}'"))),
            None => Ok(keys),
        }
    }
}

/// The keys as they are put behind labels.
fn key_texts(keys: &Column) -> Result<Vec<String>> {
    let values = keys.to_tensor()?;
    if values.dtype().is_text() {
        return values.to_strings();
    }
    anndata_storage::dispatch!(real values.dtype(), T => {
        Ok(values.as_slice::<T>()?.iter().map(|&value| match (values.dtype(), value.to_integer()) {
            (anndata_storage::DType::Bool, _) => if value.to_f64() == 0.0 { "False" } else { "True" }.to_owned(),
            (_, Some(integer)) => integer.to_string(),
            _ => format!("{value:?}"),
        }).collect())
    }, else => Err(Error::invalid_input(format!("values of type {} cannot be keys", values.dtype()))))
}

/// The column that says which input a row is from.
fn label_column(keys: &Column, lengths: &[usize]) -> Result<Column> {
    let codes: Vec<i64> = (0..).zip(lengths).flat_map(|(code, &len)| std::iter::repeat_n(code, len)).collect();
    let codes = Tensor::from_vec([codes.len()], codes)?.cast(&code_dtype(keys.len()))?;
    Column::categorical(&codes, keys, false)
}

impl ConcatAxis {
    /// The slot of its annotations: `obs` or `var`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Obs => "obs",
            Self::Var => "var",
        }
    }

    /// The axis that is joined.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Obs => Self::Var,
            Self::Var => Self::Obs,
        }
    }

    /// The axis of a matrix: 0 or 1.
    pub fn position(self) -> usize {
        match self {
            Self::Obs => 0,
            Self::Var => 1,
        }
    }

    fn len(self, input: &AnnData) -> usize {
        match self {
            Self::Obs => input.n_obs(),
            Self::Var => input.n_vars(),
        }
    }

    fn frame(self, input: &AnnData) -> &DataFrame {
        match self {
            Self::Obs => input.obs(),
            Self::Var => input.var(),
        }
    }

    fn arrays(self, input: &AnnData) -> &Mapping {
        match self {
            Self::Obs => input.obsm(),
            Self::Var => input.varm(),
        }
    }

    fn pairwise(self, input: &AnnData) -> &Mapping {
        match self {
            Self::Obs => input.obsp(),
            Self::Var => input.varp(),
        }
    }
}
