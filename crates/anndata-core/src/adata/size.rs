//! How much memory an object takes.

use anndata_storage::{Result, Tensor};
use indexmap::IndexMap;

use super::AnnData;
use crate::{DataFrame, Element, Lazy, Mapping, Raw, Series, SparseMatrix};

/// Bytes by slot: of the values, without the few that the object itself takes. Made by [`AnnData::size_in_memory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySize(IndexMap<&'static str, usize>);

impl MemorySize {
    /// The bytes of all slots.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The bytes of a slot (`X`, `obs`, `layers`, `raw`); 0 where it is empty.
    pub fn slot(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Every slot and its bytes.
    pub fn slots(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        self.0.iter().map(|(&name, &bytes)| (name, bytes))
    }
}

impl AnnData {
    /// How many bytes the values take in memory, by slot.
    ///
    /// Values that two elements share count for each of them, and those of a view as if it were loaded, as in Python's
    /// `__sizeof__`. What is stored and was not read counts nothing, or, `with_disk`, what it would take in memory: for
    /// text of any length that is known once it is read, and its offsets are counted alone.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor};
    ///
    /// let adata = AnnData::builder().x(Tensor::from_vec([2, 3], vec![0.0_f32; 6])?).build()?;
    /// let size = adata.size_in_memory(false)?;
    /// assert_eq!(size.slot("X"), 24);
    /// assert!(size.total() > 24);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If part of a view cannot be made, or metadata are malformed.
    pub fn size_in_memory(&self, with_disk: bool) -> Result<MemorySize> {
        let sizes = Sizes { with_disk };
        let mut slots = IndexMap::new();
        slots.insert("X", self.x().map_or(Ok(0), |x| sizes.element(x))?);
        slots.insert("obs", sizes.frame(&self.obs)?);
        slots.insert("var", sizes.frame(&self.var)?);
        slots.insert("uns", sizes.mapping(&self.uns)?);
        slots.insert("obsm", sizes.mapping(&self.obsm)?);
        slots.insert("varm", sizes.mapping(&self.varm)?);
        let layers = self.layers.iter().filter(|(key, _)| key.is_some());
        slots.insert("layers", sizes.sum(layers.map(|(_, layer)| layer))?);
        slots.insert("obsp", sizes.mapping(&self.obsp)?);
        slots.insert("varp", sizes.mapping(&self.varp)?);
        slots.insert("raw", self.raw.as_ref().map_or(Ok(0), |raw| sizes.raw(raw))?);
        slots.insert("other", sizes.mapping(&self.other)?);
        Ok(MemorySize(slots))
    }
}

impl Element {
    /// About how many bytes the values take in memory. What is stored and was not read counts nothing, or, `with_disk`, what it
    /// would take; of a selection, its share of the whole.
    pub fn size_in_memory(&self, with_disk: bool) -> usize {
        let Self::Lazy(lazy) = self else { return nbytes(self, with_disk) };
        let Some(selection) = lazy.selected() else { return nbytes(self, with_disk) };
        let whole = selection.of().size_in_memory(with_disk);
        let Ok(Some(shape)) = selection.of().shape() else { return whole };
        selection.axes().iter().zip(shape).fold(whole, |bytes, (axis, len)| {
            // Fallback: an estimate.
            let selected = usize::try_from(axis.len()).unwrap_or(usize::MAX);
            bytes.saturating_mul(selected) / len.max(1)
        })
    }
}

/// The bytes of the values of an element, as an estimate: what is malformed counts nothing.
pub(crate) fn nbytes(element: &Element, with_stored: bool) -> usize {
    match element {
        Element::Lazy(lazy) => match lazy.nbytes(with_stored) {
            Some(bytes) => bytes,
            None => lazy.in_memory().map_or(0, |element| nbytes(&element, false)),
        },
        element => Sizes { with_disk: with_stored }.element(element).unwrap_or(0),
    }
}

struct Sizes {
    with_disk: bool,
}

impl Sizes {
    fn sum<'a>(&self, elements: impl IntoIterator<Item = &'a Element>) -> Result<usize> {
        elements.into_iter().map(|element| self.element(element)).sum()
    }

    fn mapping(&self, mapping: &Mapping) -> Result<usize> {
        self.sum(mapping.values())
    }

    fn element(&self, element: &Element) -> Result<usize> {
        Ok(match element {
            Element::Null | Element::Extension(_) => 0,
            Element::Tensor(tensor) => tensor.nbytes(),
            Element::Sparse(matrix) => sparse(matrix),
            Element::Column(column) => column.nbytes(),
            Element::Frame(frame) => self.frame(frame)?,
            Element::Awkward(awkward) => awkward.buffers().values().map(Tensor::nbytes).sum(),
            Element::Mapping(mapping) => self.mapping(mapping)?,
            Element::AnnData(adata) => adata.size_in_memory(self.with_disk)?.total(),
            Element::Raw(raw) => self.raw(raw)?,
            Element::Opaque(opaque) => opaque.nbytes(self.with_disk),
            Element::Lazy(lazy) => self.lazy(lazy)?,
        })
    }

    fn raw(&self, raw: &Raw) -> Result<usize> {
        let x = raw.x().map_or(Ok(0), |x| self.element(x))?;
        Ok(x + self.frame(raw.var())? + self.mapping(raw.varm())? + self.mapping(raw.other())?)
    }

    fn frame(&self, frame: &DataFrame) -> Result<usize> {
        let series = std::iter::once(frame.index()).chain(frame.columns().map(|(_, series)| series));
        let columns: usize = series.map(|series| self.series(series)).sum::<Result<_>>()?;
        Ok(columns + self.mapping(frame.other())?)
    }

    fn series(&self, series: &Series) -> Result<usize> {
        match series {
            Series::Loaded(column) => Ok(column.nbytes()),
            Series::Lazy(lazy) => self.lazy(lazy),
            Series::Opaque(opaque) => Ok(opaque.nbytes(self.with_disk)),
        }
    }

    fn lazy(&self, lazy: &Lazy) -> Result<usize> {
        match lazy.nbytes(self.with_disk) {
            Some(bytes) => Ok(bytes),
            // A selection of what is stored: what it takes is known once it is made.
            None if lazy.is_loaded() || self.with_disk => self.element(&lazy.load_once()?),
            None => Ok(0),
        }
    }
}

fn sparse(matrix: &SparseMatrix) -> usize {
    matrix.data().nbytes() + matrix.indices().nbytes() + matrix.indptr().nbytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, SparseFormat};

    fn adata() -> Result<AnnData> {
        let dense = Tensor::from_vec([2, 2], vec![1.0_f64, 0.0, 2.0, 3.0])?;
        let sparse = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
        let mut adata = AnnData::builder()
            .x(sparse)
            .layer("dense", dense.clone())
            .obs(DataFrame::new(["ab", "c"]).with_column("n", vec![1_i32, 2])?)
            .obsm("m", dense)
            .build()?;
        adata.set_raw(Raw::from(&adata))?;
        Ok(adata)
    }

    #[test]
    fn values_are_counted_by_slot() -> Result<()> {
        let size = adata()?.size_in_memory(false)?;
        let sparse = 3 * 8 + 3 * 4 + 3 * 4;
        // Text: the bytes and an offset for each, and one more.
        let expected = [("X", sparse), ("obs", 3 + 24 + 8), ("layers", 32), ("obsm", 32), ("raw", sparse + 2 + 24)];
        for (slot, bytes) in expected {
            assert_eq!(size.slot(slot), bytes, "{slot}");
        }
        assert_eq!(size.total(), size.slots().map(|(_, bytes)| bytes).sum::<usize>());
        let part = adata()?.select(1, ..)?.size_in_memory(false)?;
        assert_eq!((part.slot("layers"), part.slot("X")), (16, 2 * 8 + 2 * 4 + 2 * 4));
        assert_eq!(Column::strings(["ab", "c"]).slice(1..2)?.nbytes(), 1 + 16);
        Ok(())
    }
}
