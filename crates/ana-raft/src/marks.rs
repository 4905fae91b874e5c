//! Marks: small files that tell the next start what has happened to a replica or a node.
//!
//! Must stay true: what a function here has done is durable when it returns. A mark that is written where one was may be
//! torn by a cut: who cannot live with that writes another and renames it.

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

/// Writes a mark, over an older one if there is one.
pub(crate) async fn write(disk: &dyn Disk, dir: &Path, name: &str, holds: Bytes) -> io::Result<()> {
    let file = disk.open(&dir.join(name), Open::CREATE).await?;
    file.truncate(0).await?;
    file.write_sync_at(0, vec![holds]).await?;
    disk.sync_dir(dir).await
}

/// Takes a mark away. It has to be there.
pub(crate) async fn remove(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<()> {
    disk.remove_file(&dir.join(name)).await?;
    disk.sync_dir(dir).await
}
