//! A fake registry: documents by URL, and a list of what was asked.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sealift::ecosystem::{DocumentRequest, Fetched, NamedBy, Upstream, UpstreamBase, UpstreamError};

/// What the registry answers to one URL.
enum Answer {
    Document(Vec<u8>),
    Status(u16),
}

/// Answers with prepared documents, and with 404 to everything else.
#[derive(Default)]
pub(crate) struct Registry {
    answers: BTreeMap<String, Answer>,
    bases: Vec<UpstreamBase>,
    asked: Mutex<Vec<String>>,
}

impl Registry {
    /// A registry that the client's configuration names for every name or for one scope.
    pub(crate) fn at(mut self, ecosystem: &'static str, scope: Option<&str>, url: &str) -> Self {
        self.bases.push(UpstreamBase {
            named_by: NamedBy::Client,
            ecosystem,
            scope: scope.map(str::to_owned),
            url: url.to_owned(),
            authorization: None,
        });
        self
    }

    /// A registry that the lockfile names for the name in question.
    pub(crate) fn locked(mut self, ecosystem: &'static str, url: &str) -> Self {
        self = self.at(ecosystem, None, url);
        if let Some(base) = self.bases.last_mut() {
            base.named_by = NamedBy::LockfileForName;
        }
        self
    }

    /// Serves a document.
    pub(crate) fn with(mut self, url: &str, document: impl Into<Vec<u8>>) -> Self {
        self.answers.insert(url.to_owned(), Answer::Document(document.into()));
        self
    }

    /// Answers with an error status.
    pub(crate) fn failing(mut self, url: &str, status: u16) -> Self {
        self.answers.insert(url.to_owned(), Answer::Status(status));
        self
    }

    /// The URLs asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics while it holds the list"))
    }
}

impl Upstream for Registry {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        let url = request.url.clone();
        self.asked
            .lock()
            .expect("no test panics while it holds the list")
            .push(url.clone());
        match self.answers.get(&url) {
            None => Ok(None),
            Some(Answer::Status(status)) => Err(UpstreamError::Status { url, status: *status }),
            Some(Answer::Document(bytes)) => Ok(Some(Fetched {
                url,
                media_type: "application/json".to_owned(),
                bytes: bytes.clone(),
            })),
        }
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        self.bases
            .iter()
            .filter(|base| base.ecosystem == ecosystem)
            .cloned()
            .collect()
    }
}
