use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not a world: no `index.json` in it", .0.display())]
    NotAWorld(PathBuf),
    #[error("`{}` is damaged or cut off", path.display())]
    Archive { path: PathBuf, source: io::Error },
    #[error("`index.json` of `{}` does not parse", path.display())]
    Index { path: PathBuf, source: serde_json::Error },
    #[error("`{}` has format `{format}`, which this version of runbook does not know", path.display())]
    Newer { path: PathBuf, format: String },
}

/// The files of a stored world, by path relative to its root. A directory is read when asked, an archive at once. What was
/// replaced is read in place of what is stored.
#[derive(Debug, Default)]
pub struct Files {
    root: Option<PathBuf>,
    /// Where an archive wraps everything into one folder, that folder is the root.
    unpacked: BTreeMap<String, Vec<u8>>,
}

/// An archive may unpack to this much: a recording of a large cluster, not a zip bomb.
const MAX_UNPACKED: u64 = 4 << 30;

impl Files {
    pub fn open(path: &Path) -> Result<Files, OpenError> {
        let read = |source| OpenError::Read {
            path: path.into(),
            source,
        };
        let meta = std::fs::metadata(path).map_err(read)?;
        if meta.is_dir() {
            return Ok(Files {
                root: Some(path.into()),
                unpacked: BTreeMap::new(),
            });
        }
        let file = File::open(path).map_err(read)?;
        let unpacked = unpack(file).map_err(|source| match source.kind() {
            // Not zstd at all: some other file, rather than a damaged world.
            io::ErrorKind::Other if !has_zstd_magic(path) => OpenError::NotAWorld(path.into()),
            _ => OpenError::Archive {
                path: path.into(),
                source,
            },
        })?;
        Ok(Files {
            root: None,
            unpacked: strip_common_root(unpacked),
        })
    }

    pub(super) fn read(&self, file: &str) -> Option<Vec<u8>> {
        let kept = self.unpacked.get(file).cloned();
        kept.or_else(|| {
            let root = self.root.as_ref().filter(|_| is_inside(file))?;
            std::fs::read(root.join(file)).ok()
        })
    }

    /// Replaces text in a file, for what a case edits by hand; the stored world stays as it is. `false`: the text is not there.
    pub fn edit(&mut self, file: &str, from: &str, to: &str) -> bool {
        let text = self.read(file).and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text.filter(|t| t.contains(from)) else {
            return false;
        };
        self.unpacked.insert(file.into(), text.replace(from, to).into_bytes());
        true
    }

    /// The files directly in `folder`, sorted.
    pub(super) fn list(&self, folder: &str) -> Vec<String> {
        if !is_inside(folder) {
            return vec![];
        }
        let mut names: Vec<String> = match &self.root {
            None => {
                let direct = |k: &&String| {
                    k.strip_prefix(folder)
                        .is_some_and(|r| !r.trim_start_matches('/').contains('/'))
                };
                let range = self.unpacked.range(folder.to_string()..);
                range
                    .map(|(k, _)| k)
                    .take_while(|k| k.starts_with(folder))
                    .filter(direct)
                    .cloned()
                    .collect()
            }
            Some(root) => std::fs::read_dir(root.join(folder))
                .into_iter()
                .flatten()
                .filter_map(|e| Some(format!("{folder}/{}", e.ok()?.file_name().to_str()?)))
                .collect(),
        };
        names.sort();
        names
    }
}

/// The index of a stranger's recording must not make us read files outside of it.
fn is_inside(file: &str) -> bool {
    Path::new(file)
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
}

fn has_zstd_magic(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && magic == [0x28, 0xb5, 0x2f, 0xfd]
}

fn unpack(file: File) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(file)?.take(MAX_UNPACKED));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?;
        let normal = path
            .components()
            .filter(|c| !matches!(c, Component::CurDir))
            .collect::<PathBuf>();
        let Some(name) = normal.to_str().filter(|n| is_inside(n)).map(str::to_string) else {
            continue;
        };
        let mut bytes = Vec::with_capacity(entry.size().min(1 << 20) as usize);
        entry.read_to_end(&mut bytes)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn strip_common_root(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    if files.contains_key("index.json") {
        return files;
    }
    let Some(root) = files
        .keys()
        .next()
        .and_then(|k| k.split_once('/'))
        .map(|(r, _)| format!("{r}/"))
    else {
        return files;
    };
    if files.keys().all(|k| k.starts_with(&root)) {
        files
            .into_iter()
            .map(|(k, v)| (k[root.len()..].to_string(), v))
            .collect()
    } else {
        files
    }
}
