//! Where reports go.

use std::sync::Arc;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};

use super::*;

fn files(html: Option<&str>, junit: Option<&str>) -> Files {
    let place = |text: &str| text.parse().expect("a place");
    Files {
        html: html.map(place),
        junit: junit.map(place),
    }
}

async fn disk() -> Arc<dyn Disk> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default()));
    let made = disk.create_dir_all(Path::new("/reports/old")).await;
    made.expect("a directory");
    disk
}

async fn content(disk: &dyn Disk, path: &str) -> Bytes {
    let file = disk.open(Path::new(path), Open::READ).await;
    let file = file.expect("a file");
    let len = file.len().await.expect("a length");
    let len = usize::try_from(len).expect("it is short");
    file.read_at(0, len).await.expect("its bytes")
}

#[tokio::test]
async fn a_shorter_report_leaves_nothing_of_a_longer_one() {
    let disk = disk().await;
    let path = Path::new("/reports/a.html");
    for text in ["a long report", "short", "longer again"] {
        let written = write_over(disk.as_ref(), path, text.into()).await;
        written.expect("written");
        assert_eq!(content(disk.as_ref(), "/reports/a.html").await, text);
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_known_before() {
    let disk = disk().await;
    for (path, can) in [
        ("/reports/a.html", true),
        ("/reports/old/a.html", true),
        ("/reports/old", false),
        ("/nowhere/a.html", false),
        ("/reports/..", false),
    ] {
        let checked = check_place(disk.as_ref(), Path::new(path)).await;
        assert_eq!(checked.is_ok(), can, "{path}: {checked:?}");
    }
}

#[test]
fn a_name_in_the_place_of_a_path_is_told() {
    let names = ["20261128-044110-zone-loss", "zone-loss"];
    let check = |files: Files| files.check_no_path_is(names.into_iter());
    assert!(check(files(Some("report.html"), None)).is_ok());
    assert!(check(files(Some("-"), None)).is_ok());
    assert!(check(files(Some("reports/zone-loss"), None)).is_ok());
    let error = check(files(None, Some("zone-loss"))).expect_err("a drill");
    let text = error.to_string();
    assert!(
        text.contains("zone-loss is a run or a drill") && text.contains("./zone-loss"),
        "{text}"
    );
}

#[test]
fn at_most_one_document_is_printed() {
    let record = report::report_test::record();
    let printed = |html, junit| files(html, junit).printed(&record);
    assert!(printed(None, None).is_none());
    assert!(printed(Some("a.html"), Some("a.xml")).is_none());
    let html = printed(Some("-"), Some("a.xml")).expect("HTML");
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
    let xml = printed(Some("a.html"), Some("-")).expect("XML");
    assert!(xml.starts_with("<?xml"), "{xml}");
}
