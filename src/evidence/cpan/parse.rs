//! The signed text: `$cksum = { 'file' => { 'key' => 'value', … }, … };`, and comments.

use std::collections::BTreeMap;

use super::super::listed::{self, Said, base_name};
use super::super::openpgp::Signs;
use super::super::signed_text::Text;
use crate::model::{Algorithm, Artifact, Claim, Content, Doubt};

/// What a folder's checksums say, by file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checksums {
    files: BTreeMap<String, BTreeMap<String, String>>,
}

impl Text for Checksums {
    const ID: &'static str = "cpan-checksums";
    const NAME: &'static str = "CHECKSUMS file";
    const SIGNS: Signs = Signs::Registry;

    fn read(text: &[u8]) -> Result<Self, Said> {
        let text = std::str::from_utf8(text).map_err(|_| Said::malformed("the signed checksums are not UTF-8"))?;
        let mut reader = Reader { rest: text, line: 1 };
        let files = reader.document()?;
        Ok(Self { files })
    }

    fn about(&self, artifact: &Artifact, content: &mut dyn Content) -> Result<Said, Said> {
        let file = base_name(&artifact.file);
        let entry = self
            .files
            .get(file)
            .ok_or_else(|| Said::differs(format!("the signed checksums do not list `{file}`")))?;
        let stated = entry
            .get("sha256")
            .and_then(|digits| Claim::from_hex(Algorithm::Sha256, digits).ok())
            .ok_or_else(|| {
                Said::Wrong(
                    crate::model::Fault::Weak,
                    format!("the signed checksums have no SHA-256 digest of `{file}`"),
                )
            })?;
        listed::compare(&format!("`{file}`"), &stated, artifact, content)?;
        // CVE-2020-16156: of which folder.
        let folder = entry.get("cpan_path").ok_or_else(|| {
            Said::Open(
                Doubt::Incomplete,
                "the signed checksums do not name their folder".to_owned(),
            )
        })?;
        let author = author_of(folder).ok_or_else(|| {
            Said::malformed(format!(
                "the signed checksums name the folder `{folder}`, which is none"
            ))
        })?;
        let expected = artifact.name.split_once('/').map(|(author, _)| author).ok_or_else(|| {
            Said::Open(
                Doubt::Incomplete,
                "the artifact's name does not say its author, whose folder the checksums are of".to_owned(),
            )
        })?;
        if author != expected {
            return Err(Said::differs(format!(
                "the signed checksums are of {author}'s folder, not of {expected}'s"
            )));
        }
        Ok(Said::Fits {
            claims: vec![("cpan-path".to_owned(), folder.clone())],
            notes: Vec::new(),
        })
    }
}

/// The author in `A/AN/ANDK`, perhaps with folders behind.
fn author_of(folder: &str) -> Option<&str> {
    let mut parts = folder.split('/');
    let (first, second, author) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = first.len() == 1 && second.len() == 2 && second.starts_with(first) && author.starts_with(second);
    fits.then_some(author)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Said> {
        self.expect("$cksum")?;
        self.expect("=")?;
        self.expect("{")?;
        let mut files = BTreeMap::new();
        while !self.takes("}") {
            let file = self.string()?;
            self.expect("=>")?;
            self.expect("{")?;
            let mut entry = BTreeMap::new();
            while !self.takes("}") {
                let key = self.string()?;
                self.expect("=>")?;
                let value = self.value()?;
                if entry.insert(key, value).is_some() {
                    return Err(self.wrong("the same key twice"));
                }
                if !self.takes(",") {
                    self.expect("}")?;
                    break;
                }
            }
            if files.insert(file, entry).is_some() {
                return Err(self.wrong("the same file twice"));
            }
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        self.expect(";")?;
        self.skip();
        match self.rest.trim_end() {
            "" | "__END__" | "1;" | "1;\n__END__" => Ok(files),
            _ => Err(self.wrong("something after its end")),
        }
    }

    /// Passes over white space and comments.
    fn skip(&mut self) {
        loop {
            let bare = self.rest.trim_start_matches([' ', '\t', '\n']);
            self.line += self.rest[..self.rest.len() - bare.len()].matches('\n').count();
            self.rest = bare;
            if !bare.starts_with('#') {
                return;
            }
            self.rest = bare.find('\n').map_or("", |end| &bare[end..]);
        }
    }

    fn takes(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Said> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(self.wrong(&format!("no `{token}` where one should be")))
        }
    }

    /// A string in single quotes, in which a backslash escapes a quote or itself (perlop, "q/STRING/").
    fn string(&mut self) -> Result<String, Said> {
        self.expect("'")?;
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\'' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('\'' | '\\'))) => text.push(escaped),
                    _ => return Err(self.wrong("an escape that is not read")),
                },
                '\n' => return Err(self.wrong("a text over two lines")),
                other => text.push(other),
            }
        }
        Err(self.wrong("a text that does not end"))
    }

    fn value(&mut self) -> Result<String, Said> {
        self.skip();
        if self.rest.starts_with('\'') {
            return self.string();
        }
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest): (&'a str, &'a str) = self.rest.split_at(end);
        if digits.is_empty() {
            return Err(self.wrong("a value that is no text and no number"));
        }
        self.rest = rest;
        Ok(digits.to_owned())
    }

    fn wrong(&self, what: &str) -> Said {
        Said::malformed(format!("the signed checksums have {what}, in line {}", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_of_the_grammar_stands_in_its_place() {
        let good = "$cksum = {'a' => {'b' => 'c', 'd' => 1}, 'e' => {}};";
        assert_eq!(Checksums::read(good.as_bytes()).unwrap().files.len(), 2);
        for (from, to, missing) in [
            ("$cksum", "$other", "$cksum"),
            ("$cksum", "", "$cksum"),
            (" = ", " ", "="),
            ("= {'a'", "= 'a'", "{"),
            ("'a' =>", "'a'", "=>"),
            ("'a' => {", "'a' => ", "{"),
            ("'b' =>", "'b'", "=>"),
            ("1}, 'e'", "1; 'e'", "}"),
            ("{}};", "{};", "}"),
            ("'b'", "b'", "'"),
            ("'a'", "a'", "'"),
            ("};", "}", ";"),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_ne!(wrong, good);
            let expected = Said::malformed(format!(
                "the signed checksums have no `{missing}` where one should be, in line 1"
            ));
            assert_eq!(Checksums::read(wrong.as_bytes()).unwrap_err(), expected, "{wrong}");
        }
    }

    #[test]
    fn a_folder_says_its_author_three_times() {
        for (folder, expected) in [
            ("A/AN/ANDK", Some("ANDK")),
            ("A/AN/ANDK/Deeper", Some("ANDK")),
            ("AN/AN/ANDK", None),
            ("A/AND/ANDK", None),
            ("B/AN/ANDK", None),
            ("A/AN/BOB", None),
            ("A/AN", None),
        ] {
            assert_eq!(author_of(folder), expected, "{folder}");
        }
    }
}
