//! The natural logarithm of one more than a value, of many single-precision values: in double precision without a branch or a
//! call, which a compiler does for several values side by side.

/// About how many values are looked at for one that needs care.
const GROUP: usize = 16;

/// Replaces each value by the logarithm of one more than it: the double that is nearest to it to some 13 digits, rounded. The
/// same on every processor.
pub(super) fn ln_1p(values: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked for what the function needs.
        return unsafe { with_avx2(values) };
    }
    in_groups(values);
}

/// Four values side by side where a processor without has two.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(values: &mut [f32]) {
    in_groups(values);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "a function is made for a kind of processor with what is inlined in it")]
fn in_groups(values: &mut [f32]) {
    let (groups, rest) = values.as_chunks_mut::<GROUP>();
    for group in groups {
        if group.iter().copied().all(has_logarithm) {
            for value in group {
                *value = logarithm(*value);
            }
        } else {
            for value in group {
                *value = of_any(*value);
            }
        }
    }
    for value in rest {
        *value = of_any(*value);
    }
}

/// Whether `logarithm` applies: not to -1 and below, nor to values that are not finite.
fn has_logarithm(value: f32) -> bool {
    value > -1.0 && value < f32::INFINITY
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "a function is made for a kind of processor with what is inlined in it")]
fn of_any(value: f32) -> f32 {
    if has_logarithm(value) { logarithm(value) } else { value.ln_1p() }
}

/// The logarithm of one more than a value above -1.
///
/// With `1 + x = 2^e m`, m between the root of a half and that of two: the logarithm of m is that of `(1 + s) / (1 - s)` for
/// `s = (m - 1) / (m + 1)`, whose series in s^2, at most 0.0295, is cut where it is below 1e-13. What rounding took from
/// `1 + x` is added again, which is all that a small value has.
#[inline(always)]
fn logarithm(x: f32) -> f32 {
    /// The bits of 2^52: with 11 bits more, a double that is greater by their integer.
    const INTEGER: u64 = 0x4330_0000_0000_0000;
    const MANTISSA: u64 = (1 << 52) - 1;
    let value = f64::from(x);
    let sum = 1.0 + value;
    let lost = (value - (sum - 1.0)) / sum;
    let bits = sum.to_bits();
    let one_to_two = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    let exponent = f64::from_bits((bits >> 52) | INTEGER) - f64::from_bits(INTEGER) - 1023.0;
    let above = one_to_two > std::f64::consts::SQRT_2;
    let (m, exponent) = if above { (0.5 * one_to_two, exponent + 1.0) } else { (one_to_two, exponent) };
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = z
        * (2.0 / 3.0
            + z * (2.0 / 5.0
                + z * (2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * (2.0 / 13.0 + z * (2.0 / 15.0)))))));
    let logarithm = exponent * std::f64::consts::LN_2 + (2.0 * s + s * series) + lost;
    // Zero keeps its sign.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    let rounded = logarithm as f32;
    if x == 0.0 { x } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_in_double_precision_rounded() {
        let mut tested = 0;
        let mut differ = 0;
        // Each 977th of all single-precision numbers.
        for start in (0..=u32::MAX).step_by(977 * GROUP) {
            let group: Vec<f32> = (0..16).map(|i| f32::from_bits(start.wrapping_add(i * 977))).collect();
            let mut found = group.clone();
            ln_1p(&mut found);
            for (x, found) in group.into_iter().zip(found) {
                #[expect(clippy::cast_possible_truncation, reason = "rounding is what is tested")]
                let expected = f64::from(x).ln_1p() as f32;
                let distance = expected.to_bits().abs_diff(found.to_bits());
                assert!(distance <= 1 || (expected.is_nan() && found.is_nan()), "{x:e}: {found:e}, not {expected:e}");
                tested += 1;
                differ += u32::from(distance > 0 && !expected.is_nan());
            }
        }
        // Double precision is not enough to tell where just the half between two numbers lies.
        assert!(tested > 4_000_000 && differ * 10_000 < tested, "{differ} of {tested}");
    }

    #[test]
    fn what_has_no_logarithm_is_not_a_number() {
        let mut values =
            [-1.0, -1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, 1e-40, 1.0, 3.0, -0.5, f32::MAX];
        let expected = values.map(f32::ln_1p);
        let mut group: Vec<f32> = values.iter().copied().cycle().take(GROUP * 3).collect();
        ln_1p(&mut values);
        ln_1p(&mut group);
        for (found, expected) in values.iter().chain(&group).zip(expected.iter().cycle()) {
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{found} {expected}"
            );
        }
        assert_eq!(values[5].to_bits(), (-0.0_f32).to_bits());
    }
}
