//! What an exporter need not remember any more. A bundle's list is large; its head and that somebody acknowledged it stay, so that the same word can be
//! said again.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{Carried, HEAD, HELD, HELD_LIST, LIST, Sent, cannot};
use crate::crypto::strict_json;
use crate::model::{Digest, Stop};
use crate::trust::folder::write_whole;

/// Bundles of which nobody has said anything, and which are remembered still: more than a site has on the way at once.
pub(super) const MAX_UNACKNOWLEDGED: usize = 100;

impl Sent {
    /// Forgets earlier epochs, of which nothing follows any more, and of the bundles that nobody acknowledged all but the newest.
    pub(super) fn forget(&self, epoch: u64) -> Result<(), Stop> {
        let files = self.files()?;
        let mut open = BTreeSet::new();
        for file in files.iter().filter(|file| file.epoch == epoch && file.kind == HEAD) {
            if let Some(carried) = self.carried(epoch, file.sequence)?
                && self.acknowledged(&carried)?.is_none()
            {
                open.insert(file.sequence);
            }
        }
        let too_many = open.len().saturating_sub(MAX_UNACKNOWLEDGED);
        let forgotten: BTreeSet<u64> = open.into_iter().take(too_many).collect();
        let is_past =
            |epoch_of: u64, sequence: u64| epoch_of < epoch || (epoch_of == epoch && forgotten.contains(&sequence));
        for file in files.iter().filter(|file| is_past(file.epoch, file.sequence)) {
            remove(&file.path)?;
        }
        Ok(())
    }

    /// Puts what all acknowledged bundles of an epoch carried into one list, that of the last of them, and removes the others. A run that is killed
    /// leaves lists that say the same twice, and the next acknowledgement removes them.
    pub(super) fn fold(&self, epoch: u64) -> Result<(), Stop> {
        let mut acknowledged = Vec::new();
        for sequence in self.sequences(epoch)? {
            if let Some(carried) = self.carried(epoch, sequence)?
                && let Some(said) = self.acknowledged(&carried)?
            {
                acknowledged.push((carried, said));
            }
        }
        let Some((last, before)) = acknowledged.split_last() else {
            return Ok(());
        };
        if before.iter().any(|(_, said)| said.held_by.is_none()) {
            let open = acknowledged.iter().filter(|(_, said)| said.held_by.is_none());
            let mut objects: Vec<Digest> = Vec::new();
            for (carried, _) in open {
                objects.extend(self.list(carried)?);
                if objects.len() as u64 > self.max_objects {
                    return Ok(());
                }
            }
            objects.sort_unstable();
            objects.dedup();
            self.hold(&last.0, objects)?;
        }
        for (carried, said) in before {
            if said.held_by != Some(last.0.sequence) {
                let mut said = said.clone();
                said.held_by = Some(last.0.sequence);
                self.note(carried, &said)?;
            }
            for kind in [HELD, HELD_LIST, LIST] {
                remove(&self.path(epoch, carried.sequence, kind))?;
            }
        }
        Ok(())
    }

    /// Writes what a bundle and those before it carried: the list before its head, so that a head has its list.
    fn hold(&self, carried: &Carried, objects: Vec<Digest>) -> Result<(), Stop> {
        // A head from before would not be that of the new list.
        remove(&self.path(carried.epoch, carried.sequence, HELD))?;
        let draft = self.draft(objects.into_iter())?;
        let path = self.path(carried.epoch, carried.sequence, HELD_LIST);
        draft
            .list
            .persist(&path)
            .map_err(|error| cannot(&path, "write", error.error))?;
        let head = self.path(carried.epoch, carried.sequence, HELD);
        Ok(write_whole(&head, &strict_json::write(&draft.objects))?)
    }
}

fn remove(path: &Path) -> Result<(), Stop> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot(path, "remove", error).into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ACKNOWLEDGED;
    use super::*;
    use crate::model::Timestamp;

    fn object(number: u64) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    /// Remembers a bundle with an object of its own, and one that all have.
    fn keep(sent: &Sent, epoch: u64, sequence: u64) -> Carried {
        let mut objects = vec![object(0), object(sequence)];
        objects.sort_unstable();
        let draft = sent.draft(objects.into_iter()).unwrap();
        sent.keep_as(draft, (epoch, sequence), object(sequence)).unwrap();
        sent.carried(epoch, sequence).unwrap().unwrap()
    }

    fn names(sent: &Sent) -> Vec<String> {
        let files = sent.files().unwrap();
        let mut names: Vec<String> = files
            .iter()
            .map(|file| format!("{}-{}.{}", file.epoch, file.sequence, file.kind))
            .collect();
        names.sort();
        names
    }

    fn held(sent: &Sent, before: u64) -> Option<(u64, Vec<u64>)> {
        let remembered = sent.remembered(1, before).unwrap()?;
        let held = (0..10).filter(|number| remembered.holds(&object(*number))).collect();
        Some((remembered.base.sequence, held))
    }

    #[test]
    fn more_than_anybody_remembers_is_neither_folded_nor_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::of(folder.path(), "main");
        sent.max_objects = 4;
        for sequence in 1..=3 {
            let carried = keep(&sent, 1, sequence);
            // Two lists of two objects fit; the third is left as it is.
            sent.acknowledge(&carried, Timestamp::from_seconds(1000)).unwrap();
            assert_eq!(sent.remembered(1, 9).is_ok(), sequence < 3, "{sequence}");
        }
        let is_folded = |name: &String| name == "1-3.held";
        assert!(!names(&sent).iter().any(is_folded));
        sent.max_objects = 5;
        assert!(sent.remembered(1, 9).is_ok());
    }

    #[test]
    fn what_was_acknowledged_is_in_one_list_in_whatever_order_it_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path(), "main");
        let carried: Vec<Carried> = (1..=5).map(|sequence| keep(&sent, 1, sequence)).collect();
        let at = Timestamp::from_seconds(1000);
        let say = |sequence: usize| sent.acknowledge(&carried[sequence - 1], at).unwrap();
        assert_eq!(held(&sent, 6), None);
        say(2);
        assert_eq!(held(&sent, 6), Some((2, vec![0, 2])));
        say(4);
        assert_eq!(held(&sent, 6), Some((4, vec![0, 2, 4])));
        say(1);
        say(1);
        assert_eq!(held(&sent, 6), Some((4, vec![0, 1, 2, 4])));
        assert_eq!(
            names(&sent),
            [
                "1-1.acknowledged",
                "1-1.json",
                "1-2.acknowledged",
                "1-2.json",
                "1-3.json",
                "1-3.list",
                "1-4.acknowledged",
                "1-4.held",
                "1-4.held.json",
                "1-4.json",
                "1-4.list",
                "1-5.json",
                "1-5.list"
            ]
        );
        say(5);
        assert_eq!(held(&sent, 6), Some((5, vec![0, 1, 2, 4, 5])));
        // A number that was given before the last of them is followed by nothing that only a later list has.
        assert_eq!(held(&sent, 5), Some((4, Vec::new())));
        // A list that somebody cut is found.
        let path = sent.path(1, 5, HELD_LIST);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 65]).unwrap();
        assert!(sent.remembered(1, 6).is_err());
        // One whose head was lost with a kill counts for its own bundle alone: the rest travels again.
        fs::write(&path, &whole).unwrap();
        fs::remove_file(sent.path(1, 5, HELD)).unwrap();
        assert_eq!(held(&sent, 6), Some((5, vec![0, 5])));
    }

    #[test]
    fn what_nobody_acknowledged_and_what_is_past_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path(), "main");
        let newest = MAX_UNACKNOWLEDGED as u64 + 3;
        for sequence in 1..=newest {
            let carried = keep(&sent, 1, sequence);
            if sequence == 1 {
                sent.acknowledge(&carried, Timestamp::from_seconds(1000)).unwrap();
            }
        }
        // The first was acknowledged, and the oldest of the others went.
        let mut known = vec![1];
        known.extend(4..=newest);
        assert_eq!(sent.sequences(1).unwrap(), known);
        assert_eq!(held(&sent, newest + 1), Some((1, vec![0, 1])));
        keep(&sent, 2, 1);
        assert_eq!(sent.sequences(1).unwrap(), Vec::<u64>::new());
        assert_eq!(names(&sent), ["2-1.json", "2-1.list"]);
    }

    #[test]
    fn files_of_another_bundle_say_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path(), "main");
        let [first, second] = [1, 2].map(|sequence| keep(&sent, 1, sequence));
        sent.acknowledge(&first, Timestamp::from_seconds(1000)).unwrap();
        fs::copy(sent.path(1, 1, ACKNOWLEDGED), sent.path(1, 2, ACKNOWLEDGED)).unwrap();
        assert_eq!(sent.acknowledged(&second).unwrap(), None);
        fs::copy(sent.path(1, 1, HEAD), sent.path(1, 2, HEAD)).unwrap();
        assert_eq!(sent.carried(1, 2).unwrap(), None);
    }

    #[test]
    fn of_a_later_epoch_nothing_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path(), "main");
        keep(&sent, 2, 1);
        for sequence in 1..=MAX_UNACKNOWLEDGED as u64 + 1 {
            keep(&sent, 1, sequence);
        }
        assert!(!names(&sent).contains(&"1-1.json".to_owned()));
        assert!(names(&sent).contains(&"2-1.json".to_owned()));
    }

    #[test]
    fn what_cannot_be_written_or_removed_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(remove(&folder.path().join("none")).is_ok());
        assert!(remove(folder.path()).is_err());
        let at = Timestamp::from_seconds(1000);
        let fresh = |name: &str| {
            let sent = Sent::of(folder.path(), name);
            let carried = [1, 2].map(|sequence| keep(&sent, 1, sequence));
            (sent, carried)
        };
        // A folder stands where a list is to go.
        let (sent, [first, second]) = fresh("a");
        sent.acknowledge(&first, at).unwrap();
        fs::create_dir(sent.path(1, 1, HELD_LIST)).unwrap();
        assert!(sent.acknowledge(&second, at).is_err());
        // Or where one is to be written, or something of an earlier epoch.
        let (sent, [first, second]) = fresh("b");
        sent.acknowledge(&first, at).unwrap();
        fs::create_dir(sent.path(1, 2, HELD_LIST)).unwrap();
        assert!(sent.acknowledge(&second, at).is_err());
        let draft = sent.draft(std::iter::empty()).unwrap();
        assert!(sent.keep_as(draft, (2, 1), object(1)).is_err());
        let (sent, [first, _]) = fresh("c");
        fs::remove_dir_all(&sent.folder).unwrap();
        assert!(sent.acknowledge(&first, at).is_err());
    }
}
