use runbook_core::Argv;
use std::{fmt::Write as _, time::Duration};

/// Questions side by side at most.
const ASIDE: usize = 16;

/// One question for the remote shell.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Tried in order until one exits 0.
    pub(crate) forms: Vec<Argv>,
    /// For each form.
    pub(crate) timeout: Duration,
    /// May run beside its neighbours that may too. Takes seconds and few bytes, as a ping does.
    pub(crate) aside: bool,
}

/// What the remote shell is to do.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) word: String,
    pub(crate) text: String,
}

/// Written for the oldest shells of the field (dash, busybox ash, bash): no arrays, no `local`, no descriptor above 9.
///
/// - `rb_now` reads the clock without starting a program; 0 where there is none.
/// - `rb_go` runs one program: fd 3 is the real stdout, fd 4 takes the exit code past the pipe. `wc` eats what `head` left,
///   so that the program is not killed by a closed pipe and we learn how much there was. One byte more than the limit
///   goes through, because busybox `head` reads ahead and `wc` may then count nothing.
/// - A user who is not root often has no `sbin` in PATH, and there the tools are.
/// - `rb_par` runs questions side by side, each into files of its own, and prints these one after the other. Where there
///   is no place for files they run one after the other.
/// - The exit codes 124, 137 and 143 end a question: that is how a `timeout` says that it struck (coreutils 124, busybox 143),
///   and the next form would only take as long again.
const FUNCTIONS: &str = r#"
rb_mark() { printf '\n%s %s\n' "$rb_word" "$*" >&3; }
rb_both() { rb_mark "$@"; printf '\n%s %s\n' "$rb_word" "$*" >&2; }
rb_now() {
  rb_ms=0
  rb_x=${EPOCHREALTIME-}
  if [ -n "$rb_x" ]; then
    rb_y=${rb_x#*[.,]}
    rb_ms=$(( ${rb_x%%[.,]*} * 1000 + (1$rb_y - 1000000) / 1000 ))
  elif read -r rb_x rb_y 2>/dev/null </proc/uptime; then
    rb_ms=$(( ${rb_x%.*} * 1000 + (1${rb_x#*.} - 100) * 10 ))
  fi
}
rb_go() {
  if [ -n "$rb_bounded" ]; then
    rb_r=$( {
      { ( exec $rb_wrap ${rb_wrap:+"$rb_t"} "$@" </dev/null 3>&- 4>&- ); printf 'r=%s ' "$?" >&4; } |
      { head -c "$rb_limit"; printf 'c=%s' "$(( $(wc -c) ))" >&4; } >&3
    } 4>&1 )
  else
    ( exec $rb_wrap ${rb_wrap:+"$rb_t"} "$@" </dev/null >&3 3>&- )
    rb_r="r=$? "
  fi
}
rb_try() {
  rb_q=$1 rb_f=$2 rb_t=$3
  shift 3
  command -v "$1" >/dev/null 2>&1 || { rb_mark M "$rb_q" "$rb_f"; return 1; }
  rb_now
  rb_a=$rb_ms
  if [ "$rb_end" -gt 0 ]; then
    rb_x=$(( (rb_end - rb_a + 999) / 1000 ))
    [ "$rb_x" -gt 0 ] || { rb_mark S "$rb_q" "$rb_f"; return 0; }
    [ "$rb_t" -le "$rb_x" ] || rb_t=$rb_x
  fi
  rb_both B "$rb_q" "$rb_f"
  rb_go "$@"
  rb_now
  rb_both E "$rb_q" "$rb_f" "t=$rb_t ms=$(( rb_ms - rb_a )) $rb_r"
  case $rb_r in 'r=0 '*|'r=124 '*|'r=137 '*|'r=143 '*) return 0 ;; esac
  return 1
}
rb_par() {
  rb_dir=
  for rb_x in "${TMPDIR-}" /dev/shm /run /tmp; do
    [ -n "$rb_x" ] && mkdir "$rb_x/$rb_name" 2>/dev/null && { rb_dir=$rb_x/$rb_name; break; }
  done
  if [ -z "$rb_dir" ] || ! command -v cat >/dev/null 2>&1 || ! command -v rm >/dev/null 2>&1; then
    for rb_x; do "rb_$rb_x"; done
    return
  fi
  trap 'rm -rf "$rb_dir"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  for rb_x; do
    ( trap - EXIT HUP INT TERM PIPE; exec 3>"$rb_dir/$rb_x.o" 2>"$rb_dir/$rb_x.e"; "rb_$rb_x" ) </dev/null &
  done
  wait
  for rb_x; do
    cat "$rb_dir/$rb_x.o" >&3
    cat "$rb_dir/$rb_x.e" >&2
  done
  rm -rf "$rb_dir"
  trap - EXIT HUP INT TERM PIPE
}
rb_begin() {
  exec 3>&1
  LC_ALL=C
  PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
  for rb_x in /usr/local /usr ''; do
    case :$PATH: in
      *:$rb_x/sbin:*) ;;
      *:$rb_x/bin:*) PATH=$PATH:$rb_x/sbin ;;
    esac
  done
  export LC_ALL PATH
  umask 077
  rb_wrap=
  for rb_x in 'timeout -k 5' timeout 'timeout -t'; do
    $rb_x 1 sh -c : </dev/null >/dev/null 2>&1 3>&- && { rb_wrap=$rb_x; break; }
  done
  rb_bounded=
  case $(printf ab | { head -c 1; wc -c; } 2>/dev/null) in a*[0-9]) rb_bounded=1 ;; esac
  rb_now
  rb_end=0
  [ "$rb_ms" -gt 0 ] && rb_end=$(( rb_ms + rb_budget ))
  rb_mark H "w=$rb_wrap;b=$rb_bounded"
}
"#;

impl Script {
    /// `limit`: bytes of stdout kept of each command. `budget`: no command is begun after it and none outlives it,
    /// so that a shell whose asker went away ends by itself.
    pub(crate) fn new(jobs: &[Job], limit: u64, budget: Duration) -> Script {
        let word = format!("{:032x}", rand::random::<u128>());
        let mut text = String::from(FUNCTIONS);
        for (q, job) in jobs.iter().enumerate() {
            ask(q, job, &mut text);
        }
        // The last line is the only one that does anything, so that a script that was cut on the way in does nothing.
        let _ = writeln!(text, "rb_main() {{");
        let budget = budget.as_millis();
        // Not the word: names of files are for everyone to see.
        let name = format!("runbook-{:016x}", rand::random::<u64>());
        let _ = writeln!(
            text,
            "rb_word={word} rb_name={name} rb_limit={} rb_budget={budget}",
            limit + 1
        );
        text.push_str("rb_begin\n");
        let numbered: Vec<(usize, bool)> = jobs.iter().map(|j| j.aside).enumerate().collect();
        for run in numbered.chunk_by(|a, b| a.1 && b.1) {
            // The shell's own limit of processes, and the files', is far above.
            for some in run.chunks(ASIDE) {
                text.push_str(if some.len() > 1 { "rb_par" } else { "rb_" });
                for (q, _) in some {
                    let _ = write!(text, "{}{q}", if some.len() > 1 { " " } else { "" });
                }
                text.push('\n');
            }
        }
        text.push_str("rb_both Z\nexit 0\n}\nrb_main\n");
        Script { word, text }
    }
}

/// The function of one question.
fn ask(q: usize, job: &Job, text: &mut String) {
    let _ = writeln!(text, "rb_{q}() {{");
    // A timeout of 0 would mean none.
    let seconds = job.timeout.as_millis().div_ceil(1000).max(1);
    for (f, argv) in job.forms.iter().enumerate() {
        text.push_str(if f == 0 { "" } else { " ||\n" });
        let _ = write!(text, "rb_try {q} {f} {seconds}");
        for argument in argv {
            text.push(' ');
            quote(argument, text);
        }
    }
    let _ = writeln!(text, "\nrb_both D {q}\n}}");
}

/// Says why an argv cannot be run, if so.
pub(crate) fn refuse(argv: &[String]) -> Option<String> {
    match argv.first() {
        None => Some("a command without a program".into()),
        Some(p) if p.is_empty() || p.starts_with('-') => Some(format!("{p:?} is not the name of a program")),
        Some(_) if argv.iter().any(|a| a.contains('\0')) => Some("an argument holds a NUL byte".into()),
        Some(_) => None,
    }
}

/// Always in quotes: nothing is left for the shell to read.
fn quote(word: &str, into: &mut String) {
    into.push('\'');
    into.push_str(&word.replace('\'', r"'\''"));
    into.push('\'');
}
