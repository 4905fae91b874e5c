//! Moments as FIS writes them: seconds since 1970, with decimals; milliseconds here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(Duration::from_millis(self.0).as_secs_f64())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        use serde::de::Error;
        let seconds = f64::deserialize(deserializer)?;
        let exact = Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)?;
        // A float is never quite the millisecond that was written.
        let nearest = exact.saturating_add(Duration::from_micros(500));
        u64::try_from(nearest.as_millis())
            .map(Moment)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn milliseconds_come_back() {
        for ms in [
            0,
            1,
            999,
            1_795_840_870_123,
            1_795_840_870_999,
            253_402_300_799_999,
        ] {
            let text = serde_json::to_string(&Moment(ms)).expect("a number");
            let back: Moment = serde_json::from_str(&text).expect("a moment");
            assert_eq!(back, Moment(ms), "{text}");
        }
        assert_eq!(
            serde_json::to_string(&Moment(1500)).expect("a number"),
            "1.5"
        );
        serde_json::from_str::<Moment>("-1").expect_err("before 1970");
    }
}
