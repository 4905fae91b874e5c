//! Who is subscribed: one live subscription per consumer and shard, decided at the leader of the shard's group.
//!
//! Pure: the time is passed in, as the monotonic time since some start. The table lives in memory only. A new leader
//! learns it from the renewals that every serving node sends about once a second, so for that long it may let a
//! subscription in that comes too soon; of two that both believe they hold the lease the later start wins.
//!
//! Must stay true:
//! - asking again for the same session changes nothing and is granted: an answer may have been lost;
//! - a session that lost the lease never gets it back while the later one is known.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_types::{ConsumerName, GroupId, ShardIndex};
use serde::{Deserialize, Serialize};

/// Leases kept track of; beyond it, those nobody needs any more are dropped, and then nobody new is let in.
/// With names of the greatest length that is 16 MiB.
pub(crate) const LEASES_MAX: usize = 65_536;
/// A lease that was not renewed for this long (ten renewals) is of a node or a client that is gone.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// One call a second for each consumer and shard.
const CALL_EVERY: Duration = Duration::from_secs(1);
/// Calls that may come at once: the one that succeeds, and one that is told that it comes too soon.
const CALLS_AT_ONCE: u32 = 2;

/// One subscription, told apart from every other by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SessionId(pub(crate) u64);

/// One registration of a consumer of the stream that the group belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ConsumerKey {
    /// Its name.
    pub(crate) name: ConsumerName,
    /// When it was registered: another time is another consumer.
    pub(crate) created_ms: u64,
}

/// What at most one session may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeaseKey {
    /// The group of the shard.
    pub(crate) group: GroupId,
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// The consumer.
    pub(crate) consumer: ConsumerKey,
}

/// The outcome of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Claimed {
    /// The session holds the lease; who held it before is told at its next renewal.
    Granted,
    /// Another session began moments ago.
    TooSoon,
    /// More than a call a second.
    TooOften,
    /// The group has no such shard.
    NoShard,
    /// There are too many leases here.
    Full,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    session: SessionId,
    started: Duration,
    renewed: Duration,
    /// When the next call would be on time, had all so far been a second apart.
    next_call: Duration,
}

/// The rules that tests and operators change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseRules {
    /// How long a session is safe from being taken over.
    pub(crate) takeover_after: Duration,
    /// Whether calls are counted.
    pub(crate) limited: bool,
}

/// Leases of all shards led here.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: BTreeMap<LeaseKey, Lease>,
}

impl Leases {
    /// A session asks for the lease.
    pub(crate) fn claim(
        &mut self,
        key: &LeaseKey,
        session: SessionId,
        rules: LeaseRules,
        now: Duration,
    ) -> Claimed {
        let fresh = Lease {
            session,
            started: now,
            renewed: now,
            next_call: now.saturating_add(CALL_EVERY),
        };
        let Some(lease) = self.leases.get_mut(key) else {
            if !self.has_room(rules, now) {
                return Claimed::Full;
            }
            self.leases.insert(key.clone(), fresh);
            return Claimed::Granted;
        };
        if lease.session == session {
            lease.renewed = lease.renewed.max(now);
            return Claimed::Granted;
        }
        let early_by = CALL_EVERY.saturating_mul(CALLS_AT_ONCE.saturating_sub(1));
        if rules.limited && lease.next_call > now.saturating_add(early_by) {
            return Claimed::TooOften;
        }
        lease.next_call = lease.next_call.max(now).saturating_add(CALL_EVERY);
        if now.saturating_sub(lease.started) < rules.takeover_after {
            return Claimed::TooSoon;
        }
        let next_call = lease.next_call;
        *lease = Lease { next_call, ..fresh };
        Claimed::Granted
    }

    /// A session that began `age` ago says that it is still there. False: it has lost the lease.
    pub(crate) fn renew(
        &mut self,
        key: &LeaseKey,
        session: SessionId,
        age: Duration,
        rules: LeaseRules,
        now: Duration,
    ) -> bool {
        let started = now.saturating_sub(age);
        let own = Lease {
            session,
            started,
            renewed: now,
            next_call: started.saturating_add(CALL_EVERY),
        };
        match self.leases.get_mut(key) {
            Some(lease) if lease.session == session => {
                lease.renewed = lease.renewed.max(now);
                true
            }
            Some(lease) if !is_over(lease, rules, now) => {
                let later = (started, session) > (lease.started, lease.session);
                if later {
                    *lease = own;
                }
                later
            }
            Some(lease) => {
                *lease = own;
                true
            }
            None => {
                // Without room nobody can say that it has lost it.
                if self.has_room(rules, now) {
                    self.leases.insert(key.clone(), own);
                }
                true
            }
        }
    }

    fn has_room(&mut self, rules: LeaseRules, now: Duration) -> bool {
        if self.leases.len() >= LEASES_MAX {
            self.leases.retain(|_, lease| !is_over(lease, rules, now));
        }
        self.leases.len() < LEASES_MAX
    }
}

/// Whether nothing depends on the lease any more: not renewed, and not so young that it keeps others out.
fn is_over(lease: &Lease, rules: LeaseRules, now: Duration) -> bool {
    now.saturating_sub(lease.renewed) >= KEPT_FOR
        && now.saturating_sub(lease.started) >= rules.takeover_after
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LeaseRules = LeaseRules {
        takeover_after: Duration::from_secs(5),
        limited: true,
    };

    fn at(ms: u64) -> Duration {
        Duration::from_secs(1000) + Duration::from_millis(ms)
    }

    fn key(shard: u32) -> LeaseKey {
        LeaseKey {
            group: GroupId(3),
            shard: ShardIndex(shard),
            consumer: ConsumerKey {
                name: ConsumerName::new("c").expect("a name"),
                created_ms: 7,
            },
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn claims() {
        use Claimed::{Granted, TooOften, TooSoon};
        type Step = (u64, u64, Claimed);
        // (what, steps of (at ms, session, outcome))
        let table: &[(&str, &[Step])] = &[
            (
                "the second within five seconds",
                &[(0, 1, Granted), (4_999, 2, TooSoon)],
            ),
            (
                "at five seconds it takes over",
                &[(0, 1, Granted), (5_000, 2, Granted)],
            ),
            (
                "the five seconds count from the one that took over",
                &[
                    (0, 1, Granted),
                    (5_000, 2, Granted),
                    (9_999, 3, TooSoon),
                    (11_000, 4, Granted),
                ],
            ),
            (
                "a refused call does not push the five seconds away",
                &[(0, 1, Granted), (4_000, 2, TooSoon), (5_000, 3, Granted)],
            ),
            (
                "the same session again is the same call",
                &[
                    (0, 1, Granted),
                    (1, 1, Granted),
                    (2, 1, Granted),
                    (3, 2, TooSoon),
                ],
            ),
            (
                "the third within a second",
                &[
                    (0, 1, Granted),
                    (1, 2, TooSoon),
                    (2, 3, TooOften),
                    (999, 4, TooOften),
                ],
            ),
            (
                "a call a second is never too often",
                &[
                    (0, 1, Granted),
                    (1_000, 2, TooSoon),
                    (2_000, 3, TooSoon),
                    (3_000, 4, TooSoon),
                    (4_000, 5, TooSoon),
                    (5_000, 6, Granted),
                ],
            ),
            (
                "what came too often is not counted",
                &[
                    (0, 1, Granted),
                    (1, 2, TooSoon),
                    (2, 3, TooOften),
                    (1_000, 4, TooSoon),
                ],
            ),
            (
                "a takeover counts as a call",
                &[
                    (0, 1, Granted),
                    (5_000, 2, Granted),
                    (5_001, 3, TooSoon),
                    (5_002, 4, TooOften),
                ],
            ),
        ];
        for (what, steps) in table {
            let mut leases = Leases::default();
            for (ms, session, expected) in *steps {
                let claimed = leases.claim(&key(0), SessionId(*session), RULES, at(*ms));
                assert_eq!(claimed, *expected, "{what}, at {ms} ms");
            }
        }
    }

    #[test]
    fn without_limits_only_the_five_seconds_hold() {
        let rules = LeaseRules {
            limited: false,
            ..RULES
        };
        let mut leases = Leases::default();
        assert_eq!(
            leases.claim(&key(0), SessionId(1), rules, at(0)),
            Claimed::Granted
        );
        for session in 2..9 {
            let claimed = leases.claim(&key(0), SessionId(session), rules, at(1));
            assert_eq!(claimed, Claimed::TooSoon);
        }
    }

    #[test]
    fn shards_and_consumers_do_not_share() {
        let mut leases = Leases::default();
        let mut other = key(0);
        other.consumer.created_ms = 8;
        for key in [key(0), key(1), other] {
            let claimed = leases.claim(&key, SessionId(1), RULES, at(0));
            assert_eq!(claimed, Claimed::Granted, "{key:?}");
        }
    }

    #[test]
    fn the_one_taken_over_hears_it_and_never_comes_back() {
        let mut leases = Leases::default();
        assert_eq!(
            leases.claim(&key(0), SessionId(9), RULES, at(0)),
            Claimed::Granted
        );
        assert!(leases.renew(&key(0), SessionId(9), at(1_000) - at(0), RULES, at(1_000)));
        assert_eq!(
            leases.claim(&key(0), SessionId(2), RULES, at(5_000)),
            Claimed::Granted
        );
        assert!(!leases.renew(&key(0), SessionId(9), at(5_500) - at(0), RULES, at(5_500)));
        assert!(leases.renew(
            &key(0),
            SessionId(2),
            at(6_000) - at(5_000),
            RULES,
            at(6_000)
        ));
        assert!(!leases.renew(&key(0), SessionId(9), at(6_500) - at(0), RULES, at(6_500)));
    }

    #[test]
    fn a_new_leader_learns_from_renewals_and_the_later_start_wins() {
        let (older, newer) = (SessionId(9), SessionId(2));
        for order in [[older, newer], [newer, older]] {
            let mut leases = Leases::default();
            for session in order {
                let age = if session == older { 60 } else { 7 };
                leases.renew(&key(0), session, Duration::from_secs(age), RULES, at(0));
            }
            let age = Duration::from_secs(61);
            assert!(
                !leases.renew(&key(0), older, age, RULES, at(1_000)),
                "{order:?}"
            );
            let age = Duration::from_secs(8);
            assert!(
                leases.renew(&key(0), newer, age, RULES, at(1_000)),
                "{order:?}"
            );
            // It began long before: what comes now takes over at once.
            let claimed = leases.claim(&key(0), SessionId(3), RULES, at(1_001));
            assert_eq!(claimed, Claimed::Granted);
        }
        // And one that began moments ago keeps others out also at the new leader.
        let mut leases = Leases::default();
        assert!(leases.renew(&key(0), newer, Duration::from_secs(3), RULES, at(0)));
        assert_eq!(
            leases.claim(&key(0), older, RULES, at(1_999)),
            Claimed::TooSoon
        );
        assert_eq!(
            leases.claim(&key(0), older, RULES, at(2_999)),
            Claimed::Granted
        );
    }

    #[test]
    fn a_lease_nobody_renews_gives_way() {
        let mut leases = Leases::default();
        assert_eq!(
            leases.claim(&key(0), SessionId(2), RULES, at(0)),
            Claimed::Granted
        );
        let age = Duration::from_secs(60);
        assert!(!leases.renew(&key(0), SessionId(1), age, RULES, at(9_999)));
        assert!(leases.renew(&key(0), SessionId(1), age, RULES, at(10_000)));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut leases = Leases::default();
        let max = u32::try_from(LEASES_MAX).expect("small");
        for shard in 0..max {
            let claimed = leases.claim(&key(shard), SessionId(1), RULES, at(0));
            assert_eq!(claimed, Claimed::Granted);
        }
        assert_eq!(
            leases.claim(&key(max), SessionId(1), RULES, at(9_999)),
            Claimed::Full
        );
        assert!(leases.renew(&key(max), SessionId(1), Duration::ZERO, RULES, at(9_999)));
        assert_eq!(leases.leases.len(), LEASES_MAX);
        assert_eq!(
            leases.claim(&key(max), SessionId(1), RULES, at(10_000)),
            Claimed::Granted
        );
        assert_eq!(leases.leases.len(), 1, "those nobody renewed are gone");
    }
}
