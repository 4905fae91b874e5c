//! Each built-in drill reads, plans, fits a screen and is listed.

use super::{ALL, find, nearest};
use crate::check::{Check, Subject};
use crate::file::Drill;
use crate::plan::Plan;
use crate::targets::{Requests, Streams, Target};
use expect_test::expect;
use std::fs;
use std::path::Path;

/// The one that hurts everything at once, which is its point.
const WIDE: &str = "all-zones-power-cut";
/// Lines and columns of a plan that a person reads without scrolling.
const SCREEN: (usize, usize) = (24, 110);

#[test]
fn each_reads_plans_and_fits_a_screen() {
    for entry in ALL {
        let drill = entry
            .drill()
            .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        assert_eq!(drill.name.as_str(), entry.name);
        let careful = Plan::of(&drill, None, false);
        assert_eq!(
            careful.is_ok(),
            entry.name != WIDE,
            "{}: {careful:?}",
            entry.name
        );
        let screen = Plan::of(&drill, None, true).expect("meant").to_string();
        let columns = screen.lines().map(|line| line.chars().count()).max();
        assert!(screen.lines().count() <= SCREEN.0, "{screen}");
        assert!(columns <= Some(SCREEN.1), "{columns:?}\n{screen}");
        assert_eq!(
            Drill::from_toml(&drill.to_string()).expect("read back"),
            drill
        );
    }
}

#[test]
fn each_can_run_alone_stop_and_fail() {
    for entry in ALL {
        let drill = entry.drill().expect(entry.name);
        let load = drill.load.expect("a load, so that nothing else is needed");
        assert!(
            !drill.steady.is_empty() && !drill.stop.is_empty(),
            "{}",
            entry.name
        );
        // Losing a record fails every one of them.
        let lost: Check = "no_acked_record_lost".parse().expect("a check");
        assert!(drill.expect.contains(&lost), "{}", entry.name);
        assert!(
            drill
                .expect
                .iter()
                .any(|check| !matches!(check.subject, Subject::Flag(_)))
        );
        for step in drill.steps {
            if let Target::Requests(Requests { streams, .. }) = step.on {
                assert_eq!(
                    streams,
                    Streams::Named(load.stream.clone()),
                    "{}",
                    entry.name
                );
            }
        }
    }
}

#[test]
fn every_file_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let files = fs::read_dir(folder)
        .expect("the folder")
        .map(|file| file.expect("a file"));
    let mut names: Vec<String> = files
        .map(|file| file.file_name().into_string().expect("a name"))
        .map(|name| name.strip_suffix(".toml").expect("TOML").to_owned())
        .collect();
    names.sort();
    let listed: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(names, listed);
    assert!(ALL.len() >= 20);
}

#[test]
fn they_are_found_by_name_and_nearly_so() {
    assert_eq!(find("zone-loss").map(|entry| entry.name), Some("zone-loss"));
    assert_eq!(find("zone-los"), None);
    assert_eq!(nearest("zone-los"), find("zone-loss"));
    assert_eq!(nearest("everything"), None);
}

#[test]
fn the_list() {
    let lines = ALL.iter().map(|entry| {
        let drill = entry.drill().expect(entry.name);
        format!("{:22}{}\n", entry.name, drill.about)
    });
    expect![[r#"
        all-zones-power-cut   Every node loses power at once; what was acknowledged is there when it comes back
        api-5xx               Answers fail with 500 and 503 and come late; clients retry and lose nothing
        clock-drift           Two clocks drift apart, and nobody who reads or writes can tell
        clock-jump            Clocks that jump, forwards and back, change neither order nor leases
        disk-full             A node without room refuses writes, keeps what it has, and goes on when there is room
        expired-iterator      Consumers whose iterators expire get new ones and go on where they were
        flaky-link            Links of one node lose and delay messages; nothing is lost, and order is kept
        follower-kill         Killing a follower is not noticed by writers
        fsync-error           A node whose sync failed trusts nothing that it wrote since
        leader-kill           Killing a shard's leader stops its writers for a moment and loses nothing
        one-way-link          A leader that is heard and hears nobody gives up its place
        partial-puts          Some records of each batch fail; producers send those again, and only those
        pause-leader          A leader that stands still and then goes on must not believe that it still leads
        reshard-under-fire    Shards split and merge while a leader dies; order per key holds across the change
        rolling-restart       Every node is restarted in turn, as for a new release, and nobody notices
        slow-follower         A follower with a slow disk does not slow its leader
        slow-leader-disk      A leader with a slow disk gives up its place or drags its shard along: the report says which
        slow-zone             A zone far away slows no writer while the other two are near
        split-brain-attempt   A leader cut off from everybody acknowledges nothing that the others do not know
        subscriptions-dropped Subscriptions end in the middle; consumers subscribe again where they were
        swizzle               The nodes of one zone are cut off one after another and come back in another order
        throttle-storm        Producers and consumers that are throttled hard back off, retry, and catch up
        torn-tail             The end of a log is garbage after a crash; it is cut off, and nothing acknowledged goes with it
        wipe-and-rejoin       A node that lost its disk comes back and fills up from the other zones
        zone-loss             Losing a zone loses no record and stops no writer for long
        zone-shift            Leaders leave a zone before it goes down, and writers see only the move
    "#]].assert_eq(&lines.collect::<String>());
}
