//! The steps of the small Raft, and those of a repair.

use super::{Broken, Config, Entry, Event, Health, Kind, NODES, Node, Repair, Set, Step, World};
use std::array;

impl Node {
    /// Whether it takes entries from a leader.
    fn runs(&self) -> bool {
        self.health != Health::Corrupt
    }

    /// The members by the newest configuration in its log, and where that stands.
    fn members(&self) -> Option<(usize, Config)> {
        Self::members_in(&self.log)
    }

    fn members_in(log: &[Entry]) -> Option<(usize, Config)> {
        let at = log.iter().enumerate().rev();
        at.filter_map(|(index, entry)| match entry.kind {
            Kind::Config(config) => Some((index + 1, config)),
            Kind::Data | Kind::Blank => None,
        })
        .next()
    }

    fn may_vote(&self) -> bool {
        self.health == Health::Sound
    }

    fn is_behind(&self, other: &Self) -> bool {
        let last = |node: &Self| {
            (
                node.log.last().map_or(0, |entry| entry.term),
                node.log.len(),
            )
        };
        last(self) < last(other)
    }

    /// A leader puts an entry into its own log.
    fn append(&mut self, at: usize, kind: Kind) {
        let term = self.term;
        self.log.push(Entry { term, kind });
        let stored = self.log.len();
        if let Some(mine) = self.confirmed.as_mut().and_then(|all| all.get_mut(at)) {
            *mine = stored;
        }
    }
}

impl World {
    /// Node 0 leads three nodes that have the founding entry.
    pub(super) fn begin() -> Self {
        let voters = Config {
            voters: Set::ALL,
            next: None,
            learners: Set::default(),
        };
        let founding = Entry {
            term: 1,
            kind: Kind::Config(voters),
        };
        let node = |at| Node {
            health: Health::Sound,
            term: 1,
            log: vec![founding],
            committed: 1,
            confirmed: (at == 0).then_some([1; NODES]),
        };
        Self {
            nodes: array::from_fn(node),
            committed: vec![founding],
            data: 0,
            damages: 0,
            has_conflict: false,
            has_lost: false,
        }
    }

    pub(super) fn has_one_leader_a_term(&self) -> bool {
        let leads = |at: usize| self.nodes.get(at).filter(|it| it.confirmed.is_some());
        let terms: Vec<u8> = (0..NODES).filter_map(|at| Some(leads(at)?.term)).collect();
        terms
            .iter()
            .enumerate()
            .all(|(at, term)| !terms.iter().skip(at + 1).any(|it| it == term))
    }

    fn with(&self, event: Event, node: usize, change: impl FnOnce(&mut Node)) -> Option<Step> {
        let mut next = self.clone();
        next.nodes.get_mut(node).map(change)?;
        Some(Step { event, next })
    }

    fn leader(&self, at: usize) -> Option<(&Node, [usize; NODES])> {
        let node = self.nodes.get(at).filter(|it| it.runs())?;
        Some((node, node.confirmed?))
    }

    fn replicate(&self, at: usize, to: usize) -> Option<Step> {
        let (leader, _) = self.leader(at)?;
        self.nodes
            .get(to)
            .filter(|it| it.runs() && it.term <= leader.term)?;
        leader
            .members()
            .filter(|(_, config)| config.is_member(to))?;
        let mut step = self.with(Event::Replicate(at, to), to, |it| {
            it.term = leader.term;
            it.confirmed = None;
            if !it.log.starts_with(&leader.log) {
                it.log.clone_from(&leader.log);
            }
            it.committed = it.committed.max(leader.committed);
        })?;
        let stored = leader.log.len();
        let confirmed = step.next.nodes.get_mut(at)?.confirmed.as_mut()?;
        *confirmed.get_mut(to)? = stored;
        Some(step)
    }

    fn commit(&self, at: usize) -> Option<Step> {
        let (leader, confirmed) = self.leader(at)?;
        let (_, config) = leader.members()?;
        let reached = |index: usize| {
            let who = (0..NODES).filter(|it| confirmed.get(*it).is_some_and(|it| *it >= index));
            config.agrees(who.fold(Set::default(), |who, it| who.with(Set::of(it))))
        };
        let own = |index: usize| {
            let entry = leader.log.get(index - 1);
            entry.is_some_and(|entry| entry.term == leader.term)
        };
        let mut indexes = (leader.committed + 1..=leader.log.len()).rev();
        let index = indexes.find(|index| own(*index) && reached(*index))?;
        let mut step = self.with(Event::Commit(at, index), at, |it| it.committed = index)?;
        for (place, entry) in leader.log.iter().take(index).enumerate() {
            match step.next.committed.get(place) {
                Some(before) => step.next.has_conflict |= before != entry,
                None => step.next.committed.push(*entry),
            }
        }
        Some(step)
    }

    fn elect(&self, at: usize, others: Set, term: u8) -> Option<Step> {
        let candidate = self.nodes.get(at).filter(|it| it.may_vote())?;
        let (_, config) = candidate
            .members()
            .filter(|(_, config)| config.is_voter(at))?;
        let grants = |it: usize| {
            let voter = self.nodes.get(it);
            voter.is_some_and(|it| it.may_vote() && it.term < term && !candidate.is_behind(it))
        };
        let voters: Vec<usize> = (0..NODES).filter(|it| others.has(*it)).collect();
        if !voters.iter().all(|it| grants(*it)) || !config.agrees(others.with(Set::of(at))) {
            return None;
        }
        let mut next = self.clone();
        for voter in voters {
            let voter = next.nodes.get_mut(voter)?;
            voter.term = term;
            voter.confirmed = None;
        }
        next.has_lost |= !candidate.log.starts_with(&self.committed);
        let leader = next.nodes.get_mut(at)?;
        leader.term = term;
        leader.confirmed = Some([0; NODES]);
        leader.append(at, Kind::Blank);
        let event = Event::Elect(at, others, term);
        Some(Step { event, next })
    }

    /// A leader puts the next configuration on the way to `voters` and `learners` into its log, when the last one is
    /// committed.
    fn change(&self, event: Event, at: usize, wanted: (Set, Set)) -> Option<Step> {
        let (leader, _) = self.leader(at)?;
        let (index, now) = leader
            .members()
            .filter(|(index, _)| *index <= leader.committed)?;
        // openraft: not before the leader has committed an entry of its own.
        let own = leader.log.get(leader.committed.checked_sub(1)?)?;
        if own.term != leader.term || index == 0 {
            return None;
        }
        let (voters, learners) = wanted;
        let config = match now.next {
            // A change that another leader began is carried to its end first.
            Some(next) => Config {
                voters: next,
                next: None,
                learners: now.learners,
            },
            None if now.voters != voters => Config {
                voters: now.voters,
                next: Some(voters),
                learners,
            },
            None => Config {
                voters,
                next: None,
                learners,
            },
        };
        if config == now {
            return None;
        }
        self.with(event, at, |it| {
            it.append(at, Kind::Config(config));
            // What somebody who is not a member confirmed is forgotten.
            if let Some(confirmed) = &mut it.confirmed {
                for (node, confirmed) in confirmed.iter_mut().enumerate() {
                    *confirmed *= usize::from(config.is_member(node));
                }
            }
        })
    }
}

impl Repair {
    pub(super) fn steps(&self, world: &World, is_bounded: bool, steps: &mut Vec<Step>) {
        for at in 0..NODES {
            steps.extend(Self::voter_again(world, at));
            for other in (0..NODES).filter(|it| *it != at) {
                steps.extend(self.discard(world, at, other));
            }
            steps.extend(world.commit(at));
            for other in (0..NODES).filter(|it| *it != at) {
                steps.extend(world.replicate(at, other));
                steps.extend(Self::evict(world, at, other));
                steps.extend(self.readmit(world, at, other));
            }
        }
        for at in 0..NODES {
            self.elections(world, at, is_bounded, steps);
        }
        if is_bounded {
            for at in 0..NODES {
                steps.extend(self.write(world, at));
                steps.extend(self.damage(world, at));
            }
        }
        steps.retain(|step| step.next != *world);
    }

    /// A candidate stands for any term that is new to it: it may have stood before and not been heard.
    fn elections(&self, world: &World, at: usize, is_bounded: bool, steps: &mut Vec<Step>) {
        let newest = world.nodes.iter().map(|it| it.term).max().unwrap_or(0);
        let own = world.nodes.get(at).map_or(0, |it| it.term);
        let terms = if is_bounded {
            own + 1..=self.bounds.terms_max
        } else {
            newest + 1..=newest + 1
        };
        let mut others = (0..NODES).filter(|it| *it != at).map(Set::of);
        let (Some(a), Some(b)) = (others.next(), others.next()) else {
            return;
        };
        for term in terms {
            let sets = [Set::default(), a, b, a.with(b)];
            steps.extend(sets.iter().filter_map(|set| world.elect(at, *set, term)));
        }
    }

    fn write(&self, world: &World, at: usize) -> Option<Step> {
        world
            .leader(at)
            .filter(|_| world.data < self.bounds.data_max)?;
        let mut step = world.with(Event::Write(at), at, |it| it.append(at, Kind::Data))?;
        step.next.data += 1;
        Some(step)
    }

    fn damage(&self, world: &World, at: usize) -> Option<Step> {
        let is_sound = world.nodes.get(at)?.health == Health::Sound;
        if !is_sound || world.damages >= self.bounds.damages_max {
            return None;
        }
        let mut step = world.with(Event::Damage(at), at, |it| {
            it.health = Health::Corrupt;
            it.confirmed = None;
        })?;
        step.next.damages += 1;
        Some(step)
    }

    /// `Group::evict`.
    fn evict(world: &World, at: usize, node: usize) -> Option<Step> {
        let is_corrupt = world.nodes.get(node)?.health == Health::Corrupt;
        let (leader, _) = world.leader(at).filter(|_| is_corrupt)?;
        let (_, now) = leader.members()?;
        let voters = now.next.unwrap_or(now.voters).without(node);
        let learners = now.learners.without(node);
        world.change(Event::Evict(at, node), at, (voters, learners))
    }

    /// `Groups::discard`, after a leader said that the node is out.
    fn discard(&self, world: &World, node: usize, at: usize) -> Option<Step> {
        world
            .nodes
            .get(node)
            .filter(|it| it.health == Health::Corrupt)?;
        let (leader, _) = world.leader(at)?;
        let (index, config) = leader.members()?;
        let is_committed = index <= leader.committed;
        let leaves = !config.next.unwrap_or(config.voters).has(node) && !config.learners.has(node);
        let health = match self.bounds.broken {
            Broken::SelfEmptied => Health::Sound,
            Broken::NotEvicted => Health::Rejoining { evicted: 0 },
            Broken::EvictionNotCommitted if leaves => Health::Sound,
            Broken::Nothing | Broken::NeverPromoted if !config.is_member(node) && is_committed => {
                Health::Rejoining { evicted: index }
            }
            _ => return None,
        };
        world.with(Event::Discard(node, at), node, |it| {
            *it = Node {
                health,
                term: 0,
                log: Vec::new(),
                committed: 0,
                confirmed: None,
            };
        })
    }

    /// `Group::readmit`: a learner first, a voter when it has caught up.
    fn readmit(&self, world: &World, at: usize, node: usize) -> Option<Step> {
        let is_rejoining = matches!(world.nodes.get(node)?.health, Health::Rejoining { .. });
        let (leader, confirmed) = world.leader(at).filter(|_| is_rejoining)?;
        let (_, now) = leader.members()?;
        let event = Event::Readmit(at, node);
        let target = now.next.unwrap_or(now.voters);
        if target.has(node) && now.next.is_none() {
            return None;
        }
        if !now.is_member(node) {
            return world.change(event, at, (target, now.learners.with(Set::of(node))));
        }
        let has_caught_up =
            *confirmed.get(node)? > 0 && self.bounds.broken != Broken::NeverPromoted;
        if !has_caught_up && now.next.is_none() {
            return None;
        }
        world.change(
            event,
            at,
            (target.with(Set::of(node)), now.learners.without(node)),
        )
    }

    /// `Gatekeeper::voter_again`.
    fn voter_again(world: &World, node: usize) -> Option<Step> {
        let it = world.nodes.get(node)?;
        let Health::Rejoining { evicted } = it.health else {
            return None;
        };
        let applied = it.log.get(..it.committed.min(it.log.len()))?;
        Node::members_in(applied)
            .filter(|(index, config)| *index > evicted && config.is_voter(node))?;
        world.with(Event::VoterAgain(node), node, |it| {
            it.health = Health::Sound;
        })
    }

    /// Whether a damaged replica, left alone with two sound ones, becomes a voter again.
    pub(super) fn returns(&self, world: &World) -> bool {
        let sound = |world: &World| {
            let nodes = world.nodes.iter();
            nodes.filter(|it| it.health == Health::Sound).count()
        };
        if sound(world) < NODES - 1 {
            // Refusing is all that is safe then.
            return true;
        }
        let is_done = |world: &World| sound(world) == NODES;
        self.ends.reaches(world, is_done, |world| {
            let mut steps = Vec::new();
            self.steps(world, false, &mut steps);
            steps.into_iter().next().map(|step| step.next)
        })
    }
}
