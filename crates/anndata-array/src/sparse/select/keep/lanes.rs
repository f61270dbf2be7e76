//! Taking what is kept with AVX-512: sixteen indices of 32 bits at a time, and their values.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_and_si512, _mm512_cmplt_epu32_mask, _mm512_loadu_si512, _mm512_mask_i32gather_epi32,
    _mm512_maskz_compress_epi32, _mm512_maskz_compress_epi64, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_sllv_epi32, _mm512_srli_epi32, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_test_epi32_mask,
};

use super::{Index, Keep};

/// The indices of a vector.
pub(super) const LANES: usize = 16;

/// The bytes of a vector.
const BYTES: usize = 64;

/// Whether the processor has what these functions ask for.
pub(super) fn are_there() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("popcnt")
}

/// What is kept, of values of 4 or 8 bytes; where there is one, the processor has the lanes.
pub(super) struct Kept<'a> {
    test: Test<'a>,
    is_wide: bool,
}

/// How an index is looked up.
#[derive(Clone, Copy)]
enum Test<'a> {
    /// So many from the first on.
    Range(u32, u32),
    /// Those whose bits are set, on an axis of a length.
    Bits(&'a [u32], u32),
}

impl<'a> Kept<'a> {
    /// None for what has to be looked up one by one.
    pub(super) fn new(keep: Keep<'a>, index_size: usize, value_size: usize) -> Option<Self> {
        if index_size != 4 || !matches!(value_size, 4 | 8) || !are_there() {
            return None;
        }
        let test = match keep {
            Keep::Range(start, len) => Test::Range(start.try_into().ok()?, len.try_into().ok()?),
            Keep::Of(positions) => {
                let len = positions.flags.len().min(positions.words.len() * 32);
                Test::Bits(&positions.words, len.try_into().ok()?)
            }
            Keep::Pairs(_) => return None,
        };
        Some(Self { test, is_wide: value_size == 8 })
    }

    /// Moves what is kept of some entries to the front of memory for as many, rounded up to whole vectors; gives how many are kept. None
    /// if an index is beyond the axis.
    pub(super) fn take<I: Index>(
        &self,
        indices: &[I],
        values: &[u8],
        to_indices: &mut [I],
        to_values: &mut [u8],
    ) -> Option<usize> {
        // Of one size, as was checked.
        let indices = bytemuck::try_cast_slice(indices).ok()?;
        let to_indices = bytemuck::try_cast_slice_mut(to_indices).ok()?;
        let taken = Taken { to_indices, to_values, kept: 0, outside: 0 };
        let take = if self.is_wide { take::<true> } else { take::<false> };
        // SAFETY: there is one of these only where the processor has the features.
        unsafe { take(self.test, indices, values, taken) }
    }
}

#[target_feature(enable = "avx512f,popcnt")]
#[inline(never)]
fn take<const WIDE: bool>(test: Test<'_>, indices: &[u32], values: &[u8], mut taken: Taken<'_>) -> Option<usize> {
    let size = if WIDE { 8 } else { 4 };
    let (whole, rest) = indices.as_chunks::<LANES>();
    let (whole_values, rest_values) = values.split_at_checked(whole.len() * LANES * size)?;
    for (indices, values) in whole.iter().zip(whole_values.chunks_exact(LANES * size)) {
        taken.put::<WIDE>(test, indices, values, !0)?;
    }
    if !rest.is_empty() {
        // The lanes that nothing is in are not looked at.
        let (mut indices, mut values) = ([0; LANES], [0; 2 * BYTES]);
        indices.get_mut(..rest.len())?.copy_from_slice(rest);
        let used = rest.len() * size;
        values.get_mut(..used)?.copy_from_slice(rest_values.get(..used)?);
        taken.put::<WIDE>(test, &indices, values.get(..LANES * size)?, (1 << rest.len()) - 1)?;
    }
    (taken.outside == 0).then_some(taken.kept)
}

/// What is taken.
struct Taken<'a> {
    to_indices: &'a mut [u32],
    to_values: &'a mut [u8],
    kept: usize,
    /// Which lanes had an index beyond the axis.
    outside: __mmask16,
}

impl Taken<'_> {
    /// Takes what is kept of a vector of indices, and their values, as far as lanes are used.
    #[target_feature(enable = "avx512f,popcnt")]
    #[inline]
    fn put<const WIDE: bool>(
        &mut self,
        test: Test<'_>,
        indices: &[u32; LANES],
        values: &[u8],
        used: __mmask16,
    ) -> Option<()> {
        let size = if WIDE { 8 } else { 4 };
        let indices = load(bytemuck::cast_ref(indices));
        let mask = used
            & match test {
                Test::Range(first, len) => {
                    let places = _mm512_sub_epi32(indices, every(first));
                    _mm512_cmplt_epu32_mask(places, every(len))
                }
                Test::Bits(words, len) => {
                    let inside = _mm512_cmplt_epu32_mask(indices, every(len));
                    self.outside |= used & !inside;
                    bits(words, indices, inside)
                }
            };
        // All lanes are put there; what is not kept is written over by what comes next.
        let to = self.to_indices.get_mut(self.kept..)?.first_chunk_mut::<LANES>()?;
        store(_mm512_maskz_compress_epi32(mask, indices), bytemuck::cast_mut(to));
        let (low, high) = values.as_chunks::<BYTES>().0.split_first()?;
        let to = self.to_values.get_mut(self.kept * size..)?;
        if WIDE {
            let [mask_low, mask_high] = mask.to_le_bytes();
            store(_mm512_maskz_compress_epi64(mask_low, load(low)), to.first_chunk_mut()?);
            let to = to.get_mut(mask_low.count_ones() as usize * size..)?;
            store(_mm512_maskz_compress_epi64(mask_high, load(high.first()?)), to.first_chunk_mut()?);
        } else {
            store(_mm512_maskz_compress_epi32(mask, load(low)), to.first_chunk_mut()?);
        }
        self.kept += mask.count_ones() as usize;
        Some(())
    }
}

/// Which indices have their bits set; those outside of the axis are not looked at.
#[target_feature(enable = "avx512f")]
#[inline]
fn bits(words: &[u32], indices: __m512i, inside: __mmask16) -> __mmask16 {
    let (word, bit) = (_mm512_srli_epi32::<5>(indices), _mm512_and_si512(indices, every(31)));
    // SAFETY: an index inside is below the length of the axis, which is not more than the words have bits.
    let words =
        unsafe { _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), inside, word, words.as_ptr().cast()) };
    _mm512_test_epi32_mask(words, _mm512_sllv_epi32(every(1), bit))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn every(value: u32) -> __m512i {
    _mm512_set1_epi32(value.cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(from: &[u8; BYTES]) -> __m512i {
    // SAFETY: so many bytes are there; they may be at any address.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(lanes: __m512i, to: &mut [u8; BYTES]) {
    // SAFETY: as in `load`.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), lanes) }
}
