//! Numbers out of many measurements: how they are spread, and whether two series differ.

use serde::Serialize;

/// How a series is spread. Empty series have no numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min_ms: Option<f64>,
    pub(crate) median_ms: Option<f64>,
    pub(crate) mean_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    /// The mean difference of one sample from the one before it (as RFC 5481 has it for successive packets).
    pub(crate) jitter_ms: Option<f64>,
}

impl Spread {
    pub(crate) fn of(samples: &[f64]) -> Spread {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let steps: Vec<f64> = samples.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
        Spread {
            min_ms: sorted.first().copied(),
            median_ms: quantile(&sorted, 0.5),
            mean_ms: mean(samples),
            p95_ms: quantile(&sorted, 0.95),
            p99_ms: quantile(&sorted, 0.99),
            max_ms: sorted.last().copied(),
            jitter_ms: mean(&steps),
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Linear between the two nearest ranks; `sorted` is sorted.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let place = q * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * place.fract())
}

/// Whether one series lies above another: the Mann-Whitney U test, two-sided. It asks nothing of the shape of the
/// distribution, which round trip times need: they have a long tail, and a few of them decide every mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) n_a: usize,
    pub(crate) n_b: usize,
    pub(crate) median_a: Option<f64>,
    pub(crate) median_b: Option<f64>,
    /// Median of `b` minus median of `a`.
    pub(crate) difference: Option<f64>,
    /// Median of `b` by median of `a`.
    pub(crate) ratio: Option<f64>,
    pub(crate) u: f64,
    /// How often chance alone gives a difference as large. `None` where a series is empty.
    pub(crate) p_value: Option<f64>,
    /// Counted out for small series, else approximated.
    pub(crate) exact: bool,
    /// Cliff's delta, -1 to 1: how much more often a value of `b` is above one of `a` than below it.
    pub(crate) effect: Option<f64>,
    /// `higher`, `lower`: what `b` is, with p below 0.05; `same`: no difference shown; `too_few`: so few samples that no
    /// difference, however large, could be shown.
    pub(crate) verdict: &'static str,
}

/// Series up to this size together are counted out.
const EXACT: usize = 60;
const LEVEL: f64 = 0.05;

pub(crate) fn compare(a: &[f64], b: &[f64]) -> Comparison {
    let (mut sorted_a, mut sorted_b) = (a.to_vec(), b.to_vec());
    sorted_a.sort_by(f64::total_cmp);
    sorted_b.sort_by(f64::total_cmp);
    let (median_a, median_b) = (quantile(&sorted_a, 0.5), quantile(&sorted_b, 0.5));
    let mut found = Comparison {
        n_a: a.len(),
        n_b: b.len(),
        median_a,
        median_b,
        difference: median_a.zip(median_b).map(|(a, b)| b - a),
        ratio: median_a.zip(median_b).filter(|(a, _)| *a > 0.0).map(|(a, b)| b / a),
        verdict: "too_few",
        ..Comparison::default()
    };
    if a.is_empty() || b.is_empty() {
        return found;
    }
    let ranks = Ranks::of(a, b);
    let pairs = (a.len() * b.len()) as f64;
    // Of b over a: 0 when every b is below every a, `pairs` when all are above.
    found.u = ranks.doubled_sum_b as f64 / 2.0 - (b.len() * (b.len() + 1)) as f64 / 2.0;
    found.effect = Some(2.0 * found.u / pairs - 1.0);
    found.exact = a.len() + b.len() <= EXACT;
    let p = if found.exact { ranks.exact_p() } else { ranks.normal_p() };
    found.p_value = Some(p);
    let least = if found.exact {
        2.0 / choose(a.len() + b.len(), b.len())
    } else {
        0.0
    };
    found.verdict = match found.effect {
        _ if least > LEVEL => "too_few",
        Some(effect) if p < LEVEL && effect > 0.0 => "higher",
        Some(_) if p < LEVEL => "lower",
        _ => "same",
    };
    found
}

fn choose(n: usize, k: usize) -> f64 {
    (1..=k).fold(1.0, |c, i| c * (n - k + i) as f64 / i as f64)
}

/// Ranks of two series put together, doubled so that the middle ranks of ties are whole numbers.
struct Ranks {
    doubled: Vec<usize>,
    doubled_sum_b: usize,
    n_a: usize,
    n_b: usize,
    /// Sum of t³ - t over groups of equal values.
    ties: f64,
}

impl Ranks {
    fn of(a: &[f64], b: &[f64]) -> Ranks {
        let mut all: Vec<(f64, bool)> = a
            .iter()
            .map(|v| (*v, false))
            .chain(b.iter().map(|v| (*v, true)))
            .collect();
        all.sort_by(|x, y| x.0.total_cmp(&y.0));
        let mut ranks = Ranks {
            doubled: Vec::with_capacity(all.len()),
            doubled_sum_b: 0,
            n_a: a.len(),
            n_b: b.len(),
            ties: 0.0,
        };
        for group in all.chunk_by(|x, y| x.0 == y.0) {
            let before = ranks.doubled.len();
            let doubled = 2 * before + group.len() + 1;
            ranks.doubled.extend(group.iter().map(|_| doubled));
            ranks.doubled_sum_b += doubled * group.iter().filter(|(_, of_b)| *of_b).count();
            let t = group.len() as f64;
            ranks.ties += t * t * t - t;
        }
        ranks
    }

    /// Twice the rank sum of b that chance gives in the mean.
    fn expected(&self) -> f64 {
        (self.n_b * (self.n_a + self.n_b + 1)) as f64
    }

    /// Counts how many of all ways to choose b's ranks lie as far from the mean, ties included.
    fn exact_p(&self) -> f64 {
        let most: usize = self.doubled.iter().sum();
        // ways[k][s]: how many choices of k ranks have the (doubled) sum s.
        let mut ways = vec![vec![0.0f64; most + 1]; self.n_b + 1];
        ways[0][0] = 1.0;
        for (seen, rank) in self.doubled.iter().enumerate() {
            for k in (1..=self.n_b.min(seen + 1)).rev() {
                for sum in (*rank..=most).rev() {
                    ways[k][sum] += ways[k - 1][sum - rank];
                }
            }
        }
        let distance = (self.doubled_sum_b as f64 - self.expected()).abs();
        let far = |sum: usize| (sum as f64 - self.expected()).abs() >= distance - 1e-9;
        let counts = &ways[self.n_b];
        let extreme: f64 = counts.iter().enumerate().filter(|(s, _)| far(*s)).map(|(_, n)| n).sum();
        extreme / counts.iter().sum::<f64>()
    }

    /// The normal approximation, corrected for ties and for steps.
    fn normal_p(&self) -> f64 {
        let (a, b) = (self.n_a as f64, self.n_b as f64);
        let n = a + b;
        let variance = a * b / 12.0 * ((n + 1.0) - self.ties / (n * (n - 1.0)));
        if variance <= 0.0 {
            return 1.0;
        }
        let distance = (self.doubled_sum_b as f64 - self.expected()).abs() / 2.0;
        let z = (distance - 0.5).max(0.0) / variance.sqrt();
        erfc(z / std::f64::consts::SQRT_2).min(1.0)
    }
}

/// The complementary error function for `x >= 0`, to seven digits (Abramowitz and Stegun 7.1.26 is coarser; this is the
/// Chebyshev fit of Numerical Recipes, 6.2).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.5 * x);
    let fit = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
    ];
    let power = fit.iter().fold(0.0, |sum, c| sum * t + c);
    t * (-x * x - 1.265_512_23 + t * power).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, by: f64) -> bool {
        (a - b).abs() <= by
    }

    #[test]
    fn a_series_in_numbers() {
        let s = Spread::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!(
            (s.min_ms, s.median_ms, s.max_ms, s.mean_ms),
            (Some(1.0), Some(2.5), Some(4.0), Some(2.5))
        );
        assert!(close(s.p95_ms.unwrap(), 3.85, 1e-9));
        assert!(close(s.jitter_ms.unwrap(), 2.0, 1e-9));
        assert_eq!(Spread::of(&[]), Spread::default());
        assert_eq!(Spread::of(&[7.0]).jitter_ms, None);
    }

    // The p-values are those of R 4's wilcox.test: exact = TRUE without ties, exact = FALSE, correct = TRUE above 60.
    #[test]
    fn small_series_are_counted_out() {
        let c = compare(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
        assert!(close(c.p_value.unwrap(), 0.1, 1e-9));
        assert_eq!((c.u, c.effect, c.verdict), (9.0, Some(1.0), "too_few"));
        let c = compare(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0]);
        assert!(close(c.p_value.unwrap(), 2.0 / 70.0, 1e-9));
        assert_eq!(c.verdict, "higher");
        let c = compare(&[5.0, 6.0, 7.0, 8.0], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((c.u, c.effect, c.verdict), (0.0, Some(-1.0), "lower"));
    }

    #[test]
    fn equal_values_share_their_ranks() {
        let c = compare(&[1.0; 6], &[1.0; 6]);
        assert_eq!((c.p_value, c.effect, c.verdict), (Some(1.0), Some(0.0), "same"));
        // Every choice of two of the ranks 1, 2.5, 2.5, 4: of six, two are as far out as {2.5, 4}, on either side.
        let c = compare(&[1.0, 2.0], &[2.0, 3.0]);
        assert!(close(c.p_value.unwrap(), 4.0 / 6.0, 1e-9));
    }

    #[test]
    fn large_series_are_approximated() {
        let a: Vec<f64> = (0..50).map(f64::from).collect();
        let b: Vec<f64> = (0..50).map(|i| f64::from(i) + 10.5).collect();
        let c = compare(&a, &b);
        assert!(!c.exact);
        // U = 1720, mean 1250, sd 145.06: z = (470 - 0.5) / 145.06
        assert_eq!(c.u, 1720.0);
        assert!(close(c.p_value.unwrap(), 1.209_423e-3, 1e-8), "{c:?}");
        assert_eq!(compare(&a, &a).verdict, "same");
    }

    #[test]
    fn exact_and_approximate_agree_where_they_meet() {
        let a: Vec<f64> = (0..30).map(f64::from).collect();
        let b: Vec<f64> = (0..30).map(|i| f64::from(i) + 5.5).collect();
        let ranks = Ranks::of(&a, &b);
        assert!(close(ranks.exact_p(), ranks.normal_p(), 2e-3));
    }

    #[test]
    fn nothing_to_compare() {
        let c = compare(&[], &[1.0]);
        assert_eq!((c.p_value, c.verdict), (None, "too_few"));
    }
}
