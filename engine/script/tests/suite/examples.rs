use super::*;

/// The ```rhai blocks of a function's documentation.
fn examples(doc: &str) -> Vec<String> {
    doc.split("```rhai\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(String::from)
        .collect()
}

#[test]
fn every_function_has_an_example_that_holds() {
    let host = Host::new(Library::default());
    let mut wrong = vec![];
    for function in host.docs().into_iter().flat_map(|m| m.functions) {
        let examples = examples(&function.doc);
        if examples.is_empty() {
            wrong.push(format!("{}: no example", function.name));
        }
        for example in examples {
            if let (Ended::Failed(error), _) = run_body(&example) {
                wrong.push(format!("{}: {}", function.name, error.render(false)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_says_effect_and_errors() {
    let host = Host::new(Library::default());
    let asked = |name: &str| {
        ["kube::", "node::", "pod::", "measure::", "calico::"]
            .iter()
            .any(|m| name.starts_with(m))
    };
    for function in host
        .docs()
        .into_iter()
        .flat_map(|m| m.functions)
        .filter(|f| asked(&f.name))
    {
        for part in ["Effect: ", "Errors: "] {
            // What refers to another function for its shape says so instead.
            assert!(
                function.doc.contains(part),
                "{} does not say `{part}`:\n{}",
                function.name,
                function.doc
            );
        }
        let first = function.doc.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("Returns") || first.starts_with("Asks"),
            "{}: {first}",
            function.name
        );
    }
}

#[test]
fn every_parser_reads_its_fixtures_from_a_script() {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/parsers");
    let mut read = 0;
    for parser in runbook_parsers::parsers() {
        let folder = fixtures.join(parser.name);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        let good =
            |path: &PathBuf| path.extension().is_some_and(|e| e == "out") && path.with_extension("json").is_file();
        let Some(file) = files
            .into_iter()
            .find(|p| good(p) && std::fs::metadata(p).is_ok_and(|m| m.len() < 20_000))
        else {
            continue;
        };
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        if (parser.parse)(&text).is_err() {
            continue;
        }
        // A script literal that holds any text.
        let literal = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
            .replace('\r', "\\r")
            .replace('\t', "\\t");
        let clean: String = literal.chars().filter(|c| !c.is_control()).collect();
        let (ended, _) = run_body(&format!("parse::{}(\"{clean}\");", parser.name));
        assert!(
            matches!(ended, Ended::Completed),
            "parse::{} on {}: {ended:?}",
            parser.name,
            file.display()
        );
        read += 1;
    }
    assert!(read > 30, "only {read} parsers were tried");
}
