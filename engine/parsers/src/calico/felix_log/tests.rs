use super::*;
use proptest::prelude::*;

fn one(line: &str) -> Entry<'_> {
    entry(line).unwrap()
}

#[test]
fn fields_are_told_from_the_message() {
    let e = one(
        "2026-11-24T16:30:54.78469 2026-11-24 16:30:54.783 [WARNING][204] felix/daemon.go 362: Set a=b, now: z=1 \
         addr=\"x y=1\" error=no such file ids=[a=1 b=2] n=&x{A:\"q\"}",
    );
    assert_eq!(
        (e.time, e.level.as_deref()),
        (Some("2026-11-24 16:30:54.783"), Some("warning"))
    );
    assert_eq!(
        (e.component, e.file, e.source_line, e.pid),
        (Some("felix"), Some("daemon.go"), Some(362), Some(204))
    );
    assert_eq!(e.message, "Set a=b, now: z=1");
    assert_eq!(
        (e.fields["addr"].as_str(), e.fields["error"].as_str()),
        ("x y=1", "no such file")
    );
    assert_eq!(
        (e.fields["ids"].as_str(), e.fields["n"].as_str()),
        ("[a=1 b=2]", "&x{A:\"q\"}")
    );
}

#[test]
fn bird_names_its_protocol() {
    let e = one("bird: Mesh_198_18_0_2: Error: Hold timer expired");
    assert_eq!(
        (e.component, e.message.as_str()),
        (Some("bird"), "Error: Hold timer expired")
    );
    assert_eq!(e.fields["protocol"], "Mesh_198_18_0_2");
    assert_eq!(
        one("2026-11-24T16:30:56.56 bird: Graceful restart done").message,
        "Graceful restart done"
    );
}

#[test]
fn other_forms_are_understood() {
    let e = one(r#"{"level":"INFO","ts":"2026-11-24T16:30:54Z","msg":"a","n":3}"#);
    assert_eq!(
        (e.time, e.level.as_deref(), e.fields["n"].as_str()),
        (Some("2026-11-24T16:30:54Z"), Some("info"), "3")
    );
    let e = one(r#"time="2026-11-24T16:38:10Z" level=info msg="peers = 2" x=1"#);
    assert_eq!((e.message.as_str(), e.fields["x"].as_str()), ("peers = 2", "1"));
    let e = one(r#"W1124 16:41:12.356047      24 reflector.go:390] "watch of x" err="y z""#);
    assert_eq!(
        (e.level.as_deref(), e.pid, e.source_line),
        (Some("warning"), Some(24), Some(390))
    );
    assert_eq!((e.message.as_str(), e.fields["err"].as_str()), ("watch of x", "y z"));
    assert_eq!(parse("\ngoroutine 1 [running]:\n").unwrap().unparsed[0].line, 2);
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,80}", tail in "[a-z=\" \\[\\]{}\\\\é]{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("2026-11-24 16:30:54.783 [INFO][2] a/b.go 3: {tail}"));
        let _ = parse(&format!("I1124 16:41:12.356047 {tail}] {tail}"));
        let _ = parse(&format!("time={tail} level={tail}"));
    }
}
