//! The time by which things may be destroyed.
//!
//! One clock that jumps ahead must not cut logs or forget shards: what is gone does not come back when the clock does.
//! So whoever is about to destroy by age asks the clocks of the other voters and takes the earliest.
//!
//! Must stay true: without a majority of the clocks nothing is old.

use std::time::Duration;

use ana_types::NodeId;
use futures::future::join_all;

use crate::context::Context;
use crate::forward::{Attempt, ask};
use crate::messages::{AskTime, TimeOfDay};

/// How long a node may take to tell the time.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// The earliest time of day among the clocks of `nodes`; none when fewer than a majority tell it.
pub(crate) async fn agreed_now_ms(context: &Context, nodes: &[NodeId]) -> Option<u64> {
    let asked = nodes.iter().map(|node| async move {
        match ask(context, *node, &AskTime, &mut None, ANSWER_WITHIN).await {
            Attempt::Done(TimeOfDay(now_ms)) => Some(now_ms),
            Attempt::Declined(_) | Attempt::NotReached | Attempt::Lost => None,
        }
    });
    let told: Vec<u64> = join_all(asked).await.into_iter().flatten().collect();
    earliest(nodes.len(), &told)
}

fn earliest(clocks: usize, told: &[u64]) -> Option<u64> {
    told.iter()
        .copied()
        .min()
        .filter(|_| told.len() > clocks / 2)
}

#[cfg(test)]
mod tests {
    use super::earliest;

    #[test]
    fn the_earliest_of_a_majority() {
        let table: &[(usize, &[u64], Option<u64>)] = &[
            (0, &[], None),
            (1, &[7], Some(7)),
            (1, &[], None),
            (2, &[7], None),
            (3, &[7], None),
            (3, &[9, 7], Some(7)),
            (3, &[9, 900, 8], Some(8)),
        ];
        for (clocks, told, expected) in table {
            assert_eq!(earliest(*clocks, told), *expected, "{clocks} {told:?}");
        }
    }
}
