//! How far upstreams have come: logs, repositories and indexes whose signed state only ever moves forward.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A signed state of an upstream, as a confirmed proof shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamState {
    /// The evidence kind's id.
    pub kind: String,
    /// Which log, repository or index, unique for the kind.
    pub subject: String,
    /// What its states are ordered by.
    pub order: Order,
    /// Where in that order it stands.
    pub place: u64,
    /// What it is there, where two states of one place contradict each other: a tree's root.
    pub mark: Option<String>,
    /// Other places, with what it is there, that are proven to go with this one: parts of it, or wholes that it is a part of.
    pub goes_with: Vec<(u64, String)>,
}

/// What the states of an upstream are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The time at which it was made, in seconds: an older one has been replaced.
    Dates,
    /// A version: a lower one has been replaced.
    Versions,
    /// How much it holds: a smaller one is a part of every larger one.
    Sizes,
}

impl Order {
    /// A place in words, as the rest of a sentence about a state.
    pub fn say(self, place: u64) -> String {
        match self {
            Self::Dates => i64::try_from(place).map_or_else(
                |_| format!("of second {place}"),
                |seconds| format!("of {}", Timestamp::from_seconds(seconds)),
            ),
            Self::Versions => format!("of version {place}"),
            Self::Sizes => format!("of {place} records"),
        }
    }
}

/// The newest state of an upstream that was ever accepted here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenState {
    /// The evidence kind's id.
    pub kind: String,
    /// Which log, repository or index.
    pub subject: String,
    /// Where in its order it stands.
    pub place: u64,
    /// What it is there, where that counts.
    pub mark: Option<String>,
    /// When the bundle was made that showed it: whoever made a later one could have known it.
    pub exported: Timestamp,
}
