//! The end of a run: the load ends, everything is read back and compared, and the record is made.
//!
//! Must stay true: a run passes only when every fault fired, everything was looked at that could be, and nothing that was
//! found is left out.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_check::{Anomaly, Sequence};
use ana_drill::check::{Check, Subject};
use ana_drill::observations::{Flag, Metric};
use ana_drill::quantity::Span;

use ana_types::NodeId;

use super::course::{Course, FaultSeen};
use crate::drill::audit::{self, Comparison};
use crate::drill::journal::since;
use crate::drill::judge::{self, Judged};
use crate::drill::load::UnderWay;
use crate::drill::record::{
    Acknowledgement, Broken, BrokenRecord, Event, Expectation, FORMAT, FaultRow, Judgement,
    LoadCounts, Outcome, Phase, Record, Series, SeriesUnit, What,
};
use crate::drill::rows;
use crate::drill::timeline::Cut;

/// How long open records get to be settled, and consumers to read everything.
const SETTLE: Duration = Duration::from_secs(10);
const CATCH_UP: Duration = Duration::from_secs(30);
/// What lies so near to the first broken invariant is told with it.
const AROUND_MS: i64 = 5000;
/// Records that are told of a broken invariant.
const RECORDS_MAX: usize = 10;

impl Course {
    /// Ends everything and makes the record.
    pub(super) async fn close(mut self, load: Option<UnderWay>, started_at_ms: u64) -> Record {
        self.note(What::Phase {
            phase: Phase::Audit,
        });
        self.journal.flush().await;
        let has_load = load.is_some();
        if let Some(load) = load {
            Box::pin(load.finish(SETTLE, CATCH_UP)).await;
        }
        let started = self.journal.started_at().is_some();
        let mut read_back = false;
        let mut comparison = None;
        if started {
            let audits = Box::pin(self.audits(has_load, started_at_ms));
            let mut stop = self.outlet.stop.clone();
            // Whoever asked for the end before wants the report; who asks now does not want to wait for it.
            stop.mark_unchanged();
            let done = tokio::select! {
                biased;
                Ok(()) = stop.changed() => None,
                done = audits => Some(done),
            };
            match done {
                Some((read, compared, notes)) => {
                    (read_back, comparison) = (read, compared);
                    self.ready.notes.extend(notes);
                }
                None => {
                    let how = stop.borrow().clone();
                    self.stopped = self.stopped.take().or(how);
                    self.ready
                        .notes
                        .push("the audits were broken off".to_owned());
                }
            }
        }
        let judged = self.book.with(|inner| {
            judge::judge(&inner.history, read_back, &inner.keys, comparison.as_ref())
        });
        let record = self.record(&judged, comparison.as_ref(), started_at_ms);
        self.note(What::Phase { phase: Phase::Over });
        self.journal.flush().await;
        record
    }

    /// Whether the stream was read back, what the replicas said, and what could not be done.
    async fn audits(
        &self,
        has_load: bool,
        started_at_ms: u64,
    ) -> (bool, Option<Comparison>, Vec<String>) {
        let mut notes = Vec::new();
        let mut streams = BTreeSet::new();
        let mut read_back = false;
        if let (true, Some(load)) = (has_load, &self.ready.drill.load) {
            let stream = load.stream.as_str();
            streams.insert(stream.to_owned());
            let since_ms = (!self.ready.stream_created).then_some(started_at_ms);
            match audit::read_back(&self.cluster, stream, since_ms, &self.book).await {
                Ok(()) => read_back = true,
                Err(why) => notes.push(why),
            }
        }
        match Box::pin(audit::compare(&self.cluster, &streams, &self.book)).await {
            Ok(comparison) => (read_back, Some(comparison), notes),
            Err(why) => {
                notes.push(format!("the replicas cannot be compared: {why}"));
                (read_back, None, notes)
            }
        }
    }

    fn record(
        &mut self,
        judged: &Judged,
        comparison: Option<&Comparison>,
        started_at_ms: u64,
    ) -> Record {
        for (flag, audit) in &judged.audits {
            self.during.audit(*flag, audit.clone());
        }
        if let Some(load) = &judged.load {
            let now = self.during.now;
            self.during.record(Metric::AckedLost, now, load.lost);
        }
        let start = self.journal.started_at();
        let expectations = self.expectations(judged);
        let (outcome, why) = self.outcome(&expectations);
        let drill = &self.ready.drill;
        Record {
            format: FORMAT,
            id: self.run.id().to_owned(),
            drill: drill.name.to_string(),
            about: drill.about.clone(),
            seed: self.ready.seed,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms,
            duration_ms: self.watch.now().micros() / 1000,
            outcome,
            why,
            endpoint: self.cluster.endpoint().to_string(),
            healed_at_ms: self.timeline.healed_at().map(|at| since(Span::ZERO, at)),
            load: self.load_counts(judged),
            replicas: comparison.map(|comparison| comparison.compared.clone()),
            anomalies: judge::rows(&judged.verdict),
            faults: self.fault_rows(),
            first_broken: start.and_then(|_| self.first_broken(judged, &expectations)),
            expectations,
            consumers: self.consumers(),
            series: self.series(),
            events: self.journal.events(),
            cluster: None,
            application: None,
            notes: self.ready.notes.clone(),
            again: self.ready.again.clone(),
            plan: Some(drill.to_string()),
        }
    }

    /// What was expected, and what the checker found that nobody had expected anything of.
    fn expectations(&self, judged: &Judged) -> Vec<Expectation> {
        if self.journal.started_at().is_none() {
            return Vec::new();
        }
        let expect = self.ready.plan.expect.iter();
        let mut all: Vec<Expectation> = expect
            .map(|check| rows::expectation(check, &self.during))
            .collect();
        let asked: BTreeSet<Flag> = self
            .ready
            .plan
            .expect
            .iter()
            .filter_map(|check| match check.subject {
                Subject::Flag(flag) => Some(flag),
                Subject::Measure { .. } | Subject::AllShardsWritable => None,
            })
            .collect();
        for judgement in judged.verdict.broken() {
            let told = judge::flag_of(judgement.anomaly).is_some_and(|flag| asked.contains(&flag));
            if !told {
                all.push(Expectation {
                    check: format!("{}: {}", judgement.anomaly.id(), judgement.promise),
                    judgement: Judgement::Broken {
                        at_ms: None,
                        found: judge::in_words(judgement),
                    },
                });
            }
        }
        all
    }

    fn outcome(&self, expectations: &[Expectation]) -> (Outcome, Option<String>) {
        if let Some(why) = &self.refused {
            return (Outcome::CouldNotRun, Some(why.clone()));
        }
        match self.timeline.cut() {
            Some(Cut::Guard) => {
                let why = self
                    .tripped
                    .as_ref()
                    .map(|tripped| format!("{}: {}", tripped.check, tripped.trip.found));
                return (Outcome::StoppedByGuard, why);
            }
            Some(Cut::Person) => return (Outcome::StoppedByPerson, self.stopped.clone()),
            None => {}
        }
        let broken = expectations.iter().find_map(|each| match &each.judgement {
            Judgement::Broken { found, .. } => Some(format!("{}: {found}", each.check)),
            Judgement::Held { .. } | Judgement::NotExercised { .. } => None,
        });
        if broken.is_some() {
            return (Outcome::Broken, broken);
        }
        if let Some(how) = &self.stopped {
            return (Outcome::StoppedByPerson, Some(how.clone()));
        }
        let plan = self.ready.plan.faults.iter();
        let silent = plan
            .zip(&self.faults)
            .find(|(_, seen)| seen.fired_at.is_none());
        if let Some((planned, seen)) = silent {
            let why = seen.troubles.first().map_or("", String::as_str);
            let why = format!("step {} did not fire: {why}", planned.number);
            return (Outcome::CouldNotRun, Some(why));
        }
        (Outcome::Passed, None)
    }

    fn load_counts(&self, judged: &Judged) -> Option<LoadCounts> {
        let load = self.ready.drill.load.as_ref()?;
        let (acked, puts) = self.book.with(|inner| (inner.meter.acked(), inner.puts));
        Some(LoadCounts {
            stream: load.stream.to_string(),
            stream_created: self.ready.stream_created,
            acked,
            unacked: puts.unacked,
            retried: puts.retried,
            throttled: puts.throttled,
            audit: judged.load.clone(),
        })
    }

    fn fault_rows(&self) -> Vec<FaultRow> {
        let start = self.journal.started_at().unwrap_or_default();
        let plan = self.ready.plan.faults.iter();
        let row = |(planned, seen): (&ana_drill::plan::Planned, &FaultSeen)| {
            let fired = seen.fired_at.map(|at| at.less(start));
            let over = fired.and(seen.over_at).map(|at| at.less(start));
            let gap = fired.zip(over);
            let gap = gap.and_then(|(fired, over)| rows::gap_during(&self.during, fired, over));
            let normal = over.and_then(|over| rows::normal_after(&self.during, over));
            let ms = |span: Span| span.micros() / 1000;
            FaultRow {
                number: planned.number,
                name: planned.name.clone(),
                action: planned.action.to_string(),
                on: planned.on.to_string(),
                pick: seen.pick.clone(),
                planned_at_ms: since(Span::ZERO, planned.at),
                fired_at_ms: fired.map(|at| since(Span::ZERO, at)),
                reverted_at_ms: over.map(|at| since(Span::ZERO, at)),
                write_gap_ms: gap.map(ms),
                put_p99_ms: seen.p99_us.map(|us| us.div_ceil(1000)),
                normal_after_ms: normal.map(ms),
                note: self.fault_note(planned, seen, start),
            }
        };
        plan.zip(&self.faults).map(row).collect()
    }

    fn fault_note(
        &self,
        planned: &ana_drill::plan::Planned,
        seen: &FaultSeen,
        start: Span,
    ) -> Option<String> {
        let mut notes = Vec::new();
        match (seen.fired_at, seen.troubles.first()) {
            (None, Some(why)) => notes.push(format!("did not fire: {why}")),
            (None, None) => notes.push("did not fire".to_owned()),
            (Some(_), Some(why)) => notes.push(why.clone()),
            (Some(_), None) => {}
        }
        if let (Some(fired), Some(pick)) = (seen.fired_at, &seen.pick) {
            let hit = pick.nodes();
            let harms = planned.action.spec().harm != ana_drill::action::Harm::Nothing;
            if seen.led == Some(0) && harms && !hit.is_empty() {
                notes.push("what it hit led no shard of the load".to_owned());
            }
            let fired_ms = since(start, fired);
            let until_ms = seen.over_at.map_or(i64::MAX, |at| since(start, at));
            let stream = self.ready.drill.load.as_ref();
            let stream = stream.map(|load| format!("{}/", load.stream));
            let mut events = self.journal.events();
            // What becomes of other streams is not seen by the writers that are told of here.
            events.retain(|event| match (&event.what, &stream) {
                (
                    What::LeaderChanged {
                        shard: Some(shard), ..
                    },
                    Some(stream),
                ) => shard.starts_with(stream.as_str()),
                _ => true,
            });
            let moved = moved(&events, &hit, (fired_ms, until_ms));
            if let Some(moved) = moved {
                let after = u64::try_from(moved - fired_ms).unwrap_or(0);
                let after = rows::short(Span::from_millis(after));
                notes.push(format!("leadership moved after {after}"));
            }
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn first_broken(&self, judged: &Judged, expectations: &[Expectation]) -> Option<Broken> {
        let flags = self.ready.plan.expect.iter().map(flag_of_check);
        let flags: Vec<Option<Flag>> = flags.collect();
        let broken = expectations.iter().enumerate().filter_map(|(place, each)| {
            let Judgement::Broken { at_ms, found } = &each.judgement else {
                return None;
            };
            let mut records = match flags.get(place).copied().flatten() {
                Some(flag) => judge::records_of(&judged.verdict, flag),
                None => unasked(judged, &each.check),
            };
            records.truncate(RECORDS_MAX);
            let records: Vec<BrokenRecord> =
                records.into_iter().map(|record| self.who(record)).collect();
            let told = records
                .first()
                .and_then(|record| record.acknowledged.as_ref());
            Some(Broken {
                check: each.check.clone(),
                at_ms: at_ms.or(told.map(|told| told.at_ms)),
                found: found.clone(),
                records,
                around: Vec::new(),
            })
        });
        let guard = self.tripped.as_ref().map(|tripped| Broken {
            check: tripped.check.clone(),
            at_ms: Some(since(Span::ZERO, tripped.trip.at)),
            found: tripped.trip.found.to_string(),
            records: Vec::new(),
            around: Vec::new(),
        });
        let all = broken.chain(guard);
        let mut first = all.min_by_key(|broken| broken.at_ms.unwrap_or(i64::MAX))?;
        if let Some(at_ms) = first.at_ms {
            let near = |event: &Event| (event.at_ms - at_ms).abs() <= AROUND_MS;
            first.around = self.journal.events().into_iter().filter(near).collect();
        }
        Some(first)
    }

    /// Adds who led the record's shard when it was acknowledged.
    fn who(&self, told: judge::Told) -> BrokenRecord {
        let judge::Told {
            mut record,
            answered_us,
        } = told;
        let Some(at) = answered_us.map(Span::from_micros) else {
            return record;
        };
        let start = self.journal.started_at().unwrap_or_default();
        let stream = self
            .ready
            .drill
            .load
            .as_ref()
            .map(|load| load.stream.to_string());
        let shard = format!("{}/{}", stream.unwrap_or_default(), record.shard);
        let lead = self
            .leaders
            .iter()
            .rev()
            .find(|(seen, name, ..)| *name == shard && *seen <= at);
        let counter = Sequence::read(&record.sequence_number).counter();
        record.acknowledged = Some(Acknowledgement {
            at_ms: since(start, at),
            node: lead.map(|(_, _, node, _)| *node),
            term: lead.map(|(_, _, _, term)| *term),
            // The upper bits of a record's place are the entry of the log.
            index: counter.map(|counter| counter >> 16),
        });
        record
    }

    fn consumers(&self) -> Vec<crate::drill::record::ConsumerRow> {
        let start = self.journal.started_at().unwrap_or_default();
        let shift = since(Span::ZERO, start);
        let mut rows = self.book.with(|inner| inner.consumers.clone());
        for row in &mut rows {
            for gap in &mut row.gaps {
                gap.at_ms -= shift;
            }
        }
        rows
    }

    fn series(&self) -> Vec<Series> {
        let start = self.journal.started_at().unwrap_or_default();
        let mut all = rows::series(&self.before, start, &self.during);
        all.push(Series {
            metric: "acked_per_second".to_owned(),
            unit: SeriesUnit::Count,
            points: rows::thinned(rows::per_second(start, &self.acked_so_far)),
        });
        all
    }
}

/// When, within these moments, a shard that one of the nodes led was led by another.
fn moved(
    events: &[Event],
    hit: &BTreeSet<NodeId>,
    (since_ms, until_ms): (i64, i64),
) -> Option<i64> {
    let mut lost: BTreeSet<&str> = BTreeSet::new();
    let during = events
        .iter()
        .filter(|event| since_ms <= event.at_ms && event.at_ms <= until_ms);
    for event in during {
        let What::LeaderChanged {
            shard: Some(shard),
            from,
            to,
            ..
        } = &event.what
        else {
            continue;
        };
        if from.is_some_and(|from| hit.contains(&NodeId(from))) {
            lost.insert(shard);
        }
        if lost.contains(shard.as_str()) && to.is_some_and(|to| !hit.contains(&NodeId(to))) {
            return Some(event.at_ms);
        }
    }
    None
}

fn flag_of_check(check: &Check) -> Option<Flag> {
    match check.subject {
        Subject::Flag(flag) => Some(flag),
        Subject::Measure { .. } | Subject::AllShardsWritable => None,
    }
}

/// The records of what the checker found by itself.
fn unasked(judged: &Judged, check: &str) -> Vec<judge::Told> {
    let anomaly = Anomaly::ALL
        .into_iter()
        .find(|anomaly| check.starts_with(&format!("{}: ", anomaly.id())));
    anomaly.map_or_else(Vec::new, |anomaly| {
        judge::records(judged.verdict.of(anomaly))
    })
}
