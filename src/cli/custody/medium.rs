//! The arguments that describe a medium. Nothing is ever read from the machine: what stands in a record, a person has said.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use crate::trust::custody::{Medium, Seal, SealState, WriteProtection};

/// A medium and its seal, as a person describes them.
#[derive(Debug, Args)]
pub(super) struct MediumArguments {
    /// What the medium is, such as `USB stick` or `BD-R`
    #[arg(long, value_name = "TEXT", help_heading = "The medium")]
    medium: Option<String>,
    /// What stands on its label
    #[arg(long, value_name = "TEXT", help_heading = "The medium")]
    label: Option<String>,
    /// Who made it
    #[arg(long, value_name = "NAME", help_heading = "The medium")]
    vendor: Option<String>,
    /// Its model
    #[arg(long, value_name = "NAME", help_heading = "The medium")]
    model: Option<String>,
    /// Its serial number
    #[arg(long, value_name = "NUMBER", help_heading = "The medium")]
    serial: Option<String>,
    /// Vendor, model and serial number in one, as a name below /dev/disk/by-id: `usb-VENDOR_MODEL_SERIAL-0:0`
    #[arg(long, value_name = "NAME", value_parser = disk_id, conflicts_with_all = ["vendor", "model", "serial"], help_heading = "The medium")]
    disk_id: Option<DiskId>,
    /// Whose it is
    #[arg(long, value_name = "NAME", help_heading = "The medium")]
    owner: Option<String>,
    /// How much it holds
    #[arg(long, value_name = "TEXT", help_heading = "The medium")]
    capacity: Option<String>,
    /// What keeps it from being written to
    #[arg(long, value_name = "HOW", value_parser = write_protection(), help_heading = "The medium")]
    write_protection: Option<WriteProtection>,
    /// The number of its seal
    #[arg(long, value_name = "NUMBER", help_heading = "The medium")]
    seal: Option<String>,
    /// How the seal looks
    #[arg(long, value_name = "STATE", value_parser = seal_state(), requires = "seal", default_value = "intact", help_heading = "The medium")]
    seal_state: SealState,
}

impl MediumArguments {
    /// The medium; none where nothing was said of it.
    pub(super) fn medium(&self) -> Option<Medium> {
        let id = self.disk_id.as_ref();
        let medium = Medium {
            capacity: self.capacity.clone(),
            kind: self.medium.clone(),
            label: self.label.clone(),
            model: self.model.clone().or_else(|| id?.model.clone()),
            owner: self.owner.clone(),
            serial: self.serial.clone().or_else(|| Some(id?.serial.clone())),
            vendor: self.vendor.clone().or_else(|| Some(id?.vendor.clone())),
            write_protection: self.write_protection,
        };
        (medium != Medium::default()).then_some(medium)
    }

    /// The seal.
    pub(super) fn seal(&self) -> Option<Seal> {
        self.seal.clone().map(|number| Seal {
            number,
            state: self.seal_state,
        })
    }
}

fn write_protection() -> impl clap::builder::TypedValueParser<Value = WriteProtection> {
    let words = WriteProtection::ALL.map(|(_, word)| word);
    PossibleValuesParser::new(words).try_map(|word| of_word(&WriteProtection::ALL, &word))
}

fn seal_state() -> impl clap::builder::TypedValueParser<Value = SealState> {
    let words = SealState::ALL.map(|(_, word)| word);
    PossibleValuesParser::new(words).try_map(|word| of_word(&SealState::ALL, &word))
}

fn of_word<T: Copy>(words: &[(T, &str)], word: &str) -> Result<T, &'static str> {
    let found = words.iter().find(|(_, one)| *one == word);
    found.map(|(value, _)| *value).ok_or("no such word")
}

/// What udev makes of a disk's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DiskId {
    vendor: String,
    model: Option<String>,
    serial: String,
}

/// Reads `usb-SanDisk_Ultra_Fit_4C5300-0:0`, with or without the folder before it and the instance behind it.
fn disk_id(text: &str) -> Result<DiskId, String> {
    let name = text.rsplit('/').next().unwrap_or(text);
    let (_, rest) = name.split_once('-').ok_or("write it as usb-VENDOR_MODEL_SERIAL-0:0")?;
    let rest = match rest.rsplit_once('-') {
        Some((before, instance)) if instance.contains(':') || instance.starts_with("part") => before,
        _ => rest,
    };
    let words: Vec<&str> = rest.split('_').filter(|word| !word.is_empty()).collect();
    let [vendor, model @ .., serial] = words.as_slice() else {
        return Err("it has no vendor and serial number: name them with --vendor and --serial".to_owned());
    };
    Ok(DiskId {
        vendor: (*vendor).to_owned(),
        model: (!model.is_empty()).then(|| model.join(" ")),
        serial: (*serial).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    #[test]
    fn a_medium_of_which_nothing_was_said_is_none() {
        let of = |words: &[&str]| {
            let command = MediumArguments::augment_args(clap::Command::new("record").no_binary_name(true));
            MediumArguments::from_arg_matches(&command.get_matches_from(words))
                .unwrap()
                .medium()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["--seal", "4711"]), None);
        assert_eq!(of(&["--label", "A-1"]).unwrap().label.as_deref(), Some("A-1"));
    }

    #[test]
    fn a_disks_name_is_read_as_udev_makes_it() {
        let read = |text: &str| {
            let id = disk_id(text).ok()?;
            Some((id.vendor, id.model.unwrap_or_default(), id.serial))
        };
        let of = |vendor: &str, model: &str, serial: &str| Some((vendor.into(), model.into(), serial.into()));
        let sandisk = of("SanDisk", "Ultra Fit", "4C530001");
        assert_eq!(read("usb-SanDisk_Ultra_Fit_4C530001-0:0"), sandisk);
        assert_eq!(
            read("/dev/disk/by-id/usb-SanDisk_Ultra_Fit_4C530001-0:0-part1"),
            None.or(of("SanDisk", "Ultra Fit", "4C530001-0:0"))
        );
        assert_eq!(read("usb-SanDisk_Ultra_Fit_4C530001"), sandisk);
        assert_eq!(read("ata-WDC_WD10_WD-WCC4"), of("WDC", "WD10", "WD-WCC4"));
        assert_eq!(read("usb-X_1"), of("X", "", "1"));
        assert_eq!(disk_id("usb-X_1").unwrap().model, None);
        for text in ["", "sdb", "usb-", "usb-X", "usb-_-0:0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
