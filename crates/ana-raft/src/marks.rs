//! Marks: small files that tell the next start what has happened to a replica or a node.
//!
//! Must stay true: what a function here has done is durable when it returns. A mark that is written where one was may be
//! torn by a cut; one that is replaced is the old one or the new one at every moment.

use std::io;
use std::path::Path;

use ana_env::Disk;
use ana_env::disk::Open;
use bytes::Bytes;

/// What a mark holds; none when there is none.
pub(crate) async fn read(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<Option<Bytes>> {
    let file = match disk.open(&dir.join(name), Open::READ).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len().await?).map_err(io::Error::other)?;
    Ok(Some(file.read_at(0, len).await?))
}

/// Whether there is a mark; what it holds does not matter.
pub(crate) async fn is_there(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<bool> {
    Ok(read(disk, dir, name).await?.is_some())
}

/// Writes a mark, over an older one if there is one.
pub(crate) async fn write(disk: &dyn Disk, dir: &Path, name: &str, holds: Bytes) -> io::Result<()> {
    fill(disk, &dir.join(name), holds).await?;
    disk.sync_dir(dir).await
}

/// Writes a mark under the name `fresh`, and gives it the name of the one that it replaces.
pub(crate) async fn replace(
    disk: &dyn Disk,
    dir: &Path,
    fresh: &str,
    name: &str,
    holds: Bytes,
) -> io::Result<()> {
    let fresh = dir.join(fresh);
    fill(disk, &fresh, holds).await?;
    disk.rename(&fresh, &dir.join(name)).await?;
    disk.sync_dir(dir).await
}

async fn fill(disk: &dyn Disk, path: &Path, holds: Bytes) -> io::Result<()> {
    let file = disk.open(path, Open::CREATE).await?;
    file.truncate(0).await?;
    file.write_sync_at(0, vec![holds]).await
}

/// Takes a mark away. It has to be there.
pub(crate) async fn remove(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<()> {
    disk.remove_file(&dir.join(name)).await?;
    disk.sync_dir(dir).await
}
