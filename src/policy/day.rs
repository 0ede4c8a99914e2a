//! Days, as policies write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Timestamp;

const SECONDS: i64 = 86_400;

/// A day in UTC, written `2027-06-30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Timestamp);

/// A text is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a day such as 2027-06-30", .0.escape_debug())]
pub struct DayError(String);

impl Day {
    /// Its first second.
    pub const fn start(self) -> Timestamp {
        self.0
    }

    /// Its last second.
    pub const fn end(self) -> Timestamp {
        self.0.plus_seconds(SECONDS - 1)
    }

    /// How many days from a time's day to this one; negative if this one is past.
    pub const fn days_after(self, time: Timestamp) -> i64 {
        self.0.seconds().div_euclid(SECONDS) - time.seconds().div_euclid(SECONDS)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split('T').next().unwrap_or(&text))
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let shortened = || DayError(text.chars().take(40).collect());
        // A time has one spelling, and so has what stands before its `T`.
        let start: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| shortened())?;
        Ok(Self(start))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling_and_lasts_until_its_end() {
        let day: Day = "2027-06-30".parse().unwrap();
        assert_eq!(day.to_string(), "2027-06-30");
        assert_eq!(day.end().to_string(), "2027-06-30T23:59:59Z");
        assert_eq!(day.days_after("2027-06-28T23:59:59Z".parse().unwrap()), 2);
        assert_eq!(day.days_after("2027-07-01T00:00:00Z".parse().unwrap()), -1);
        for wrong in [
            "2027-6-30",
            "2027-06-31",
            "2027-06-30T00:00:00Z",
            "",
            "27-06-30",
            "2027-06-3é",
        ] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }
}
