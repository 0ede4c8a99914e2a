//! Reads of a packument what the registry signed, and when it says that versions were published.
//!
//! A packument comes from whoever served it, so its threats are met here:
//! - tens of megabytes of other facts: they are passed over as they stream by; kept are four short texts for each version
//! - two values behind one key, of which two readers take different ones: refused wherever something is kept
//! - nesting: what is passed over costs a byte for each level and no stack, and what is kept is flat

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The largest packuments list some 20,000 versions.
const MAX_VERSIONS: usize = 200_000;

/// A version has one signature, two while the registry changes its key.
pub(crate) const MAX_SIGNATURES: usize = 8;

/// How many bytes of a packument tell of one version, in most.
const VERSION_BYTES: usize = 2048;

/// How many bytes of them are kept.
const KEPT_BYTES: usize = 384;

/// For how many versions room is taken before they are read.
const MAX_EXPECTED: usize = 1024;

/// What is kept of a packument. Its texts lie in one string: there are hundreds of them, and one version is asked about.
#[derive(Debug)]
pub(crate) struct Packument {
    texts: String,
    name: Place,
    // By their keys.
    versions: Vec<(Place, Places)>,
    times: Vec<(Place, Option<Place>)>,
    signatures: Vec<(Place, Place)>,
}

/// Where a text lies.
type Place = Range<usize>;

/// Where what is kept of a version lies.
#[derive(Debug)]
struct Places {
    name: Option<Place>,
    version: Option<Place>,
    integrity: Option<Place>,
    signatures: Range<usize>,
}

/// What is kept of a version.
#[derive(Debug)]
pub(crate) struct Version<'p> {
    pub(crate) name: Option<&'p str>,
    pub(crate) version: Option<&'p str>,
    pub(crate) integrity: Option<&'p str>,
    pub(crate) signatures: Vec<Signature<'p>>,
}

/// A registry's signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature<'p> {
    pub(crate) keyid: &'p str,
    pub(crate) sig: &'p str,
}

impl Packument {
    pub(crate) fn name(&self) -> &str {
        &self.texts[self.name.clone()]
    }

    /// What is kept of a version.
    pub(crate) fn version(&self, version: &str) -> Option<Version<'_>> {
        let places = self.find(&self.versions, version)?;
        let text = |place: &Option<Place>| place.clone().map(|place| &self.texts[place]);
        let signatures = self.signatures[places.signatures.clone()].iter();
        Some(Version {
            name: text(&places.name),
            version: text(&places.version),
            integrity: text(&places.integrity),
            signatures: signatures
                .map(|(keyid, sig)| Signature {
                    keyid: &self.texts[keyid.clone()],
                    sig: &self.texts[sig.clone()],
                })
                .collect(),
        })
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
pub(crate) fn read(bytes: &[u8]) -> Result<Packument, serde_json::Error> {
    let text = std::str::from_utf8(bytes).map_err(serde_json::Error::custom)?;
    let mut kept = Kept::expecting(bytes.len());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let name = deserializer.deserialize_map(Whole(&mut kept))?;
    deserializer.end()?;
    let Kept {
        texts,
        mut versions,
        mut times,
        signatures,
    } = kept;
    by_key(&texts, &mut versions)?;
    by_key(&texts, &mut times)?;
    Ok(Packument {
        texts,
        name,
        versions,
        times,
        signatures,
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
struct Kept {
    texts: String,
    versions: Vec<(Place, Places)>,
    times: Vec<(Place, Option<Place>)>,
    signatures: Vec<(Place, Place)>,
}

impl Kept {
    /// Takes room at once for what a packument of so many bytes most often holds: lists that grow step by step cost as much as what is put into them.
    fn expecting(bytes: usize) -> Self {
        let versions = (bytes / VERSION_BYTES).min(MAX_EXPECTED);
        Self {
            texts: String::with_capacity(versions * KEPT_BYTES),
            versions: Vec::with_capacity(versions),
            times: Vec::with_capacity(versions),
            signatures: Vec::with_capacity(versions),
        }
    }

    fn keep(&mut self, text: &str) -> Place {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn keep_version(&mut self, key: &Text<'_>, version: &VersionText<'_>) {
        let start = self.signatures.len();
        let dist = version.dist.as_ref();
        for signature in dist.into_iter().flat_map(|dist| dist.signatures.iter()) {
            let places = (self.keep(&signature.keyid.0), self.keep(&signature.sig.0));
            self.signatures.push(places);
        }
        let integrity = dist.and_then(|dist| dist.integrity.as_ref());
        let [name, version, integrity] = [version.name.as_ref(), version.version.as_ref(), integrity]
            .map(|text| text.map(|text| self.keep(&text.0)));
        let places = Places {
            name,
            version,
            integrity,
            signatures: start..self.signatures.len(),
        };
        let key = self.keep(&key.0);
        self.versions.push((key, places));
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
struct Whole<'k>(&'k mut Kept);

impl<'de> Visitor<'de> for Whole<'_> {
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
                    versions = Some(access.next_value_seed(Each::new(|key, version| kept.keep_version(key, version)))?);
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

#[derive(Deserialize)]
struct VersionText<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    dist: Option<DistText<'a>>,
}

#[derive(Deserialize)]
struct DistText<'a> {
    #[serde(borrow)]
    integrity: Option<Text<'a>>,
    #[serde(borrow, default)]
    signatures: Signatures<'a>,
}

/// A version's signatures. Nearly every version has one, and a list of its own for each would cost more than reading it.
#[derive(Default)]
struct Signatures<'a> {
    first: Option<SignatureText<'a>>,
    others: Vec<SignatureText<'a>>,
}

impl<'a> Signatures<'a> {
    fn iter(&self) -> impl Iterator<Item = &SignatureText<'a>> {
        self.first.iter().chain(&self.others)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Signatures<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Signatures<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of signatures")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Signatures<'de>, A::Error> {
                let first = access.next_element()?;
                let mut others = Vec::new();
                while let Some(other) = access.next_element()? {
                    others.push(other);
                }
                Ok(Signatures { first, others })
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[derive(Deserialize)]
struct SignatureText<'a> {
    #[serde(borrow)]
    keyid: Text<'a>,
    #[serde(borrow)]
    sig: Text<'a>,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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

    #[test]
    fn what_is_not_signed_is_passed_over() {
        let packument = read(
            br#"{"_id":"x","name":"x","readme":"...","versions":{"1.0.0":{"name":"x","version":"1.0.0","scripts":{"a":"b"},
            "dist":{"tarball":"t","integrity":"sha512-AA==","signatures":[{"keyid":"k","sig":"s","more":1}]}}},
            "time":{"1.0.0":"2024-01-01T00:00:00.000Z","unpublished":{"versions":["0.1.0"]},"list":[1],"none":null}}"#,
        )
        .unwrap();
        let version = packument.version("1.0.0").unwrap();
        assert_eq!((version.name, version.version), (Some("x"), Some("1.0.0")));
        assert_eq!(version.integrity, Some("sha512-AA=="));
        assert_eq!((version.signatures[0].keyid, version.signatures[0].sig), ("k", "s"));
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
        let packument = read(format!(r#"{{"name":"x","versions":{{{}}}}}"#, entries.join(",")).as_bytes()).unwrap();
        for (number, key) in ["2.0.0", "10.0.0", "1.0.0", "1.0.0-b"].into_iter().enumerate() {
            let version = packument.version(key).unwrap();
            assert_eq!(version.version, Some(format!("1.{number}").as_str()));
            assert_eq!(version.integrity, Some(format!("i{number}").as_str()));
            assert_eq!(version.signatures.len(), number);
            assert!(
                version
                    .signatures
                    .iter()
                    .all(|signature| signature.keyid == format!("k{number}"))
            );
        }
        assert!(packument.version("3.0.0").is_none() && packument.time("1.0.0").is_none());
    }

    #[test]
    fn no_kept_value_has_two_meanings() {
        let good = r#"{"name":"x","versions":{"1":{"version":"1","dist":{"integrity":"a"}}},"time":{"1":"t"}}"#;
        assert!(read(good.as_bytes()).is_ok());
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
            assert!(read(text.as_bytes()).is_err(), "{text}");
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
            assert!(read(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
        assert!(read(br#"{"name":"x","versions":{"1":{"name":null,"dist":null}}}"#).is_ok());
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
