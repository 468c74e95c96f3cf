//! Goals, and whether they were reached.

use crate::sh;
use serde::Deserialize;

/// One goal. With something beside it, the goal is the ratio of the two.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Row {
    work: String,
    /// `s`, `MiB`
    unit: String,
    ours: f64,
    beside: Option<String>,
    other: Option<f64>,
    at_most: f64,
    /// Why there are no numbers.
    #[serde(skip)]
    missing: Option<String>,
    /// It should have been measured.
    #[serde(skip)]
    failed: bool,
}

impl Row {
    pub(super) fn ratio(work: String, unit: &str, ours: f64, beside: &str, other: f64, at_most: f64) -> Self {
        Row {
            beside: Some(beside.into()),
            other: Some(other),
            ..Row::limit(&work, unit, ours, at_most)
        }
    }

    pub(super) fn limit(work: &str, unit: &str, ours: f64, at_most: f64) -> Self {
        Row {
            work: work.into(),
            unit: unit.into(),
            ours,
            at_most,
            ..Row::default()
        }
    }

    pub(super) fn not_measured(work: String, why: String) -> Self {
        Row {
            work,
            missing: Some(why),
            ..Row::default()
        }
    }

    pub(super) fn failed(work: &str, why: &dyn std::fmt::Display) -> Self {
        Row {
            failed: true,
            ..Row::not_measured(work.into(), why.to_string())
        }
    }

    /// A goal that was not measured is not reached where nobody reads the table.
    pub(super) fn is_ok(&self) -> bool {
        match &self.missing {
            Some(_) => !self.failed && !sh::is_ci(),
            // Never true for what is no number.
            None => self.other.map_or(self.ours, |other| self.ours / other) <= self.at_most,
        }
    }

    fn cells(&self) -> [String; 6] {
        if let Some(why) = &self.missing {
            return [&self.work, "", "", "", "", &format!("not measured: {why}")].map(str::to_owned);
        }
        let goal = match self.other {
            None => format!("at most {}", amount(self.at_most, &self.unit)),
            Some(_) => format!("at most {}", times(self.at_most)),
        };
        let beside = self.beside.iter().zip(self.other);
        let beside = beside.map(|(beside, other)| format!("{} ({beside})", amount(other, &self.unit)));
        let ratio = self.other.map(|other| times(self.ours / other));
        [
            self.work.clone(),
            amount(self.ours, &self.unit),
            beside.collect(),
            ratio.unwrap_or_default(),
            goal,
            if self.is_ok() { "reached" } else { "MISSED" }.into(),
        ]
    }
}

fn amount(value: f64, unit: &str) -> String {
    match unit {
        "s" if value < 1e-3 => format!("{:.1} us", value * 1e6),
        "s" if value < 1.0 => format!("{:.1} ms", value * 1e3),
        _ => format!("{value:.1} {unit}"),
    }
}

/// Small ratios say little as they are: 1/550.
fn times(ratio: f64) -> String {
    if ratio < 0.1 {
        format!("1/{:.0}", 1.0 / ratio)
    } else {
        format!("{ratio:.2}")
    }
}

const HEADS: [&str; 6] = ["work", "ours", "beside", "ratio", "goal", ""];

pub(super) fn render(rows: &[Row]) -> String {
    let mut lines: Vec<[String; 6]> = vec![HEADS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut out = String::from("\n");
    for line in &lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        out += padded.join("  ").trim_end();
        out.push('\n');
    }
    let missed = rows.iter().filter(|row| !row.is_ok()).count();
    format!("{out}\n{} goals, {missed} missed\n", rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_reached_or_missed_and_said_so() {
        let read = |line: &str| serde_json::from_str::<Row>(line).unwrap();
        let rows = [
            read(r#"{"work":"a","unit":"s","ours":0.0015,"beside":"b","other":0.001,"at_most":1.4}"#),
            read(r#"{"work":"c","unit":"MiB","ours":63.5,"at_most":64}"#),
            Row::ratio("d".into(), "s", 0.001, "e", 0.5, 1.0 / 250.0),
            Row::limit("f", "MiB", f64::NAN, 64.0),
            Row::failed("g", &"no such case"),
        ];
        assert_eq!(rows.each_ref().map(Row::is_ok), [false, true, true, false, false]);
        let table = render(&rows);
        for line in [
            "a     1.5 ms    1.0 ms (b)    1.50   at most 1.40      MISSED",
            "c     63.5 MiB                       at most 64.0 MiB  reached",
            "d     1.0 ms    500.0 ms (e)  1/500  at most 1/250     reached",
            "not measured: no such case",
            "5 goals, 3 missed",
        ] {
            assert!(table.contains(line), "{table}");
        }
    }
}
