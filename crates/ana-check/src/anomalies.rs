//! One file for each anomaly; each names its rule and where the rule comes from.

use crate::index::Index;
use crate::verdict::{Anomaly, Figures, Judgement};
use crate::work::Work;

mod lost_write;
mod phantom;
mod dirty_read;
mod sequence_reuse;
mod duplicate;
mod send_order;
mod poll_order;
mod stale_read;
mod record_result;
mod split_brain;
mod committed_truncation;
mod replica_divergence;
mod stuck;
mod sentinel;
mod reshard_order;
mod retention;
mod arrival_time;
mod control_order;
mod resurrection;
mod fan_out;

type Judge = fn(&Index<'_>, &mut Judgement, &mut Work);

const JUDGES: [(Anomaly, Judge); 20] = [
    (Anomaly::LostWrite, lost_write::judge),
    (Anomaly::Phantom, phantom::judge),
    (Anomaly::DirtyRead, dirty_read::judge),
    (Anomaly::SequenceReuse, sequence_reuse::judge),
    (Anomaly::Duplicate, duplicate::judge),
    (Anomaly::SendOrder, send_order::judge),
    (Anomaly::PollOrder, poll_order::judge),
    (Anomaly::StaleRead, stale_read::judge),
    (Anomaly::RecordResult, record_result::judge),
    (Anomaly::SplitBrain, split_brain::judge),
    (Anomaly::CommittedTruncation, committed_truncation::judge),
    (Anomaly::ReplicaDivergence, replica_divergence::judge),
    (Anomaly::Stuck, stuck::judge),
    (Anomaly::Sentinel, sentinel::judge),
    (Anomaly::ReshardOrder, reshard_order::judge),
    (Anomaly::Retention, retention::judge),
    (Anomaly::ArrivalTime, arrival_time::judge),
    (Anomaly::ControlOrder, control_order::judge),
    (Anomaly::Resurrection, resurrection::judge),
    (Anomaly::FanOut, fan_out::judge),
];

/// Looks for all of them; one judgement each, in their order.
pub(crate) fn judge(index: &Index<'_>, work: &mut Work) -> Vec<Judgement> {
    let one = |(anomaly, judge): &(Anomaly, Judge)| {
        let mut judgement = Judgement::new(*anomaly);
        judge(index, &mut judgement, work);
        judgement
    };
    JUDGES.iter().map(one).collect()
}

/// What is counted and not judged.
pub(crate) fn figures(index: &Index<'_>) -> Figures {
    let mut figures = Figures::default();
    for (put, fate) in index.puts() {
        if put.is_acknowledged() {
            figures.acknowledged += 1;
            let extra = u64::from(fate.copies.saturating_sub(1));
            figures.retried_duplicates += extra.min(u64::from(put.unanswered));
        } else {
            figures.unacknowledged_found += u64::from(fate.copies > 0);
        }
        figures.refused += u64::from(put.outcome == crate::history::Outcome::Refused);
        figures.unknown += u64::from(put.outcome == crate::history::Outcome::Unknown);
    }
    let count = |records: usize| u64::try_from(records).unwrap_or(u64::MAX);
    figures.read = index.logs.iter().map(|log| count(log.seen.len())).sum();
    figures.foreign = count(index.orphans.len());
    let chains = index.history.chains.iter();
    figures.polled = chains.map(|chain| count(chain.seen.len())).sum();
    figures
}
