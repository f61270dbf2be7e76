//! [`Capabilities`]: what a store can do.

/// What a store can do. The testkit runs the cases that apply, and writers ask before they use what not every format has.
///
/// A format says the truth of itself: what is `true` here is relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent abilities")]
pub struct Capabilities {
    /// Groups and arrays can be made, changed and removed.
    pub write: bool,
    /// Arrays declared `resizable` can grow and shrink along their first axis.
    pub resize: bool,
    /// Arrays are stored in the chunks that they are declared with, and their spec says so. Otherwise the spec of every
    /// array says that it is one piece, whatever was declared.
    pub chunks: bool,
    /// Arrays without values ([`ArraySpec::null`](crate::ArraySpec::null)) are told apart from scalars.
    pub null_arrays: bool,
    /// Compound dtypes with text of any length in a field can be stored.
    pub text_in_records: bool,
    /// Dates and spans of time ([`DType::Datetime`](crate::DType::Datetime), [`DType::Timedelta`](crate::DType::Timedelta))
    /// can be stored.
    pub times: bool,
    /// Attributes keep their exact dtype (otherwise: boolean, 64-bit integer, double, text).
    pub typed_attributes: bool,
    /// Children and attributes are listed in the order in which they were made (otherwise: sorted by name).
    pub ordered: bool,
    /// [`Storage::rename`](crate::Storage::rename) is one step: other readers, and a process that ends meanwhile, find the
    /// element at one of the two paths, whole. If it is not, an [`Edit`](crate::Edit) that a crash interrupts may leave
    /// an element at both paths, one of them in part.
    pub atomic_rename: bool,
    /// [`Storage::replace`](crate::Storage::replace) is one step: other readers, and a process that ends meanwhile, find
    /// the old element or the new one.
    pub atomic_replace: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self {
        write: true,
        resize: true,
        chunks: true,
        null_arrays: true,
        text_in_records: true,
        times: true,
        typed_attributes: true,
        ordered: true,
        atomic_rename: true,
        atomic_replace: true,
    };

    /// Returns the same capabilities without the ability to write.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.write = false;
        self
    }
}
