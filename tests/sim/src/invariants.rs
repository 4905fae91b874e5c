//! What a run broke: anomalies that the checker found in its history, and what kept it from its end.

use ana_check::Verdict;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub promise: &'static str,
    pub what: String,
}

/// All broken promises of a verdict.
#[must_use]
pub fn broken(verdict: &Verdict) -> Vec<Broken> {
    let broken = |judgement: &ana_check::Judgement| Broken {
        promise: judgement.promise,
        what: judgement.to_string(),
    };
    verdict.broken().map(broken).collect()
}
