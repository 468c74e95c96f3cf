use runbook_core::Argv;

/// What a probe asks, without how it asks: `ping -c 3 -i 0.2 X` and `ping -c 5 X` both ask whether X answers a small
/// ping from here. Only probes have a meaning; every other command answers just its own argv.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    Ping {
        to: String,
        payload_bytes: Option<u32>,
        dont_fragment: bool,
    },
    /// Does something accept a TCP connection? (`nc -z`)
    Connect { to: String, port: String },
    /// What does an HTTP request say about the connection? (`curl -w`, in the JSON that we ask for)
    Http { url: String, write_out: bool },
    Lookup {
        name: String,
        server: Option<String>,
        tcp: bool,
        short: bool,
    },
    /// How much does a TCP stream move? However long it runs.
    Stream {
        to: String,
        port: String,
        streams: String,
        reverse: bool,
    },
}

impl Meaning {
    pub(super) fn of(argv: &Argv) -> Option<Meaning> {
        let argv = without_timeout(argv);
        let (program, args) = argv.split_first()?;
        match program.rsplit('/').next()? {
            "ping" => ping(args),
            "nc" | "ncat" => connect(args),
            "curl" => http(args),
            "dig" => lookup(args),
            "iperf3" => stream(args),
            _ => None,
        }
    }
}

fn without_timeout(argv: &[String]) -> &[String] {
    let Some(("timeout", rest)) = argv.split_first().map(|(p, r)| (p.as_str(), r)) else {
        return argv;
    };
    // `timeout [-k 5] 10 PROGRAM …`
    let skip = if rest.first().is_some_and(|a| a == "-k") { 3 } else { 1 };
    rest.get(skip..).unwrap_or_default()
}

/// Walks options in the manner of getopt: `with_value` names the letters that take one.
fn options<'a>(args: &'a [String], with_value: &str) -> (Vec<(char, Option<&'a str>)>, Vec<&'a str>) {
    let (mut options, mut words) = (vec![], vec![]);
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg.strip_prefix('-') {
            None | Some("") => words.push(arg),
            Some(letters) => {
                for (i, letter) in letters.char_indices() {
                    if with_value.contains(letter) {
                        let glued = letters.get(i + letter.len_utf8()..).filter(|v| !v.is_empty());
                        options.push((letter, glued.or_else(|| args.next())));
                        break;
                    }
                    options.push((letter, None));
                }
            }
        }
    }
    (options, words)
}

fn ping(args: &[String]) -> Option<Meaning> {
    let (options, words) = options(args, "cisWwMIlpQStTm");
    let value = |letter| options.iter().find(|(l, _)| *l == letter).and_then(|(_, v)| *v);
    // Flood, broadcast, a chosen source or interface: another question.
    if options.iter().any(|(l, _)| "fbIlpQSTtRm".contains(*l)) {
        return None;
    }
    let [to] = words[..] else { return None };
    let payload_bytes = value('s').map(str::parse).transpose().ok()?;
    Some(Meaning::Ping {
        to: to.into(),
        payload_bytes,
        dont_fragment: value('M') == Some("do"),
    })
}

fn connect(args: &[String]) -> Option<Meaning> {
    let (options, words) = options(args, "wpsqiIOTXx");
    let has = |letter| options.iter().any(|(l, _)| *l == letter);
    let [to, port] = words[..] else { return None };
    let plain = has('z') && !options.iter().any(|(l, _)| "upsXxUl".contains(*l));
    plain.then(|| Meaning::Connect {
        to: to.into(),
        port: port.into(),
    })
}

fn http(args: &[String]) -> Option<Meaning> {
    let (options, words) = options(args, "mowHXdAuTxr");
    if options.iter().any(|(l, _)| "HXdATuxrI".contains(*l)) {
        return None;
    }
    let [url] = words[..] else { return None };
    let write_out = options
        .iter()
        .any(|(l, v)| *l == 'w' && v.is_some_and(|v| v.contains("time_connect")));
    let url = url.trim_end_matches('/');
    // The port that a scheme has anyway.
    let url = match (url.strip_suffix(":80"), url.strip_suffix(":443")) {
        (Some(short), _) if url.starts_with("http://") => short,
        (_, Some(short)) if url.starts_with("https://") => short,
        _ => url,
    };
    Some(Meaning::Http {
        url: url.into(),
        write_out,
    })
}

fn lookup(args: &[String]) -> Option<Meaning> {
    let mut meaning = Meaning::Lookup {
        name: String::new(),
        server: None,
        tcp: false,
        short: false,
    };
    let Meaning::Lookup {
        name,
        server,
        tcp,
        short,
    } = &mut meaning
    else {
        return None;
    };
    for arg in args {
        match arg.as_str() {
            "+tcp" => *tcp = true,
            "+short" => *short = true,
            a if a.starts_with("+tries=") || a.starts_with("+time=") || a.starts_with("+timeout=") => {}
            a if a.starts_with('@') => *server = Some(a[1..].into()),
            a if a.starts_with(['-', '+']) || !name.is_empty() => return None,
            a => *name = a.trim_end_matches('.').into(),
        }
    }
    (!name.is_empty()).then_some(meaning)
}

/// A client that reports in JSON. Anything beyond direction and number of streams is another question.
fn stream(args: &[String]) -> Option<Meaning> {
    let (options, words) = options(args, "cptPbnklBMwSOiCZ");
    let value = |letter| options.iter().find(|(l, _)| *l == letter).and_then(|(_, v)| *v);
    let known = options.iter().all(|(l, _)| "JcptPRi".contains(*l));
    let json = options.iter().any(|(l, _)| *l == 'J');
    (known && json && words.is_empty()).then_some(())?;
    Some(Meaning::Stream {
        to: value('c')?.into(),
        port: value('p').unwrap_or("5201").into(),
        streams: value('P').unwrap_or("1").into(),
        reverse: options.iter().any(|(l, _)| *l == 'R'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Meaning> {
        Meaning::of(&line.split(' ').map(String::from).collect())
    }

    #[test]
    fn the_same_question_asked_in_other_words() {
        for (a, b) in [
            ("ping -c 3 -i 0.2 -W 1 10.0.0.1", "timeout -k 5 9 ping -c5 10.0.0.1"),
            ("ping -M do -s 1412 -c 2 10.0.0.1", "ping -c 1 -s1412 -M do 10.0.0.1"),
            ("nc -zv -w 2 10.0.0.1 80", "nc -z -w5 10.0.0.1 80"),
            ("dig +tries=1 +time=2 a.test", "dig a.test."),
            ("iperf3 -J -c 10.0.0.1 -t 3", "iperf3 -c 10.0.0.1 -p 5201 -P 1 -t 10 -J"),
            ("curl -sS -m 3 http://10.0.0.1/", "curl -m 9 http://10.0.0.1:80"),
        ] {
            assert!(of(a).is_some());
            assert_eq!(of(a), of(b), "{a} / {b}");
        }
    }

    #[test]
    fn another_question_is_not_answered() {
        for (a, b) in [
            ("ping -c 3 10.0.0.1", "ping -c 3 -M do -s 1412 10.0.0.1"),
            ("ping -c 3 10.0.0.1", "ping -c 3 10.0.0.2"),
            ("ping -c 3 10.0.0.1", "ping -c 3 -I eth1 10.0.0.1"),
            ("nc -zv 10.0.0.1 80", "nc -zuv 10.0.0.1 80"),
            ("dig a.test", "dig +tcp a.test"),
            ("iperf3 -J -c 10.0.0.1", "iperf3 -J -c 10.0.0.1 -R"),
            ("iperf3 -J -c 10.0.0.1", "iperf3 -J -c 10.0.0.1 -P 4"),
            ("iperf3 -J -c 10.0.0.1", "iperf3 -J -c 10.0.0.1 -u"),
        ] {
            assert_ne!(
                of(a),
                of(b).or(Some(Meaning::Connect {
                    to: String::new(),
                    port: String::new()
                })),
                "{a} / {b}"
            );
        }
        assert_eq!(of("ip route"), None);
    }
}
