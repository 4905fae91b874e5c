//! The lock on a data directory: held as long as the value lives, released by the kernel when the
//! process ends, however it ends.
//!
//! It opens a file outside of the disk seam: a lock belongs to a process, not to a node, and a
//! simulated node has none.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The file that is locked.
pub const LOCK_FILE: &str = "ana.lock";

/// A held lock.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is in use by process {holder}", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// What the holder wrote into the file: its process id.
        holder: String,
    },
    /// The lock file could not be opened or written.
    #[error("cannot lock {}: {source}", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DirLock {
    /// Takes the lock of `dir`, which must exist, or says at once who holds it.
    ///
    /// # Errors
    /// When it is held or cannot be had.
    pub fn take(dir: &Path) -> Result<DirLock, LockError> {
        let failed = |source| LockError::Io {
            dir: dir.to_owned(),
            source,
        };
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockError::Held {
                    dir: dir.to_owned(),
                    holder: noted(&mut file).map_err(failed)?,
                });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        let note = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()))
            .map_err(failed)?;
        Ok(DirLock { _file: file })
    }
}

/// Who holds the lock of a directory, if somebody does. Leaves nothing behind in it.
///
/// # Errors
/// When the lock file is there and cannot be looked at.
pub fn holder(dir: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(dir.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => noted(&mut file).map(Some),
        Err(errno) => Err(errno.into()),
    }
}

/// What the holder has written into the file.
fn noted(file: &mut File) -> io::Result<String> {
    let mut holder = String::new();
    file.read_to_string(&mut holder)?;
    Ok(holder.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_holds_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(holder(dir.path()).expect("readable"), None);
        let held = DirLock::take(dir.path()).expect("the first takes it");
        let this = std::process::id().to_string();
        assert_eq!(holder(dir.path()).expect("readable"), Some(this));
        let error = DirLock::take(dir.path()).expect_err("the second does not");
        assert!(
            error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        drop(held);
        assert_eq!(holder(dir.path()).expect("readable"), None);
        DirLock::take(dir.path()).expect("free again");
    }
}
