//! The tools of a node or a pod, as a folder for `PATH`: each recorded tool is a small shell script that knows the
//! recorded argvs, and what a framing script needs (`timeout`, `mktemp`, …) is the real program.
//!
//! Scripts and not a program of ours, because Cargo does not build the programs of a crate whose library it needs for
//! the tests of another crate.

use crate::{Capture, Error, Quirk, Result, Script, Snapshot};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What a shell script may take for granted anywhere.
const BASE: &str = "sh timeout mktemp printf date rm rmdir sleep mkdir env true false test [ echo tr cut uniq sed grep \
    awk dd kill tee touch chmod cp mv ln id uname seq basename dirname xargs expr nice nohup setsid mkfifo sha256sum \
    sort bash";
/// The same, but they open files: those of the machine that runs the tests are not those of the node.
const READERS: &str = "cat head tail base64 wc od ls stat readlink find cksum md5sum";
/// Of the recorded tools those that the calico-node image has.
const CALICO_NODE: &str = "birdcl calico calico-node cat conntrack hostname ip ip6tables-save ipset iptables \
    iptables-legacy-save iptables-nft-save iptables-save ls nft ps sh sysctl tc";

/// The folders of one run, made when first asked for.
#[derive(Debug)]
pub(crate) struct Shims {
    folder: PathBuf,
    script: Script,
    made: Mutex<HashMap<String, Tools>>,
}

/// What a process of that subject gets as `PATH` and `TMPDIR`.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) path: PathBuf,
    pub(crate) tmp: PathBuf,
}

impl Shims {
    /// `folder` must not need quoting in `PATH`.
    pub(crate) fn new(folder: PathBuf, script: Script) -> Self {
        Shims {
            folder,
            script,
            made: Mutex::default(),
        }
    }

    pub(crate) fn of(&self, snapshot: &Snapshot, subject: &str) -> Result<Tools> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tools) = made.get(subject) {
            return Ok(tools.clone());
        }
        let folder = self.folder.join(subject.replace('/', "_"));
        let tools = Tools {
            path: folder.join("bin"),
            tmp: folder.join("tmp"),
        };
        for dir in [&folder.join("stage"), &tools.tmp, &folder.join("say")] {
            fs::create_dir_all(dir).map_err(Error::io("make", dir))?;
        }
        let open = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(&tools.tmp, open).map_err(Error::io("open up", &tools.tmp))?;
        self.lay(snapshot, subject, &folder)?;
        made.insert(subject.into(), tools.clone());
        Ok(tools)
    }

    fn lay(&self, snapshot: &Snapshot, subject: &str, folder: &Path) -> Result<()> {
        let quirks: Vec<_> = self.script.quirks_of(subject).collect();
        let mut tools: BTreeMap<String, Vec<Said>> = BTreeMap::new();
        for (i, quirk) in quirks.iter().enumerate() {
            if let Quirk::Answer {
                argv,
                stdout,
                stderr,
                exit,
            } = quirk
            {
                let file = folder.join("say").join(i.to_string());
                fs::write(&file, stdout).map_err(Error::io("write", &file))?;
                let said = Said::new(argv, file, stderr, *exit);
                tools
                    .entry(argv.first().cloned().unwrap_or_default())
                    .or_default()
                    .push(said);
            }
        }
        for Capture {
            file,
            argv,
            exit,
            stderr,
            ..
        } in snapshot.captures(subject)
        {
            let said = Said::new(argv, snapshot.root().join(file), stderr, *exit);
            tools
                .entry(argv.first().cloned().unwrap_or_default())
                .or_default()
                .push(said);
        }
        for quirk in &quirks {
            match quirk {
                Quirk::Only(names) => tools.retain(|t, _| names.contains(t)),
                Quirk::CalicoNodeImage => tools.retain(|t, _| CALICO_NODE.split_whitespace().any(|n| n == t)),
                _ => {}
            }
        }
        // A quirk may be of a tool that was never recorded.
        for name in quirks.iter().filter_map(|q| q.tool()).filter(|n| *n != "*") {
            tools.entry(name.into()).or_default();
        }
        for name in READERS.split_whitespace() {
            tools.entry(name.into()).or_default();
        }
        let missing = |name: &str| quirks.iter().any(|q| matches!(q, Quirk::Missing(n) if n == name));
        for (name, said) in tools.iter().filter(|(name, _)| !missing(name) && !name.contains('/')) {
            let file = folder.join("stage").join(name);
            let recorded = !said.is_empty();
            let of_tool = |q: &&&Quirk| q.tool().is_some_and(|t| t == name || (t == "*" && recorded));
            let text = tool_script(name, subject, said, quirks.iter().filter(of_tool).copied());
            write_program(&file, &text)?;
        }
        for name in BASE
            .split_whitespace()
            .filter(|n| !missing(n) && !tools.contains_key(*n))
        {
            if let Some(real) = real_program(name) {
                let link = folder.join("stage").join(name);
                symlink(real, &link).map_err(Error::io("link", &link))?;
            }
        }
        copy(&folder.join("stage"), &folder.join("bin"))
    }
}

pub(crate) fn write_program(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(Error::io("write", file))?;
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file, all).map_err(Error::io("make executable", file))
}

/// Another process writes the programs: one of ours could be forked while it has one open for writing, and then the
/// kernel refuses to run it (`Text file busy`).
fn copy(from: &Path, to: &Path) -> Result<()> {
    let cp = real_program("cp").ok_or_else(|| Error::Missing("no `cp` on this machine".into()))?;
    let done = std::process::Command::new(cp)
        .args(["-R", "-P", "-p"])
        .arg(from)
        .arg(to)
        .status();
    match done.map_err(Error::io("copy", from))?.success() {
        true => Ok(()),
        false => Err(Error::Failed(format!("cannot copy `{}`", from.display()))),
    }
}

impl Quirk {
    /// The tool whose script differs.
    fn tool(&self) -> Option<&str> {
        match self {
            Quirk::Latency(t, _) | Quirk::Huge(t, _) | Quirk::Garbage(t) | Quirk::Dies(t) => Some(t),
            Quirk::KillsShell(t) | Quirk::Hangs(t) => Some(t),
            Quirk::CalicoNodeImage | Quirk::Only(_) | Quirk::Missing(_) | Quirk::Answer { .. } => None,
        }
    }
}

/// An argv and its answer.
struct Said {
    args: Vec<String>,
    stdout: PathBuf,
    stderr: String,
    exit: i32,
}

impl Said {
    fn new(argv: &[String], stdout: PathBuf, stderr: &str, exit: i32) -> Self {
        Said {
            args: argv.iter().skip(1).cloned().collect(),
            stdout,
            stderr: stderr.into(),
            exit,
        }
    }
}

/// Between arguments, where they are compared as one word.
const UNIT: char = '\u{1f}';

fn tool_script<'a>(name: &str, subject: &str, said: &[Said], quirks: impl Iterator<Item = &'a Quirk>) -> String {
    let quirks: Vec<_> = quirks.collect();
    let mut text = format!(
        "#!/bin/sh\n# Answers `{name}` as it was recorded of {}.\n",
        subject.replace('\n', " ")
    );
    let real = |name: &str| quote(&real_program(name).unwrap_or_else(|| name.into()).display().to_string());
    let _ = writeln!(
        text,
        "IFS='{UNIT}'; key=\"$#{UNIT}$*\"; unset IFS\nlook() {{ case $1 in"
    );
    for s in said {
        let key = format!("{}{UNIT}{}", s.args.len(), s.args.join(&UNIT.to_string()));
        let (file, stderr) = (quote(&s.stdout.display().to_string()), quote(&s.stderr));
        let _ = writeln!(text, "{}) out={file} err={stderr} code={};;", quote(&key), s.exit);
    }
    let _ = writeln!(text, "*) return 1;; esac; }}");
    let whole = format!("{} \"$out\"", real("cat"));
    let half = format!("{} -c $(( $({} -c <\"$out\") / 2 )) \"$out\"", real("head"), real("wc"));
    let mut print = whole.clone();
    for quirk in quirks {
        match quirk {
            Quirk::Latency(_, time) => {
                let _ = writeln!(text, "{} {}", real("sleep"), seconds(*time));
            }
            Quirk::Hangs(_) => {
                let _ = writeln!(text, "exec {} 2000000", real("sleep"));
            }
            Quirk::Huge(_, bytes) => {
                let line = "198.18.0.0/24 dev eth0 proto kernel scope link src 198.18.0.1";
                let _ = writeln!(text, "{} '{line}' | {} -c {bytes}; exit 0", real("yes"), real("head"));
            }
            Quirk::Garbage(_) => {
                let rubbish = r"\000\377\376\033[2J\033]0;owned\007\302\n{\042a\042: [\r\n\010\010%s%n $(id)\303";
                let _ = writeln!(text, "printf '%b' '{rubbish}'; exit 0");
            }
            Quirk::Dies(_) => print = format!("{half}; kill -KILL $$"),
            Quirk::KillsShell(_) => print = format!("{half}; kill -KILL $PPID $$"),
            _ => {}
        }
    }
    let _ = writeln!(
        text,
        "tell() {{ [ -r \"$out\" ] || {{ printf 'testkit: no %s\\n' \"$out\" >&2; exit 254; }}; {print}; printf %s \"$err\" >&2; }}\nif look \"$key\"; then tell; exit $code; fi"
    );
    text.push_str(&otherwise(name, &real(name)));
    text
}

/// What a tool does with an argv that was not recorded.
fn otherwise(name: &str, real: &str) -> String {
    // Files of the framing script itself are real.
    let ours = "\"${TMPDIR:-/tmp}\"/*|/tmp/*|/var/tmp/*|/dev/shm/*|/dev/null|/dev/stdin|/dev/fd/*|/proc/self/fd/*";
    match name {
        "sh" | "bash" | "dash" => format!("exec {real} \"$@\"\n"),
        "cat" => format!(
            "[ $# = 0 ] && exec {real}\nrc=0\nfor a; do case $a in --) ;; -|{ours}) {real} \"$a\" || rc=1;;\n\
             *) if look \"1{UNIT}$a\"; then tell; [ $code = 0 ] || rc=$code\n\
             else printf 'cat: %s: No such file or directory\\n' \"$a\" >&2; rc=1; fi;; esac; done\nexit $rc\n"
        ),
        "hostname" => "printf 'hostname: you must be root to change the host name\\n' >&2; exit 1\n".into(),
        name if READERS.split_whitespace().any(|r| r == name) => {
            let code = if name == "ls" { 2 } else { 1 };
            format!(
                "for a; do case $a in {ours}) ;;\n/*) printf \"{name}: cannot access '%s': No such file or directory\\n\" \"$a\" >&2\n\
                 exit {code};; esac; done\nexec {real} \"$@\"\n"
            )
        }
        _ => format!("printf '{name}: not recorded: %s\\n' \"$*\" >&2; exit 255\n"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Where this machine has a program, whatever `PATH` says.
pub(crate) fn real_program(name: &str) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = usual.into_iter().chain(std::env::split_paths(&path));
    folders.find_map(|f| Some(f.join(name)).filter(|p| p.is_file()))
}
