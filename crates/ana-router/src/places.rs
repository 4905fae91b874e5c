//! Where leaders may stand for now, as this node was told or has found out: kept out of zones, held at nodes, away
//! from a slow disk. Leases: whatever became of whoever asked, each ends by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{Instant, now};
use ana_types::{GroupId, Zone};

/// What one node knows. A plain lock: a look-up or an insertion under it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// Zones that are to have no leaders, and until when. As many as there are zones.
    shifted: BTreeMap<Zone, Instant>,
    /// Groups whose leader stays where it is, and until when. As many as there are replicas here.
    held: BTreeMap<GroupId, Instant>,
    disk_is_slow: bool,
    sync_mean: Duration,
}

impl Places {
    /// Keeps leaders out of a zone for `lease` from now on; a lease of nothing lets them in.
    pub(crate) fn keep_out(&self, zone: Zone, lease: Duration) {
        let mut told = self.told();
        told.forget_overdue();
        if lease.is_zero() {
            told.shifted.remove(&zone);
        } else {
            told.shifted.insert(zone, now() + lease);
        }
    }

    /// Leaves the leader of a group where it is for `lease` from now on; a lease of nothing lets it go.
    pub(crate) fn hold(&self, group: GroupId, lease: Duration) {
        let mut told = self.told();
        told.forget_overdue();
        if lease.is_zero() {
            told.held.remove(&group);
        } else {
            told.held.insert(group, now() + lease);
        }
    }

    /// Notes how the disk of this node does.
    pub(crate) fn note_disk(&self, is_slow: bool, sync_mean: Duration) {
        let mut told = self.told();
        if told.disk_is_slow != is_slow {
            tracing::warn!(is_slow, ?sync_mean, "the disk is judged anew");
        }
        told.disk_is_slow = is_slow;
        told.sync_mean = sync_mean;
    }

    /// Whether leaders are kept out of a zone.
    pub(crate) fn is_shifted(&self, zone: &Zone) -> bool {
        self.told()
            .shifted
            .get(zone)
            .is_some_and(|until| *until > now())
    }

    /// Whether the leader of a group stays where it is.
    pub(crate) fn is_held(&self, group: GroupId) -> bool {
        self.told()
            .held
            .get(&group)
            .is_some_and(|until| *until > now())
    }

    /// Whether this node's disk is too slow to lead with, and what syncs take on average.
    pub(crate) fn disk(&self) -> (bool, Duration) {
        let told = self.told();
        (told.disk_is_slow, told.sync_mean)
    }

    /// The zones that are to have no leaders, and for how long yet.
    pub(crate) fn shifted(&self) -> BTreeMap<Zone, Duration> {
        let mut told = self.told();
        told.forget_overdue();
        let now = now();
        let left = told.shifted.iter();
        left.map(|(zone, until)| (zone.clone(), until.saturating_duration_since(now)))
            .collect()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn forget_overdue(&mut self) {
        let now = now();
        self.shifted.retain(|_, until| *until > now);
        self.held.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use ana_env::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_was_told_ends_by_itself_or_when_it_is_taken_back() {
        let places = Places::default();
        let (b, c) = (
            Zone::new("b").expect("a zone"),
            Zone::new("c").expect("a zone"),
        );
        places.keep_out(b.clone(), SECOND * 10);
        places.keep_out(c.clone(), SECOND * 5);
        places.hold(GroupId(3), SECOND * 5);
        assert!(places.is_shifted(&b) && places.is_shifted(&c) && places.is_held(GroupId(3)));
        assert!(!places.is_held(GroupId(4)));
        sleep(SECOND * 5).await;
        assert!(places.is_shifted(&b) && !places.is_shifted(&c) && !places.is_held(GroupId(3)));
        assert_eq!(places.shifted(), [(b.clone(), SECOND * 5)].into());
        places.keep_out(b.clone(), SECOND * 60);
        sleep(SECOND * 30).await;
        assert!(places.is_shifted(&b), "renewed");
        places.keep_out(b.clone(), Duration::ZERO);
        assert!(!places.is_shifted(&b));
        places.hold(GroupId(3), SECOND);
        places.hold(GroupId(3), Duration::ZERO);
        assert!(!places.is_held(GroupId(3)));
    }
}
