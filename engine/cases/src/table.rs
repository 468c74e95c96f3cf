use crate::Judged;
use runbook_core::Certainty;

/// One row a case, and below it what is wrong with those that are.
pub fn table(judged: &[Judged]) -> String {
    let head = [
        "runbook",
        "case",
        "expected",
        "first cause",
        "certainty",
        "verdict",
        "",
        "wrong certainties",
    ];
    let mut rows: Vec<[String; 8]> = vec![head.map(String::from)];
    rows.extend(judged.iter().map(row));
    let mut out = format!("{}{}{}", columns(&rows), faults(judged), sum(judged, "cases"));
    let right: Vec<_> = judged.iter().filter(|j| j.named_its_cause()).collect();
    let proven = right
        .iter()
        .filter(|j| j.first_cause().is_some_and(|f| f.certainty == Certainty::Proven));
    out.push_str(&format!(
        "{} of {} right causes are proven\n",
        proven.count(),
        right.len()
    ));
    out
}

/// One row a runbook: on how many worlds of others it ran, and what it was wrong about.
pub fn foreign_table(judged: &[Judged]) -> String {
    let mut names: Vec<&str> = judged.iter().map(|j| j.case.runbook.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut rows: Vec<[String; 4]> =
        vec![["runbook", "runs on others' worlds", "wrong certainties", "failed"].map(String::from)];
    for name in names {
        let mine: Vec<&Judged> = judged.iter().filter(|j| j.case.runbook == name).collect();
        let wrong: usize = mine.iter().map(|j| j.wrong_certainties.len()).sum();
        let failed = mine.iter().filter(|j| j.result.is_none()).count();
        rows.push([
            name.into(),
            mine.len().to_string(),
            wrong.to_string(),
            failed.to_string(),
        ]);
    }
    format!("{}{}{}", columns(&rows), faults(judged), sum(judged, "runs"))
}

fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

/// What is wrong with those that are.
fn faults(judged: &[Judged]) -> String {
    let mut out = String::new();
    // One broken script spoils all of its cases: said once.
    let mut told: Vec<(&[String], Vec<String>)> = vec![];
    for wrong in judged.iter().filter(|j| !j.is_ok()) {
        let who = format!("{} on {}", wrong.case.runbook, wrong.case.name);
        match told.iter_mut().find(|(faults, _)| *faults == wrong.faults) {
            Some((_, all)) => all.push(who),
            None => told.push((&wrong.faults, vec![who])),
        }
    }
    for (faults, who) in told {
        out += &format!("\n{}:\n", who.join(", "));
        for line in faults.iter().flat_map(|f| f.lines()) {
            out += &format!("  {line}\n");
        }
    }
    out
}

fn sum(judged: &[Judged], what: &str) -> String {
    let failed = judged.iter().filter(|j| !j.is_ok()).count();
    let certainties: usize = judged.iter().map(|j| j.wrong_certainties.len()).sum();
    format!(
        "\n{} {what}: {} as expected, {failed} wrong; {certainties} wrong certainties\n",
        judged.len(),
        judged.len() - failed
    )
}

fn row(judged: &Judged) -> [String; 8] {
    let expect = &judged.case.expect;
    let expected = match (&expect.verdict, expect.first.is_empty()) {
        (_, false) => expect.first.join(" | "),
        (Some(verdict), true) => verdict.to_string(),
        (None, true) => "anything not proven".into(),
    };
    let first = judged.first_cause();
    let verdict = judged
        .result
        .as_ref()
        .map_or("no result".into(), |r| r.verdict.to_string());
    [
        judged.case.runbook.clone(),
        judged.case.name.clone(),
        expected,
        first.map_or("-".into(), |f| f.code.clone()),
        first.map_or("-".into(), |f| f.certainty.to_string()),
        verdict,
        if judged.is_ok() { "ok".into() } else { "WRONG".into() },
        judged.wrong_certainties.join(", "),
    ]
}
