//! Shuffle: the first bytes of all elements, then the second ones, and so on. Bytes that do not make a whole element
//! stay at the end.

use anndata_storage::{Error, Result};

use crate::buffer::reserve;
use crate::fault::wrong_length;

pub(crate) fn undo(stored: &[u8], size: usize, chunk: &mut [u8]) -> Result<()> {
    if stored.len() != chunk.len() {
        return Err(wrong_length(stored.len(), chunk.len()));
    }
    match size {
        2 => gather::<2>(stored, chunk),
        4 => gather::<4>(stored, chunk),
        8 => gather::<8>(stored, chunk),
        16 => gather::<16>(stored, chunk),
        0 => return Err(no_size()),
        1 => chunk.copy_from_slice(stored),
        _ => {
            let count = stored.len() / size;
            for (lane, plane) in stored.chunks_exact(count.max(1)).take(size).enumerate() {
                for (element, byte) in chunk.chunks_exact_mut(size).zip(plane) {
                    element.iter_mut().skip(lane).take(1).for_each(|target| *target = *byte);
                }
            }
            copy_tail(stored, chunk, count * size);
        }
    }
    Ok(())
}

fn gather<const N: usize>(stored: &[u8], chunk: &mut [u8]) {
    let count = stored.len() / N;
    // `N` planes of `count` bytes are stored, and there are `count` elements: both sides are equally long.
    let planes: [&[u8]; N] = std::array::from_fn(|lane| &stored[lane * count..(lane + 1) * count]);
    let (elements, _) = chunk.as_chunks_mut::<N>();
    for (i, element) in elements.iter_mut().enumerate() {
        *element = std::array::from_fn(|lane| planes[lane][i]);
    }
    copy_tail(stored, chunk, count * N);
}

fn copy_tail(from: &[u8], to: &mut [u8], start: usize) {
    // Both sides are equally long, and so many elements are within them.
    to[start..].copy_from_slice(&from[start..]);
}

/// A file says the size of an element with the filter; without it the order of the bytes is not known.
fn no_size() -> Error {
    Error::invalid_data("the codec 'shuffle' does not say the size of an element")
}

pub(crate) fn apply(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
    if size == 0 {
        return Err(no_size());
    }
    reserve(out, bytes.len())?;
    let (elements, rest) = bytes.split_at(bytes.len() / size * size);
    for lane in 0..size {
        out.extend(elements.iter().skip(lane).step_by(size));
    }
    out.extend_from_slice(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_with_and_without_a_tail() -> Result<()> {
        for size in [1, 2, 3, 4, 7, 8, 12, 16] {
            for len in [0, 1, size, size * 5, size * 5 + size / 2] {
                let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i).unwrap()).collect();
                let (mut shuffled, mut back) = (Vec::new(), vec![0; len]);
                apply(&bytes, size, &mut shuffled)?;
                undo(&shuffled, size, &mut back)?;
                assert_eq!(back, bytes, "size {size}, {len} bytes");
            }
        }
        assert!(undo(&[1, 2], 0, &mut [0; 2]).is_err_and(|error| error.is_invalid_data()));
        let mut shuffled = Vec::new();
        assert!(apply(&[1, 2], 0, &mut shuffled).is_err_and(|error| error.is_invalid_data()));
        apply(&[1, 2, 3, 4, 5], 2, &mut shuffled)?;
        assert_eq!(shuffled, [1, 3, 2, 4, 5]);
        Ok(())
    }
}
