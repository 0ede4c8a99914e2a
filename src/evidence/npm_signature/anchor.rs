//! A registry's keys: npm's `/-/npm/v1/keys`, or the same keys as Sigstore's TUF repository distributes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::crypto::key::{KeyAlgorithm, KeyError, PublicKey};
use crate::evidence::reading;
use crate::model::Timestamp;

/// The one algorithm that registries sign with (npm's documentation, "About ECDSA registry signatures").
const KEY_TYPE: &str = "ecdsa-sha2-nistp256";
const KEY_DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";

/// What a key of the TUF form must be for.
const USAGE: &str = "npm:signatures";

/// A registry has had two keys in five years.
const MAX_KEYS: usize = 64;

/// One key of a registry.
pub(crate) struct RegistryKey {
    /// The id by which signatures name it.
    pub(crate) id: String,
    /// The key.
    pub(crate) key: PublicKey,
    /// It signs nothing published before.
    pub(crate) from: Option<Timestamp>,
    /// It signs nothing published from then on.
    pub(crate) until: Option<Timestamp>,
}

/// The keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("not a registry's key list")]
    Json(#[from] serde_json::Error),
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    #[error("key `{id}`: {error}")]
    Key { id: String, error: KeyError },
    #[error("key `{id}` is not one of ECDSA P-256")]
    OtherAlgorithm { id: String },
    #[error("key `{id}` has a time that is none")]
    Time { id: String },
    #[error("no key is for registry signatures")]
    Empty,
}

#[derive(Deserialize)]
struct Wire {
    keys: Vec<WireKey>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireKey {
    Registry(RegistryForm),
    Tuf(TufForm),
}

#[derive(Deserialize)]
struct RegistryForm {
    keyid: String,
    keytype: String,
    scheme: String,
    key: String,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TufForm {
    key_id: String,
    key_usage: String,
    public_key: TufKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TufKey {
    raw_bytes: String,
    key_details: String,
    valid_for: Option<Window>,
}

#[derive(Deserialize)]
struct Window {
    start: Option<String>,
    end: Option<String>,
}

/// Reads a key list; keys of another usage are passed over.
pub(crate) fn read(text: &str) -> Result<Vec<RegistryKey>, KeysError> {
    let wire: Wire = serde_json::from_str(text)?;
    if wire.keys.len() > MAX_KEYS {
        return Err(KeysError::TooMany);
    }
    let mut keys = Vec::new();
    for key in wire.keys {
        let (id, encoded, algorithm_fits, from, until) = match key {
            WireKey::Registry(form) => {
                let fits = form.keytype == KEY_TYPE && form.scheme == KEY_TYPE;
                (form.keyid, form.key, fits, None, form.expires)
            }
            WireKey::Tuf(form) if form.key_usage == USAGE => {
                let fits = form.public_key.key_details == KEY_DETAILS;
                let window = form.public_key.valid_for;
                let (from, until) = window.map_or((None, None), |window| (window.start, window.end));
                (form.key_id, form.public_key.raw_bytes, fits, from, until)
            }
            WireKey::Tuf(_) => continue,
        };
        let time = |text: Option<String>| match text {
            None => Ok(None),
            Some(text) => reading::time(&text)
                .map(Some)
                .ok_or_else(|| KeysError::Time { id: id.clone() }),
        };
        let (from, until) = (time(from)?, time(until)?);
        let info = STANDARD.decode(encoded).map_err(|_| KeysError::Key {
            id: id.clone(),
            error: KeyError::Base64,
        })?;
        let key = PublicKey::from_info(&info).map_err(|error| KeysError::Key { id: id.clone(), error })?;
        if !algorithm_fits || key.algorithm() != KeyAlgorithm::P256 {
            return Err(KeysError::OtherAlgorithm { id });
        }
        keys.push(RegistryKey { id, key, from, until });
    }
    if keys.is_empty() {
        return Err(KeysError::Empty);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==";

    fn registry(expires: &str) -> String {
        format!(
            r#"{{"keys":[{{"expires":{expires},"keyid":"SHA256:a","keytype":"{KEY_TYPE}","scheme":"{KEY_TYPE}","key":"{KEY}"}}]}}"#
        )
    }

    fn tuf(usage: &str) -> String {
        format!(
            r#"{{"keys":[{{"keyId":"SHA256:a","keyUsage":"{usage}","publicKey":{{"rawBytes":"{KEY}","keyDetails":"{KEY_DETAILS}",
            "validFor":{{"start":"1999-01-01T00:00:00.000Z","end":"2025-01-29T00:00:00.000Z"}}}}}}]}}"#
        )
    }

    #[test]
    fn both_forms_are_read() {
        assert!(read(&registry("null")).unwrap()[0].until.is_none());
        let end = "2025-01-29T00:00:00Z".parse().unwrap();
        assert_eq!(
            read(&registry("\"2025-01-29T00:00:00.000Z\"")).unwrap()[0].until,
            Some(end)
        );
        let keys = read(&tuf(USAGE)).unwrap();
        assert_eq!((keys[0].id.as_str(), keys[0].until), ("SHA256:a", Some(end)));
    }

    #[test]
    fn other_usages_algorithms_and_times_are_refused() {
        assert!(matches!(read(&tuf("npm:attestations")), Err(KeysError::Empty)));
        assert!(matches!(read(&registry("\"soon\"")), Err(KeysError::Time { .. })));
        for field in ["keytype", "scheme"] {
            let other =
                registry("null").replace(&format!("\"{field}\":\"{KEY_TYPE}\""), &format!("\"{field}\":\"rsa\""));
            assert!(matches!(read(&other), Err(KeysError::OtherAlgorithm { .. })), "{field}");
        }
        let broken = registry("null").replace("MFkw", "MFkx");
        assert!(matches!(read(&broken), Err(KeysError::Key { .. })));
        assert!(matches!(read("{}"), Err(KeysError::Json(_))));
        let many = format!(
            r#"{{"keys":[{}]}}"#,
            vec![registry("null")[9..registry("null").len() - 2].to_owned(); 65].join(",")
        );
        assert!(matches!(read(&many), Err(KeysError::TooMany)));
    }
}
