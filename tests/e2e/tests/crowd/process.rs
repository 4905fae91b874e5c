//! What the kernel says of a process: memory and open files. Linux alone has it, under `/proc`.

use std::fs::{OpenOptions, read_dir, read_to_string};
use std::io::Write as _;

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

/// The node that a crowd comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) i32);

/// Memory that is really held, KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now_kib: u64,
    /// The most since the start, or since [`Process::forget_peak`].
    pub(crate) peak_kib: u64,
}

impl Process {
    pub(crate) fn memory(self) -> Result<Memory> {
        let text = read_to_string(format!("/proc/{}/status", self.0))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
            let number = number.with_context(|| format!("no {name} in {text}"))?;
            number.parse().context(name.to_owned())
        };
        Ok(Memory {
            now_kib: field("VmRSS:")?,
            peak_kib: field("VmHWM:")?,
        })
    }

    pub(crate) fn forget_peak(self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.0);
        let mut file = OpenOptions::new().write(true).open(path)?;
        Ok(file.write_all(b"5")?)
    }

    pub(crate) fn open_files(self) -> Result<usize> {
        Ok(read_dir(format!("/proc/{}/fd", self.0))?.count())
    }
}

/// Raises this process's own limit on open files as far as it may, and tells what holds then.
pub(crate) fn raise_open_files() -> Result<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(usize::try_from(limit.current.unwrap_or(u64::MAX))?)
}
