//! Damage hits what it says, and says when there is nothing to hit.

use std::path::Path;

use ana_env::memory::{DiskImage, MemoryDisk, MemoryDiskOptions};
use ana_env::{Disk as _, Open};

use super::{FileKind, flip};

fn disk(files: &[&str]) -> MemoryDisk {
    let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for path in files {
            let path = Path::new(path);
            let dir = path.parent().expect("in a directory");
            disk.create_dir_all(dir).await.expect("made");
            let file = disk.open(path, Open::CREATE).await.expect("made");
            let bytes = vec![7; 8192];
            file.write_at(0, vec![bytes.into()]).await.expect("written");
            file.allocate(65_536).await.expect("room");
        }
    });
    disk
}

fn changed(before: &DiskImage, after: &DiskImage) -> Vec<String> {
    let differs = before
        .iter()
        .filter(|(path, file)| after.get(*path) != Some(file));
    differs
        .map(|(path, _)| path.display().to_string())
        .collect()
}

#[test]
fn a_flip_hits_one_file_of_its_kind_and_no_padding() {
    let files = [
        "/data/groups/0/segment-0000000000000001",
        "/data/groups/0/segment-0000000000000002",
        "/data/groups/1/segment-0000000000000001",
        "/data/groups/1/snapshot-00000000000000000007",
        "/data/groups/1/snapshot-00000000000000000009.unfinished",
    ];
    for place in (0..50_u64).map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        for (kind, allowed) in [
            (FileKind::Sealed, &files[..1]),
            (FileKind::Active, &files[1..3]),
            (FileKind::Header, &files[..3]),
            (FileKind::Snapshot, &files[3..4]),
        ] {
            let disk = disk(&files);
            let before = disk.snapshot();
            assert!(flip(&disk, kind, place));
            let after = disk.snapshot();
            let hit = changed(&before, &after);
            assert_eq!(hit.len(), 1, "{kind:?}");
            assert!(allowed.contains(&hit[0].as_str()), "{kind:?} {hit:?}");
            let file = &after[Path::new(&hit[0])];
            let used = file.read(8192, 65_536 - 8192).expect("there");
            assert!(
                used.iter().all(|byte| *byte == 0),
                "what is unused matters to nobody"
            );
        }
    }
    assert!(!flip(&disk(&files[2..3]), FileKind::Sealed, 5));
    assert!(!flip(&disk(&files[2..3]), FileKind::Snapshot, 5));
}
