//! A leader whose streams ended is succeeded at the end of its lease; one that lives is not disturbed.

use std::time::Duration;

use ana_env::time;
use ana_types::NodeId;

use crate::common::{Cluster, SOON, put, scoped};

/// The lease, the stagger of two replicas and a round or two of votes.
const EARLY: Duration = Duration::from_millis(120);

fn note_loss(cluster: &Cluster, of: NodeId) {
    for id in cluster.ids_but(of) {
        cluster.nodes[&id].parts.losses.note(of);
    }
}

/// How long after now somebody else leads.
async fn replaced_after(cluster: &Cluster, old: NodeId) -> Duration {
    let began = time::now();
    let others = cluster.ids_but(old);
    let replaced = async {
        while !others.iter().any(|&id| cluster.group(id).is_leader()) {
            time::sleep(Duration::from_millis(1)).await;
        }
    };
    time::timeout(SOON, replaced).await.expect("another leads");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_lost_leader_is_succeeded_when_its_lease_is_over_and_not_before() {
    scoped(async {
        for told in [true, false] {
            let cluster = Cluster::new(3).await;
            let leader = cluster.leader().await;
            let config = std::sync::Arc::clone(&cluster.nodes[&NodeId(1)].parts.config);
            let id = NodeId(*leader.raft().unwrap().node_id());
            put(&leader, "a").await.unwrap();
            time::sleep(Duration::from_secs(2)).await;
            cluster.hub.isolate(id, &cluster.ids_but(id));
            if told {
                note_loss(&cluster, id);
            }
            let after = replaced_after(&cluster, id).await;
            // The last heartbeat that was answered may have been sent one interval ago.
            let lease = config.silence() - Duration::from_millis(config.heartbeat_ms);
            assert!(after > lease, "within the lease: {after:?}");
            let early = after < config.silence() + EARLY;
            assert_eq!(early, told, "after {after:?}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_lives_leads_on_however_often_its_streams_end() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        let term = leader.status().term;
        for _ in 0..50 {
            note_loss(&cluster, id);
            time::sleep(Duration::from_millis(137)).await;
            put(&leader, "a").await.unwrap();
        }
        // One that does not hear it any more may ask as often as it likes.
        let estranged = cluster.ids_but(id)[0];
        cluster.hub.isolate(id, &[estranged]);
        for _ in 0..50 {
            note_loss(&cluster, id);
            time::sleep(Duration::from_millis(137)).await;
            put(&leader, "a").await.unwrap();
            leader.read_barrier().await.unwrap();
        }
        assert!(leader.is_leader());
        assert_eq!(leader.status().term, term);
    })
    .await;
}
