use serde::Serialize;

/// How fast a pool fills, as far as those who are there can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// How far back was looked, at most a week.
    pub window_s: i64,
    /// Addresses given out in that time, and still held.
    pub recent: u64,
    /// At most: what was given back meanwhile left no trace.
    pub per_day: f64,
    /// At the soonest; none while nothing grows.
    pub full_in_days: Option<f64>,
}

const DAY: i64 = 86_400;
const WINDOW: i64 = 7 * DAY;
/// A shorter history, or fewer addresses, say nothing about a rate.
const SHORTEST: i64 = 3_600;
const FEWEST: usize = 5;

/// Estimates from the times at which present holders got their addresses, in seconds, when a pool will be full.
///
/// The youngest window counts that has enough history; a pool's first filling is no growth, so the first address only
/// begins the time. Returns none where there is too little to tell from.
pub fn growth(given: &[i64], now: i64, free: u128) -> Option<Growth> {
    let first = *given.iter().min()?;
    let window_s = (now - first).min(WINDOW);
    if window_s < SHORTEST || given.len() < FEWEST {
        return None;
    }
    let begin = now - window_s;
    let recent = given.iter().filter(|at| (begin + 1..=now).contains(*at)).count() as u64;
    let per_day = recent as f64 * DAY as f64 / window_s as f64;
    Some(Growth {
        window_s,
        recent,
        per_day,
        full_in_days: (recent > 0).then(|| free as f64 / per_day),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_an_hour_fills_a_day_of_room_in_a_day() {
        let given: Vec<i64> = (0..=48).map(|hour| hour * 3_600).collect();
        let found = growth(&given, 48 * 3_600, 24).expect("two days are history enough");
        assert_eq!((found.window_s, found.recent), (48 * 3_600, 48));
        assert_eq!((found.per_day, found.full_in_days), (24.0, Some(1.0)));
    }

    #[test]
    fn what_is_older_than_a_week_does_not_count() {
        let given = [0, 1, 2, 3, 100 * DAY - 10];
        let found = growth(&given, 100 * DAY, 7).expect("long history");
        assert_eq!(
            (found.window_s, found.recent, found.full_in_days),
            (WINDOW, 1, Some(49.0))
        );
        let still = growth(&[0, 1, 2, 3, 4], 100 * DAY, 7).expect("long history");
        assert_eq!((still.recent, still.full_in_days), (0, None));
    }

    #[test]
    fn minutes_and_a_handful_are_no_history() {
        assert_eq!(growth(&[0, 10, 20, 30, 40], 600, 3), None);
        assert_eq!(growth(&[0, 7_200], 9_000, 3), None);
        assert_eq!(growth(&[], 9_000, 3), None);
        // A clock that is behind the cluster's.
        assert_eq!(growth(&[5_000; 6], 0, 3), None);
    }
}
