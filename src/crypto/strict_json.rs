//! Strict JSON: the one spelling of JSON that signed documents use (`bundle-spec/seal.md` §2).
//!
//! Threats, and where each is met:
//! - two readers see different values behind one key: a scan refuses duplicate keys at every level
//! - a number means something else elsewhere: integers only, and only those that a double holds exactly
//! - nesting that exhausts the stack: a depth of 16
//! - bytes that some readers skip: byte-order marks, white space around the document, invalid UTF-8 and lone
//!   surrogates are refused
//! - fields that one version checks and another ignores: documents are structs with `deny_unknown_fields`, and
//!   [`Critical`] refuses what this version does not know
//!
//! The length of the input is bounded by the caller.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The deepest nesting of arrays and objects: our own documents use 6; `ext` gets the rest.
pub const MAX_DEPTH: usize = 16;

/// 2^53 - 1, the largest integer that every JSON reader keeps exact (RFC 8259 §6).
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// Facts that later versions or other programs add to a document; nothing here decides anything.
pub type Extensions = BTreeMap<String, serde_json::Value>;

/// The names in `ext` that a reader has to know. This version knows none, so reading refuses any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Critical;

impl Serialize for Critical {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::empty::<&str>())
    }
}

impl<'de> Deserialize<'de> for Critical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Vec::<String>::deserialize(deserializer)?.first() {
            None => Ok(Self),
            Some(name) => Err(D::Error::custom(format!(
                "the critical extension {name:?} is not known to this version"
            ))),
        }
    }
}

/// Reads a field that is always written, as a value or as `null`: by itself serde takes one that is missing for `null`.
pub fn or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A document is not in strict JSON, or does not fit its schema.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// The offset of the first wrong byte.
        at: usize,
    },
    /// The text begins with a byte-order mark.
    #[error("the document begins with a byte-order mark")]
    ByteOrderMark,
    /// The text breaks JSON's grammar.
    #[error("expected {expected} at byte {at}")]
    Grammar {
        /// What the grammar wants there.
        expected: &'static str,
        /// The offset.
        at: usize,
    },
    /// A key stands twice in one object.
    #[error("the key {key:?} stands twice in one object, the second time before byte {at}")]
    DuplicateKey {
        /// The key, shortened.
        key: String,
        /// The end of the object.
        at: usize,
    },
    /// A number has a fraction or an exponent, or is a negative zero.
    #[error("the number at byte {at} is not a plain integer")]
    NotAnInteger {
        /// The offset.
        at: usize,
    },
    /// An integer is beyond 2^53 - 1.
    #[error("the integer at byte {at} is beyond 2^53 - 1")]
    IntegerTooLarge {
        /// The offset.
        at: usize,
    },
    /// Arrays and objects are nested too deeply.
    #[error("arrays and objects are nested deeper than 16 at byte {at}")]
    TooDeep {
        /// The offset.
        at: usize,
    },
    /// Bytes, or only white space, stand before or after the document.
    #[error("something stands around the document at byte {at}")]
    Surrounded {
        /// The offset.
        at: usize,
    },
    /// The document does not fit its schema.
    #[error("the document does not fit its schema")]
    Schema(#[source] serde_json::Error),
    /// A value is spelt in a way that the schema does not have: a list for a structure, `null` for what is left out.
    #[error("a value is spelt in a way that the schema does not have")]
    Spelling,
    /// The text is not the one that its values are written as.
    #[error("the text is not the one that its values are written as: sorted keys, no white space")]
    NotCanonical,
}

/// Reads a document, refusing whatever strict JSON forbids before its schema is looked at.
pub fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    Scanner { text, at: 0 }.document()?;
    let value: T = serde_json::from_str(text).map_err(JsonError::Schema)?;
    // The library takes a list for a structure, and more: what it understood is written again and compared.
    let found: Value = serde_json::from_str(text).map_err(JsonError::Schema)?;
    let understood = serde_json::to_value(&value).map_err(JsonError::Schema)?;
    if spells(&found, &understood) {
        Ok(value)
    } else {
        Err(JsonError::Spelling)
    }
}

/// Whether a text says a value in the schema's own way; fields with a default may be left out, and empty lists be written.
fn spells(found: &Value, understood: &Value) -> bool {
    match (found, understood) {
        (Value::Object(found), Value::Object(understood)) => {
            found.iter().all(|(key, value)| match understood.get(key) {
                Some(other) => spells(value, other),
                None => value.as_array().is_some_and(Vec::is_empty),
            })
        }
        (Value::Array(found), Value::Array(understood)) => {
            found.len() == understood.len() && found.iter().zip(understood).all(|(one, other)| spells(one, other))
        }
        _ => found == understood,
    }
}

/// Reads a record whose text must be the one that [`write()`] makes: then no other check of its form is needed.
///
/// The type's fields must be declared in the order of their names.
pub fn read_canonical<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, JsonError> {
    let value: T = serde_json::from_slice(bytes).map_err(JsonError::Schema)?;
    let again = serde_json::to_vec(&value).map_err(JsonError::Schema)?;
    if again == bytes {
        Ok(value)
    } else {
        Err(JsonError::NotCanonical)
    }
}

/// Writes a document: keys sorted by their bytes, no white space, no line end.
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let text = serde_json::to_vec(value).expect("documents are structs and maps with string keys");
    if keys_ascend(&text) {
        return text;
    }
    // A `Value`'s objects are ordered maps, which sorts the keys of structs too. That costs several times as much, so types of which
    // there is one for each artifact declare their fields in the order of their names.
    let value = serde_json::to_value(value).expect("documents are structs and maps with string keys");
    serde_json::to_vec(&value).expect("a JSON value can always be written to memory")
}

/// Whether the keys of every object ascend, in a text that the library wrote without white space. Says no where it cannot see that at once: a key
/// with an escape.
fn keys_ascend(text: &[u8]) -> bool {
    /// An array, or an object with the key that stood last.
    enum Open<'t> {
        Array,
        Object(Option<&'t [u8]>),
    }
    let mut open: Vec<Open<'_>> = Vec::with_capacity(MAX_DEPTH);
    let mut is_key = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => {
                open.push(Open::Object(None));
                is_key = true;
            }
            b'[' => open.push(Open::Array),
            b'}' | b']' => drop(open.pop()),
            b',' => is_key = matches!(open.last(), Some(Open::Object(_))),
            b'"' => {
                let start = at;
                let mut has_escape = false;
                while let Some(inner) = text.get(at).filter(|inner| **inner != b'"') {
                    has_escape |= *inner == b'\\';
                    at += if *inner == b'\\' { 2 } else { 1 };
                }
                let string = &text[start..at.min(text.len())];
                at += 1;
                if std::mem::take(&mut is_key)
                    && let Some(Open::Object(last)) = open.last_mut()
                {
                    if has_escape || last.is_some_and(|last| last >= string) {
                        return false;
                    }
                    *last = Some(string);
                }
            }
            _ => {}
        }
    }
    true
}

/// One pass over the text, before any value is made of it.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn document(mut self) -> Result<(), JsonError> {
        if self.peek().is_some_and(is_space) {
            return Err(JsonError::Surrounded { at: 0 });
        }
        self.value(0)?;
        if self.at < self.text.len() {
            return Err(JsonError::Surrounded { at: self.at });
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => ["true", "false", "null"]
                .iter()
                .find(|word| self.text[self.at..].starts_with(**word))
                .map(|word| self.at += word.len())
                .ok_or_else(|| self.expected("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        self.open(depth)?;
        let mut keys: Vec<Cow<'a, str>> = Vec::new();
        if self.peek() != Some(b'}') {
            loop {
                self.spaces();
                keys.push(self.string()?);
                self.spaces();
                self.take(b':', "`:`")?;
                self.spaces();
                self.value(depth + 1)?;
                self.spaces();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.take(b'}', "`,` or `}`")?;
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(pair) => Err(JsonError::DuplicateKey {
                key: pair[0].chars().take(100).collect(),
                at: self.at,
            }),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.open(depth)?;
        if self.peek() != Some(b']') {
            loop {
                self.spaces();
                self.value(depth + 1)?;
                self.spaces();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.take(b']', "`,` or `]`")
    }

    /// Steps over the opening bracket and the white space behind it.
    fn open(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(JsonError::TooDeep { at: self.at });
        }
        self.at += 1;
        self.spaces();
        Ok(())
    }

    /// A string's value; borrowed unless it holds escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at;
        self.take(b'"', "a string")?;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    // The escape's own form is checked below; here only the string's end is looked for.
                    self.at += 2;
                }
                Some(0..=0x1f) | None => return Err(self.expected("the rest of a string")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        if !escaped {
            return Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]));
        }
        // Refuses unknown escapes and lone surrogates. An escape may have split a character, hence `get`.
        self.text
            .get(start..self.at)
            .and_then(|quoted| serde_json::from_str::<String>(quoted).ok())
            .map(Cow::Owned)
            .ok_or(JsonError::Grammar {
                expected: "a string with valid escapes",
                at: start,
            })
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let text = &self.text[digits..self.at];
        if text.is_empty() {
            return Err(self.expected("a digit"));
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(JsonError::Grammar {
                expected: "a number without leading zeros",
                at: start,
            });
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) || (digits > start && text == "0") {
            return Err(JsonError::NotAnInteger { at: start });
        }
        match text.parse::<i64>() {
            Ok(number) if number <= MAX_INTEGER => Ok(()),
            _ => Err(JsonError::IntegerTooLarge { at: start }),
        }
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Grammar { expected, at: self.at }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn refusal(text: &str) -> JsonError {
        read::<Value>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn plain_documents_are_read() {
        for text in [
            "{}",
            "[]",
            "null",
            "true",
            "false",
            "0",
            "-1",
            r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#,
            "{ \"a\" :\t[ 1 ,\n2 ] , \"b\" : { } }",
            r#""\u00e9\ud83d\ude00\n""#,
            "9007199254740991",
            "-9007199254740991",
        ] {
            let ours: Value = read(text.as_bytes()).unwrap();
            assert_eq!(ours, serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn duplicate_keys_are_refused_at_every_level() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"[[{"a":1,"a":2}]]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"é":1,"\u00e9":2}"#,
        ] {
            assert!(matches!(refusal(text), JsonError::DuplicateKey { .. }), "{text}");
        }
    }

    #[test]
    fn a_key_begins_as_a_string_does() {
        for text in [r#"{a":1}"#, r#"{1:1}"#] {
            let refused = refusal(text);
            let JsonError::Grammar { expected, at } = refused else {
                panic!("{text}: {refused:?}");
            };
            assert_eq!((expected, at), ("a string", 1), "{text}");
        }
    }

    #[test]
    fn only_plain_integers_are_numbers() {
        for text in ["1.0", "1e3", "1E3", "-0", "0.5", "-0.0", "[1.5]", "1e400"] {
            assert!(matches!(refusal(text), JsonError::NotAnInteger { .. }), "{text}");
        }
        for text in [
            "9007199254740992",
            "-9007199254740992",
            "9223372036854775808",
            "100000000000000000000000",
        ] {
            assert!(matches!(refusal(text), JsonError::IntegerTooLarge { .. }), "{text}");
        }
        for text in ["01", "-", "+1", ".5", "NaN", "Infinity", "-a", "00"] {
            assert!(matches!(refusal(text), JsonError::Grammar { .. }), "{text}");
        }
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(refusal(&nested(MAX_DEPTH + 1)), JsonError::TooDeep { .. }));
        assert!(matches!(refusal(&nested(1_000_000)), JsonError::TooDeep { .. }));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
        assert!(matches!(refusal(&objects), JsonError::TooDeep { .. }));
    }

    #[test]
    fn nothing_stands_around_the_document() {
        for text in [" {}", "\n{}", "{} ", "{}\n", "{}{}", "{}x", "1 2", "[]]", "{}\0"] {
            assert!(matches!(refusal(text), JsonError::Surrounded { .. }), "{text:?}");
        }
        assert!(matches!(refusal("\u{feff}{}"), JsonError::ByteOrderMark));
    }

    #[test]
    fn broken_text_is_refused() {
        for bytes in [
            &b"\"\xff\""[..],
            b"\"\xc0\x80\"",
            b"\"\xed\xa0\x80\"",
            b"{\"a\":\"\xc3\"}",
        ] {
            assert!(matches!(read::<Value>(bytes).unwrap_err(), JsonError::NotUtf8 { .. }));
        }
        for text in [
            "",
            "{",
            "[",
            "\"",
            "{\"a\"",
            "{\"a\":",
            "{\"a\" 1}",
            "{\"a\":1",
            "[1 2]",
            "[1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "{a:1}",
            "{'a':1}",
            "{1:1}",
            "tru",
            "True",
            "nul",
            "// x",
            "\"\\",
            "\"\\\"",
            "\"a\nb\"",
            "\"\u{1}\"",
            r#""\x41""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            r#""\u12""#,
            "\"\\é\"",
        ] {
            assert!(matches!(refusal(text), JsonError::Grammar { .. }), "{text:?}");
        }
    }

    #[test]
    fn a_set_has_each_value_once() {
        let set = |text: &str| read::<std::collections::BTreeSet<u8>>(text.as_bytes());
        assert_eq!(set("[1,2]").unwrap().len(), 2);
        assert!(matches!(set("[1,2,2]"), Err(JsonError::Spelling)));
    }

    #[test]
    fn a_list_is_no_structure_and_null_is_nothing() {
        #[derive(Debug, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            a: u64,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            b: Option<u64>,
        }
        assert_eq!(read::<Document>(br#"{"a":1}"#).unwrap(), Document { a: 1, b: None });
        assert_eq!(read::<Document>(br#"{ "b": 2, "a": 1 }"#).unwrap().b, Some(2));
        for text in [&br#"[1,2]"#[..], br#"{"a":1,"b":null}"#] {
            assert!(
                matches!(read::<Document>(text), Err(JsonError::Spelling)),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
        assert!(read_canonical::<Document>(br#"{"a":1,"b":2}"#).is_ok());
        for text in [
            &br#"{"b":2,"a":1}"#[..],
            br#"{"a":1, "b":2}"#,
            br#"{"a":1,"b":null}"#,
            br#"{"a":1,"a":1}"#,
            br#"{"a":1.0}"#,
            b"[1,2]",
        ] {
            assert!(
                read_canonical::<Document>(text).is_err(),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn unknown_and_missing_fields_are_refused() {
        #[derive(Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            a: u64,
            critical: Critical,
        }
        assert!(read::<Document>(br#"{"a":1,"critical":[]}"#).is_ok());
        for text in [
            r#"{"a":1,"critical":["x"]}"#,
            r#"{"a":1,"b":2,"critical":[]}"#,
            r#"{"a":1}"#,
            r#"{"critical":[]}"#,
            r#"{"a":-1,"critical":[]}"#,
            r#"{"a":"1","critical":[]}"#,
        ] {
            assert!(
                matches!(read::<Document>(text.as_bytes()), Err(JsonError::Schema(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn keys_are_written_sorted_and_without_spaces() {
        #[derive(Serialize)]
        struct Document {
            b: u8,
            a: &'static str,
            critical: Critical,
        }
        let document = Document {
            b: 1,
            a: "é\n",
            critical: Critical,
        };
        assert_eq!(write(&document), "{\"a\":\"é\\n\",\"b\":1,\"critical\":[]}".as_bytes());
    }

    #[test]
    fn keys_that_do_not_ascend_are_seen_at_every_level() {
        for text in [
            "{}",
            "[]",
            "\"b\"",
            r#"{"a":1}"#,
            r#"{"a":"b","b":"a"}"#,
            r#"{"a":{"z":1},"b":[{"b":1},{"a":2}],"c":["z","a"]}"#,
            r#"{"a":"\"b\":{","b":"\\"}"#,
            r#"{"a":{},"aa":1,"é":2}"#,
        ] {
            assert!(keys_ascend(text.as_bytes()), "{text}");
        }
        for text in [
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"b":1,"a":2}}"#,
            r#"[{"a":1},{"b":1,"a":2}]"#,
            r#"{"a":{"y":1},"c":[],"b":1}"#,
            r#"{"b":"\\","a":1}"#,
            r#"{"é":1,"z":2}"#,
            r#"{"a\"":1}"#,
        ] {
            assert!(!keys_ascend(text.as_bytes()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_whose_keys_ascend_is_the_one_that_sorting_gives(
            pairs in proptest::collection::vec(("[ab\"\\\\é{},:]{0,3}", "[a\"\\\\{},:]{0,3}"), 0..4)
        ) {
            struct Pairs(Vec<(String, String)>);
            impl Serialize for Pairs {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_map(self.0.iter().map(|(key, value)| (key, [value])))
                }
            }
            let sorted: BTreeMap<String, [String; 1]> = pairs.iter().map(|(key, value)| (key.clone(), [value.clone()])).collect();
            proptest::prop_assert_eq!(write(&Pairs(pairs)), serde_json::to_vec(&sorted).unwrap());
        }

        #[test]
        fn whatever_is_accepted_is_json_and_nothing_panics(text in "[\\[\\]{}:,\"\\\\ua0-9.eE tfné-]{0,40}") {
            if read::<Value>(text.as_bytes()).is_ok() {
                proptest::prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }
    }
}
