//! What the health server of Felix (port 9099) and of kube-controllers says to `/readiness` and `/liveness`.

use super::duration::go_duration_s;
use super::table::{cells, is_border};
use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FelixReadiness<'a> {
    /// From the line `HTTP 200` that `curl -w '\nHTTP %{http_code}\n'` adds; 0 if nobody answered.
    pub http_status: Option<u16>,
    /// Empty for versions that answer without a table. A table with the one row `FelixStartup` is a Felix that waits
    /// for its datastore and programs nothing, whatever the status says.
    pub components: Vec<Component<'a>>,
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Component<'a> {
    /// `CalculationGraph`, `FelixStartup`, `InternalDataplaneMainLoop`, ...
    pub component: &'a str,
    /// A component that reported nothing for so long counts as dead.
    pub timeout_s: Option<f64>,
    /// `reporting live`, `timed out`, ...; `null` for a component that does not report it.
    pub liveness: Option<&'a str>,
    pub live: Option<bool>,
    /// `reporting ready`, `reporting non-ready`, `timed out`, ...
    pub readiness: Option<&'a str>,
    pub ready: Option<bool>,
    pub detail: Option<String>,
}

/// Reads the body of `/readiness` or `/liveness`, with or without the status line of curl.
pub fn parse(text: &str) -> Result<FelixReadiness<'_>, ParseError> {
    let mut health = FelixReadiness::default();
    let mut columns: Vec<&str> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || is_border(line) {
            continue;
        }
        if let Some(status) = line.strip_prefix("HTTP ") {
            let status = status
                .parse()
                .map_err(|_| ParseError::new(index + 1, line, "`HTTP STATUS`"))?;
            health.http_status = Some(status);
        } else if let Some(cells) = cells(line) {
            if columns.is_empty() {
                columns = cells;
            } else if !health.row(&columns, &cells) {
                return Err(ParseError::new(index + 1, line, columns.join(" | ")));
            }
        } else {
            health.unparsed.push(Unparsed::new(index + 1, line));
        }
    }
    Ok(health)
}

impl<'a> FelixReadiness<'a> {
    fn row(&mut self, columns: &[&str], cells: &[&'a str]) -> bool {
        let mut component = Component::default();
        for (column, cell) in columns.iter().zip(cells) {
            let cell = Some(*cell).filter(|c| !c.is_empty() && *c != "-");
            match *column {
                "COMPONENT" => component.component = cell.unwrap_or_default(),
                "TIMEOUT" => component.timeout_s = cell.and_then(go_duration_s),
                "LIVENESS" => component.liveness = cell,
                "READINESS" => component.readiness = cell,
                "DETAIL" => component.detail = cell.map(str::to_owned),
                _ => return false,
            }
        }
        component.live = component.liveness.map(|l| l == "reporting live");
        component.ready = component.readiness.map(|r| r == "reporting ready");
        match self.components.last_mut() {
            // A detail of several lines goes on in rows without a name.
            Some(last) if component.component.is_empty() => {
                let more = component.detail.unwrap_or_default();
                let detail = last.detail.get_or_insert_default();
                detail.push('\n');
                detail.push_str(&more);
            }
            _ => self.components.push(component),
        }
        columns.len() == cells.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SICK: &str = "\
+------------------+---------+----------------+---------------------+-------------+
|    COMPONENT     | TIMEOUT |    LIVENESS    |      READINESS      |   DETAIL    |
+------------------+---------+----------------+---------------------+-------------+
| CalculationGraph | 1m30s   | timed out      | reporting non-ready | first       |
|                  |         |                |                     | second      |
+------------------+---------+----------------+---------------------+-------------+

HTTP 503
";

    #[test]
    fn a_sick_component_says_why() {
        let got = parse(SICK).unwrap();
        assert_eq!(got.http_status, Some(503));
        let [component] = &got.components[..] else {
            unreachable!("one component")
        };
        assert_eq!((component.live, component.ready), (Some(false), Some(false)));
        assert_eq!(
            (component.timeout_s, component.detail.as_deref()),
            (Some(90.0), Some("first\nsecond"))
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "([|+ -]|HTTP |[A-Za-z0-9é\n]){0,120}") {
            let _ = parse(&text);
        }
    }
}
