//! Where runbooks, stdlib modules and finding texts come from: a copy on disk wins over the one in the binary.

use runbook_run::{Catalogue, CatalogueError};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(RustEmbed)]
#[folder = "../../runbooks"]
#[include = "*.rhai"]
#[include = "findings/*.md"]
#[include = "zh/*.toml"]
struct Runbooks;

#[derive(RustEmbed)]
#[folder = "../../stdlib"]
#[include = "*.rhai"]
// For editors: no module that can be imported.
#[exclude = "definitions/*"]
struct Stdlib;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Embedded,
    File(PathBuf),
}

/// The text of a script and where it is from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Without folder and ending: `pod-cross-node`.
    pub name: String,
    /// As errors show it: `runbooks/connectivity/pod-cross-node.rhai`.
    pub path: String,
    pub origin: Origin,
    pub text: Arc<str>,
}

impl Source {
    pub fn sha256(&self) -> String {
        Sha256::digest(self.text.as_bytes())
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("no runbook `{name}`")]
    Unknown { name: String, near: Option<String> },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
}

/// Folders of a site, and what ships in the binary.
#[derive(Debug, Clone, Default)]
pub struct Library {
    folders: Vec<PathBuf>,
}

impl Library {
    pub fn new(folders: Vec<PathBuf>) -> Library {
        Library { folders }
    }

    /// A runbook by path, or by name with or without its ending.
    pub fn runbook(&self, name: &str) -> Result<Source, LoadError> {
        let path = Path::new(name);
        let with_ending = PathBuf::from(format!("{name}.rhai"));
        let is_script = |p: &&Path| p.extension().is_some_and(|e| e == "rhai") && p.is_file();
        if let Some(file) = [path, &with_ending].into_iter().find(is_script) {
            return read_file(file);
        }
        let wanted = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or(name)
            .trim_end_matches(".rhai");
        // A path that names a folder means that file and no other.
        let plain = path.parent().is_none_or(|p| p.as_os_str().is_empty());
        let known = self.runbooks();
        match known
            .iter()
            .find(|s| s.name == wanted && (plain || s.path.ends_with(name.trim_start_matches("./"))))
        {
            Some(found) => Ok(found.clone()),
            None => {
                let near = crate::data::nearest(wanted, known.iter().map(|s| s.name.as_str())).map(String::from);
                Err(LoadError::Unknown {
                    name: name.into(),
                    near,
                })
            }
        }
    }

    /// Every runbook there is, by name; a site's own first.
    pub fn runbooks(&self) -> Vec<Source> {
        let mut found: Vec<Source> = vec![];
        let mut add = |source: Source| {
            if found.iter().all(|s| s.name != source.name) {
                found.push(source);
            }
        };
        for file in self.folders.iter().flat_map(|f| scripts_below(f)) {
            read_file(&file).into_iter().for_each(&mut add);
        }
        for path in Runbooks::iter().filter(|p| p.ends_with(".rhai")) {
            embedded::<Runbooks>("runbooks", &path).into_iter().for_each(&mut add);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// A module for `import "calico/encap"`: beside the site's runbooks, else from the binary.
    pub(crate) fn module(&self, path: &str) -> Option<Source> {
        let inside = !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..");
        let file = format!("{}.rhai", path.trim_end_matches(".rhai"));
        if !inside {
            return None;
        }
        let on_disk = self
            .folders
            .iter()
            .map(|f| f.join("stdlib").join(&file))
            .find(|p| p.is_file());
        match on_disk {
            Some(path) => read_file(&path).ok(),
            None => embedded::<Stdlib>("stdlib", &file),
        }
    }

    /// A file of words beside the runbooks: a site's own first.
    pub(crate) fn words(&self, path: &str) -> Option<Source> {
        let on_disk = self.folders.iter().map(|f| f.join(path)).find(|p| p.is_file());
        match on_disk {
            Some(path) => read_file(&path).ok(),
            None => embedded::<Runbooks>("runbooks", path),
        }
    }

    /// The stdlib's modules in the binary.
    pub fn stdlib(&self) -> Vec<Source> {
        Stdlib::iter()
            .filter_map(|p| embedded::<Stdlib>("stdlib", &p))
            .collect()
    }

    pub fn catalogue(&self) -> (Catalogue, Vec<CatalogueError>) {
        let mut files: Vec<(String, String)> = vec![];
        for folder in &self.folders {
            for file in fs::read_dir(folder.join("findings")).into_iter().flatten().flatten() {
                if let (Some(name), Ok(text)) = (file.file_name().to_str(), fs::read_to_string(file.path())) {
                    files.push((name.into(), text));
                }
            }
        }
        for path in Runbooks::iter().filter(|p| p.starts_with("findings/") && p.ends_with(".md")) {
            let name = path.trim_start_matches("findings/").to_string();
            if files.iter().all(|(n, _)| *n != name)
                && let Some(source) = embedded::<Runbooks>("runbooks", &path)
            {
                files.push((name, source.text.to_string()));
            }
        }
        Catalogue::read(files.iter().map(|(n, t)| (n.as_str(), t.as_str())))
    }
}

fn read_file(path: &Path) -> Result<Source, LoadError> {
    let text = fs::read_to_string(path).map_err(|source| LoadError::Read {
        path: path.into(),
        source,
    })?;
    let name = path
        .file_stem()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .to_string();
    Ok(Source {
        name,
        path: path.display().to_string(),
        origin: Origin::File(path.into()),
        text: text.into(),
    })
}

fn embedded<T: RustEmbed>(folder: &str, path: &str) -> Option<Source> {
    let file = T::get(path)?;
    let text = String::from_utf8(file.data.into_owned()).ok()?;
    let name = Path::new(path).file_stem()?.to_str()?.to_string();
    Some(Source {
        name,
        path: format!("{folder}/{path}"),
        origin: Origin::Embedded,
        text: text.into(),
    })
}

/// Scripts in a folder and the folders in it, modules apart.
fn scripts_below(folder: &Path) -> Vec<PathBuf> {
    let (mut scripts, mut todo) = (vec![], vec![(folder.to_path_buf(), 0)]);
    while let Some((folder, depth)) = todo.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && depth < 4 && path.file_name().is_none_or(|n| n != "stdlib") {
                todo.push((path, depth + 1));
            } else if path.extension().is_some_and(|e| e == "rhai") {
                scripts.push(path);
            }
        }
    }
    scripts.sort();
    scripts
}
