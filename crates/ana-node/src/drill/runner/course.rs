//! The part of a run in which things break: one loop that looks at the clock, at what was measured and at what others
//! tell, and does what the timeline says.
//!
//! Must stay true: the loop ends only when every fault that fired is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_drill::check::Trip;
use ana_drill::observations::{Metric, Observations};
use ana_drill::quantity::Span;
use ana_env::runtime::Tasks;
use ana_env::time;
use ana_types::NodeId;
use tokio::sync::mpsc;

use super::preflight::leaders;
use super::{Outlet, Ready};
use crate::drill::book::{Book, Watch};
use crate::drill::cluster::Cluster;
use crate::drill::hands::{Hands, News, Word};
use crate::drill::journal::Journal;
use crate::drill::load::{self, UnderWay};
use crate::drill::record::{Phase, Record, What};
use crate::drill::snapshot::{Census, Snapshot};
use crate::drill::store::{EventLog, RunDir};
use crate::drill::timeline::{Command, Cut, Timeline};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often is measured, and guards are asked.
const SAMPLE_EVERY: Span = Span::from_millis(250);
/// How often figures are told to whoever watches, and the file is looked for by which others ask for the end.
const FIGURES_EVERY: Span = Span::from_secs(1);
/// A value that does not change is written down again after so long.
const REPEAT_AFTER: Span = Span::from_secs(1);
/// The pause between two looks at the cluster.
const LOOK_PAUSE: Duration = Duration::from_millis(300);
/// Every so many looks the streams and their shards are listed anew.
const CENSUS_LOOKS: u32 = 6;
/// A consumer that is less behind has caught up: it polls a few times in this.
const CAUGHT_UP: Span = Span::from_secs(2);
/// Words of faults, and looks, that may wait.
const WAITING: usize = 64;

/// What is known of one fault.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultSeen {
    pub(super) pick: Option<ana_drill::Pick>,
    pub(super) fired_at: Option<Span>,
    pub(super) over_at: Option<Span>,
    pub(super) p99_us: Option<u64>,
    pub(super) troubles: Vec<String>,
    /// What the nodes it hit led when it fired.
    pub(super) led: Option<usize>,
}

/// A guard that fired.
#[derive(Debug, Clone)]
pub(super) struct Tripped {
    pub(super) check: String,
    pub(super) trip: Trip,
}

/// A run under way.
pub(super) struct Course {
    pub(super) cluster: Cluster,
    pub(super) ready: Ready,
    pub(super) run: RunDir,
    pub(super) outlet: Outlet,
    pub(super) watch: Watch,
    pub(super) book: Book,
    pub(super) journal: Journal,
    pub(super) timeline: Timeline,
    /// Before the drill's clock started, by the watch.
    pub(super) before: Observations,
    /// Since then, by the drill's clock.
    pub(super) during: Observations,
    pub(super) faults: Vec<FaultSeen>,
    pub(super) tripped: Option<Tripped>,
    pub(super) stopped: Option<String>,
    /// Leaders as they were seen: moment, shard, node, term.
    pub(super) leaders: Vec<(Span, String, u64, u64)>,
    /// Records acknowledged by then, about once a second.
    pub(super) acked_so_far: Vec<(Span, u64)>,
    pub(super) refused: Option<String>,
    hands: Hands,
    seen: Snapshot,
    last: BTreeMap<Metric, (Span, u64)>,
    sampled: Span,
    figures: Span,
    leader_changes: u64,
    /// Whether each consumer was behind and has not caught up since.
    behind: Vec<bool>,
    finished: bool,
}

impl Course {
    pub(super) fn new(
        cluster: Cluster,
        ready: Ready,
        run: RunDir,
        log: EventLog,
        outlet: Outlet,
    ) -> (Course, mpsc::Receiver<Word>) {
        let watch = Watch::start(cluster.env().clone());
        let tag = format!("{:08x}", cluster.env().rng.next_u64() >> 32);
        let book = Book::new(watch.clone(), &tag);
        let (words, told) = mpsc::channel(WAITING);
        let hands = Hands::new(cluster.clone(), &tag, ready.seed, watch.clone(), words);
        let journal = Journal::new(std::sync::Arc::clone(&outlet.voice), log, ready.plan.before);
        let faults = vec![FaultSeen::default(); ready.plan.faults.len()];
        let course = Course {
            timeline: Timeline::new(&ready.plan),
            seen: ready.seen.clone(),
            cluster,
            ready,
            run,
            outlet,
            watch,
            book,
            journal,
            before: Observations::default(),
            during: Observations::default(),
            faults,
            tripped: None,
            stopped: None,
            leaders: Vec::new(),
            acked_so_far: Vec::new(),
            refused: None,
            hands,
            last: BTreeMap::new(),
            sampled: Span::ZERO,
            figures: Span::ZERO,
            leader_changes: 0,
            behind: Vec::new(),
            finished: false,
        };
        (course, told)
    }

    /// Runs the drill and gives back its record.
    pub(super) async fn run(
        mut self,
        mut told: mpsc::Receiver<Word>,
        started_at_ms: u64,
    ) -> Record {
        self.note(What::Phase {
            phase: Phase::Steady,
        });
        for text in self.ready.notes.clone() {
            self.note(What::Note { text });
        }
        self.note_leaders(&self.seen.clone(), None);
        let load = match Box::pin(self.start_load()).await {
            Ok(load) => load,
            Err(why) => {
                self.refused = Some(why);
                return Box::pin(self.close(None, started_at_ms)).await;
            }
        };
        let (looks, looked) = mpsc::channel(WAITING);
        let looking = Tasks::new();
        looking.spawn(look_again_and_again(
            self.cluster.clone(),
            self.seen.census.clone(),
            self.book.clone(),
            looks,
        ));
        Box::pin(self.go_on(&mut told, looked)).await;
        looking.shutdown().await;
        Box::pin(self.close(load, started_at_ms)).await
    }

    async fn start_load(&mut self) -> Result<Option<UnderWay>, String> {
        let Some(load) = self.ready.drill.load.clone() else {
            return Ok(None);
        };
        let listed = crate::drill::audit::list(&self.cluster, load.stream.as_str(), &self.book);
        let started = async {
            listed.await?;
            load::start(&self.cluster, &load, &self.book, self.ready.seed).await
        };
        let started = Box::pin(started).await;
        started
            .map(Some)
            .map_err(|error| format!("the load cannot start: {error}"))
    }

    /// The loop.
    async fn go_on(
        &mut self,
        told: &mut mpsc::Receiver<Word>,
        mut looked: mpsc::Receiver<Snapshot>,
    ) {
        let mut tick = time::interval(TICK);
        let mut stop = self.outlet.stop.clone();
        let mut listens = true;
        loop {
            tokio::select! {
                biased;
                Some(word) = told.recv() => self.hear(word),
                Some(seen) = looked.recv() => self.saw(seen),
                changed = stop.changed(), if listens => {
                    listens = changed.is_ok();
                    let how = stop.borrow_and_update().clone();
                    if let Some(how) = how {
                        self.stop(&how);
                    }
                }
                _ = tick.tick() => {
                    if self.ticked().await {
                        return;
                    }
                }
            }
        }
    }

    /// The time by the clock that counts now: the watch's before the start, the drill's after it.
    fn clock(&self) -> Span {
        let start = self.journal.started_at().unwrap_or_default();
        self.watch.now().less(start)
    }

    fn observations(&mut self) -> &mut Observations {
        if self.journal.started_at().is_some() {
            &mut self.during
        } else {
            &mut self.before
        }
    }

    pub(super) fn note(&mut self, what: What) {
        let now = self.watch.now();
        self.journal.note(now, what);
    }

    /// Says whether everything is over.
    async fn ticked(&mut self) -> bool {
        let now = self.watch.now();
        if now.less(self.sampled) >= SAMPLE_EVERY {
            self.sampled = now;
            self.sample(now);
            self.guard();
        }
        if now.less(self.figures) >= FIGURES_EVERY {
            self.figures = now;
            self.tell_figures(now);
            if self.stopped.is_none()
                && let Some(how) = self.run.stop_asked().await
            {
                self.stop(&how);
            }
        }
        let clock = self.clock();
        let healed_at = self.timeline.healed_at();
        let seen = self.observations();
        seen.now = clock;
        seen.healed_at = healed_at;
        let seen = if self.journal.started_at().is_some() {
            &self.during
        } else {
            &self.before
        };
        for command in self.timeline.look(clock, seen) {
            self.finished |= self.carry_out(command);
        }
        self.journal.flush().await;
        self.finished
    }

    /// Says whether everything is over.
    fn carry_out(&mut self, command: Command) -> bool {
        match command {
            Command::Start => {
                let now = self.watch.now();
                self.journal.start(now);
                self.last.clear();
                self.leader_changes = 0;
                self.note(What::Phase {
                    phase: Phase::Faults,
                });
                self.measured(Metric::LeaderChanges, 0);
            }
            Command::Fire(fault) => {
                if let Some(planned) = self.ready.plan.faults.get(fault) {
                    self.hands.fire(fault, planned, self.seen.clone());
                }
            }
            Command::End(fault) => self.hands.end(fault),
            Command::Healed => self.note(What::Phase {
                phase: Phase::Healing,
            }),
            Command::Refuse => {
                let unsteady = self.timeline.unsteady(&self.before);
                let what = unsteady.first().map_or_else(
                    || "the steady state did not hold".to_owned(),
                    |(check, verdict)| format!("the steady state did not hold: {check}: {verdict}"),
                );
                self.refused = Some(what);
                return true;
            }
            Command::Finish => return true,
        }
        false
    }

    fn sample(&mut self, now: Span) {
        let consumers = self
            .ready
            .drill
            .load
            .as_ref()
            .map_or(0, |load| load.consumers);
        let (samples, missed, duplicates) = self.book.with(|inner| {
            let duplicates: u64 = inner.consumers.iter().map(|row| row.duplicates).sum();
            (inner.meter.sample(now), inner.lookout.missed(), duplicates)
        });
        for (metric, value) in samples {
            self.measured(metric, value);
        }
        if consumers > 0 {
            self.note_lags(now);
            self.measured(Metric::AckedLost, missed);
            self.measured(Metric::Duplicates, duplicates);
        }
    }

    /// How far each consumer is behind, and when it had caught up.
    fn note_lags(&mut self, now: Span) {
        let start = self.journal.started_at().unwrap_or_default();
        let healed_at = self.timeline.healed_at().map(|at| at.plus(start));
        let behind = &mut self.behind;
        self.book.with(|inner| {
            behind.resize(inner.consumers.len(), false);
            for (number, row) in inner.consumers.iter_mut().enumerate() {
                let Some(lag) = inner.meter.lag(now, number) else {
                    continue;
                };
                row.lag_max_ms = row.lag_max_ms.max(Some(lag.micros() / 1000));
                let Some(was_behind) = behind.get_mut(number) else {
                    continue;
                };
                if lag > CAUGHT_UP {
                    *was_behind = true;
                } else if let (true, Some(healed_at)) = (*was_behind, healed_at) {
                    *was_behind = false;
                    row.caught_up_after_ms = Some(now.less(healed_at).micros() / 1000);
                }
            }
        });
    }

    /// Writes a measurement down, unless it only repeats the one before.
    fn measured(&mut self, metric: Metric, value: u64) {
        let clock = self.clock();
        let repeats = self
            .last
            .get(&metric)
            .is_some_and(|(at, last)| *last == value && clock.less(*at) < REPEAT_AFTER);
        if repeats {
            return;
        }
        self.last.insert(metric, (clock, value));
        self.observations().record(metric, clock, value);
    }

    /// Guards watch while faults are on.
    fn guard(&mut self) {
        if self.timeline.phase() != Phase::Faults || self.timeline.cut().is_some() {
            return;
        }
        let mut guards = self.ready.plan.stop.iter();
        let tripped = guards.find_map(|check| {
            let trip = check.trips(&self.during)?;
            Some(Tripped {
                check: check.to_string(),
                trip,
            })
        });
        let Some(tripped) = tripped else { return };
        self.note(What::GuardTripped {
            check: tripped.check.clone(),
            found: tripped.trip.found.to_string(),
        });
        self.tripped = Some(tripped);
        self.cut_short(Cut::Guard);
    }

    fn stop(&mut self, how: &str) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some(how.to_owned());
        self.note(What::StopAsked {
            how: how.to_owned(),
        });
        self.cut_short(Cut::Person);
    }

    fn cut_short(&mut self, why: Cut) {
        for command in self.timeline.cut_short(why) {
            self.finished |= self.carry_out(command);
        }
    }

    fn tell_figures(&mut self, now: Span) {
        let acked = self.book.with(|inner| inner.meter.acked());
        self.acked_so_far.push((now, acked));
        let values = self.last.iter();
        let values = values.map(|(metric, (_, value))| (metric.name().to_owned(), *value));
        let values = values.collect();
        self.note(What::Figures { acked, values });
    }

    fn hear(&mut self, word: Word) {
        let Word { fault, at, news } = word;
        let Some(planned) = self.ready.plan.faults.get(fault) else {
            return;
        };
        let (number, action) = (planned.number, planned.action.to_string());
        let Some(seen) = self.faults.get_mut(fault) else {
            return;
        };
        let what = match news {
            News::Fired(pick) => {
                seen.fired_at = Some(at);
                let load = self.ready.drill.load.as_ref();
                let hit = pick.nodes();
                let leads = self.seen.leads().into_iter().filter(|(shard, lead)| {
                    let of_load = shard
                        .as_ref()
                        .is_some_and(|shard| load.is_none_or(|load| load.stream == shard.stream));
                    let is_hit = lead.node.is_some_and(|node| hit.contains(&NodeId(node)));
                    of_load && is_hit
                });
                seen.led = Some(leads.count());
                seen.pick = Some(pick.clone());
                self.book.with(|inner| inner.meter.begin(fault));
                let pick = pick.to_string();
                What::FaultFired {
                    fault: number,
                    action,
                    pick,
                }
            }
            News::Trouble(why) => {
                seen.troubles.push(why.clone());
                What::FaultFailed { fault: number, why }
            }
            News::Over => {
                seen.over_at = Some(at);
                seen.p99_us = self.book.with(|inner| inner.meter.end(fault));
                self.timeline.over(fault);
                if seen.fired_at.is_none() {
                    return;
                }
                What::FaultReverted {
                    fault: number,
                    action,
                }
            }
        };
        self.journal.note(at, what);
    }

    fn saw(&mut self, seen: Snapshot) {
        let before = std::mem::replace(&mut self.seen, seen);
        let seen = self.seen.clone();
        for what in seen.changes_since(&before) {
            if matches!(
                &what,
                What::LeaderChanged {
                    shard: Some(_),
                    to: Some(_),
                    ..
                }
            ) {
                self.leader_changes += 1;
            }
            self.note(what);
        }
        self.note_leaders(&seen, Some(&before));
        self.measured(Metric::LeaderChanges, self.leader_changes);
        let load = self
            .ready
            .drill
            .load
            .as_ref()
            .map(|load| load.stream.clone());
        let mut unwritable: BTreeSet<String> =
            seen.unwritable().iter().map(ToString::to_string).collect();
        if let Some(stream) = load {
            let now = self.watch.now();
            let open = seen.census.open.get(&stream);
            let open = open.map(|open| open.iter().map(ToString::to_string).collect());
            let failing = self.book.with(|inner| {
                if let Some(open) = &open {
                    inner.meter.keep_open(open);
                }
                inner.meter.unwritable(now)
            });
            unwritable.extend(failing.iter().map(|shard| format!("{stream}/{shard}")));
        }
        self.measured(Metric::ShardsUnwritable, count(unwritable.len()));
        let under = seen.under_replicated(Some(&before));
        self.measured(Metric::ShardsUnderReplicated, count(under.len()));
    }

    /// Remembers who leads what, so that a lost record can be told with who acknowledged it.
    fn note_leaders(&mut self, seen: &Snapshot, before: Option<&Snapshot>) {
        let now = self.watch.now();
        let then = before.map(leaders).unwrap_or_default();
        for (shard, lead) in leaders(seen) {
            if then.get(&shard) != Some(&lead) {
                self.leaders.push((now, shard, lead.0, lead.1));
            }
        }
    }
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// Looks at the cluster until nobody wants to know any more.
async fn look_again_and_again(
    cluster: Cluster,
    mut census: Census,
    book: Book,
    looks: mpsc::Sender<Snapshot>,
) {
    let mut number: u32 = 0;
    loop {
        number += 1;
        let has_new_shard = book.with(|inner| inner.meter.take_new_shard());
        if has_new_shard || number.is_multiple_of(CENSUS_LOOKS) {
            Box::pin(cluster.count(&mut census, false)).await;
        }
        if let Ok(seen) = Box::pin(cluster.look(census.clone())).await
            && looks.send(seen).await.is_err()
        {
            return;
        }
        time::sleep(LOOK_PAUSE).await;
    }
}
