//! Points in time, to the second, always in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time as seconds since 1970-01-01T00:00:00Z, written in RFC 3339 with `Z` and no fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text is not a time in the one accepted spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time such as 2026-01-31T12:00:00Z")]
pub struct TimestampError {
    text: String,
}

/// 9999-12-30T22:00:00Z, the last second that the library behind this can say in every time zone.
const LAST: i64 = 253_402_207_200;

impl Timestamp {
    /// Takes seconds since the epoch; outside the years 1970 to 9999 the nearest end counts.
    pub const fn from_seconds(seconds: i64) -> Self {
        if seconds < 0 {
            Self(0)
        } else if seconds > LAST {
            Self(LAST)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This time and so many days.
    pub const fn plus_days(self, days: u32) -> Self {
        Self::from_seconds(self.0 + days as i64 * 86_400)
    }

    /// This time and so many seconds.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError {
            text: text.chars().take(40).collect(),
        };
        let time: jiff::Timestamp = text.parse().map_err(|_| error())?;
        let this = Self(time.as_second());
        if this.0 < 0 || this.0 > LAST || this.to_string() != text {
            return Err(error());
        }
        Ok(this)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let text = "2026-11-21T08:46:00Z";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        for wrong in [
            "2026-11-21T08:46:00.5Z",
            "2026-11-21T08:46:00+00:00",
            "2026-11-21 08:46:00Z",
            "2026-11-21",
            "1969-12-31T23:59:59Z",
            "9999-12-31T00:00:00Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }
}
