//! Histograms, with what lies at the quartiles.

use maud::{Markup, html};

use crate::number::{float, grouped, position, short};

/// How many bins there are, unless whole numbers are few.
const BINS: usize = 36;

/// How the values of a histogram are spread over its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Bins are equally wide.
    Linear,
    /// Bins are equally wide in log(1 + x): for counts that span orders of magnitude.
    Log,
}

/// How many values are in each of some ranges that follow each other, and what the values are like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    counts: Vec<usize>,
    /// One more than counts.
    edges: Vec<f64>,
    scale: Scale,
    /// Minimum, lower quartile, median, upper quartile, maximum.
    quantiles: [f64; 5],
    mean: f64,
    /// Whether each bin is one whole number.
    whole: bool,
}

impl Histogram {
    /// Of the values that are finite; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let last = float(values.len() - 1);
        let quantile = |share: f64| values.get(position((last * share).round(), values.len())).copied().unwrap_or(min);
        let quantiles = [min, quantile(0.25), quantile(0.5), quantile(0.75), max];
        let mean = values.iter().sum::<f64>() / float(values.len());
        let whole = max - min < float(BINS) && values.iter().all(|value| value.fract() == 0.0);
        let [.., median, _, _] = quantiles;
        let scale = if !whole && min >= 0.0 && max > 50.0 && max > 25.0 * median.max(0.04) {
            Scale::Log
        } else {
            Scale::Linear
        };
        let edges = edges(min, max, whole, scale);
        let mut counts = vec![0; edges.len() - 1];
        // Values are in order, so the bin of one is not before that of the last.
        let mut bin = 0;
        for value in values {
            while bin + 1 < counts.len() && edges.get(bin + 1).is_some_and(|&end| value >= end) {
                bin += 1;
            }
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        Some(Self { counts, edges, scale, quantiles, mean, whole })
    }

    /// The chart, and below it the range.
    pub(crate) fn chart(&self, label: &str) -> Markup {
        let highest = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let width = 300.0 / float(self.counts.len());
        let [min, lower, median, upper, max] = self.quantiles;
        let at = |value: f64| 300.0 * self.share(value);
        html! {
            // A few bars do not become blocks.
            figure.histogram style=[(self.counts.len() < 7).then(|| format!("max-width:{}%", 14 * self.counts.len()))] {
                svg viewBox="0 0 300 96" preserveAspectRatio="none" role="img" aria-label=(format!("Histogram of {label}: {}", self.summary())) {
                    @for (bin, &count) in self.counts.iter().enumerate() {
                        @let height = 84.0 * float(count) / float(highest);
                        @let height = if count > 0 { height.max(1.0) } else { 0.0 };
                        rect x=(decimal(float(bin) * width + 0.5)) y=(decimal(84.0 - height)) width=(decimal((width - 1.0).max(0.5))) height=(decimal(height)) {
                            title { (self.range(bin)) ": " (grouped(count as u64)) }
                        }
                    }
                    @if self.counts.len() > 1 {
                        line.range x1=(decimal(at(min))) x2=(decimal(at(max))) y1="91" y2="91" {}
                        line.middle x1=(decimal(at(lower))) x2=(decimal(at(upper))) y1="91" y2="91" {
                            title { "half of the values: " (short(lower)) " to " (short(upper)) }
                        }
                        line.median x1=(decimal(at(median))) x2=(decimal(at(median))) y1="87" y2="95" {
                            title { "median: " (short(median)) }
                        }
                    }
                }
                div.axis {
                    span { (short(min)) }
                    @if self.scale == Scale::Log { span.log { "log scale" } }
                    @if max > min { span { (short(max)) } }
                }
            }
        }
    }

    /// Median and mean, in words.
    pub(crate) fn summary(&self) -> String {
        let [_, _, median, _, _] = self.quantiles;
        format!("median {}, mean {}", short(median), short(self.mean))
    }

    /// Where a value is between the first and the last edge, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let (Some(&first), Some(&last)) = (self.edges.first(), self.edges.last()) else { return 0.0 };
        let half = if self.whole { 0.5 } else { 0.0 };
        let share = match self.scale {
            Scale::Linear => (value + half - first) / (last - first),
            Scale::Log => (value.ln_1p() - first.ln_1p()) / (last.ln_1p() - first.ln_1p()),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }

    fn range(&self, bin: usize) -> String {
        let edge = |at: usize| self.edges.get(at).copied().unwrap_or(f64::NAN);
        if self.whole { short(edge(bin)) } else { format!("{} to {}", short(edge(bin)), short(edge(bin + 1))) }
    }
}

/// The edges of bins that all values from `min` to `max` lie in.
fn edges(min: f64, max: f64, whole: bool, scale: Scale) -> Vec<f64> {
    if whole {
        let bins = position(max - min, BINS) + 1;
        return (0..=bins).map(|bin| min + float(bin)).collect();
    }
    if min >= max {
        return vec![min, max];
    }
    let between = |share: f64| match scale {
        Scale::Linear => min * (1.0 - share) + max * share,
        Scale::Log => (min.ln_1p() * (1.0 - share) + max.ln_1p() * share).exp_m1(),
    };
    (0..=BINS).map(|edge| between(float(edge) / float(BINS))).collect()
}

/// A coordinate with two decimals, as short as it can be.
pub(crate) fn decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_a_bin_each() {
        let histogram = Histogram::of([3.0, 1.0, 1.0, f64::NAN, f64::INFINITY]).unwrap();
        assert_eq!(histogram.counts, [2, 0, 1]);
        assert_eq!(histogram.range(0), "1");
        assert_eq!(histogram.summary(), "median 1, mean 1.67");
        assert!(histogram.chart("n").into_string().contains("<title>3: 1</title>"));
    }

    #[test]
    fn every_value_is_in_a_bin() {
        for values in
            [vec![0.5; 4], vec![-1.5, 2.25, 1e300, -1e300], vec![0.0, 0.25, 1.0, 7.5, 1e6], vec![1e-320, 2e-320]]
        {
            let histogram = Histogram::of(values.clone()).unwrap();
            assert_eq!(histogram.counts.iter().sum::<usize>(), values.len(), "{values:?}");
            assert!(values.iter().all(|&value| (0.0..=1.0).contains(&histogram.share(value))));
        }
        assert_eq!(Histogram::of([0.0, 0.5, 2.0, 3.0, 5000.5]).unwrap().scale, Scale::Log);
        assert_eq!(Histogram::of((0..100).map(float)).unwrap().scale, Scale::Linear);
        assert!(Histogram::of([f64::NAN]).is_none());
    }
}
