//! Reads of a packument what the registry signed, and when it says that versions were published.
//!
//! A packument comes from whoever served it, so its threats are met here:
//! - tens of megabytes of other facts: they are passed over, and of the versions only the entry is read that somebody asks about
//! - two values behind one key, of which two readers take different ones: refused wherever something is kept
//! - nesting: what is passed over costs a byte for each level and no stack, and what is kept is flat

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The largest packuments list some 20,000 versions.
const MAX_VERSIONS: usize = 200_000;

/// A version has one signature, two while the registry changes its key.
pub(crate) const MAX_SIGNATURES: usize = 8;

/// How many bytes of a packument tell of one version, in most.
const VERSION_BYTES: usize = 2048;

/// How many bytes of its keys and times are kept.
const KEPT_BYTES: usize = 64;

/// For how many versions room is taken before they are read.
const MAX_EXPECTED: usize = 1024;

/// A packument, of which one version or a few are asked about: the entries of the others are passed over and never read.
#[derive(Debug)]
pub(crate) struct Packument {
    whole: String,
    // What is kept beside it: there are hundreds of keys and times, and they lie in one string.
    texts: String,
    name: Place,
    // By their keys; the entries lie in the whole text.
    versions: Vec<(Place, Place)>,
    times: Vec<(Place, Option<Place>)>,
}

/// Where a text lies.
type Place = Range<usize>;

/// What is kept of a version.
#[derive(Debug, Deserialize)]
pub(crate) struct Version<'p> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'p>>,
    #[serde(borrow)]
    pub(crate) version: Option<Text<'p>>,
    #[serde(borrow, default)]
    pub(crate) dist: Option<Dist<'p>>,
}

/// What a version says of its tarball.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Dist<'p> {
    #[serde(borrow)]
    pub(crate) integrity: Option<Text<'p>>,
    #[serde(borrow, default)]
    pub(crate) signatures: Vec<Signature<'p>>,
}

/// A registry's signature.
#[derive(Debug, Deserialize)]
pub(crate) struct Signature<'p> {
    #[serde(borrow)]
    pub(crate) keyid: Text<'p>,
    #[serde(borrow)]
    pub(crate) sig: Text<'p>,
}

/// A text that most often needs no copy.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'p>(#[serde(borrow)] pub(crate) Cow<'p, str>);

impl Packument {
    pub(crate) fn name(&self) -> &str {
        &self.texts[self.name.clone()]
    }

    /// What is kept of a version, if it is listed. Only now its entry is read.
    pub(crate) fn version(&self, version: &str) -> Option<Result<Version<'_>, serde_json::Error>> {
        let place = self.find(&self.versions, version)?.clone();
        Some(serde_json::from_str(&self.whole[place]))
    }

    /// When a version was published; `None` also where the registry wrote no text there, as it does for what was unpublished.
    pub(crate) fn time(&self, version: &str) -> Option<&str> {
        self.find(&self.times, version)?.clone().map(|place| &self.texts[place])
    }

    fn find<'p, V>(&self, entries: &'p [(Place, V)], key: &str) -> Option<&'p V> {
        let found = entries.binary_search_by(|(place, _)| self.texts[place.clone()].cmp(key));
        found.ok().map(|index| &entries[index].1)
    }
}

/// Reads a packument.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Packument, serde_json::Error> {
    let whole = String::from_utf8(bytes).map_err(serde_json::Error::custom)?;
    let mut kept = Kept::of(&whole);
    let mut deserializer = serde_json::Deserializer::from_str(&whole);
    let name = deserializer.deserialize_map(Whole(&mut kept))?;
    deserializer.end()?;
    let Kept {
        texts,
        mut versions,
        mut times,
        ..
    } = kept;
    by_key(&texts, &mut versions)?;
    by_key(&texts, &mut times)?;
    Ok(Packument {
        whole,
        texts,
        name,
        versions,
        times,
    })
}

/// Brings entries into the order of their keys, of which none stands twice.
fn by_key<V>(texts: &str, entries: &mut [(Place, V)]) -> Result<(), serde_json::Error> {
    entries.sort_unstable_by(|(one, _), (other, _)| texts[one.clone()].cmp(&texts[other.clone()]));
    let is_twice = |pair: &[(Place, V)]| texts[pair[0].0.clone()] == texts[pair[1].0.clone()];
    if entries.windows(2).any(is_twice) {
        return Err(serde_json::Error::custom("a key stands twice in one object"));
    }
    Ok(())
}

/// What was kept so far.
struct Kept<'w> {
    whole: &'w str,
    texts: String,
    versions: Vec<(Place, Place)>,
    times: Vec<(Place, Option<Place>)>,
}

impl<'w> Kept<'w> {
    /// Takes room at once for what a packument of this size most often holds: lists that grow step by step cost as much as what is put into them.
    fn of(whole: &'w str) -> Self {
        let versions = (whole.len() / VERSION_BYTES).min(MAX_EXPECTED);
        Self {
            whole,
            texts: String::with_capacity(versions * KEPT_BYTES),
            versions: Vec::with_capacity(versions),
            times: Vec::with_capacity(versions),
        }
    }

    fn keep(&mut self, text: &str) -> Place {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn keep_version(&mut self, key: &Text<'_>, entry: &RawValue) {
        // An entry is a piece of the whole text, so its place follows from where both lie.
        let start = entry.get().as_ptr().addr() - self.whole.as_ptr().addr();
        let key = self.keep(&key.0);
        self.versions.push((key, start..start + entry.get().len()));
    }

    fn keep_time(&mut self, key: &Text<'_>, time: &TimeText<'_>) {
        let place = time.0.as_ref().map(|text| self.keep(text));
        let key = self.keep(&key.0);
        self.times.push((key, place));
    }
}

/// A packument's keys.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Name,
    Versions,
    Time,
    #[serde(other)]
    Other,
}

/// A packument as it is read; its texts lie in its bytes.
struct Whole<'k, 'w>(&'k mut Kept<'w>);

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a packument")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Place, A::Error> {
        let kept = self.0;
        let (mut name, mut versions, mut time) = (None, None, None);
        while let Some(field) = access.next_key::<Field>()? {
            match field {
                Field::Other => drop(access.next_value::<IgnoredAny>()?),
                Field::Name if name.is_none() => name = Some(kept.keep(&access.next_value::<Text<'_>>()?.0)),
                Field::Versions if versions.is_none() => {
                    versions = Some(
                        access.next_value_seed(Each::new(|key, entry: &&RawValue| kept.keep_version(key, entry)))?,
                    );
                }
                Field::Time if time.is_none() => {
                    time = Some(access.next_value_seed(Each::new(|key, time| kept.keep_time(key, time)))?);
                }
                _ => return Err(A::Error::custom("what is kept of a packument stands in it twice")),
            }
        }
        name.ok_or_else(|| A::Error::missing_field("name"))
    }
}

/// Gives each entry of an object to whoever keeps it.
struct Each<F, V>(F, PhantomData<V>);

impl<F: FnMut(&Text<'_>, &V), V> Each<F, V> {
    const fn new(keep: F) -> Self {
        Self(keep, PhantomData)
    }
}

impl<'de, F: FnMut(&Text<'_>, &V), V: Deserialize<'de>> DeserializeSeed<'de> for Each<F, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&Text<'_>, &V), V: Deserialize<'de>> Visitor<'de> for Each<F, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some((key, value)) = access.next_entry()? {
            if count >= MAX_VERSIONS {
                return Err(A::Error::custom(format_args!("more than {MAX_VERSIONS} entries")));
            }
            count += 1;
            (self.0)(&key, &value);
        }
        Ok(())
    }
}

/// When something happened; `None` where no text stands there.
struct TimeText<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for TimeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;

        impl<'de> Visitor<'de> for Time {
            type Value = TimeText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<TimeText<'de>, E> {
                Ok(TimeText(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<TimeText<'de>, E> {
                Ok(TimeText(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<TimeText<'de>, E> {
                Ok(TimeText(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<TimeText<'de>, A::Error> {
                while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(TimeText(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<TimeText<'de>, A::Error> {
                while access.next_element::<IgnoredAny>()?.is_some() {}
                Ok(TimeText(None))
            }
        }

        deserializer.deserialize_any(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
        text.as_ref().map(|text| text.0.as_ref())
    }

    /// Reads a packument, and the entry of version 1.
    fn read_one(bytes: &[u8]) -> Result<(), serde_json::Error> {
        read(bytes.to_vec())?.version("1").transpose().map(drop)
    }

    #[test]
    fn what_is_not_signed_is_passed_over() {
        let packument = read(
            br#"{"_id":"x","name":"x","readme":"...","versions":{"1.0.0":{"name":"x","version":"1.0.0","scripts":{"a":"b"},
            "dist":{"tarball":"t","integrity":"sha512-AA==","signatures":[{"keyid":"k","sig":"s","more":1}]}}},
            "time":{"1.0.0":"2024-01-01T00:00:00.000Z","unpublished":{"versions":["0.1.0"]},"list":[1],"none":null}}"#
                .to_vec(),
        )
        .unwrap();
        let version = packument.version("1.0.0").unwrap().unwrap();
        assert_eq!(
            (shown(&version.name), shown(&version.version)),
            (Some("x"), Some("1.0.0"))
        );
        let dist = version.dist.unwrap();
        assert_eq!(shown(&dist.integrity), Some("sha512-AA=="));
        assert_eq!((&*dist.signatures[0].keyid.0, &*dist.signatures[0].sig.0), ("k", "s"));
        assert_eq!(packument.time("1.0.0"), Some("2024-01-01T00:00:00.000Z"));
        for key in ["unpublished", "list", "none", "absent"] {
            assert_eq!(packument.time(key), None);
        }
    }

    #[test]
    fn each_version_has_its_own_whatever_their_order_and_spelling() {
        let entry = |key: &str, number: usize| {
            let signatures = vec![format!(r#"{{"keyid":"k{number}","sig":"s"}}"#); number].join(",");
            format!(
                r#""{key}":{{"version":"\u0031.{number}","dist":{{"integrity":"i{number}","signatures":[{signatures}]}}}}"#
            )
        };
        let keys = ["2.0.0", "10.0.0", "1.0.0", "1.0.0-\\u0062"];
        let entries: Vec<_> = keys.iter().zip(0..).map(|(key, number)| entry(key, number)).collect();
        let packument = read(format!(r#"{{"name":"x","versions":{{{}}}}}"#, entries.join(",")).into_bytes()).unwrap();
        for (number, key) in ["2.0.0", "10.0.0", "1.0.0", "1.0.0-b"].into_iter().enumerate() {
            let version = packument.version(key).unwrap().unwrap();
            assert_eq!(shown(&version.version), Some(format!("1.{number}").as_str()));
            let dist = version.dist.unwrap();
            assert_eq!(shown(&dist.integrity), Some(format!("i{number}").as_str()));
            assert_eq!(dist.signatures.len(), number);
            let mut signatures = dist.signatures.iter();
            assert!(signatures.all(|signature| signature.keyid.0 == format!("k{number}")));
        }
        assert!(packument.version("3.0.0").is_none() && packument.time("1.0.0").is_none());
    }

    #[test]
    fn no_kept_value_has_two_meanings() {
        let good = r#"{"name":"x","versions":{"1":{"version":"1","dist":{"integrity":"a"}}},"time":{"1":"t"}}"#;
        assert!(read_one(good.as_bytes()).is_ok());
        for (from, to) in [
            (r#""name":"x","#, r#""name":"x","name":"y","#),
            (r#""versions":{"#, r#""versions":{},"versions":{"#),
            (r#""versions":{"#, r#""versions":{"1":{},"#),
            (r#""time":{"#, r#""time":{},"time":{"#),
            (r#""version":"1","#, r#""version":"1","version":"2","#),
            (r#""integrity":"a""#, r#""integrity":"a","integrity":"b""#),
            (r#""1":"t""#, r#""1":"t","1":"u""#),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            assert!(read_one(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_packument_is_refused() {
        for wrong in [
            &br#"{"versions":{}}"#[..],
            br#"{"name":null}"#,
            br#"{"name":"x"} {}"#,
            br#"{"name":"x","versions":[]}"#,
            br#"{"name":"x","versions":null}"#,
            br#"{"name":"x","versions":{"1":{"dist":{"signatures":[{"keyid":"k"}]}}}}"#,
            b"{\"name\":\"x\",\"readme\":\"\xff\"}",
            b"[]",
        ] {
            assert!(read_one(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
        assert!(read_one(br#"{"name":"x","versions":{"1":{"name":null,"dist":null}}}"#).is_ok());
        // What nobody asks about decides nothing.
        assert!(read_one(br#"{"name":"x","versions":{"1":{},"2":{"dist":7}}}"#).is_ok());
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(read_one(format!(r#"{{"name":"x","other":{deep}}}"#).as_bytes()).is_ok());
        for kept in ["name", "versions"] {
            assert!(read_one(format!(r#"{{"{kept}":{deep}}}"#).as_bytes()).is_err());
        }
        for asked in [format!("{{\"1\":{deep}}}"), format!("{{\"1\":{{\"dist\":{deep}}}}}")] {
            assert!(read_one(format!(r#"{{"name":"x","versions":{asked}}}"#).as_bytes()).is_err());
        }
        assert!(read_one(format!(r#"{{"name":"x","versions":{{"1":{{"scripts":{deep}}}}}}}"#).as_bytes()).is_ok());
    }

    #[test]
    fn a_packument_lists_no_more_than_any_real_one() {
        let listed = |field: &str, count: usize| {
            let entries: Vec<String> = (0..count).map(|number| format!("\"{number}\":{{}}")).collect();
            read(format!(r#"{{"name":"x","{field}":{{{}}}}}"#, entries.join(",")).into_bytes()).map(drop)
        };
        for field in ["versions", "time"] {
            assert!(listed(field, MAX_VERSIONS).is_ok(), "{field}");
            let error = listed(field, MAX_VERSIONS + 1).unwrap_err().to_string();
            assert!(error.contains("more than 200000 entries"), "{error}");
        }
    }
}
