use runbook_cluster::Record;
use runbook_core::{Effect, World};
use runbook_run::*;
use runbook_script::*;
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let lib = Library::new(std::env::var("LIBDIR").map(|d| vec![d.into()]).unwrap_or_default());
    let mut host = Host::new(lib.clone());
    let src = lib.runbook(&args[1]).unwrap_or_else(|e| panic!("{e}"));
    let rb = match host.load(&src) {
        Ok(r) => r,
        Err(e) => {
            eprintln!("{}", e.render(false));
            std::process::exit(3)
        }
    };
    let lints = host.lint(&rb);
    for l in lints {
        eprintln!("lint: {} at {:?} {:?}", l.message, l.place, l.hint);
    }
    let mut params = serde_json::Map::new();
    let mut i = 3;
    while i + 1 < args.len() {
        params.insert(args[i].trim_start_matches("--").into(), args[i + 1].clone().into());
        i += 2;
    }
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = Arc::new(Record::open(std::path::Path::new(&args[2])).unwrap());
    let (cat, errs) = lib.catalogue();
    for e in errs {
        eprintln!("catalogue: {e}");
    }
    let begin = Begin::new(&rb.source.name, rb.source.sha256(), params.clone(), world.info());
    let _g = rt.enter();
    let session = Arc::new(Session::new(
        world,
        Journal::none(),
        Arc::new(cat),
        Arc::new(Silent),
        Limits::default(),
        Effect::Read,
        begin,
    ));
    let h = rt.handle().clone();
    let s2 = session.clone();
    let ended = std::thread::spawn(move || host.run(&rb, &params, &s2, &h))
        .join()
        .unwrap();
    if let Ended::Failed(e) = &ended {
        eprintln!("{}", e.render(false));
    } else {
        eprintln!("{ended:?}");
    }
    let r = session.finish(Language::En);
    if std::env::var("JSON").is_ok() {
        println!("{}", serde_json::to_string_pretty(&r).unwrap());
    }
    println!("VERDICT {}", r.verdict);
    for c in &r.causes {
        println!(
            "CAUSE {} {} {} {} | {} explains {:?}",
            c.certainty, c.severity, c.code, c.subject.name, c.summary, c.explains
        );
    }
    for c in &r.findings {
        println!(
            "  finding {} {} {} | {}",
            c.certainty, c.code, c.subject.name, c.summary
        );
    }
    for s in &r.steps {
        println!("  step {:?} {} {}", s.status, s.id, s.reason);
    }
    for n in &r.notes {
        println!("  note {n}");
    }
}
