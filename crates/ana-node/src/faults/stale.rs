//! Descriptions of streams as they were a while ago.
//!
//! The node carries every request out as ever, remembers what it answered, and gives the answer of `age` ago. It
//! cannot tell what it was not asked before: the first answer to a request under the fault is the one of now, and
//! stays until it is `age` old.
//!
//! Must stay true: an answer is never older than the fault; what is remembered is bounded, and gone with the fault.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ana_env::time::Instant;
use ana_wire::{Fault, Request, Response};

/// Different requests that are remembered for one fault; others are answered as of now.
const REQUESTS_MAX: usize = 256;
/// Different answers to one request.
const ANSWERS_MAX: usize = 64;

type Answer = Result<Response, Fault>;
type Answers = VecDeque<(Instant, Answer)>;

/// What was answered, by the serial number of the fault and the request.
#[derive(Debug, Default)]
pub(super) struct Stale {
    kept: Mutex<BTreeMap<(u64, String), Answers>>,
}

impl Stale {
    /// The request as it is remembered: everything in it counts.
    pub(super) fn key(request: &Request) -> String {
        format!("{request:?}")
    }

    /// Remembers the answer of `now`, and gives the one of `age` ago; the oldest when there is none of then.
    pub(super) fn answer(
        &self,
        (serial, key): (u64, String),
        (now, age): (Instant, Duration),
        live: Answer,
        is_on: impl Fn(u64) -> bool,
    ) -> Answer {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(serial, _), _| is_on(*serial));
        let key = (serial, key);
        let of_fault = kept.keys().filter(|(other, _)| *other == serial).count();
        if of_fault >= REQUESTS_MAX && !kept.contains_key(&key) {
            return live;
        }
        let answers = kept.entry(key).or_default();
        let is_new = answers.back().is_none_or(|(_, last)| *last != live);
        if is_new && answers.len() < ANSWERS_MAX {
            answers.push_back((now, live.clone()));
        }
        // The newest that was given `age` ago or before.
        let is_old = |at: Instant| now.saturating_duration_since(at) >= age;
        while answers.get(1).is_some_and(|(at, _)| is_old(*at)) {
            answers.pop_front();
        }
        answers.front().map_or(live, |(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use ana_env::time;
    use ana_wire::PutRecordsOutput;

    use super::*;

    const AGE: Duration = Duration::from_secs(30);

    /// An answer that tells one from another.
    fn live(number: usize) -> Answer {
        Ok(Response::PutRecords(PutRecordsOutput {
            records: vec![Err(Fault::internal()); number],
            encrypted: false,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_as_old_as_it_should_be_and_never_older_than_the_fault() {
        let (stale, begun) = (Stale::default(), time::now());
        let ask = |seconds: u64, number| {
            let now = begun + Duration::from_secs(seconds);
            stale.answer((1, "key".to_owned()), (now, AGE), live(number), |_| true)
        };
        assert_eq!(ask(0, 1), live(1));
        assert_eq!(ask(5, 2), live(1), "what is new is not known yet");
        assert_eq!(ask(20, 3), live(1));
        assert_eq!(ask(29, 3), live(1));
        assert_eq!(ask(35, 3), live(2), "as of 5 s");
        assert_eq!(ask(49, 3), live(2));
        assert_eq!(ask(50, 3), live(3));
        assert_eq!(ask(60, 3), live(3), "nothing has changed");
        assert_eq!(ask(61, 4), live(3));
        assert_eq!(ask(91, 4), live(4));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_and_faults_are_kept_apart_and_bounded() {
        let (stale, now) = (Stale::default(), time::now());
        let ask = |serial: u64, key: &str, number, on: u64| {
            let key = (serial, key.to_owned());
            stale.answer(key, (now, AGE), live(number), |serial| serial == on)
        };
        assert_eq!(ask(1, "a", 1, 1), live(1));
        assert_eq!(ask(1, "b", 2, 1), live(2), "another request");
        assert_eq!(ask(1, "a", 3, 1), live(1));
        assert_eq!(ask(2, "a", 4, 2), live(4), "another fault");
        assert_eq!(ask(1, "a", 5, 1), live(5), "what was over is forgotten");
        for number in 0..REQUESTS_MAX {
            assert_eq!(ask(1, &format!("key-{number}"), 1, 1), live(1));
        }
        assert_eq!(ask(1, "one more", 1, 1), live(1));
        assert_eq!(ask(1, "one more", 2, 1), live(2), "not remembered");
        assert_eq!(ask(1, "a", 6, 1), live(5), "still remembered");
    }
}
