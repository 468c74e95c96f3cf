//! The recordings that tests run on: archives in the repository, unpacked once per process.

use crate::{Error, Result};
use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const PREFIX: &str = "runbook-recordings-";
static UNPACKED: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The folder of `tests/recordings/<name>.tar.zst`. All tests of a process share it: copy before you change it.
///
/// With `RUNBOOK_SNAPSHOTS` set, a folder of that name in there goes first.
pub fn snapshot(name: &str) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("RUNBOOK_SNAPSHOTS").map(|f| Path::new(&f).join(name))
        && folder.is_dir()
    {
        return Ok(folder);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings");
    unpack(&root.join(format!("{name}.tar.zst")))
}

/// The folder of an archive, unpacked once per process.
pub fn unpack(archive: &Path) -> Result<PathBuf> {
    let mut all = UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_with(|| {
        sweep();
        HashMap::new()
    });
    let key = archive.display().to_string();
    if let Some(folder) = all.get(&key) {
        return Ok(folder.clone());
    }
    if !archive.is_file() {
        return Err(Error::Missing(format!("no recording `{key}`")));
    }
    let folder = std::env::temp_dir().join(format!("{PREFIX}{}/{}", std::process::id(), all.len()));
    fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let plain = zstd::Decoder::new(file).map_err(Error::io("read", archive))?;
    tar::Archive::new(plain)
        .unpack(&folder)
        .map_err(Error::io("unpack", archive))?;
    let found = top(&folder);
    all.insert(key, found.clone());
    Ok(found)
}

/// Packs a folder, the same bytes for the same files.
pub fn pack(folder: &Path, archive: &Path) -> Result<()> {
    let file = File::create(archive).map_err(Error::io("make", archive))?;
    let write = || -> io::Result<()> {
        let mut tar = tar::Builder::new(zstd::Encoder::new(file, 19)?);
        tar.mode(tar::HeaderMode::Deterministic);
        let mut todo = vec![folder.to_path_buf()];
        let mut files = vec![];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(dir)? {
                let path = entry?.path();
                if path.is_dir() {
                    todo.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        files.sort();
        for path in files {
            tar.append_path_with_name(&path, path.strip_prefix(folder).unwrap_or(&path))?;
        }
        tar.into_inner()?.finish()?.sync_all()
    };
    write().map_err(Error::io("pack", folder))
}

/// Archives hold the files themselves or one folder with them.
fn top(folder: &Path) -> PathBuf {
    if folder.join("index.json").exists() {
        return folder.into();
    }
    let entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    match entries.as_slice() {
        [one] if one.is_dir() => one.clone(),
        _ => folder.into(),
    }
}

/// A process cannot remove what its tests share, so the next one does.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|n| n.strip_prefix(PREFIX))
            .and_then(|n| n.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
