//! The disk in memory and the real one answer alike, so that what is tested on one holds on the other.

use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::real::RealDisk;
use ana_env::{DirEntry, Disk, Open};
use bytes::Bytes;
use proptest::prelude::*;

/// Runs `check` on both disks, in a directory of its own.
fn on_both<F: Future<Output = ()>>(check: impl Fn(Arc<dyn Disk>, PathBuf) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("starts");
    let memory = MemoryDisk::new(1, MemoryDiskOptions::default());
    runtime.block_on(check(Arc::new(memory), PathBuf::from("/")));
    let dir = tempfile::tempdir().expect("a directory");
    runtime.block_on(check(Arc::new(RealDisk), dir.path().to_owned()));
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn file(name: &str, len: u64) -> DirEntry {
    DirEntry {
        name: name.to_owned(),
        len,
        is_dir: false,
    }
}

#[test]
fn files_are_read_as_written() {
    on_both(async |disk, root| {
        let path = root.join("f");
        let error = disk.open(&path, Open::WRITE).await.expect_err("absent");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let file = disk.open(&path, Open::CREATE).await.expect("created");
        assert_eq!(file.len().await.expect("len"), 0);
        file.write_at(2, vec![bytes("ab"), bytes(""), bytes("c")])
            .await
            .expect("written");
        file.write_sync_at(5, vec![bytes("de")])
            .await
            .expect("written");
        file.write_at(99, vec![]).await.expect("nothing to write");
        assert_eq!(file.len().await.expect("len"), 7);
        assert_eq!(file.read_at(0, 7).await.expect("read"), "\0\0abcde");
        assert_eq!(file.read_at(7, 0).await.expect("nothing to read"), "");
        let error = file.read_at(4, 4).await.expect_err("short");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        file.sync().await.expect("synced");

        let again = disk.open(&path, Open::CREATE).await.expect("kept");
        assert_eq!(again.read_at(2, 3).await.expect("read"), "abc");
        let reader = disk.open(&path, Open::READ).await.expect("opened");
        reader
            .write_at(0, vec![bytes("x")])
            .await
            .expect_err("opened to read");
    });
}

#[test]
fn a_vectored_write_has_no_greatest_number_of_buffers() {
    // More than one pwritev takes, with empty ones between.
    let bufs: Vec<Bytes> = (0u32..5000)
        .map(|i| Bytes::copy_from_slice(&i.to_be_bytes()[..usize::from(i % 3 > 0) * 4]))
        .collect();
    let expected = bufs.concat();
    assert!(IoSlice::new(&expected).len() > 13_000);
    on_both(async |disk, root| {
        let file = disk
            .open(&root.join("f"), Open::CREATE)
            .await
            .expect("created");
        file.write_at(3, bufs.clone()).await.expect("written");
        assert_eq!(
            file.read_at(3, expected.len()).await.expect("read"),
            expected
        );
    });
}

#[test]
fn allocated_room_reads_as_zeros_and_keeps_what_was_there() {
    on_both(async |disk, root| {
        let file = disk
            .open(&root.join("f"), Open::CREATE)
            .await
            .expect("created");
        file.write_at(0, vec![bytes("abc")]).await.expect("written");
        file.allocate(100_000).await.expect("room");
        assert_eq!(file.len().await.expect("len"), 100_000);
        assert_eq!(file.read_at(0, 5).await.expect("read"), "abc\0\0");
        assert_eq!(file.read_at(99_997, 3).await.expect("read"), "\0\0\0");
        file.allocate(10).await.expect("there is more already");
        file.allocate(0).await.expect("nothing asked");
        assert_eq!(file.len().await.expect("len"), 100_000);
        file.truncate(2).await.expect("cut");
        file.truncate(4).await.expect("extended");
        assert_eq!(file.read_at(0, 4).await.expect("read"), "ab\0\0");
        let space = disk.space(&root).await.expect("space");
        assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
        disk.space(&root.join("absent")).await.expect_err("absent");
    });
}

#[test]
fn directories_list_what_is_in_them() {
    on_both(async |disk, root| {
        let sub = root.join("a/b");
        disk.create_dir_all(&sub).await.expect("created");
        disk.create_dir_all(&sub).await.expect("there already");
        disk.sync_dir(&root).await.expect("synced");
        for (name, text) in [("z", "1"), ("y", ""), ("x", "333")] {
            let file = disk
                .open(&sub.join(name), Open::CREATE)
                .await
                .expect("created");
            file.write_at(0, vec![bytes(text)]).await.expect("written");
        }
        let listed = disk.list(&sub).await.expect("listed");
        assert_eq!(listed, [file("x", 3), file("y", 0), file("z", 1)]);
        let listed = disk.list(&root.join("a")).await.expect("listed");
        assert_eq!(
            listed,
            [DirEntry {
                name: "b".to_owned(),
                len: 0,
                is_dir: true
            }]
        );

        let kind = |error: std::io::Error| error.kind();
        let absent = root.join("absent/f");
        assert_eq!(
            disk.list(&absent).await.map_err(kind),
            Err(ErrorKind::NotFound)
        );
        assert_eq!(
            disk.sync_dir(&absent).await.map_err(kind),
            Err(ErrorKind::NotFound)
        );
        let opened = disk.open(&absent, Open::CREATE).await.map(drop);
        assert_eq!(opened.map_err(kind), Err(ErrorKind::NotFound));
        assert_eq!(
            disk.list(&sub.join("x")).await.map_err(kind),
            Err(ErrorKind::NotADirectory)
        );
        let removed = disk.remove_file(&sub.join("none")).await.map_err(kind);
        assert_eq!(removed, Err(ErrorKind::NotFound));
    });
}

#[test]
fn renaming_replaces_and_open_files_stay() {
    on_both(async |disk, root| {
        let (a, b, dir) = (root.join("a"), root.join("b"), root.join("d"));
        let file_a = disk.open(&a, Open::CREATE).await.expect("created");
        file_a.write_at(0, vec![bytes("A")]).await.expect("written");
        let file_b = disk.open(&b, Open::CREATE).await.expect("created");
        file_b
            .write_at(0, vec![bytes("BB")])
            .await
            .expect("written");
        disk.rename(&a, &b).await.expect("renamed");
        assert_eq!(disk.list(&root).await.expect("listed"), [file("b", 1)]);
        assert_eq!(
            file_b
                .read_at(0, 2)
                .await
                .expect("the replaced file is still open"),
            "BB"
        );
        disk.rename(&b, &b).await.expect("nothing to do");
        assert_eq!(disk.list(&root).await.expect("listed").len(), 1);

        disk.create_dir_all(&dir).await.expect("created");
        disk.rename(&b, &dir.join("c")).await.expect("moved");
        assert_eq!(disk.list(&dir).await.expect("listed"), [file("c", 1)]);
        disk.rename(&dir, &root.join("e")).await.expect("renamed");
        disk.remove_file(&root.join("e/c")).await.expect("removed");
        assert_eq!(
            file_a
                .read_at(0, 1)
                .await
                .expect("the removed file is still open"),
            "A"
        );
        disk.open(&root.join("e/c"), Open::CREATE)
            .await
            .expect("a new file of that name");
        disk.remove_dir_all(&root.join("e")).await.expect("removed");
        assert_eq!(disk.list(&root).await.expect("listed"), []);
    });
}

#[derive(Debug, Clone)]
enum Step {
    Create(u8),
    Write(u8, u16, Vec<u8>),
    Truncate(u8, u16),
    Allocate(u8, u16),
    Rename(u8, u8),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0u8..4;
    prop_oneof![
        name.clone().prop_map(Step::Create),
        (
            name.clone(),
            0u16..9000,
            proptest::collection::vec(any::<u8>(), 0..200)
        )
            .prop_map(|(name, offset, data)| Step::Write(name, offset, data)),
        (name.clone(), 0u16..9000).prop_map(|(name, len)| Step::Truncate(name, len)),
        (name.clone(), 0u16..9000).prop_map(|(name, len)| Step::Allocate(name, len)),
        (name.clone(), name.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        name.prop_map(Step::Remove),
    ]
}

/// Plays the steps; returns each one's outcome and the files at the end.
async fn play(
    disk: &dyn Disk,
    root: &Path,
    steps: &[Step],
) -> (Vec<Result<(), ErrorKind>>, Vec<(String, Bytes)>) {
    let path = |name: &u8| root.join(name.to_string());
    let mut outcomes = Vec::new();
    for step in steps {
        let outcome = match step {
            Step::Create(name) => disk.open(&path(name), Open::CREATE).await.map(drop),
            Step::Rename(from, to) => disk.rename(&path(from), &path(to)).await,
            Step::Remove(name) => disk.remove_file(&path(name)).await,
            Step::Write(name, ..) | Step::Truncate(name, _) | Step::Allocate(name, _) => {
                match (disk.open(&path(name), Open::WRITE).await, step) {
                    (Err(error), _) => Err(error),
                    (Ok(file), Step::Write(_, offset, data)) => {
                        file.write_at(u64::from(*offset), vec![data.clone().into()])
                            .await
                    }
                    (Ok(file), Step::Truncate(_, len)) => file.truncate(u64::from(*len)).await,
                    (Ok(file), Step::Allocate(_, len)) => file.allocate(u64::from(*len)).await,
                    (Ok(_), _) => Ok(()),
                }
            }
        };
        outcomes.push(outcome.map_err(|error| error.kind()));
    }
    let mut files = Vec::new();
    for entry in disk.list(root).await.expect("listed") {
        let file = disk
            .open(&root.join(&entry.name), Open::READ)
            .await
            .expect("listed");
        let len = usize::try_from(entry.len).expect("small");
        files.push((entry.name, file.read_at(0, len).await.expect("read")));
    }
    (outcomes, files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_programs_see_the_same(steps in proptest::collection::vec(step(), 0..60)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
        let memory = MemoryDisk::new(1, MemoryDiskOptions::default());
        let dir = tempfile::tempdir().expect("a directory");
        let in_memory = runtime.block_on(play(&memory, Path::new("/"), &steps));
        let on_disk = runtime.block_on(play(&RealDisk, dir.path(), &steps));
        prop_assert_eq!(in_memory, on_disk);
    }
}
