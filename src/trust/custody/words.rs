//! A record in words: what every table and page says of it. Escaping is the printer's.

use super::record::{Medium, Record, ScannedBy, TimeBy};

impl Record {
    /// What it says besides event and time: a name and a text each.
    pub fn said(&self) -> Vec<(&'static str, String)> {
        let mut said: Vec<(&'static str, String)> = Vec::new();
        if !self.volumes.is_empty() {
            let numbers: Vec<String> = self.volumes.iter().map(|volume| volume.number.to_string()).collect();
            said.push(("volumes", numbers.join(", ")));
        }
        for (name, text) in [
            ("from", &self.from),
            ("to", &self.to),
            ("place", &self.place),
            ("witness", &self.witness),
        ] {
            said.extend(text.clone().map(|text| (name, text)));
        }
        if let Some(seal) = &self.seal {
            said.push(("seal", format!("{}, {}", seal.number, seal.state.word())));
        }
        said.extend(self.medium.iter().map(|medium| ("medium", medium.words())));
        if let Some(protection) = self.medium.as_ref().and_then(|medium| medium.write_protection) {
            said.push(("write protection", protection.word().to_owned()));
        }
        if let Some(done) = &self.sanitisation {
            let certificate = done
                .certificate
                .as_ref()
                .map_or_else(String::new, |number| format!(", certificate {number}"));
            said.push(("method", format!("{}{certificate}", done.method)));
        }
        said.extend(self.scans.iter().map(|scan| ("scan", scan.words())));
        for volume in &self.volumes {
            if let Some(digest) = volume.digest {
                said.push(("digest", format!("volume {}: {digest}", volume.number)));
            }
        }
        said.extend(self.note.clone().map(|note| ("note", note)));
        if self.time_by == TimeBy::Person {
            said.push((
                "time",
                format!("{}; written down {}", self.time_by.words(), self.created),
            ));
        }
        said
    }
}

impl Medium {
    /// What it is, in a phrase.
    pub fn words(&self) -> String {
        let names = [&self.kind, &self.vendor, &self.model].into_iter().flatten();
        let mut words: Vec<String> = vec![names.cloned().collect::<Vec<_>>().join(" ")];
        for (name, text) in [
            ("serial", &self.serial),
            ("label", &self.label),
            ("owner", &self.owner),
            ("capacity", &self.capacity),
        ] {
            words.extend(text.as_ref().map(|text| format!("{name} {text}")));
        }
        words.retain(|text| !text.is_empty());
        if words.is_empty() {
            words.push("not described".to_owned());
        }
        words.join(", ")
    }
}

impl ScannedBy {
    /// What it came to, in a phrase.
    pub fn words(&self) -> String {
        let name = match &self.version {
            Some(version) => format!("{} ({version})", self.engine),
            None => self.engine.clone(),
        };
        let made = self.definitions.map_or_else(
            || "whose definitions have no date".to_owned(),
            |made| format!("with definitions of {made}"),
        );
        let mut words = format!("{name} {made}: {} objects", self.objects);
        words.push_str(&match self.found {
            0 => ", nothing was found".to_owned(),
            found => format!(", something was found in {found}"),
        });
        if self.unclear > 0 {
            words.push_str(&format!(", {} were not scanned wholly", self.unclear));
        }
        if let Some(problem) = &self.problem {
            words.push_str(&format!("; nothing counts as clean: {problem}"));
        }
        words
    }

    /// Whether everything was scanned, and nothing found.
    pub const fn is_clean(&self) -> bool {
        self.found == 0 && self.unclear == 0 && self.problem.is_none()
    }
}
