//! Planning the elements of one key: what kind, dtype and shape they become.

use std::sync::Arc;

use anndata_storage::{DType, Error, OrBug, Result, TimeUnit, child_path};

use super::{ElementKind, ElementPlan, FramePlan};
use crate::Element;
use crate::concat::columns::{self, Absent, ColumnPlan};
use crate::concat::outline::{ColumnOutline, Outline};
use crate::concat::{ConcatOptions, Join};
use crate::{Reindex, SparseFormat};
use anndata_array::promote::{FillValue, promote, result_type};

/// What the plans of all elements share.
pub(super) struct Context<'a> {
    pub(super) options: &'a ConcatOptions,
    pub(super) lengths: &'a Arc<[usize]>,
}

impl Context<'_> {
    fn is_inner(&self) -> bool {
        self.options.join == Join::Inner
    }

    /// The columns of frames.
    pub(super) fn frame(&self, frames: &[Vec<(String, ColumnOutline)>], path: &str) -> Result<FramePlan> {
        let names: Vec<Vec<&str>> =
            frames.iter().map(|frame| frame.iter().map(|(name, _)| name.as_str()).collect()).collect();
        // Frames without rows and columns, which pandas passes over.
        let nothing = frames.iter().zip(self.lengths.iter()).filter(|(frame, rows)| frame.is_empty() && **rows == 0);
        let nothing = nothing.count();
        let plan = |name: String| {
            let with_name = |frame: &Vec<(String, ColumnOutline)>| frame.iter().position(|(own, _)| *own == name);
            let found: Vec<(&ColumnOutline, usize)> = frames
                .iter()
                .zip(self.lengths.iter())
                .filter_map(|(frame, &rows)| Some((&frame.get(with_name(frame)?)?.1, rows)))
                .collect();
            let columns: Vec<&ColumnOutline> = found.iter().map(|(column, _)| *column).collect();
            let absent = if columns.len() == frames.len() {
                Absent::Nowhere
            } else if columns.len() + nothing < frames.len() {
                Absent::Rows
            } else {
                Absent::NoRows
            };
            // What has no row does not stand in the way of the others.
            let plan = ColumnPlan::new(&columns, absent).or_else(|error| {
                let filled: Vec<_> = found.iter().filter(|(_, rows)| *rows > 0).map(|(column, _)| *column).collect();
                if filled.is_empty() || filled.len() == columns.len() {
                    Err(error)
                } else {
                    ColumnPlan::new(&filled, absent)
                }
            });
            let plan = plan.map_err(|error| error.at(&child_path(path, &name)))?;
            Ok((name, plan))
        };
        let columns = columns::names(&names, self.is_inner()).into_iter().map(plan).collect::<Result<_>>()?;
        Ok(FramePlan { columns })
    }

    /// Elements along one of their axes. Without `reindex`, columns are counted: as many as all have, or as any has.
    pub(super) fn element(
        &self,
        elements: &[Option<&Element>],
        axis: usize,
        reindex: Option<&Arc<[Reindex]>>,
        path: &str,
    ) -> Result<ElementPlan> {
        let outlines =
            elements.iter().map(|element| element.map(Outline::of).transpose()).collect::<Result<Vec<_>>>()?;
        let known: Vec<&Outline> = outlines.iter().flatten().collect();
        let only = |test: fn(&Outline) -> bool, what: &str| match known.iter().filter(|outline| test(outline)).count() {
            0 => Ok(false),
            n if n == known.len() => Ok(true),
            _ => Err(Error::unsupported(format!("{what} cannot be concatenated with another kind of array"))),
        };
        if only(|outline| matches!(outline, Outline::Frame { .. }), "a data frame")? {
            return self.frames(&outlines, path);
        }
        if only(|outline| matches!(outline, Outline::Awkward { .. }), "an awkward array")? {
            return Ok(self.plan(0, self.unchanged(), ElementKind::Awkward { fields: self.fields(&known) }));
        }
        if only(|outline| matches!(outline, Outline::Extension { .. }), "an element of an added encoding")? {
            return Ok(self.plan(0, self.unchanged(), ElementKind::Extension { encoding: one_encoding(&known)? }));
        }
        let reindex = match reindex {
            Some(reindex) => Arc::clone(reindex),
            None => self.count_columns(&outlines),
        };
        let sparse = known.iter().any(|outline| matches!(outline, Outline::Sparse { .. }));
        let fill = self.options.fill_value.filter(|_| !self.is_inner());
        let fill = fill.unwrap_or(if sparse { FillValue::Int(0) } else { FillValue::NAN });
        let mut dtypes = Vec::with_capacity(outlines.len());
        for (outline, reindex) in outlines.iter().zip(reindex.iter()) {
            dtypes.push(filled_dtype(outline.as_ref(), axis, reindex, fill, sparse));
        }
        // If there is no date, or none of its columns, there is NaT.
        let has_nat =
            dtypes.iter().any(DType::is_time) && fill.to_tensor(&DType::Timedelta(TimeUnit::Generic.into())).is_ok();
        // Nothing fills text and records: a cell that an input lacks is an error when it is asked for.
        let is_filled = |outline: &&Outline| outline.dtype().is_none_or(|dtype| dtype.is_numeric() || dtype.is_time());
        let has_none = !known.is_empty() && !known.iter().any(is_filled);
        if has_nat || has_none {
            dtypes = known.iter().filter_map(|outline| outline.dtype()).cloned().collect();
        }
        let inner = inner_shape(&known)?;
        let kind = if sparse {
            if !inner.is_empty() {
                return Err(Error::unsupported("a sparse matrix cannot be concatenated with an array of three axes"));
            }
            // As scipy does: only what all is by rows already is put together as it is.
            let by_columns = |outline: &&Outline| matches!(outline, Outline::Sparse { format: SparseFormat::Csc, .. });
            let sorted = axis == 1 || known.iter().any(by_columns);
            ElementKind::Sparse { dtype: join_dtypes(&dtypes)?, fill, sorted }
        } else {
            ElementKind::Dense { dtype: join_dtypes(&dtypes)?, inner, fill }
        };
        Ok(self.plan(axis, reindex, kind))
    }

    fn frames(&self, outlines: &[Option<Outline>], path: &str) -> Result<ElementPlan> {
        let columns = outlines.iter().map(|outline| match outline {
            Some(Outline::Frame { columns, .. }) => columns.clone(),
            _ => Vec::new(),
        });
        let plan = self.frame(&columns.collect::<Vec<_>>(), path)?;
        Ok(self.plan(0, self.unchanged(), ElementKind::Frame(plan)))
    }

    fn fields(&self, known: &[&Outline]) -> Option<Vec<String>> {
        let fields: Vec<Vec<&str>> = known
            .iter()
            .filter_map(|outline| match outline {
                Outline::Awkward { fields, .. } => Some(fields.iter().map(String::as_str).collect()),
                _ => None,
            })
            .collect();
        let same = fields.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        let mut reversed = fields;
        reversed.reverse();
        (self.is_inner() && !same).then(|| columns::names(&reversed, true))
    }

    /// Square matrices as blocks along a diagonal.
    pub(super) fn diagonal(&self, elements: &[Option<&Element>]) -> Result<ElementPlan> {
        let outlines = elements.iter().map(|element| element.map(Outline::of).transpose());
        let dtypes = outlines.map(|outline| match outline? {
            None => Ok(DType::Bool),
            Some(Outline::Dense { dtype, .. } | Outline::Sparse { dtype, .. }) => Ok(dtype),
            Some(_) => Err(Error::unsupported("only dense and sparse matrices are pairwise")),
        });
        let dtype = join_dtypes(&dtypes.collect::<Result<Vec<_>>>()?)?;
        let total: usize = self.lengths.iter().sum();
        let mut start = 0;
        let blocks = self.lengths.iter().map(|&len| {
            start += len;
            Reindex::shift(len, start - len, total)
        });
        Ok(self.plan(0, blocks.collect::<Result<_>>()?, ElementKind::Diagonal { dtype }))
    }

    fn count_columns(&self, outlines: &[Option<Outline>]) -> Arc<[Reindex]> {
        let widths = outlines.iter().map(|outline| outline.as_ref().map_or(0, |outline| outline.len(1)));
        let width = if self.is_inner() { widths.clone().min() } else { widths.clone().max() }.unwrap_or(0);
        widths.map(|own| Reindex::resize(own, width)).collect()
    }

    fn unchanged(&self) -> Arc<[Reindex]> {
        self.lengths.iter().map(|_| Reindex::resize(0, 0)).collect()
    }

    fn plan(&self, axis: usize, reindex: Arc<[Reindex]>, kind: ElementKind) -> ElementPlan {
        ElementPlan { axis, lengths: Arc::clone(self.lengths), reindex, kind }
    }
}

/// The encoding that all elements of added encodings have.
fn one_encoding(known: &[&Outline]) -> Result<String> {
    let mut encodings = known.iter().filter_map(|outline| match outline {
        Outline::Extension { encoding, .. } => Some(encoding),
        _ => None,
    });
    let first = encodings.next().or_bug("no element of an added encoding")?;
    match encodings.find(|other| *other != first) {
        None => Ok(first.clone()),
        Some(other) => Err(Error::unsupported(format!(
            "elements encoded as '{first}' and '{other}' cannot be concatenated with each other"
        ))),
    }
}

/// The dtype of one input once it is reindexed: what fills it counts where it fills anything.
pub(in crate::concat) fn filled_dtype(
    outline: Option<&Outline>,
    axis: usize,
    reindex: &Reindex,
    fill: FillValue,
    sparse: bool,
) -> DType {
    let (dtype, width) = match outline {
        Some(outline @ (Outline::Dense { dtype, .. } | Outline::Sparse { dtype, .. })) => {
            (dtype, outline.len(1 - axis))
        }
        _ => (&DType::Bool, 0),
    };
    let unchanged = reindex.new_len() == 0 || (outline.is_some() && !reindex.misses());
    if unchanged || !(dtype.is_numeric()) {
        dtype.clone()
    } else if width == 0 {
        // Nothing but what fills it; the zeros of a sparse matrix are doubles.
        if sparse && fill.is_zero() { DType::F64 } else { fill.dtype() }
    } else if sparse && fill.is_zero() {
        dtype.clone()
    } else {
        promote(dtype, &fill.dtype()).unwrap_or_else(|| dtype.clone())
    }
}

fn join_dtypes(dtypes: &[DType]) -> Result<DType> {
    if dtypes.iter().all(DType::is_text) {
        return Ok(DType::String);
    }
    match dtypes {
        [first, rest @ ..] if rest.iter().all(|dtype| dtype == first) => Ok(first.clone()),
        _ => result_type(dtypes).ok_or_else(|| {
            let names: Vec<String> = dtypes.iter().map(DType::to_string).collect();
            Error::dtype(format!("arrays of types {} have no common type", names.join(", ")))
        }),
    }
}

/// The lengths of the axes below the second, which all have to share.
fn inner_shape(known: &[&Outline]) -> Result<Vec<usize>> {
    let mut inner: Option<&[usize]> = None;
    for outline in known {
        let own = match outline {
            Outline::Dense { shape, .. } => shape.get(2..).unwrap_or_default(),
            _ => &[],
        };
        if *inner.get_or_insert(own) != own {
            return Err(Error::invalid_data(format!(
                "arrays with {:?} and {own:?} below their second axis cannot be concatenated",
                inner.unwrap_or_default()
            )));
        }
    }
    Ok(inner.unwrap_or_default().to_vec())
}
