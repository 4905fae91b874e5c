//! A node's cgroup: its process stands still where it is, and cannot notice.
//!
//! Must stay true: a process that is to be ended is thawed, because a frozen one does not end.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ana_env::time;

/// The freezer of cgroups version 1, and all of version 2.
const ROOTS: [(&str, &str); 3] = [
    ("/sys/fs/cgroup/freezer", "cgroup.procs"),
    ("/sys/fs/cgroup", "cgroup.controllers"),
    ("/sys/fs/cgroup/unified", "cgroup.controllers"),
];
/// A process that was killed is gone within this.
const EMPTY_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One cgroup.
#[derive(Debug, Clone)]
pub struct Freezer {
    dir: PathBuf,
}

impl Freezer {
    /// Where cgroups are made that can be frozen.
    pub(super) fn root() -> Result<PathBuf, String> {
        let mut roots = ROOTS.iter();
        let found =
            roots.find(|(dir, file)| Path::new(dir).join(file).try_exists().unwrap_or(false));
        found
            .map(|(dir, _)| PathBuf::from(dir))
            .ok_or_else(|| "there are no cgroups that can be frozen".to_owned())
    }

    pub(super) fn new(root: &Path, name: &str) -> Freezer {
        Freezer {
            dir: root.join(name),
        }
    }

    pub(super) fn make(&self) -> Result<(), String> {
        fs::create_dir(&self.dir).map_err(|error| self.failed("made", &error))
    }

    /// Thaws it, waits until it is empty, and removes it; one that is not there is left alone.
    pub(super) async fn remove(&self) -> Result<(), String> {
        let mut waited = Duration::ZERO;
        loop {
            match fs::read_to_string(self.dir.join("cgroup.procs")) {
                Ok(ids) if ids.is_empty() => break,
                Ok(_) if waited < EMPTY_MAX => {
                    self.thaw().map_err(|e| self.failed("thawed", &e))?;
                }
                Ok(_) => return Err(self.failed("emptied", &"a process in it does not end")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(self.failed("looked at", &error)),
            }
            time::sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
        fs::remove_dir(&self.dir).map_err(|error| self.failed("removed", &error))
    }

    /// Takes a process in.
    ///
    /// # Errors
    /// When it is gone, or the cgroup is.
    pub fn admit(&self, pid: u32) -> io::Result<()> {
        self.put("cgroup.procs", &pid.to_string())
    }

    /// Lets everything in it stand still.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn freeze(&self) -> io::Result<()> {
        self.set("FROZEN", "1")
    }

    /// Lets everything in it go on.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn thaw(&self) -> io::Result<()> {
        self.set("THAWED", "0")
    }

    fn set(&self, one: &str, two: &str) -> io::Result<()> {
        match self.put("freezer.state", one) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.put("cgroup.freeze", two),
            done => done,
        }
    }

    fn put(&self, file: &str, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.dir.join(file))?;
        file.write_all(text.as_bytes())
    }

    fn failed(&self, what: &str, error: &dyn std::fmt::Display) -> String {
        format!(
            "the cgroup {} cannot be {what}: {error}",
            self.dir.display()
        )
    }
}
