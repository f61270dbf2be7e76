//! Checksums of HDF5 metadata, made right after a change, so that what is changed is looked at.

/// The signatures of structures that end in a checksum.
const SIGNATURES: [&[u8; 4]; 13] = [
    b"OHDR", b"OCHK", b"BTHD", b"BTLF", b"BTIN", b"FRHP", b"FHIB", b"FHDB", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"SMTB",
];

/// The longest structure that is looked for.
const LONGEST: usize = 2_000;

/// Where the structures with a checksum begin, and where their checksums are.
pub(crate) fn structures(bytes: &[u8]) -> Vec<(usize, usize)> {
    let is_start = |at: &usize| SIGNATURES.iter().any(|signature| bytes[*at..].starts_with(*signature));
    let end = |start: usize| {
        let most = (start + LONGEST).min(bytes.len().saturating_sub(4));
        (start + 8..most).find(|&end| checksum(&bytes[start..end]).to_le_bytes() == bytes[end..end + 4])
    };
    (0..bytes.len()).filter(is_start).filter_map(|start| Some((start, end(start)?))).collect()
}

/// Makes the checksums right.
pub(crate) fn mend(bytes: &mut [u8], structures: &[(usize, usize)]) {
    for &(start, end) in structures {
        if let Some((structure, rest)) = bytes.get_mut(start..).and_then(|part| part.split_at_mut_checked(end - start))
            && let Some(stored) = rest.first_chunk_mut()
        {
            *stored = checksum(structure).to_le_bytes();
        }
    }
}

/// The checksum of metadata (Jenkins' lookup3).
fn checksum(bytes: &[u8]) -> u32 {
    let [mut a, mut b, mut c] = [0xdead_beef_u32.wrapping_add(u32::try_from(bytes.len()).expect("short")); 3];
    let mut blocks = bytes.chunks(12).peekable();
    while let Some(block) = blocks.next() {
        let mut padded = [0; 12];
        padded[..block.len()].copy_from_slice(block);
        for (sum, word) in [&mut a, &mut b, &mut c].into_iter().zip(padded.chunks_exact(4)) {
            *sum = sum.wrapping_add(u32::from_le_bytes(word.try_into().expect("four bytes")));
        }
        if blocks.peek().is_some() {
            for step in [4, 6, 8, 16, 19, 4] {
                (a, b, c) = (a.wrapping_sub(c) ^ c.rotate_left(step), b, c.wrapping_add(b));
                (a, b, c) = (b, c, a);
            }
        } else {
            for step in [14, 11, 25, 16, 4, 14, 24] {
                c = (c ^ b).wrapping_sub(b.rotate_left(step));
                (a, b, c) = (b, c, a);
            }
            // The last step was of `c`, which stands in `b` after the turn.
            return b;
        }
    }
    c
}
