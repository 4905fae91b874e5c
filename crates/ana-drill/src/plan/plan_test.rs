//! Plans: order, overlaps, reach, length, and the screen that a person reads.

use super::{Plan, PlanError};
use crate::file::Drill;
use crate::fixture::nine_nodes;
use expect_test::{Expect, expect};
use proptest::prelude::{any, prop_assert, proptest};
use proptest::sample::select;

/// A drill of steps written `at | do | on | for`, with what a guard and an expectation look like.
fn drill(steps: &[&str]) -> Drill {
    let mut text = String::from("drill = \"d\"\nabout = \"a\"\n");
    for step in steps {
        let parts: Vec<&str> = step.split('|').map(str::trim).collect();
        let [at, action, on, rest @ ..] = parts.as_slice() else {
            panic!("{step}");
        };
        text += &format!("[[step]]\nat = \"{at}\"\ndo = \"{action}\"\non = \"{on}\"\n");
        for lasts in rest {
            text += &format!("for = \"{lasts}\"\n");
        }
    }
    text += "[stop]\nwhen = [\"acked_lost > 0\"]\n[expect]\nall = [\"acked_lost == 0\"]";
    Drill::from_toml(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zones_hurt(steps: &[&str]) -> u32 {
    Plan::of(&drill(steps), None, true)
        .expect("a plan")
        .widest
        .zones
}

/// Steps, and the most zones that they hurt at once.
const HURT: &[(&[&str], u32)] = &[
    (&["0s | zone.down | zone a | 10s"], 1),
    (
        &[
            "0s | zone.down | zone a | 10s",
            "5s | zone.down | zone b | 10s",
        ],
        2,
    ),
    (
        &[
            "0s | zone.down | zone a | 10s",
            "5s | zone.isolate | zone a | 10s",
        ],
        1,
    ),
    // Ten seconds after its fault is gone, a zone counts as well.
    (
        &[
            "0s | zone.down | zone a | 10s",
            "20s | zone.down | zone b | 10s",
        ],
        2,
    ),
    (
        &[
            "0s | zone.down | zone a | 10s",
            "21s | zone.down | zone b | 10s",
        ],
        1,
    ),
    // Which zone a leader stands in, only the moment tells.
    (
        &[
            "0s | zone.down | zone a | 10s",
            "5s | node.pause | leader of s/0 | 5s",
        ],
        2,
    ),
    (
        &[
            "0s | node.pause | leader of s/0 | 5s",
            "0s | node.pause | follower of s/0 | 5s",
        ],
        2,
    ),
    (&["0s | link.drop | link a <-> b | 5s"], 2),
    (
        &[
            "0s | link.drop | link a <-> b | 5s",
            "1s | zone.down | zone c | 5s",
        ],
        3,
    ),
    (
        &["0s | link.oneway_drop | link meta leader -> others | 5s"],
        1,
    ),
    (&["0s | node.kill | 2 of nodes | 5s"], 2),
    (&["0s | node.kill | 30% of nodes | 5s"], 3),
    (&["0s | node.kill | all followers of s/0 | 5s"], 2),
    (&["0s | node.kill | all nodes in zone b | 5s"], 1),
    (&["0s | zone.down | 34% of zones | 5s"], 1),
    (&["0s | zone.down | 67% of zones | 5s"], 2),
    (&["0s | zone.down | all zones | 5s"], 3),
    (&["0s | change.rolling_restart | all nodes"], 1),
    (
        &[
            "0s | change.rolling_restart | all nodes",
            "90m | zone.down | zone a | 5s",
        ],
        2,
    ),
    (
        &[
            "0s | change.rolling_restart | zone a",
            "9s | zone.down | zone a | 5s",
        ],
        1,
    ),
    (
        &[
            "0s | node.kill | node 1 | 5s",
            "9s | node.kill | node 1 | 5s",
        ],
        1,
    ),
    (
        &[
            "0s | node.kill | node 1 | 5s",
            "9s | node.kill | node 2 | 5s",
        ],
        2,
    ),
    (
        &[
            "0s | node.wipe_disk | node 1",
            "90m | zone.down | zone a | 5s",
        ],
        2,
    ),
    (
        &[
            "0s | node.restart | node 1",
            "90m | zone.down | zone a | 5s",
        ],
        1,
    ),
    (&["0s | zone.shift | all zones | 5s"], 0),
    (
        &[
            "0s | change.add_node | zone a",
            "0s | api.drop_subscriptions | all streams",
        ],
        0,
    ),
];

#[test]
fn zones_are_counted_while_faults_and_their_recovery_overlap() {
    for (steps, zones) in HURT {
        assert_eq!(zones_hurt(steps), *zones, "{steps:?}");
    }
}

#[test]
fn a_known_cluster_tells_the_zone_of_a_node() {
    let steps = drill(&[
        "0s | node.kill | node 1 | 5s",
        "0s | node.kill | node 4 | 5s",
    ]);
    let zones = |topology| {
        Plan::of(&steps, topology, true)
            .expect("a plan")
            .widest
            .zones
    };
    assert_eq!((zones(None), zones(Some(&nine_nodes()))), (2, 1));
}

#[test]
fn more_than_two_zones_at_once_are_refused_unless_meant() {
    let two = drill(&[
        "0s | zone.down | 2 of zones | 30s",
        "41s | node.kill | node 4 | 5s",
    ]);
    Plan::of(&two, None, false).expect("two zones at most");
    let three = drill(&[
        "1s | zone.down | 2 of zones | 30s",
        "3s | node.kill | node 4 | 5s",
    ]);
    let error = Plan::of(&three, None, false).expect_err("three zones");
    assert_eq!(
        error.to_string(),
        "steps 1, 2 may hurt 3 of 3 zones at once, from 3s: more than 2 need --i-know"
    );
    assert!(matches!(error, PlanError::TooWide(widest) if widest.faults == [1, 2]));
    let notes = Plan::of(&three, None, true).expect("meant").notes;
    assert!(
        notes
            .iter()
            .any(|note| note.to_string().contains("writes may stop")),
        "{notes:?}"
    );
}

#[test]
fn faults_stand_in_the_order_in_which_they_fire() {
    let plan = Plan::of(
        &drill(&[
            "20s | node.pause | node 1 | 5s",
            "3s | node.restart | node 2",
            "10s | disk.full | node 1 | 10s",
            "3s | node.kill | node 2 | 1s",
        ]),
        None,
        false,
    )
    .expect("a plan");
    let order: Vec<(usize, &[usize])> = plan
        .faults
        .iter()
        .map(|fault| (fault.number, fault.overlaps.as_slice()))
        .collect();
    // Those that touch count as overlapping.
    assert_eq!(order, [(2, &[4][..]), (4, &[2]), (3, &[1]), (1, &[3])]);
    assert_eq!(plan.heal_at.to_string(), "25s");
}

#[test]
fn a_plan_says_what_is_missing() {
    let steps = drill(&[
        "0s | node.kill | node 44 | 5s",
        "0s | zone.down | zone a | 5s",
    ]);
    let mut bare = steps.clone();
    (bare.stop, bare.expect) = (Vec::new(), Vec::new());
    let said = |drill: &Drill| {
        let plan = Plan::of(drill, Some(&nine_nodes()), false).expect("a plan");
        plan.notes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        said(&steps),
        ["step 1 would find nothing now: there is no node 44"]
    );
    assert_eq!(said(&bare).len(), 3, "{:?}", said(&bare));
    let unknown = Plan::of(&steps, None, false).expect("a plan").notes;
    assert_eq!(unknown.len(), 1);
    assert!(
        unknown[0].to_string().contains("3 zones are assumed"),
        "{unknown:?}"
    );
    let long = drill(&["160h | zone.down | zone a | 12h"]);
    assert_eq!(
        Plan::of(&long, None, false),
        Err(PlanError::TooLong { number: 1 })
    );
}

fn check(text: &str, expected: &Expect) {
    let drill = Drill::from_toml(text).expect("a drill");
    let plan = Plan::of(&drill, Some(&nine_nodes()), false).expect("a plan");
    expected.assert_eq(&plan.to_string());
}

#[test]
fn the_screen() {
    check(
        r#"
drill = "zone-b-dies-at-peak"
about = "Losing a zone must not lose a record nor stop writers for 2 s"
seed = 42
steady = ["put_success_rate >= 99.9% for 10s"]
[load]
stream = "orders"
puts_per_second = 500
consumers = 2
[[step]]
at = "10s"
do = "zone.down"
on = "zone b"
for = "30s"
[[step]]
name = "readers"
at = "15s"
do = "api.expired_iterator"
on = "stream orders"
percent = 25
for = "20s"
[[step]]
at = "22s"
do = "disk.slow"
on = "leader of orders/shardId-000000000000"
fsync = "200ms"
for = "10s"
[[step]]
at = "25s"
do = "change.rolling_restart"
on = "all nodes in zone b"
[stop]
when = ["acked_lost > 0", "put_unavailable > 15s"]
[expect]
all = ["no_acked_record_lost", "no_duplicate_sequence", "order_per_key_kept", "replicas_identical",
       "write_gap <= 2s", "all_shards_writable within 10s of heal", "consumer_lag <= 5s within 30s of heal"]
"#,
        &expect![[r#"
            zone-b-dies-at-peak   seed 42
            Losing a zone must not lose a record nor stop writers for 2 s

            before   put_success_rate >= 99.9% for 10s
            load     orders: 500 puts a second of 200B to 2000B, 100 keys, 2 consumers
             1     10s 40s     .....===================  zone.down
                               on zone b; hurts zone b, nodes 2, 5, 8; started again; beside steps 2, 3, 4
             2     15s 35s     ........=============...  api.expired_iterator percent 25%
                               on stream orders; hurts requests alone: GetRecords; dropped by itself;
                               beside steps 1, 3, 4; called readers
             3     22s 32s     ............=======.....  disk.slow fsync 200ms
                               on leader of orders/shardId-000000000000; hurts up to 1 zone; dropped by itself;
                               beside steps 1, 2, 4
             4     25s once    ..............*.........  change.rolling_restart
                               on all nodes in zone b; hurts zone b, one node at a time; over at once;
                               beside steps 1, 2, 3

            hurt     2 of 3 zones at most, first at 22s (steps 1, 3)
            time     10s before, healed at 40s, over at 1m10s
            stop     acked_lost > 0; put_unavailable > 15s
            expect   no_acked_record_lost; no_duplicate_sequence; order_per_key_kept; replicas_identical;
                     write_gap <= 2s; all_shards_writable within 10s of heal;
                     consumer_lag <= 5s within 30s of heal
            note     step 4 takes as long as it takes: what ends later may end later still
        "#]],
    );
}

#[test]
fn the_screen_of_little() {
    check(
        "drill = \"d\"\nabout = \"a\"\n[[step]]\nat = \"0s\"\ndo = \"change.add_node\"\non = \"zone a\"",
        &expect![[r#"
            d   seed drawn at the start
            a

            watch    your own traffic of all streams
             1      0s once    *.......................  change.add_node
                               on zone a; hurts nothing; stays

            hurt     no replica
            time     healed at 0s, over at 0s
            note     nothing is expected: this drill cannot fail
            note     nothing stops it early but its end
        "#]],
    );
}

proptest! {
    /// Whatever the steps, an unforced plan leaves a majority of the zones alone.
    #[test]
    fn no_plan_hurts_too_much_without_being_told(
        steps in proptest::collection::vec(
            (0..40_u64, select(vec!["zone a", "zone b", "one of zones", "all zones", "node 1", "2 of nodes", "meta leader"]), 1..20_u64),
            1..6,
        ),
        known in any::<bool>(),
    ) {
        let steps: Vec<String> = steps
            .iter()
            .map(|(at, on, lasts)| {
                let action = if on.contains("zone") { "zone.down" } else { "node.pause" };
                format!("{at}s | {action} | {on} | {lasts}s")
            })
            .collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let topology = nine_nodes();
        let topology = known.then_some(&topology);
        let meant = Plan::of(&drill(&steps), topology, true).expect("a plan");
        match Plan::of(&drill(&steps), topology, false) {
            Ok(plan) => prop_assert!(plan.widest.zones <= 2),
            Err(PlanError::TooWide(widest)) => prop_assert!(widest.zones > 2 && widest == meant.widest),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
