//! Keys in files: PKCS#8 in PEM, encrypted with a passphrase, as `openssl pkey` reads and writes it.
//!
//! Only Ed25519: tokens that hold other keys are reached through their own means, never through files.
#![expect(clippy::disallowed_methods, reason = "a key lies in a file")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::key::{PublicKey, SignError, Signer};

/// An encrypted Ed25519 key has under 500 bytes; other key types and text around it stay far below this.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Nobody but the owner may read a key (`ssh` asks for the same).
const OTHERS: u32 = 0o077;

/// A private key that was in an encrypted file.
pub struct FileKey {
    public: PublicKey,
    secret: SigningKey,
}

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileKeyError {
    /// The file cannot be read or written.
    #[error("cannot {what} `{path}`")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error("others may read `{path}`: its mode is {mode:o}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The file is no key, or is encrypted with another passphrase.
    #[error("`{path}` is no encrypted Ed25519 key, or the passphrase is wrong")]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
    /// The key cannot be encoded.
    #[error("cannot encrypt the new key")]
    Encrypt,
}

impl FileKey {
    /// Makes a new key from the operating system's random bytes.
    pub fn generate() -> Result<Self, FileKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| FileKeyError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// Makes the key that belongs to a seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let public = PublicKey::ed25519(secret.verifying_key().as_bytes())
            .expect("a clamped multiple of the base point is canonical and of prime order");
        Self { public, secret }
    }

    /// Reads an encrypted key file.
    ///
    /// The permissions are those of the file that was opened, so nothing can be exchanged between check and use.
    pub fn load(path: &Path, passphrase: &str) -> Result<Self, FileKeyError> {
        let failed = |what| {
            move |source| FileKeyError::File {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let file = File::open(path).map_err(failed("open"))?;
        let mode = file.metadata().map_err(failed("examine"))?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(FileKeyError::Permissions {
                path: path.to_owned(),
                mode: mode & 0o777,
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(failed("read"))?;
        Self::from_pem(&text, passphrase).ok_or_else(|| FileKeyError::Unreadable { path: path.to_owned() })
    }

    /// Decrypts a PEM text; nothing where it is no key or the passphrase is wrong, which look alike.
    pub fn from_pem(text: &str, passphrase: &str) -> Option<Self> {
        let pair = KeypairBytes::from_pkcs8_encrypted_pem(text, passphrase.as_bytes()).ok()?;
        let key = Self::from_seed(&pair.secret_key);
        match &pair.public_key {
            Some(stated) if stated.as_ref() != key.secret.verifying_key().as_bytes() => None,
            _ => Some(key),
        }
    }

    /// Encrypts the key: PBES2 with scrypt (N = 2^14, which OpenSSL's memory limit allows) and AES-256.
    pub fn to_pem(&self, passphrase: &str) -> Result<Zeroizing<String>, FileKeyError> {
        if passphrase.is_empty() {
            return Err(FileKeyError::EmptyPassphrase);
        }
        // Without the public half it is PKCS#8 version 1: OpenSSL refuses version 2 (RFC 5958).
        let pair = KeypairBytes {
            secret_key: self.secret.to_bytes(),
            public_key: None,
        };
        pair.to_pkcs8_encrypted_pem(passphrase.as_bytes(), LineEnding::LF)
            .map_err(|_| FileKeyError::Encrypt)
    }

    /// Writes the encrypted key to a new file that only the owner may read. Never overwrites.
    pub fn store(&self, path: &Path, passphrase: &str) -> Result<(), FileKeyError> {
        let text = self.to_pem(passphrase)?;
        let failed = |what| {
            move |source| FileKeyError::File {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed("create"))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed("write"))
    }
}

impl Signer for FileKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.secret.sign(message).to_bytes().to_vec();
        self.public.release(message, signature)
    }
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileKey({})", self.public.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = FileKey::generate().unwrap();
        key.store(&path, "correct horse").unwrap();
        assert!(matches!(
            key.store(&path, "x"),
            Err(FileKeyError::File { what: "create", .. })
        ));
        let again = FileKey::load(&path, "correct horse").unwrap();
        assert_eq!(key.public(), again.public());
        let signature = again.sign(b"message").unwrap();
        assert!(key.public().verify(b"message", &signature).is_ok());
        assert!(key.public().verify(b"Message", &signature).is_err());
        assert!(matches!(
            FileKey::load(&path, "wrong"),
            Err(FileKeyError::Unreadable { .. })
        ));
    }

    #[test]
    fn files_that_others_may_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        FileKey::generate().unwrap().store(&path, "pass").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(
                FileKey::load(&path, "pass"),
                Err(FileKeyError::Permissions { .. })
            ));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(FileKey::load(&path, "pass").is_ok());
    }

    #[test]
    fn an_empty_passphrase_is_no_passphrase() {
        let key = FileKey::generate().unwrap();
        assert!(matches!(key.to_pem(""), Err(FileKeyError::EmptyPassphrase)));
    }

    #[test]
    fn a_stated_public_half_must_belong_to_the_secret() {
        let key = FileKey::from_seed(&[7; 32]);
        let other = FileKey::from_seed(&[8; 32]);
        let pem = |public: &FileKey| {
            let pair = KeypairBytes {
                secret_key: key.secret.to_bytes(),
                public_key: Some(ed25519_dalek::pkcs8::PublicKeyBytes(
                    *public.secret.verifying_key().as_bytes(),
                )),
            };
            pair.to_pkcs8_encrypted_pem(b"pass", LineEnding::LF).unwrap()
        };
        assert!(FileKey::from_pem(&pem(&key), "pass").is_some());
        assert!(FileKey::from_pem(&pem(&other), "pass").is_none());
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_a_wrong_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(
            FileKey::load(folder.path(), "pass"),
            Err(FileKeyError::File { what: "read", .. })
        ));
    }
}
