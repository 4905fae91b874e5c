//! The user's own traffic in a run: watched from the start of the steady state, judged when everything is over.
//!
//! Must stay true: only a drill without a load does this; what could not be looked at is told.

use ana_drill::observations::Metric;

use super::course::Course;
use crate::drill::ledger::{self, Ledgers, Own};

impl Course {
    /// Begins to watch, if the drill has no load of its own.
    pub(super) fn watch_own(&mut self) {
        let Some(watched) = self.ready.drill.watched() else {
            return;
        };
        let nodes = self.seen.status.nodes.clone();
        let how = (&watched, self.ready.seed);
        self.ledgers = Some(Ledgers::start(&self.cluster, &self.watch, nodes, how));
    }

    /// Reads the watched streams back, collects the last notes, and judges. Also says what could not be done.
    pub(super) async fn judge_own(
        &self,
        ledgers: Ledgers,
        started_at_ms: u64,
    ) -> (Own, Vec<String>) {
        let mut notes = Vec::new();
        let mut logs = Vec::new();
        for stream in ledgers.streams() {
            let upto = ledgers.furthest(&stream);
            match ledger::read_back(&self.cluster, &stream, started_at_ms, &upto).await {
                Ok(log) => logs.push((stream, log)),
                Err(why) => notes.push(why),
            }
        }
        // After the reading: whatever it found was noted by then, or is still under way and waited for.
        let collected = ledgers.finish().await;
        let start = self.journal.started_at().unwrap_or_default();
        let healed = self.timeline.healed_at();
        let healed = healed.map(|at| at.plus(start).micros());
        let mut of_streams = collected.ledgers(healed);
        for (stream, log) in logs {
            let of_stream = of_streams.iter_mut().find(|each| each.name == stream);
            if let Some(of_stream) = of_stream {
                of_stream.ledger.log = Some(log);
            }
        }
        (
            ledger::judge(&collected, &of_streams, start.micros()),
            notes,
        )
    }

    /// Tells the checks of the drill what was found.
    pub(super) fn note_own(&mut self, own: &Own) {
        for (flag, audit) in &own.audits {
            self.during.audit(*flag, audit.clone());
        }
        let lost = own.cluster.puts.iter().filter_map(|puts| puts.lost);
        let lost: Vec<u64> = lost.collect();
        if !lost.is_empty() {
            let now = self.during.now;
            let lost = lost.into_iter().sum();
            self.during.record(Metric::AckedLost, now, lost);
        }
    }
}
