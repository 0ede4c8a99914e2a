//! What an ssh-agent answers, and how much of that is believed.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::agent_key::{self, AgentError, AgentKey};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::{KeyError, PublicKey, SignError, Signer as _};

/// Plays an agent that gives set answers, one to each connection, and then asks the client under test.
fn with_answers<T>(answers: Vec<Vec<u8>>, ask: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let player = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    let outcome = ask(&socket);
    player.join().unwrap();
    outcome
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

#[test]
fn an_agent_is_not_believed() {
    let key = FileKey::from_seed(&[1; 32]);
    let blob = [string(b"ssh-ed25519"), string(key.public().bytes())].concat();
    let identities = string(&[&[12, 0, 0, 0, 1][..], &string(&blob), &string(b"comment")].concat());
    let signed = |name: &[u8], signature: &[u8]| {
        string(&[&[14][..], &string(&[string(name), string(signature)].concat())].concat())
    };
    let sign = |answer: Vec<u8>| {
        with_answers(vec![identities.clone(), answer], |socket| {
            AgentKey::connect(socket, key.public()).unwrap().sign(b"message")
        })
    };
    let good = key.sign(b"message").unwrap();
    assert_eq!(sign(signed(b"ssh-ed25519", &good)).unwrap(), good);
    let other = key.sign(b"another message").unwrap();
    assert!(matches!(
        sign(signed(b"ssh-ed25519", &other)),
        Err(SignError::Faulty(_))
    ));
    for wrong in [
        signed(b"ssh-rsa", &good),
        string(&[5]),
        string(&[14]),
        string(&[99]),
        string(&[14, 0, 0, 1]),
        string(&[14, 255, 255, 255, 255]),
        string(&[]),
        vec![255; 8],
    ] {
        let Err(SignError::Agent { source, .. }) = sign(wrong) else {
            panic!("a wrong answer was taken");
        };
        assert!(
            matches!(source, AgentError::Malformed | AgentError::Declined),
            "{source}"
        );
    }
    // An answer that breaks off.
    assert!(matches!(
        sign(vec![0, 0, 0, 9, 14]),
        Err(SignError::Agent {
            source: AgentError::Socket { .. },
            ..
        })
    ));
    // And one that does not come at all.
    assert!(matches!(
        with_answers(vec![Vec::new()], agent_key::list),
        Err(AgentError::Socket { .. })
    ));
    // A count that lies, and bytes behind the end.
    for wrong in [
        string(&[&[12, 255, 255, 255, 255][..], &string(&blob), &string(b"")].concat()),
        string(&[&[12, 0, 0, 0, 0][..], &string(&blob)].concat()),
    ] {
        let outcome = with_answers(vec![wrong], agent_key::list);
        assert!(matches!(outcome, Err(AgentError::Malformed)));
    }
}

#[test]
fn what_an_agent_says_ends_where_it_must() {
    let key = FileKey::from_seed(&[1; 32]);
    let blob = [string(b"ssh-ed25519"), string(key.public().bytes())].concat();
    let identities = |blob: &[u8]| string(&[&[12, 0, 0, 0, 1][..], &string(blob), &string(b"comment")].concat());
    let sign = |signature: &[u8], behind: &[u8]| {
        let answer = string(&[&[14][..], &string(signature), behind].concat());
        with_answers(vec![identities(&blob), answer], |socket| {
            AgentKey::connect(socket, key.public()).unwrap().sign(b"message")
        })
    };
    let good = [string(b"ssh-ed25519"), string(&key.sign(b"message").unwrap())].concat();
    sign(&good, b"").unwrap();
    for outcome in [sign(&[&good[..], b"x"].concat(), b""), sign(&good, b"x")] {
        let Err(SignError::Agent { source, .. }) = outcome else {
            panic!("a longer answer was taken");
        };
        assert!(matches!(source, AgentError::Malformed), "{source}");
    }
    let longer = identities(&[&blob[..], b"x"].concat());
    assert!(matches!(
        with_answers(vec![longer], agent_key::list),
        Err(AgentError::Malformed)
    ));
    for declined in [5, 28] {
        assert!(matches!(
            with_answers(vec![string(&[declined])], agent_key::list),
            Err(AgentError::Declined)
        ));
    }
}

/// The generator of P-256 (SEC 2 §2.4.2): a point that is a key.
const P256: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

#[test]
fn an_agents_key_is_of_ed25519() {
    let other = PublicKey::p256(&hex::decode(P256).unwrap()).unwrap();
    let nowhere = Path::new("no agent is asked");
    assert!(matches!(
        AgentKey::connect(nowhere, &other),
        Err(AgentError::WrongAlgorithm)
    ));
    let key = FileKey::from_seed(&[1; 32]);
    let blob = [string(b"ssh-ed25519"), string(key.public().bytes())].concat();
    let line = |algorithm: &str| format!("{algorithm} {} comment", STANDARD.encode(&blob));
    assert_eq!(
        &agent_key::read_public_line(&line("ssh-ed25519")).unwrap(),
        key.public()
    );
    assert!(matches!(
        agent_key::read_public_line(&line("ssh-rsa")),
        Err(KeyError::UnknownAlgorithm)
    ));
}
