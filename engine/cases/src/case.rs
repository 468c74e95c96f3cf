use crate::Result;
use runbook_core::Verdict;
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What `expect.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Name of a world below `worlds/`.
    pub world: String,
    /// As they are typed: `["--src", "shop/cart-0"]`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Left out: any will do, as long as nothing wrong is called proven.
    pub verdict: Option<Verdict>,
    /// The first cause is one of these. Empty: nothing needs to be named.
    #[serde(default)]
    pub first: Vec<String>,
    /// May be named too. Anything else that is called proven is a wrong certainty.
    #[serde(default)]
    pub also: Vec<String>,
    pub exit: Option<i32>,
    /// What was changed by hand in the recorded world before the case is run.
    #[serde(default, rename = "edit")]
    pub edits: Vec<Edit>,
}

/// One change by hand: for faults that could not be recorded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Path in the world.
    pub file: String,
    /// Must be there.
    pub from: String,
    pub to: String,
}

/// A runbook, a world, and what the one must say about the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub runbook: String,
    pub name: String,
    pub world: PathBuf,
    pub expect: Expect,
}

impl Case {
    /// Is it about the same world, with the same edits?
    pub(crate) fn same_world(&self, other: &Case) -> bool {
        self.world == other.world && self.expect.edits == other.expect.edits
    }
}

/// Every case of a folder, by runbook and name.
pub fn cases(root: &Path) -> Result<Vec<Case>> {
    let mut found = vec![];
    for runbook in folders(&root.join("recordings"))? {
        for case in folders(&runbook)? {
            let file = case.join("expect.toml");
            if file.is_file() {
                found.push(read(root, &runbook, &case, &file)?);
            }
        }
    }
    found.sort_by(|a, b| (&a.runbook, &a.name).cmp(&(&b.runbook, &b.name)));
    Ok(found)
}

fn read(root: &Path, runbook: &Path, case: &Path, file: &Path) -> Result<Case> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read `{}`: {e}", file.display()))?;
    let expect: Expect = toml::from_str(&text).map_err(|e| format!("`{}` does not parse: {e}", file.display()))?;
    let folder = root.join("worlds").join(&expect.world);
    let archive = folder.with_file_name(format!("{}.tar.zst", expect.world));
    let world = if archive.is_file() { archive } else { folder };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Case {
        runbook: name(runbook),
        name: name(case),
        world,
        expect,
    })
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![]);
    }
    let entries = fs::read_dir(path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
    Ok(entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect())
}
