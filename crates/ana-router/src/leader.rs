//! Finds the leader of a group and has work done there, within a deadline.
//!
//! Must stay true:
//! - work that may have been done is never handed out a second time, unless it may be repeated;
//! - a search ends with its deadline, and between two rounds over all replicas there is a pause.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{now, sleep};
use ana_types::{GroupId, NodeId};

use crate::context::{Context, Deadline};
use crate::error::{Decline, LeaderError};
use crate::forward::{self, Attempt};
use crate::server::Work;

/// Pause after the first round over all replicas; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// A new leader is found at most this long after it was elected.
const PAUSE_MAX: Duration = Duration::from_millis(80);
/// Work that may be repeated is tried elsewhere when a node has not answered for this long.
const ATTEMPT_MAX: Duration = Duration::from_millis(1200);
/// Work that must not be repeated is given up, its fate unknown, when somebody else has led for this long and the node that
/// has the work still has not answered: an old leader that is cut off or stands still may never answer, and who waits for it
/// would wait for the whole deadline. One that hands over answers at once what it has.
const OVERTAKEN_AFTER: Duration = Duration::from_millis(400);
/// How often it is looked whether somebody else leads.
const OVERTAKEN_LOOK: Duration = Duration::from_millis(100);
/// How many times in one round a node's word about the leader is followed.
const FOLLOWED_MAX: u32 = 4;

/// Whether work may be done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, and commands that say the same a second time.
    Safe,
    /// Everything else.
    Never,
}

/// Where leaders were last seen. A cache: wrong entries cost a detour.
#[derive(Debug, Default)]
pub(crate) struct Leaders {
    seen: Mutex<BTreeMap<GroupId, NodeId>>,
}

impl Leaders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, NodeId>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, group: GroupId) -> Option<NodeId> {
        self.lock().get(&group).copied()
    }

    fn saw(&self, group: GroupId, node: NodeId) {
        self.lock().insert(group, node);
    }

    fn forget(&self, group: GroupId, node: NodeId) {
        let mut seen = self.lock();
        if seen.get(&group) == Some(&node) {
            seen.remove(&group);
        }
    }

    /// Forgets where the leader of a group was seen.
    pub(crate) fn forget_group(&self, group: GroupId) {
        self.lock().remove(&group);
    }

    /// Drops what is known of groups that are gone, so that the cache stays as small as the metadata.
    pub(crate) fn keep(&self, live: impl Fn(GroupId) -> bool) {
        self.lock().retain(|group, _| live(*group));
    }
}

/// Which node to ask next. Pure.
#[derive(Debug, Default)]
struct Search {
    tried: BTreeSet<NodeId>,
    follow: Option<NodeId>,
    followed: u32,
}

impl Search {
    /// The next node: whom the last one named, else whom we know, else the next replica; none when the round is
    /// over.
    fn next(&mut self, known: &[Option<NodeId>], replicas: &[NodeId]) -> Option<NodeId> {
        let named = self.follow.take();
        let fresh = |node: &NodeId| !self.tried.contains(node);
        let node = named
            .or_else(|| known.iter().flatten().copied().find(fresh))
            .or_else(|| replicas.iter().copied().find(fresh))?;
        self.tried.insert(node);
        Some(node)
    }

    /// A node said who leads. It is believed a few times a round, even about a node that was tried.
    fn heard_of(&mut self, from: NodeId, leader: Option<NodeId>) {
        if let Some(leader) = leader
            && leader != from
            && self.followed < FOLLOWED_MAX
        {
            self.followed += 1;
            self.follow = Some(leader);
        }
    }

    fn new_round(&mut self) {
        *self = Self::default();
    }
}

/// Has `work` done by the leader of `group`.
///
/// # Errors
/// As [`LeaderError`] says: not done, or unknown.
pub(crate) async fn at_leader<W: Work>(
    context: &Context,
    group: GroupId,
    work: &W,
    repeat: Repeat,
    deadline: Deadline,
) -> Result<W::Answer, LeaderError> {
    let mut search = Search::default();
    let mut pause = PAUSE_FIRST;
    let mut last = None;
    let mut body = None;
    while !deadline.is_over() {
        let Some(replicas) = replicas(context, group) else {
            break;
        };
        let Some(node) = search.next(&known(context, group), &replicas) else {
            sleep(pause.min(deadline.remaining())).await;
            pause = (pause * 2).min(PAUSE_MAX);
            search.new_round();
            continue;
        };
        let within = match repeat {
            Repeat::Safe => deadline.remaining().min(ATTEMPT_MAX),
            Repeat::Never => deadline.remaining(),
        };
        // Where another is known to lead already, the node is asked in spite of it, and may not even be there.
        let may_be_overtaken =
            repeat == Repeat::Never && led_by(context, group).is_none_or(|leader| leader == node);
        if let Some(replica) = context.groups.get(group) {
            replica.expect_leader();
        }
        let asked = forward::ask(context, node, work, &mut body, within);
        let attempt = tokio::select! {
            biased;
            attempt = asked => attempt,
            () = overtaken(context, group, node), if may_be_overtaken => Attempt::Lost,
        };
        match attempt {
            Attempt::Done(answer) => {
                context.leaders.saw(group, node);
                return Ok(answer);
            }
            Attempt::Declined(Decline::NotLeader { leader }) => {
                context.leaders.forget(group, node);
                search.heard_of(node, leader);
                last = Some(Decline::NotLeader { leader });
            }
            Attempt::Declined(why @ (Decline::DiskFull | Decline::Unreadable)) => {
                return Err(LeaderError::Refused { group, why });
            }
            Attempt::Declined(Decline::Unknown(_)) | Attempt::Lost if repeat == Repeat::Never => {
                return Err(LeaderError::Unknown { group, node });
            }
            Attempt::Declined(why) => last = Some(why),
            Attempt::NotReached | Attempt::Lost => context.leaders.forget(group, node),
        }
    }
    Err(LeaderError::NoLeader { group, last })
}

/// Who leads the group, as the replica here knows.
fn led_by(context: &Context, group: GroupId) -> Option<NodeId> {
    context.groups.get(group)?.leader()
}

/// Ends when the replica here has known for a while that another node than `asked` leads the group.
async fn overtaken(context: &Context, group: GroupId, asked: NodeId) {
    let mut since = None;
    loop {
        sleep(OVERTAKEN_LOOK).await;
        if led_by(context, group).is_none_or(|leader| leader == asked) {
            since = None;
            continue;
        }
        let since = *since.get_or_insert_with(now);
        if now().saturating_duration_since(since) >= OVERTAKEN_AFTER {
            return;
        }
    }
}

/// Leaders we have reason to believe in, best first.
pub(crate) fn known(context: &Context, group: GroupId) -> [Option<NodeId>; 2] {
    [led_by(context, group), context.leaders.get(group)]
}

/// Nodes with a vote in the group, the preferred leader first; none when the metadata here does not have the group.
fn replicas(context: &Context, group: GroupId) -> Option<Vec<NodeId>> {
    let coming = context.look(|meta| meta.moves().get(&group).and_then(|it| it.to));
    // Who is about to vote may lead before the metadata counts it in.
    let coming = coming.ok().flatten();
    if group == GroupId::METADATA {
        return Some(context.meta_voters().into_iter().chain(coming).collect());
    }
    context
        .look(|meta| {
            meta.group(group).map(|state| {
                let others = state
                    .voters
                    .iter()
                    .copied()
                    .filter(|id| *id != state.preferred_leader);
                std::iter::once(state.preferred_leader)
                    .chain(others)
                    .chain(coming)
                    .collect()
            })
        })
        .ok()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::{FOLLOWED_MAX, NodeId, Search};

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);
    const N3: NodeId = NodeId(3);

    #[test]
    fn asks_the_known_leader_first_and_every_replica_once() {
        let mut search = Search::default();
        let known = [Some(N2), None];
        let asked: Vec<_> = std::iter::from_fn(|| search.next(&known, &[N1, N2, N3])).collect();
        assert_eq!(asked, [N2, N1, N3]);
    }

    #[test]
    fn follows_a_named_leader_even_when_tried_but_not_for_ever() {
        let mut search = Search::default();
        assert_eq!(search.next(&[None, None], &[N1, N2]), Some(N1));
        for _ in 0..FOLLOWED_MAX {
            search.heard_of(N1, Some(N2));
            assert_eq!(search.next(&[None, None], &[N1, N2]), Some(N2));
        }
        search.heard_of(N1, Some(N2));
        assert_eq!(
            search.next(&[None, None], &[N1, N2]),
            None,
            "the round is over"
        );
        search.new_round();
        assert_eq!(search.next(&[None, None], &[N1, N2]), Some(N1));
    }

    #[test]
    fn a_node_that_names_itself_is_not_followed() {
        let mut search = Search::default();
        assert_eq!(search.next(&[None, None], &[N1]), Some(N1));
        search.heard_of(N1, Some(N1));
        assert_eq!(search.next(&[None, None], &[N1]), None);
    }
}
