//! What was expected and what became of it.

use serde::{Deserialize, Serialize};

/// One expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The check as the file writes it.
    pub check: String,
    /// What became of it.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// What became of an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Judgement {
    /// It held, and there was data to say so.
    Held {
        /// The figure nearest to the limit, or what was looked at: `worst 840ms`, `28914 records`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
    },
    /// It did not.
    Broken {
        /// When it was first seen not to hold; audits have no moment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_ms: Option<i64>,
        /// What was found instead.
        found: String,
    },
    /// Nothing was seen that could have broken it.
    NotExercised {
        /// Why.
        why: String,
    },
}

impl Judgement {
    /// One word: `held`, `broken`, `not exercised`.
    pub fn word(&self) -> &'static str {
        match self {
            Judgement::Held { .. } => "held",
            Judgement::Broken { .. } => "broken",
            Judgement::NotExercised { .. } => "not exercised",
        }
    }
}
