//! Copying a box of elements between two C-ordered arrays of bytes.

/// A run along one axis: where it starts in the source, where in the destination, and how long it is, in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) len: usize,
}

/// Pieces of fewer bytes are not worth a hint to the processor.
const LEAST_HINTED: usize = 128;

/// Once so many bytes of a piece were written, the processor has seen where writing goes.
const MOST_HINTED: usize = 4096;

/// Where a destination's bytes are. Chunks are disjoint boxes, so threads that hold different chunks never touch the
/// same byte.
#[derive(Clone, Copy)]
pub(super) struct Target {
    start: *mut u8,
    len: usize,
}

// SAFETY: `Target` is only written through `copy_runs` and `slice`, whose callers hand disjoint regions to different threads.
unsafe impl Send for Target {}
// SAFETY: as above; a `&Target` gives no access that `Target` (which is `Copy`) does not.
unsafe impl Sync for Target {}

impl Target {
    /// The bytes of a destination, borrowed for as long as the caller keeps `bytes` untouched.
    pub(super) fn new(bytes: &mut [u8]) -> Self {
        Self { start: bytes.as_mut_ptr(), len: bytes.len() }
    }

    /// Copies `source` to `at`. Out of bounds: nothing is copied and `false` is returned.
    ///
    /// # Safety
    /// No other thread reads or writes the region meanwhile, and the destination is still borrowed.
    unsafe fn put(self, at: usize, source: &[u8]) -> bool {
        let Some(end) = at.checked_add(source.len()) else { return false };
        if end > self.len {
            return false;
        }
        // SAFETY: the region is within the destination (just checked), nobody else touches it (caller), and `source`
        // is a shared borrow, so it does not overlap memory that is mutably borrowed for the destination. Single
        // elements are most often of 4 or 8 bytes; a copy of known length is an instruction, not a call.
        unsafe {
            let (from, to) = (source.as_ptr(), self.start.add(at));
            match source.len() {
                4 => std::ptr::copy_nonoverlapping(from, to, 4),
                8 => std::ptr::copy_nonoverlapping(from, to, 8),
                len => std::ptr::copy_nonoverlapping(from, to, len),
            }
        }
        true
    }

    /// Asks the processor to bring a part of the destination into its cache, which is written next: rows that go to places in no order
    /// are waited for otherwise. On processors other than x86-64 nothing is done.
    fn prefetch(self, at: usize, len: usize) {
        #[cfg(target_arch = "x86_64")]
        if len >= LEAST_HINTED {
            let end = at.saturating_add(len.min(MOST_HINTED)).min(self.len);
            for line in (at..end).step_by(64) {
                use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
                // SAFETY: the address is within the destination; a prefetch does nothing that a program could see.
                unsafe { _mm_prefetch::<_MM_HINT_ET0>(self.start.add(line).cast_const().cast()) }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (at, len, LEAST_HINTED, MOST_HINTED);
    }

    /// A part of the destination as a slice.
    ///
    /// # Safety
    /// As [`put`](Self::put), for as long as the slice lives.
    pub(super) unsafe fn slice<'a>(self, at: usize, len: usize) -> Option<&'a mut [u8]> {
        if at.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: within the destination (just checked); exclusive (caller).
        Some(unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) })
    }
}

/// Copies the box that `runs` (one list per axis) spans. Strides are in elements, one per axis; `size` is the bytes of
/// an element. Elements that would fall outside either side are not copied, and `false` is returned.
///
/// # Safety
/// As [`Target::put`] for the whole box.
pub(super) unsafe fn copy_runs<R: AsRef<[Run]>>(
    source: &[u8],
    target: Target,
    runs: &[R],
    source_strides: &[usize],
    target_strides: &[usize],
    size: usize,
) -> bool {
    let copier = Copier { source, target, size };
    // SAFETY: passed on to the caller.
    unsafe { copier.copy(runs, source_strides, target_strides, 0, 0) }
}

struct Copier<'a> {
    source: &'a [u8],
    target: Target,
    size: usize,
}

impl Copier<'_> {
    /// # Safety
    /// As [`copy_runs`].
    unsafe fn copy<R: AsRef<[Run]>>(
        &self,
        runs: &[R],
        from: &[usize],
        to: &[usize],
        source: usize,
        target: usize,
    ) -> bool {
        let ([axis, inner @ ..], [from_stride, from_inner @ ..], [to_stride, to_inner @ ..]) = (runs, from, to) else {
            // SAFETY: passed on to the caller.
            return unsafe { self.put(source, target, 1) };
        };
        // A run of whole inner boxes is one piece on both sides.
        let whole = from_stride == to_stride && inner_is_whole(inner, *from_stride, from_inner, to_inner);
        let mut complete = true;
        let axis = axis.as_ref();
        for (number, run) in axis.iter().enumerate() {
            if whole {
                if let Some(next) = axis.get(number + 1) {
                    let next_target = target + next.target * to_stride;
                    self.target.prefetch(next_target * self.size, next.len * from_stride * self.size);
                }
                let (source, target) = (source + run.source * from_stride, target + run.target * to_stride);
                // SAFETY: passed on to the caller.
                complete &= unsafe { self.put(source, target, run.len * from_stride) };
            } else {
                for i in 0..run.len {
                    let source = source + (run.source + i) * from_stride;
                    let target = target + (run.target + i) * to_stride;
                    // SAFETY: passed on to the caller.
                    complete &= unsafe { self.copy(inner, from_inner, to_inner, source, target) };
                }
            }
        }
        complete
    }

    /// # Safety
    /// As [`copy_runs`].
    unsafe fn put(&self, source: usize, target: usize, len: usize) -> bool {
        let Some(bytes) = self.source.get(source * self.size..(source + len) * self.size) else { return false };
        // SAFETY: passed on to the caller.
        unsafe { self.target.put(target * self.size, bytes) }
    }
}

/// Whether the inner axes are taken whole, so that one step of the outer axis is `stride` consecutive elements.
fn inner_is_whole<R: AsRef<[Run]>>(inner: &[R], stride: usize, from: &[usize], to: &[usize]) -> bool {
    let mut expected = stride;
    for ((axis, from), to) in inner.iter().zip(from).zip(to) {
        let [Run { source: 0, target: 0, len }] = *axis.as_ref() else { return false };
        if from != to || len * from != expected {
            return false;
        }
        expected = *from;
    }
    expected == 1
}

/// The strides, in elements, of a C-ordered array.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    let mut inner = 1;
    for (stride, &len) in strides.iter_mut().zip(shape).rev() {
        *stride = inner;
        inner *= len;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(source: usize, target: usize, len: usize) -> Run {
        Run { source, target, len }
    }

    fn copy(source: &[u8], shape: &[usize], target: &mut [u8], target_shape: &[usize], runs: &[&[Run]]) -> bool {
        // SAFETY: one thread, and `target` is borrowed mutably for the whole call.
        unsafe { copy_runs(source, Target::new(target), runs, &strides(shape), &strides(target_shape), 1) }
    }

    #[test]
    fn boxes_are_copied_with_their_strides() {
        let source: Vec<u8> = (0..12).collect();
        let mut target = vec![255; 10];
        assert!(copy(&source, &[3, 4], &mut target, &[2, 5], &[&[run(1, 0, 2)], &[run(0, 3, 1), run(3, 1, 1)]]));
        assert_eq!(target, [255, 7, 255, 4, 255, 255, 11, 255, 8, 255]);
    }

    #[test]
    fn whole_rows_are_one_piece() {
        let source: Vec<u8> = (0..12).collect();
        let mut target = vec![0; 8];
        assert!(copy(
            &source,
            &[3, 2, 2],
            &mut target,
            &[2, 2, 2],
            &[&[run(1, 0, 2)], &[run(0, 0, 2)], &[run(0, 0, 2)]]
        ));
        assert_eq!(target, [4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn out_of_bounds_copies_nothing_and_says_so() {
        let mut target = vec![0; 2];
        assert!(!copy(&[1, 2, 3], &[3], &mut target, &[2], &[&[run(0, 0, 3)]]));
        assert!(!copy(&[1], &[3], &mut target, &[2], &[&[run(0, 0, 2)]]));
        assert_eq!(target, [0, 0]);
    }

    #[test]
    fn strides_of_c_order() {
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
        assert!(strides(&[]).is_empty());
    }
}
