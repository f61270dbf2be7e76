//! Hints to the processor: what is read or written soon, so that nobody waits for it then. On processors other than x86-64 they do
//! nothing.

/// A line of the cache, in bytes.
const LINE: usize = 64;

/// The most lines that are asked for at a time.
const LINES: usize = 64;

/// Asks for values that are read soon.
pub(crate) fn read<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE / size_of::<T>().clamp(1, LINE)).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of values in a slice; a prefetch reads nothing that a program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, LINES);
}

/// Asks for the line after that of a value which is written now, for values that are written one after the other, but between many
/// others: so far apart the processor does not see that they follow each other.
pub(crate) fn write_next<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        let next = values.as_ptr().wrapping_add(at).wrapping_byte_add(LINE);
        // SAFETY: a prefetch does nothing that a program could see, of whatever address; after the last values there may be none.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(next.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}
