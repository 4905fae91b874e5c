//! A node's file system: ext4 in an image file, mounted at the node's directory.
//!
//! Danger: two mounts of one image at a time destroy it. So it is mounted only where it is not, and nothing else of ours
//! mounts it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ana_env::{Env, time};
use rustix::ioctl::{Setter, ioctl};

use super::program::run;

/// As large as a node's file system looks; the image takes what is written.
const SIZE: &str = "2G";
/// `EXT4_IOC_SHUTDOWN`.
const SHUTDOWN: u32 = 0x8004_587d;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: not even the journal is written out.
const NO_LOG_FLUSH: u32 = 2;
/// Fills the file system up.
const FILL: &str = "filled-by-a-fault";
/// A process that ended lets go of its files within this.
const UNMOUNT_MAX: Duration = Duration::from_secs(10);
const TRY_EVERY: Duration = Duration::from_millis(50);

/// One node's file system.
#[derive(Debug)]
pub(super) struct NodeDisk {
    image: PathBuf,
    dir: PathBuf,
}

impl NodeDisk {
    pub(super) fn new(dir: &Path, id: u64) -> NodeDisk {
        NodeDisk {
            image: dir.join("images").join(format!("node-{id}.img")),
            dir: dir.join(format!("node-{id}")),
        }
    }

    /// Makes the image, where there is none, and mounts it.
    pub(super) async fn make(&self, env: &Env) -> Result<(), String> {
        let failed = |error: io::Error| format!("{}: {error}", self.image.display());
        if let Some(images) = self.image.parent() {
            let made = env.disk.create_dir_all(images).await;
            made.map_err(failed)?;
        }
        env.disk.create_dir_all(&self.dir).await.map_err(failed)?;
        if !self.image.try_exists().map_err(failed)? {
            // One that is made by halves never has the name.
            let fresh = self.image.with_extension("new");
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            let name = fresh.display().to_string();
            // Nothing is kept for root: a node is root here, and its disk is to be full when it is.
            run("mkfs.ext4", &["-q", "-m", "0", &name, SIZE]).await?;
            fs::rename(&fresh, &self.image).map_err(failed)?;
        }
        self.mount().await
    }

    pub(super) async fn mount(&self) -> Result<(), String> {
        if self.is_mounted()? {
            return Ok(());
        }
        let (image, dir) = self.texts();
        run("mount", &["-t", "ext4", "-o", "loop", &image, &dir]).await?;
        // What was filled when the power went is room again.
        self.empty()
    }

    pub(super) async fn unmount(&self) -> Result<(), String> {
        let (_, dir) = self.texts();
        let mut waited = Duration::ZERO;
        while self.is_mounted()? {
            match run("umount", &[&dir]).await {
                Ok(_) => {}
                Err(_) if waited < UNMOUNT_MAX => time::sleep(TRY_EVERY).await,
                Err(error) => return Err(error),
            }
            waited += TRY_EVERY;
        }
        Ok(())
    }

    /// Nothing that was not synced gets to the image any more.
    pub(super) fn cut(&self) -> Result<(), String> {
        if !self.is_mounted()? {
            return Ok(());
        }
        let failed =
            |error: io::Error| format!("{} cannot be cut off: {error}", self.dir.display());
        let dir = File::open(&self.dir).map_err(failed)?;
        shut_down(&dir).map_err(failed)
    }

    /// Takes all the room that is left.
    pub(super) async fn fill(&self) -> Result<(), String> {
        let (_, dir) = self.texts();
        if !self.is_mounted()? {
            return Err(format!("{dir} is not mounted"));
        }
        let told = run("df", &["--output=avail", "-B1", &dir]).await?;
        let free = told.lines().nth(1).map(str::trim).unwrap_or_default();
        let free: u64 = free.parse().map_err(|_none| format!("df says {told:?}"))?;
        if free == 0 {
            return Ok(());
        }
        let file = self.dir.join(FILL).display().to_string();
        // Beside what was taken before. The tables of the file itself need a little room too.
        let (offset, len) = (self.filled()?.to_string(), free.to_string());
        let taken = run("fallocate", &["-o", &offset, "-l", &len, &file]).await;
        match taken {
            Err(error) if !error.contains("No space") => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives the room back.
    pub(super) fn empty(&self) -> Result<(), String> {
        match fs::remove_file(self.dir.join(FILL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("{} stays full: {error}", self.dir.display()))
            }
            _ => Ok(()),
        }
    }

    fn filled(&self) -> Result<u64, String> {
        match fs::metadata(self.dir.join(FILL)) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.to_string()),
        }
    }

    fn is_mounted(&self) -> Result<bool, String> {
        let table = fs::read_to_string("/proc/self/mountinfo");
        let table = table.map_err(|error| format!("mounts cannot be looked at: {error}"))?;
        Ok(has_mount(&table, &self.dir))
    }

    fn texts(&self) -> (String, String) {
        (
            self.image.display().to_string(),
            self.dir.display().to_string(),
        )
    }
}

/// Whether something is mounted at `dir`, by the kernel's table.
fn has_mount(table: &str, dir: &Path) -> bool {
    let dir = dir.display().to_string();
    // The kernel writes these characters by their numbers.
    let written = dir
        .replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
        .replace('\n', "\\012");
    let mut points = table.lines().map(|line| line.split(' ').nth(4));
    points.any(|point| point == Some(written.as_str()))
}

#[expect(unsafe_code, reason = "no library knows this request of ext4")]
fn shut_down(dir: &File) -> io::Result<()> {
    // SAFETY: the request reads one 32-bit number from where its argument points, and writes nowhere.
    unsafe { ioctl(dir.as_fd(), Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_whole_path() {
        let table = "36 25 0:31 / /sys/fs/bpf rw - bpf none rw\n\
                     90 25 7:0 / /data/node-1 rw,relatime - ext4 /dev/loop0 rw\n\
                     91 25 7:1 / /my\\040data/node-2 rw - ext4 /dev/loop1 rw\n";
        for (dir, mounted) in [
            ("/data/node-1", true),
            ("/data/node", false),
            ("/data/node-11", false),
            ("/my data/node-2", true),
            ("/my data/node-1", false),
        ] {
            assert_eq!(has_mount(table, Path::new(dir)), mounted, "{dir}");
        }
    }
}
