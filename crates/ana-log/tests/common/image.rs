//! The files of a log as plain bytes, to be damaged and laid onto a fresh disk.

use std::collections::BTreeMap;
use std::path::Path;

use ana_env::memory::MemoryDisk;
use ana_env::{Disk, Open};

use super::{DIR, memory};

/// The files of the log's directory, by name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

pub(crate) async fn image(disk: &MemoryDisk) -> Image {
    let dir = Path::new(DIR);
    let mut image = Image::new();
    for entry in disk.list(dir).await.expect("the directory is there") {
        let file = disk
            .open(&dir.join(&entry.name), Open::READ)
            .await
            .expect("opens");
        let len = usize::try_from(entry.len).expect("small");
        image.insert(
            entry.name,
            file.read_at(0, len).await.expect("reads").to_vec(),
        );
    }
    image
}

/// A disk that holds this image, durable.
pub(crate) async fn disk_of(image: &Image) -> MemoryDisk {
    let disk = memory(1);
    let dir = Path::new(DIR);
    disk.create_dir_all(dir).await.expect("creates");
    for (name, bytes) in image {
        let file = disk
            .open(&dir.join(name), Open::CREATE)
            .await
            .expect("creates");
        file.write_sync_at(0, vec![bytes.clone().into()])
            .await
            .expect("writes");
    }
    for dir in dir.ancestors() {
        disk.sync_dir(dir).await.expect("syncs");
    }
    disk
}
