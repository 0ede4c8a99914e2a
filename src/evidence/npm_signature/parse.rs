//! Reads of a packument what the registry signed, and when it says that versions were published.
//!
//! A packument comes from whoever served it, so its threats are met here:
//! - tens of megabytes of other facts: they are passed over as they stream by; kept are four short texts for each version
//! - two values behind one key, of which two readers take different ones: refused wherever something is kept
//! - nesting: what is passed over costs a byte for each level and no stack, and what is kept is flat

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The largest packuments list some 20,000 versions.
const MAX_VERSIONS: usize = 200_000;

/// A version has one signature, two while the registry changes its key.
pub(crate) const MAX_SIGNATURES: usize = 8;

/// What is kept of a packument.
#[derive(Debug, Deserialize)]
pub(crate) struct Packument {
    pub(crate) name: String,
    #[serde(deserialize_with = "unique", default)]
    pub(crate) versions: BTreeMap<String, Version>,
    #[serde(deserialize_with = "unique", default)]
    pub(crate) time: BTreeMap<String, Time>,
}

/// What is kept of a version.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) dist: Option<Dist>,
}

/// What is kept of a version's `dist`.
#[derive(Debug, Deserialize)]
pub(crate) struct Dist {
    pub(crate) integrity: Option<String>,
    #[serde(default)]
    pub(crate) signatures: Vec<Signature>,
}

/// A registry's signature.
#[derive(Debug, Deserialize)]
pub(crate) struct Signature {
    pub(crate) keyid: String,
    pub(crate) sig: String,
}

/// When something happened; `None` where the registry wrote no text there, as it does for what was unpublished.
#[derive(Debug)]
pub(crate) struct Time(pub(crate) Option<String>);

/// Reads a packument.
pub(crate) fn read(bytes: &[u8]) -> Result<Packument, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// A map in which no key stands twice.
fn unique<'de, D: Deserializer<'de>, V: Deserialize<'de>>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error> {
    struct Unique<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry()? {
                if map.len() >= MAX_VERSIONS {
                    return Err(A::Error::custom(format_args!("more than {MAX_VERSIONS} entries")));
                }
                if map.insert(key, value).is_some() {
                    return Err(A::Error::custom("a key stands twice in one object"));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                Ok(Time(Some(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Time, E> {
                Ok(Time(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Time, A::Error> {
                while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Time(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Time, A::Error> {
                while access.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Time(None))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_is_passed_over() {
        let packument = read(
            br#"{"_id":"x","name":"x","readme":"...","versions":{"1.0.0":{"name":"x","version":"1.0.0","scripts":{"a":"b"},
            "dist":{"tarball":"t","integrity":"sha512-AA==","signatures":[{"keyid":"k","sig":"s","more":1}]}}},
            "time":{"1.0.0":"2024-01-01T00:00:00.000Z","unpublished":{"versions":["0.1.0"]},"list":[1],"none":null}}"#,
        )
        .unwrap();
        let dist = packument.versions["1.0.0"].dist.as_ref().unwrap();
        assert_eq!(dist.signatures[0].keyid, "k");
        assert!(packument.time["unpublished"].0.is_none());
    }

    #[test]
    fn no_kept_value_has_two_meanings() {
        let good = r#"{"name":"x","versions":{"1":{"version":"1","dist":{"integrity":"a"}}},"time":{"1":"t"}}"#;
        assert!(read(good.as_bytes()).is_ok());
        for (from, to) in [
            (r#""name":"x","#, r#""name":"x","name":"y","#),
            (r#""versions":{"#, r#""versions":{},"versions":{"#),
            (r#""versions":{"#, r#""versions":{"1":{},"#),
            (r#""version":"1","#, r#""version":"1","version":"2","#),
            (r#""integrity":"a""#, r#""integrity":"a","integrity":"b""#),
            (r#""1":"t""#, r#""1":"t","1":"u""#),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(read(format!(r#"{{"name":"x","other":{deep}}}"#).as_bytes()).is_ok());
        for kept in ["name", "versions"] {
            assert!(read(format!(r#"{{"{kept}":{deep}}}"#).as_bytes()).is_err());
        }
    }
}
