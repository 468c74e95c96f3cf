use super::Judged;

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
    let mut out = String::new();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
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
    let failed = judged.iter().filter(|j| !j.is_ok()).count();
    let certainties: usize = judged.iter().map(|j| j.wrong_certainties.len()).sum();
    out += &format!(
        "\n{} cases: {} as expected, {failed} wrong",
        judged.len(),
        judged.len() - failed
    );
    out.push_str(&format!("; {certainties} wrong certainties\n"));
    out
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
