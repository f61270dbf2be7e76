//! `X` by rows: one chunk after the other, or a chunk of some rows.

use std::collections::HashMap;
use std::iter::FusedIterator;

use anndata_storage::{AxisSelection, Error, Result, Tensor};

use super::AnnData;
use super::vectors::dense;
use crate::{Element, Selector};

/// The rows of a matrix, chunk by chunk: the matrix of the chunk, its first row and one past its last. Made by
/// [`AnnData::chunked_x`].
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    matrix: &'a Element,
    next: usize,
    rows: usize,
    size: usize,
}

impl Iterator for Chunks<'_> {
    type Item = Result<(Element, usize, usize)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.rows {
            return None;
        }
        let (start, end) = (self.next, self.next.saturating_add(self.size).min(self.rows));
        self.next = end;
        Some(rows(self.matrix, &AxisSelection::Range(start as u64..end as u64)).map(|chunk| (chunk, start, end)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.rows - self.next.min(self.rows)).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Chunks<'_> {}
impl FusedIterator for Chunks<'_> {}

impl AnnData {
    /// The number of rows of a chunk where nothing is known of the memory: Python's default of
    /// [`chunked_x`](Self::chunked_x).
    pub const CHUNK_ROWS: usize = 6000;

    /// `X` in chunks of `chunk_rows` rows, the last one shorter. What is stored is read chunk by chunk and not kept.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor};
    ///
    /// let adata = AnnData::builder().x(Tensor::from_vec([5, 1], vec![1, 2, 3, 4, 5])?).build()?;
    /// let mut sums = Vec::new();
    /// for chunk in adata.chunked_x(2)? {
    ///     let (x, start, end) = chunk?;
    ///     sums.push((start, end, x.to_tensor()?.as_slice::<i32>()?.iter().sum::<i32>()));
    /// }
    /// assert_eq!(sums, [(0, 2, 3), (2, 4, 7), (4, 5, 5)]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no `X`; [`InvalidInput`](crate::ErrorKind::InvalidInput)
    /// for chunks without rows. Each chunk may be an error where it cannot be read.
    pub fn chunked_x(&self, chunk_rows: usize) -> Result<Chunks<'_>> {
        self.chunked_layer(None, chunk_rows)
    }

    /// A layer in chunks, as [`chunked_x`](Self::chunked_x); `None` is `X`.
    ///
    /// # Errors
    /// As [`chunked_x`](Self::chunked_x).
    pub fn chunked_layer(&self, key: Option<&str>, chunk_rows: usize) -> Result<Chunks<'_>> {
        if chunk_rows == 0 {
            return Err(Error::invalid_input("a chunk has at least one row"));
        }
        Ok(Chunks { matrix: self.matrix(key)?, next: 0, rows: self.n_obs, size: chunk_rows })
    }

    /// Some rows of `X` as a dense array, in the order given; rows may repeat.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no `X`; as [`Selector::resolve`], or if it cannot be read.
    pub fn chunk_x(&self, rows_wanted: impl Into<Selector>) -> Result<Tensor> {
        let axis = rows_wanted.into().resolve(&self.obs).map_err(|error| error.at("obs"))?;
        dense(&rows(self.matrix(None)?, &axis)?)
    }

    /// Random rows of `X` as a dense array: `n_rows`, or all where there are fewer, drawn with replacement or without.
    /// The same seed draws the same rows.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no `X`, or if it cannot be read.
    pub fn random_chunk_x(&self, n_rows: usize, replace: bool, seed: u64) -> Result<Tensor> {
        let axis = AxisSelection::from(draw(self.n_obs, n_rows.min(self.n_obs), replace, seed));
        dense(&rows(self.matrix(None)?, &axis)?)
    }
}

/// Some rows of a matrix, in memory; what is read for it is not kept.
fn rows(matrix: &Element, axis: &AxisSelection) -> Result<Element> {
    match matrix.select(std::slice::from_ref(axis))? {
        Element::Lazy(lazy) => lazy.load_once(),
        loaded => Ok(loaded),
    }
}

/// `number` positions out of `len`, each as likely as any other.
fn draw(len: usize, number: usize, replace: bool, seed: u64) -> Vec<u64> {
    let mut random = SplitMix(seed);
    if replace {
        return (0..number).map(|_| random.below(len as u64)).collect();
    }
    // The first steps of a shuffle; only what was moved is kept.
    let mut moved: HashMap<u64, u64> = HashMap::new();
    let mut drawn = Vec::with_capacity(number);
    for position in 0..number as u64 {
        let other = position + random.below(len as u64 - position);
        let here = moved.get(&position).copied().unwrap_or(position);
        drawn.push(moved.insert(other, here).unwrap_or(other));
    }
    drawn
}

/// A small generator of random numbers that a seed determines (splitmix64).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, each as likely as any other; 0 where there is none.
    fn below(&mut self, limit: u64) -> u64 {
        let Some(remainder) = u64::MAX.checked_rem(limit) else { return 0 };
        loop {
            let number = self.next();
            // The last, incomplete run of `limit` numbers would favour small ones.
            if number < u64::MAX - remainder {
                return number % limit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{SparseFormat, SparseMatrix};

    fn adata(rows: usize) -> Result<AnnData> {
        let x = Tensor::from_vec([rows, 2], (0_i32..).take(rows * 2).collect())?;
        AnnData::builder().x(SparseMatrix::from_dense(&x, SparseFormat::Csc)?).build()
    }

    #[test]
    fn chunks_cover_all_rows_once() -> Result<()> {
        for (rows, size, expected) in [(5, 2, 3), (4, 2, 2), (1, 9, 1), (0, 3, 0), (3, usize::MAX, 1)] {
            let adata = adata(rows)?;
            let chunks = adata.chunked_x(size)?;
            assert_eq!(chunks.len(), expected);
            let mut seen = Vec::new();
            for chunk in chunks {
                let (x, start, end) = chunk?;
                assert_eq!(seen.len(), start * 2);
                seen.extend_from_slice(x.to_sparse()?.to_dense()?.as_slice::<i32>()?);
                assert_eq!(seen.len(), end * 2);
            }
            assert_eq!(seen, dense(adata.matrix(None)?)?.as_slice::<i32>()?);
        }
        assert!(adata(1)?.chunked_x(0).is_err_and(|error| error.is_invalid_input()));
        assert!(AnnData::builder().build()?.chunked_x(1).is_err_and(|error| error.is_not_found()));
        Ok(())
    }

    #[test]
    fn rows_are_given_in_the_order_wanted() -> Result<()> {
        let adata = adata(4)?;
        assert_eq!(adata.chunk_x([3, 0, 3])?.as_slice::<i32>()?, [6, 7, 0, 1, 6, 7]);
        let beyond = adata.chunk_x([4]).unwrap_err();
        assert!(
            beyond.is_invalid_input() && beyond.message().contains("out of bounds of an axis of length 4: 4"),
            "{beyond}"
        );
        assert_eq!(adata.random_chunk_x(99, false, 1)?.shape(), [4, 2]);
        assert_eq!(adata.random_chunk_x(2, true, 7)?, adata.random_chunk_x(2, true, 7)?);
        Ok(())
    }

    #[test]
    fn draws_are_even_and_without_replacement_different() {
        for seed in 0..50 {
            let drawn = draw(10, 10, false, seed);
            assert_eq!(drawn.iter().copied().collect::<BTreeSet<_>>(), (0..10).collect(), "{seed}");
            assert_eq!(draw(1000, 5, false, seed).into_iter().collect::<BTreeSet<_>>().len(), 5);
        }
        let mut counts = [0_u32; 4];
        for at in draw(4, 4000, true, 3) {
            counts[usize::try_from(at).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let mut firsts = [0_u32; 4];
        for seed in 0..4000 {
            firsts[usize::try_from(draw(4, 1, false, seed)[0]).unwrap()] += 1;
        }
        assert!(firsts.iter().all(|count| (850..1150).contains(count)), "{firsts:?}");
        assert!(draw(0, 0, true, 1).is_empty());
    }
}
