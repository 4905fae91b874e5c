//! What a drill expected, each with its verdict: the same lines for real processes and for the simulator.

use super::seconds;
use crate::drill::record::{Expectation, Judgement};
use crate::output::Paint;

/// How many held, then each; `all` is not empty.
pub(in crate::drill) fn lines(all: &[Expectation], paint: Paint) -> Vec<String> {
    let held = all
        .iter()
        .filter(|each| matches!(each.judgement, Judgement::Held { .. }));
    let count = format!("expectations {}/{} held", held.count(), all.len());
    let each = all.iter().map(|expectation| line(expectation, paint));
    std::iter::once(count).chain(each).collect()
}

fn line(expectation: &Expectation, paint: Paint) -> String {
    let (mark, words) = match &expectation.judgement {
        Judgement::Held { seen } => (
            paint.verdict(true, "held  "),
            seen.as_ref()
                .map_or(String::new(), |seen| format!("  ({seen})")),
        ),
        Judgement::Broken { at_ms, found } => {
            let at = at_ms.map_or(String::new(), |at| format!(" at {}", seconds(at)));
            (paint.verdict(false, "BROKEN"), format!("{at}: {found}"))
        }
        Judgement::NotExercised { why } => ("  -   ".to_owned(), format!("  not exercised: {why}")),
    };
    format!("  {mark}  {}{words}", expectation.check)
}
