//! The root page of Python's simple index: every name that the current generation has a page for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::negotiate::Form;

/// The root page in both forms.
#[derive(Debug, Clone)]
struct Pages {
    html: Arc<[u8]>,
    json: Arc<[u8]>,
}

/// Makes the root page when it is first asked for in a generation, and keeps it until the next.
#[derive(Debug, Default)]
pub(super) struct RootPages {
    made: Mutex<Option<(PathBuf, Pages)>>,
}

impl RootPages {
    /// The page in a form; `folder` is the enclave's.
    pub(super) fn page(&self, folder: &Path, form: Form) -> io::Result<Arc<[u8]>> {
        // A page is whole or not there, so a thread that panicked while it held the lock left nothing half done.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let current = fs::read_link(folder.join("generations/current"))?;
        let pages = match &*made {
            Some((generation, pages)) if *generation == current => pages.clone(),
            _ => {
                let pages = make(&folder.join("repository/pypi/simple"))?;
                *made = Some((current, pages.clone()));
                pages
            }
        };
        Ok(match form {
            Form::JsonV1 => pages.json,
            Form::Html | Form::HtmlV1 => pages.html,
        })
    }
}

fn make(folder: &Path) -> io::Result<Pages> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    for entry in entries.into_iter().flatten() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_normal = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        // The link of a name that this generation lacks leads nowhere.
        if is_normal && folder.join(&name).join("index.html").is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    let mut html = String::from(
        "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\">\
         <title>Simple index</title></head><body>\n",
    );
    for name in &names {
        html.push_str(&format!("<a href=\"{name}/\">{name}</a><br>\n"));
    }
    html.push_str("</body></html>\n");
    let projects: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
    let json = serde_json::json!({ "meta": { "api-version": "1.0" }, "projects": projects });
    Ok(Pages {
        html: html.into_bytes().into(),
        json: json.to_string().into_bytes().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_projects_in_their_normal_form_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["foo-bar", "Foo", "a.b", "a_b", "empty"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            if name != "empty" {
                fs::write(folder.path().join(name).join("index.html"), "").unwrap();
            }
        }
        let text = String::from_utf8(make(folder.path()).unwrap().json.to_vec()).unwrap();
        assert!(text.contains(r#""projects":[{"name":"foo-bar"}]"#), "{text}");
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(make(&file).is_ok(), "nothing is there yet");
        fs::write(&file, "").unwrap();
        assert!(make(&file).is_err());
    }
}
