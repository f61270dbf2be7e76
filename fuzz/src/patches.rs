//! Changes of sound bytes: an input says where and what, so that most of a file stays sound.

/// The bytes of a patch: three for the position, one for what is done, one for a value.
const PATCH: usize = 5;

/// Numbers that are most often wrong.
const ODD: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX];

/// Applies the patches that an input consists of.
pub(crate) fn apply(bytes: &mut Vec<u8>, input: &[u8]) {
    for patch in input.chunks_exact(PATCH).take(16) {
        let &[low, middle, high, what, value] = patch else { return };
        if bytes.is_empty() {
            return;
        }
        let at = (usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16) % bytes.len();
        let odd = ODD[usize::from(value) % ODD.len()].to_le_bytes();
        let put = |bytes: &mut [u8], new: &[u8]| {
            bytes[at..].iter_mut().zip(new).for_each(|(old, new)| *old = *new);
        };
        match what % 8 {
            0 => bytes[at] = value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => bytes[at] = bytes[at].wrapping_add(value),
            3 => put(bytes, &odd[..2]),
            4 => put(bytes, &odd[..4]),
            5 => put(bytes, &odd),
            6 => bytes.truncate(at.max(1)),
            _ => {
                let from = usize::from(value) * 8 % bytes.len();
                let copied: Vec<u8> = bytes[from..].iter().take(8).copied().collect();
                put(bytes, &copied);
            }
        }
    }
}

/// None, and one of each kind.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let one = |what: u8| vec![what.wrapping_mul(37), what, 0, what, 3];
    std::iter::once(Vec::new()).chain((0..8).map(one)).chain([(0..4).flat_map(one).collect()]).collect()
}
