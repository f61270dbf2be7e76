//! Chunks that follow each other: the index of arrays without filters whose space is allocated when they are made.
//!
//! HDF5 File Format Specification Version 3.0, VII.B "Implicit Index". Chunks are numbered as in an array as long as it may
//! become.

use super::{Chunks, Visit, position};
use crate::error::{Error, Result, Section};

const SECTION: Section = Section::new("implicit index", "VII.B");

pub(super) fn visit(chunks: &Chunks<'_>, visit: &mut Visit<'_>) -> Result<()> {
    let bytes = chunks.layout.chunk_bytes();
    let outside = || Error::malformed(SECTION, "the chunks are not all within the file");
    if chunks.filtered {
        return Err(Error::malformed(SECTION, "filtered chunks are not all of one size"));
    }
    let most = chunks.most().ok_or_else(outside)?;
    let end = most.checked_mul(bytes).and_then(|all| all.checked_add(chunks.address)).ok_or_else(outside)?;
    chunks.reader.store().offset(SECTION, end).map_err(|_| outside())?;
    let grid = chunks.largest_grid();
    let axes: Vec<usize> = (0..grid.len()).collect();
    for number in 0..most {
        // Nothing is read for a chunk; what is made of it counts.
        chunks.reader.charge(SECTION, 16)?;
        let address = chunks.address + number * bytes;
        chunks.report(SECTION, &position(number, &grid, &axes), (address, bytes, 0), visit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test::{at, chunks};
    use super::*;
    use crate::ChunkIndex;

    #[test]
    fn chunks_are_numbered_as_in_the_largest_array() -> Result<()> {
        let found = chunks(vec![0; 40], ChunkIndex::Implicit, (&[3, 2], &[Some(3), Some(5)]), false)?;
        assert_eq!(found, [(vec![0, 0], at(0, 4)), (vec![1, 0], at(12, 4))]);
        Ok(())
    }

    #[test]
    fn chunks_outside_the_file_are_errors() {
        for (max_shape, filtered) in [
            ([Some(3), Some(1 << 62)], false),
            ([Some(3), None], false),
            ([Some(30), Some(30)], false),
            ([Some(3), Some(2)], true),
        ] {
            let error = chunks(vec![0; 40], ChunkIndex::Implicit, (&[3, 2], &max_shape), filtered).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Malformed);
        }
    }
}
