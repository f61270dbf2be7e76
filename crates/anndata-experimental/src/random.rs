//! The random choices of loaders: functions of a key and a number, written down here, so that no version of any other crate
//! changes an order.
//!
//! [`Key::at`] is the output of SplitMix64 (Steele, Lea and Flood, 2014) for the state `key + number * 0x9e3779b97f4a7c15`; keys are
//! made of seeds by the same function. [`Permutation`] is a balanced Feistel network of eight rounds over the smallest domain of
//! an even number of bits that holds the positions; positions beyond them are permuted again until one is among them.

use anndata_storage::{OrBug, Result};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What random numbers are a function of, beside their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// The key of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)))
    }

    /// Another key for each word.
    #[must_use]
    pub(crate) const fn with(self, word: u64) -> Self {
        Self(mix(self.0.rotate_left(23) ^ mix(word.wrapping_add(GOLDEN))))
    }

    /// The random number of a number: 64 bits.
    pub(crate) const fn at(self, number: u64) -> u64 {
        mix(self.0.wrapping_add(number.wrapping_mul(GOLDEN)))
    }

    /// A random number below a bound (0 if that is 0): the upper half of the product with it.
    pub(crate) fn below(self, number: u64, bound: u64) -> u64 {
        let product = u128::from(self.at(number)) * u128::from(bound);
        // Fallback: never: the upper half of 128 bits has 64.
        u64::try_from(product >> 64).unwrap_or(u64::MAX)
    }

    /// A random number from 0 to 1, without 1: a multiple of 2^-32.
    pub(crate) fn unit(self, number: u64) -> f64 {
        // Fallback: never: the upper half of 64 bits has 32.
        let upper = u32::try_from(self.at(number) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / 4_294_967_296.0
    }

    /// Shuffles values: the algorithm of Fisher and Yates, from the last one down.
    pub(crate) fn shuffle<T>(self, values: &mut [T]) -> Result<()> {
        for last in (1..values.len()).rev() {
            let other =
                usize::try_from(self.below(last as u64, last as u64 + 1)).ok().or_bug("a position of memory")?;
            values.swap(last, other);
        }
        Ok(())
    }
}

/// A permutation of the numbers below a length, which takes no memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    key: Key,
    len: u64,
    /// Half of the bits of the domain.
    half: u32,
}

const ROUNDS: u64 = 8;

impl Permutation {
    pub(crate) const fn new(key: Key, len: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let half = bits.div_ceil(2);
        Self { key, len, half: if half == 0 { 1 } else { half } }
    }

    /// What a number becomes.
    pub(crate) const fn apply(&self, number: u64) -> u64 {
        let mut number = number;
        if self.len <= 1 {
            return number;
        }
        loop {
            let (mut left, mut right) = self.halves(number);
            let mut round = 0;
            while round < ROUNDS {
                (left, right) = (right, left ^ self.round(round, right));
                round += 1;
            }
            number = (left << self.half) | right;
            if number < self.len {
                return number;
            }
        }
    }

    /// The number that becomes this one.
    pub(crate) const fn invert(&self, number: u64) -> u64 {
        let mut number = number;
        if self.len <= 1 {
            return number;
        }
        loop {
            let (mut left, mut right) = self.halves(number);
            let mut round = ROUNDS;
            while round > 0 {
                round -= 1;
                (left, right) = (right ^ self.round(round, left), left);
            }
            number = (left << self.half) | right;
            if number < self.len {
                return number;
            }
        }
    }

    const fn mask(&self) -> u64 {
        (1 << self.half) - 1
    }

    const fn halves(&self, number: u64) -> (u64, u64) {
        (number >> self.half, number & self.mask())
    }

    const fn round(&self, round: u64, half: u64) -> u64 {
        self.key.with(round).at(half) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_what_they_are_in_every_version() {
        let key = Key::new(0);
        assert_eq!([key.at(0), key.at(1), key.with(7).at(3)], NUMBERS);
        // The first output of SplitMix64 for the seed 0.
        assert_eq!(Key(0).at(1), 0xe220_a839_7b1d_cdaf);
    }

    /// What the first version gave.
    const NUMBERS: [u64; 3] = [0x4821_8226_ff3c_d4bf, 0xa706_dd2f_4d19_7e6f, 0xb974_e144_432f_b398];

    #[test]
    fn a_permutation_has_each_number_once_and_is_undone() {
        for len in (1..70).chain([255, 256, 257, 1000]) {
            let permutation = Permutation::new(Key::new(len), len);
            let mut all: Vec<u64> = (0..len).map(|number| permutation.apply(number)).collect();
            assert!((0..len).all(|number| permutation.invert(permutation.apply(number)) == number), "{len}");
            all.sort_unstable();
            assert!(all.into_iter().eq(0..len), "{len}");
        }
        let long = Permutation::new(Key::new(1), u64::MAX);
        assert_eq!(long.invert(long.apply(12_345_678_901_234)), 12_345_678_901_234);
    }

    #[test]
    fn what_follows_each_other_goes_everywhere() {
        // Of 64 successive numbers in each of 64 stretches, how many go to each stretch of the same length.
        let permutation = Permutation::new(Key::new(3), 1 << 20);
        let mut counts = [0_i32; 64];
        (0..1 << 14).for_each(|number| counts[usize::try_from(permutation.apply(number) >> 14).unwrap()] += 1);
        assert!(counts.iter().all(|count| (count - 256).abs() < 80), "{counts:?}");
    }

    #[test]
    fn bounds_are_kept() -> Result<()> {
        let key = Key::new(9);
        assert!((0..1000).all(|number| key.below(number, 7) < 7 && (0.0..1.0).contains(&key.unit(number))));
        assert_eq!(key.below(1, 0), 0);
        let mut values: Vec<u32> = (0..100).collect();
        key.shuffle(&mut values)?;
        assert!(!values.is_sorted());
        values.sort_unstable();
        assert!(values.into_iter().eq(0..100));
        Ok(())
    }
}
