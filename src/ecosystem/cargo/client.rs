//! The lines that make Cargo read the enclave's repository (Cargo reference, "Source replacement").

use crate::ecosystem::{ClientConfig, RepositoryPlace};

/// The sparse index of `sealift serve` where a URL is given, else the folder as a local registry.
pub(crate) fn config(place: &RepositoryPlace) -> Vec<ClientConfig> {
    let source = match &place.url {
        Some(url) => format!("registry = {}", quoted(&format!("sparse+{url}/cargo/index/"))),
        None => format!("local-registry = {}", quoted(&place.folder.to_string_lossy())),
    };
    let text = format!(
        "[source.crates-io]\n\
         replace-with = \"enclave\"\n\
         \n\
         [source.enclave]\n\
         {source}\n\
         \n\
         # Another registry that the lockfile names needs an entry of its own:\n\
         # [source.NAME]\n\
         # registry = \"the index URL, as in the lockfile\"\n\
         # replace-with = \"enclave\"\n"
    );
    vec![ClientConfig {
        client: "cargo",
        file: ".cargo/config.toml",
        text,
    }]
}

/// A TOML basic string (TOML 1.0.0, "String").
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(place: &RepositoryPlace) -> toml::Table {
        let config = config(place);
        assert_eq!(config[0].file, ".cargo/config.toml");
        toml::from_str(&config[0].text).unwrap()
    }

    #[test]
    fn folder_or_server() {
        let folder = "/srv/\"odd\\ \u{7f} é";
        let mut place = RepositoryPlace {
            folder: folder.into(),
            url: None,
        };
        let table = parsed(&place);
        assert_eq!(table["source"]["crates-io"]["replace-with"].as_str(), Some("enclave"));
        assert_eq!(table["source"]["enclave"]["local-registry"].as_str(), Some(folder));
        place.url = Some("http://127.0.0.1:8080".to_owned());
        assert_eq!(
            parsed(&place)["source"]["enclave"]["registry"].as_str(),
            Some("sparse+http://127.0.0.1:8080/cargo/index/")
        );
    }
}
