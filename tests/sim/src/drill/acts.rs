//! From a step and what its target turned out to be, to acts.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_drill::Target;
use ana_drill::action::{
    Action, ChangeAction, ClockAction, DiskAction, DiskFile, LinkAction, ProcessAction, ZoneAction,
};
use ana_drill::chance::Chance;
use ana_drill::quantity::Span;
use ana_drill::targets::{End, NodeSet, Nodes, Pick};
use ana_drill::topology::ShardName;
use ana_types::{NodeId, StreamName};

use super::{Places, Step};
use crate::class::Class;
use crate::fault::{Act, FileKind, Lost, RESTART, cut, stop, swizzle};

type Acts = Vec<(Duration, Act)>;

/// How slow the write is that a torn tail is torn from.
const TORN_WRITE: Duration = Duration::from_millis(100);

impl Step {
    /// The class of faults that it is counted with.
    #[must_use]
    pub fn class(&self) -> Class {
        match &self.action {
            Action::Process(ProcessAction::Pause) => Class::Pause,
            Action::Process(ProcessAction::WipeDisk) => Class::LostFiles,
            Action::Zone(ZoneAction::Isolate) => Class::Isolate,
            Action::Zone(ZoneAction::Slow { .. }) | Action::Link(LinkAction::Delay { .. }) => {
                Class::SlowLinks
            }
            Action::Link(LinkAction::OnewayDrop) => Class::CutOneWay,
            Action::Link(LinkAction::Swizzle { .. }) => Class::Swizzle,
            Action::Link(_) => Class::CutBothWays,
            Action::Disk(DiskAction::Slow { .. }) => Class::SlowDisk,
            Action::Disk(DiskAction::Full { .. }) => Class::FullDisk,
            Action::Disk(DiskAction::FsyncError { .. }) => Class::FailedSync,
            Action::Disk(DiskAction::PowerCut) => Class::Power,
            Action::Disk(DiskAction::BitFlip { .. }) => Class::BitFlip,
            Action::Disk(DiskAction::TornTail { .. }) => Class::TornTail,
            Action::Clock(ClockAction::Jump { .. }) => Class::ClockJump,
            Action::Clock(ClockAction::Drift { .. }) => Class::ClockDrift,
            Action::Change(_) => Class::LeaderMove,
            Action::Process(_) | Action::Zone(_) | Action::Api(_) => Class::Kill,
        }
    }

    /// The streams that its target names.
    #[must_use]
    pub fn streams(&self) -> BTreeSet<StreamName> {
        let mut names = BTreeSet::new();
        let mut shard = |name: &ShardName| {
            names.insert(name.stream.clone());
        };
        match &self.on {
            Target::Nodes(Nodes::Leader(name) | Nodes::Follower(name)) => shard(name),
            Target::Nodes(Nodes::Some(_, NodeSet::FollowersOf(name))) => {
                shard(name);
            }
            Target::Link(link) => {
                for end in [&link.from, &link.to] {
                    if let End::Leader(name) = end {
                        shard(name);
                    }
                }
            }
            Target::Nodes(_) | Target::Zones(_) | Target::Requests(_) => {}
        }
        names
    }

    /// What it comes to at this moment.
    ///
    /// # Errors
    /// When its target is nobody now.
    pub fn acts(&self, places: &Places) -> Result<Acts, String> {
        let mut chance = Chance::of_step(self.seed, self.number - 1);
        let pick = self.on.resolve(&places.topology, &mut chance);
        let pick = pick.map_err(|why| format!("step {}: {why}", self.number))?;
        let nodes: Vec<usize> = pick.nodes().into_iter().filter_map(node_of).collect();
        Ok(match &self.action {
            Action::Process(ProcessAction::Pause) => each(&nodes, |node| {
                vec![
                    (Duration::ZERO, Act::Freeze { node }),
                    (self.lasts, Act::Thaw { node }),
                ]
            }),
            Action::Process(ProcessAction::WipeDisk) => each(&nodes, |node| {
                let lost = Lost::Everything;
                let mut acts = stop(node, false, RESTART);
                acts.insert(
                    1,
                    (
                        Duration::ZERO,
                        Act::Lose {
                            node,
                            lost,
                            place: 0,
                        },
                    ),
                );
                acts
            }),
            Action::Process(_) | Action::Zone(ZoneAction::Down) => {
                each(&nodes, |node| stop(node, false, self.lasts))
            }
            Action::Zone(ZoneAction::Isolate) => cut(borders(&pick, places), self.lasts),
            Action::Zone(ZoneAction::Slow { delay, jitter }) => {
                self.slow(borders(&pick, places), *delay, *jitter)
            }
            Action::Zone(ZoneAction::Shift) | Action::Api(_) => Acts::new(),
            Action::Link(link) => self.link(*link, &pick, &nodes, &mut chance),
            Action::Disk(disk) => each(&nodes, |node| self.disk(*disk, node, &mut chance)),
            Action::Clock(clock) => each(&nodes, |node| self.clock(*clock, node)),
            Action::Change(change) => self.change(change, places, &mut chance),
        })
    }

    fn slow(
        &self,
        ways: impl Iterator<Item = (usize, usize)>,
        delay: Span,
        jitter: Option<Span>,
    ) -> Acts {
        let latency = Duration::from(delay.plus(jitter.unwrap_or_default()));
        let links: BTreeSet<(usize, usize)> = ways.map(|(a, b)| (a.min(b), a.max(b))).collect();
        let slow = |(a, b)| {
            [
                (Duration::ZERO, Act::Slow { a, b, latency }),
                (self.lasts, Act::Quicken { a, b }),
            ]
        };
        links.into_iter().flat_map(slow).collect()
    }

    fn link(&self, link: LinkAction, pick: &Pick, nodes: &[usize], chance: &mut Chance) -> Acts {
        let ways = || wires(pick);
        match link {
            LinkAction::Delay { delay, jitter } => self.slow(ways(), delay, jitter),
            LinkAction::Swizzle { every } => {
                let all = nodes.iter().flat_map(|node| {
                    let order = chance.draw();
                    let others: Vec<usize> =
                        nodes.iter().copied().filter(|it| it != node).collect();
                    swizzle(*node, &others, order, every.into(), self.lasts)
                });
                all.collect()
            }
            LinkAction::Drop
            | LinkAction::OnewayDrop
            | LinkAction::Loss { .. }
            | LinkAction::Thin { .. }
            | LinkAction::Reset => cut(ways(), self.lasts),
        }
    }

    fn disk(&self, disk: DiskAction, node: usize, chance: &mut Chance) -> Acts {
        let now = Duration::ZERO;
        match disk {
            DiskAction::Slow { fsync, .. } => {
                let delay = fsync.unwrap_or_default().into();
                vec![
                    (now, Act::SlowSync { node, delay }),
                    (self.lasts, Act::QuickSync { node }),
                ]
            }
            DiskAction::Full { .. } => {
                vec![(now, Act::Fill { node }), (self.lasts, Act::Empty { node })]
            }
            DiskAction::FsyncError { .. } => vec![
                (now, Act::ArmSync { node }),
                (self.lasts, Act::DisarmSync { node }),
            ],
            DiskAction::PowerCut => stop(node, true, self.lasts),
            DiskAction::BitFlip { file } => {
                let file = if file == DiskFile::Snapshot {
                    FileKind::Snapshot
                } else {
                    FileKind::Entries
                };
                let place = chance.draw();
                let mut acts = vec![(now, Act::Flip { node, file, place })];
                acts.extend(stop(node, false, RESTART));
                acts
            }
            DiskAction::TornTail { .. } => vec![
                (now, Act::FineTear { node }),
                (
                    now,
                    Act::SlowSync {
                        node,
                        delay: TORN_WRITE,
                    },
                ),
                (TORN_WRITE / 2, Act::Stop { node, power: true }),
                (TORN_WRITE, Act::QuickSync { node }),
                (TORN_WRITE, Act::CoarseTear { node }),
                (TORN_WRITE + RESTART, Act::Start { node }),
            ],
        }
    }

    fn clock(&self, clock: ClockAction, node: usize) -> Acts {
        match clock {
            ClockAction::Jump { by } => {
                let far = i64::try_from(by.by.micros() / 1000).unwrap_or(i64::MAX);
                let by_ms = if by.back { -far } else { far };
                vec![
                    (Duration::ZERO, Act::Turn { node, by_ms }),
                    (self.lasts, Act::TurnBack { node, by_ms }),
                ]
            }
            ClockAction::Drift { by } => {
                let ppm = if by.slow {
                    -i64::from(by.ppm)
                } else {
                    i64::from(by.ppm)
                };
                vec![
                    (Duration::ZERO, Act::Drift { node, ppm }),
                    (self.lasts, Act::Steady { node }),
                ]
            }
        }
    }

    fn change(&self, change: &ChangeAction, places: &Places, chance: &mut Chance) -> Acts {
        let (ChangeAction::MoveLeader { to }, Target::Nodes(Nodes::Leader(shard))) =
            (change, &self.on)
        else {
            return Acts::new();
        };
        let place = places.topology.shards.get(shard);
        let heirs = place.into_iter().flat_map(|place| {
            let leader = place.leader;
            place
                .voters
                .iter()
                .copied()
                .filter(move |it| Some(*it) != leader)
        });
        let zone_of = |node: &NodeId| places.topology.nodes.get(node);
        let heirs: Vec<NodeId> = heirs
            .filter(|node| to.is_none() || to.as_ref() == zone_of(node))
            .collect();
        let heir = heirs.get(chance.below(heirs.len())).copied();
        let moved = heir.and_then(node_of).zip(places.groups.get(&shard.shard));
        let act = |(to, group): (usize, &usize)| {
            let act = Act::Move { group: *group, to };
            (Duration::ZERO, act)
        };
        moved.map(act).into_iter().collect()
    }
}

fn each(nodes: &[usize], mut acts: impl FnMut(usize) -> Acts) -> Acts {
    nodes.iter().flat_map(|node| acts(*node)).collect()
}

fn node_of(id: NodeId) -> Option<usize> {
    usize::try_from(id.0).ok()?.checked_sub(1)
}

fn wires(pick: &Pick) -> impl Iterator<Item = (usize, usize)> + use<> {
    let wires = match pick {
        Pick::Wires(wires) => wires.iter().copied().collect(),
        Pick::Zones(_) | Pick::Nodes(_) | Pick::Requests { .. } => Vec::new(),
    };
    wires
        .into_iter()
        .filter_map(|wire| Some((node_of(wire.from)?, node_of(wire.to)?)))
}

/// The ways between the zones picked and all others; between two zones that are both picked, too.
fn borders(pick: &Pick, places: &Places) -> impl Iterator<Item = (usize, usize)> + use<> {
    let zones: BTreeSet<_> = match pick {
        Pick::Zones(zones) => zones.keys().cloned().collect(),
        Pick::Nodes(_) | Pick::Wires(_) | Pick::Requests { .. } => BTreeSet::new(),
    };
    let nodes = &places.topology.nodes;
    let mut ways = Vec::new();
    for (a, zone_a) in nodes {
        for (b, zone_b) in nodes {
            let crosses = zone_a != zone_b && (zones.contains(zone_a) || zones.contains(zone_b));
            if let (true, Some(a), Some(b)) = (crosses, node_of(*a), node_of(*b)) {
                ways.push((a, b));
            }
        }
    }
    ways.into_iter()
}
