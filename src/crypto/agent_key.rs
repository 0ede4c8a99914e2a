//! Keys behind an ssh-agent, spoken to over its Unix socket (RFC 9987, formerly draft-ietf-sshm-ssh-agent).
//!
//! Only plain `ssh-ed25519` keys: their signature over the DSSE encoding is an ordinary Ed25519 signature, so nobody
//! who verifies has to know that an agent made it. Answers are bounded and every signature is verified before it is
//! released; the agent is not trusted with more than the key.
#![expect(clippy::disallowed_methods, reason = "an agent is spoken to through its socket")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyAlgorithm, KeyError, PublicKey, SignError, Signer};

const SSH_AGENTC_REQUEST_IDENTITIES: u8 = 11;
const SSH_AGENT_IDENTITIES_ANSWER: u8 = 12;
const SSH_AGENTC_SIGN_REQUEST: u8 = 13;
const SSH_AGENT_SIGN_RESPONSE: u8 = 14;

const ED25519: &[u8] = b"ssh-ed25519";

/// OpenSSH's own limit for an agent's message (`AGENT_MAX_LEN`, 256 KiB).
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A person may have to touch a token or to answer the agent's question.
const PATIENCE: Duration = Duration::from_secs(120);

/// An Ed25519 key that an ssh-agent holds.
#[derive(Debug)]
pub struct AgentKey {
    socket: PathBuf,
    public: PublicKey,
}

/// The agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The socket cannot be reached or broke off.
    #[error("cannot talk to the agent at `{socket}`")]
    Socket {
        /// The socket's path.
        socket: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The agent answers with a failure: it is locked, or a person declined.
    #[error("the agent declined")]
    Declined,
    /// The agent's answer breaks the protocol or its limits.
    #[error("the agent's answer is malformed")]
    Malformed,
    /// The agent does not hold the key.
    #[error("the agent does not hold the key")]
    UnknownKey,
    /// The key is not of a kind that an agent signs with plainly.
    #[error("only Ed25519 keys can be used through an agent")]
    WrongAlgorithm,
}

impl AgentKey {
    /// Finds a key in the agent behind a socket.
    pub fn connect(socket: &Path, public: &PublicKey) -> Result<Self, AgentError> {
        if public.algorithm() != KeyAlgorithm::Ed25519 {
            return Err(AgentError::WrongAlgorithm);
        }
        if !list(socket)?.contains(public) {
            return Err(AgentError::UnknownKey);
        }
        Ok(Self {
            socket: socket.to_owned(),
            public: public.clone(),
        })
    }

    fn request(&self, message: &[u8]) -> Result<Vec<u8>, AgentError> {
        let mut request = vec![SSH_AGENTC_SIGN_REQUEST];
        put_string(&mut request, &key_blob(&self.public));
        put_string(&mut request, message);
        request.extend_from_slice(&0_u32.to_be_bytes());
        let answer = exchange(&self.socket, &request)?;
        let mut fields = Fields::of(&answer, SSH_AGENT_SIGN_RESPONSE)?;
        let blob = fields.string()?;
        fields.end()?;
        let mut fields = Fields(blob);
        if fields.string()? != ED25519 {
            return Err(AgentError::Malformed);
        }
        let signature = fields.string()?.to_vec();
        fields.end()?;
        Ok(signature)
    }
}

impl Signer for AgentKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.request(message).map_err(|source| SignError::Agent {
            id: self.public.id(),
            source,
        })?;
        self.public.release(message, signature)
    }
}

/// Lists the usable keys of the agent behind a socket, leaving out other kinds and weak ones.
pub fn list(socket: &Path) -> Result<Vec<PublicKey>, AgentError> {
    let answer = exchange(socket, &[SSH_AGENTC_REQUEST_IDENTITIES])?;
    let mut fields = Fields::of(&answer, SSH_AGENT_IDENTITIES_ANSWER)?;
    let count = fields.number()?;
    let mut keys = Vec::new();
    // Each key takes at least the 8 bytes of its two lengths, so a lying count ends at the answer's end.
    for _ in 0..count {
        let mut blob = Fields(fields.string()?);
        let _comment = fields.string()?;
        if blob.string()? == ED25519 {
            let key = PublicKey::ed25519(blob.string()?);
            blob.end()?;
            keys.extend(key.ok());
        }
    }
    fields.end()?;
    Ok(keys)
}

/// Reads a line of an OpenSSH `.pub` file (`ssh-ed25519 AAAA… comment`).
pub fn read_public_line(text: &str) -> Result<PublicKey, KeyError> {
    let mut words = text.split_ascii_whitespace();
    if words.next().map(str::as_bytes) != Some(ED25519) {
        return Err(KeyError::UnknownAlgorithm);
    }
    let blob = words.next().unwrap_or_default();
    let blob = STANDARD.decode(blob).map_err(|_| KeyError::Base64)?;
    let mut fields = Fields(&blob);
    match (fields.string(), fields.string(), fields.end()) {
        (Ok(ED25519), Ok(key), Ok(())) => PublicKey::ed25519(key),
        _ => Err(KeyError::UnknownAlgorithm),
    }
}

/// Sends one message and reads one answer.
fn exchange(socket: &Path, request: &[u8]) -> Result<Vec<u8>, AgentError> {
    let failed = |source| AgentError::Socket {
        socket: socket.to_owned(),
        source,
    };
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut message = Vec::new();
    put_string(&mut message, request);
    stream.write_all(&message).map_err(failed)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).map_err(failed)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| AgentError::Malformed)?;
    if length > MAX_ANSWER_BYTES {
        return Err(AgentError::Malformed);
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).map_err(failed)?;
    Ok(answer)
}

/// A key as SSH writes it (RFC 8709 §4).
fn key_blob(key: &PublicKey) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, ED25519);
    put_string(&mut blob, key.bytes());
    blob
}

fn put_string(message: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("envelopes are bounded to 1 MiB, far below 4 GiB");
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(bytes);
}

/// The rest of an answer, taken field by field.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn of(answer: &'a [u8], kind: u8) -> Result<Self, AgentError> {
        match answer.split_first() {
            Some((found, rest)) if *found == kind => Ok(Self(rest)),
            // SSH_AGENT_FAILURE and SSH_AGENT_EXTENSION_FAILURE.
            Some((5 | 28, _)) => Err(AgentError::Declined),
            _ => Err(AgentError::Malformed),
        }
    }

    fn number(&mut self) -> Result<u32, AgentError> {
        let (number, rest) = self.0.split_first_chunk().ok_or(AgentError::Malformed)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Result<&'a [u8], AgentError> {
        let length = usize::try_from(self.number()?).map_err(|_| AgentError::Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(AgentError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn end(&self) -> Result<(), AgentError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(AgentError::Malformed)
        }
    }
}
