use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What an action does to the cluster. Ordered: a run that allows `Probe` allows `Read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    #[default]
    Read,
    /// Sends traffic or makes something temporary.
    Probe,
    /// Changes something that stays.
    Write,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::Read => "read",
            Effect::Probe => "probe",
            Effect::Write => "write",
        })
    }
}

/// A pod, named `namespace/name` wherever a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodRef {
    pub namespace: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl PodRef {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        PodRef {
            namespace: namespace.into(),
            name: name.into(),
            container: None,
        }
    }
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The Kubernetes API server.
    Api,
    Node(String),
    Pod(PodRef),
    /// The machine that runs us: clock, tools.
    Local,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Api => f.write_str("api"),
            Target::Node(n) => write!(f, "node/{n}"),
            Target::Pod(p) => write!(f, "pod/{}/{}", p.namespace, p.name),
            Target::Local => f.write_str("local"),
        }
    }
}

/// A program and its arguments, never a shell line.
pub type Argv = Vec<String>;

/// A command with the forms in which it may be asked, best first. Forms ask for the same fact: `ip -j route` and
/// `ip route`. The first that the target can answer wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandQuestion {
    pub target: Target,
    pub forms: Vec<Argv>,
    pub effect: Effect,
    /// Bound on the remote side, so that nothing outlives us.
    pub timeout: Duration,
}

/// A GET of the Kubernetes API. Lists are complete: whoever answers pages through them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApiGet {
    /// `/api/v1/namespaces/shop/pods/cart-0`, percent-encoded where needed.
    pub path: String,
    /// Sorted; `labelSelector`, `fieldSelector`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
}

impl fmt::Display for ApiGet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (i, (k, v)) in self.query.iter().enumerate() {
            write!(f, "{}{k}={v}", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogQuestion {
    pub pod: PodRef,
    pub tail_lines: u32,
}

/// One thing asked of the world.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    Get(ApiGet),
    Command(CommandQuestion),
    Logs(LogQuestion),
    /// What time is it? Asked of the world, so that a replay is exact.
    Clock,
}

impl Question {
    pub fn target(&self) -> Target {
        match self {
            Question::Get(_) => Target::Api,
            Question::Command(c) => c.target.clone(),
            Question::Logs(l) => Target::Pod(l.pod.clone()),
            Question::Clock => Target::Local,
        }
    }

    pub fn effect(&self) -> Effect {
        match self {
            Question::Command(c) => c.effect,
            _ => Effect::Read,
        }
    }

    /// The question as a person could paste it into a shell on the target.
    pub fn as_text(&self, form: usize) -> String {
        match self {
            Question::Get(g) => format!("kubectl get --raw {}", shell_quote(&g.to_string())),
            Question::Command(c) => c
                .forms
                .get(form)
                .or(c.forms.first())
                .map(|a| shell_line(a))
                .unwrap_or_default(),
            Question::Logs(l) => {
                let container = l
                    .pod
                    .container
                    .as_ref()
                    .map(|c| format!(" -c {}", shell_quote(c)))
                    .unwrap_or_default();
                let (ns, name) = (shell_quote(&l.pod.namespace), shell_quote(&l.pod.name));
                format!("kubectl -n {ns} logs {name}{container} --tail={}", l.tail_lines)
            }
            Question::Clock => "date".into(),
        }
    }
}

/// Joins an argv into a line that a POSIX shell splits into the same argv again.
fn shell_line(argv: &[String]) -> String {
    argv.iter().map(|a| shell_quote(a)).collect::<Vec<_>>().join(" ")
}

/// Quotes a word for a POSIX shell where it needs quoting.
pub fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_a_shell() {
        for word in [
            "plain",
            "",
            "two words",
            "$(id)",
            "it's",
            "*",
            "-n",
            "a\nb",
            "\u{1b}[31m",
        ] {
            let out = std::process::Command::new("sh")
                .args([
                    "-c",
                    &format!("printf %s {}", shell_line(&["--".into(), word.into()][1..])),
                ])
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8(out.stdout).unwrap(),
                if word == "-n" { "-n" } else { word }
            );
        }
    }
}
