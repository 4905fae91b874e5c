//! One node's disk as a loop-mounted ext4 image, whose power can be cut: nothing that was not synced survives.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ana_e2e::cluster::{now, pause};
use anyhow::{Context, Result, ensure};

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: not even the journal is written out.
const SHUTDOWN: &str = "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| program.to_owned())?;
    ensure!(
        done.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

/// One node's disk: an image file, a loop device and a mount point, all released on drop.
pub(crate) struct PowerDisk {
    device: String,
    mount: PathBuf,
}

impl PowerDisk {
    pub(crate) fn new(image: &Path, mount: &Path) -> Result<PowerDisk> {
        std::fs::create_dir_all(mount)?;
        let image = image.to_str().context("a UTF-8 path")?;
        run("truncate", &["-s", "2G", image])?;
        run("mkfs.ext4", &["-q", "-F", image])?;
        let device = run("losetup", &["-f", "--show", image])?;
        let disk = PowerDisk {
            device,
            mount: mount.to_path_buf(),
        };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        run(
            "mount",
            &[&self.device, self.mount.to_str().context("a UTF-8 path")?],
        )
        .map(drop)
    }

    pub(crate) fn cut(&self) -> Result<()> {
        run(
            "python3",
            &["-c", SHUTDOWN, self.mount.to_str().context("a UTF-8 path")?],
        )
        .map(drop)
    }

    /// After the node's process is gone: takes the dead file system away and mounts what survived.
    pub(crate) async fn power_on(&self) -> Result<()> {
        let path = self.mount.to_str().context("a UTF-8 path")?;
        let started = now();
        while let Err(problem) = run("umount", &[path]) {
            ensure!(started.elapsed() < Duration::from_secs(10), "{problem:#}");
            pause(50).await;
        }
        self.mount()
    }
}

impl Drop for PowerDisk {
    /// Leaves no mount and no loop device behind; a failure here is told by the next run's `losetup`.
    fn drop(&mut self) {
        if let Some(path) = self.mount.to_str() {
            drop(run("umount", &["-l", path]));
        }
        drop(run("losetup", &["-d", &self.device]));
    }
}

/// Why the test cannot run here, if it cannot.
pub(crate) fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    for tool in ["losetup", "mkfs.ext4", "mount", "umount", "python3"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        if !found.is_ok_and(|done| done.status.success()) {
            return Some(format!("{tool} is not installed"));
        }
    }
    run("losetup", &["-f"])
        .err()
        .map(|problem| format!("no loop device: {problem:#}"))
}
