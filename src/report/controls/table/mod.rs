//! The table: regimes, their controls, and the checks that answer them. What a control asks is said in our own words; who is
//! examined by it reads the regime itself.

mod others;
mod sp_800_53;
mod united_states;

use super::Basis::{Advisories, Check, Inventory, KeptFor, Reaches, ReportChain, SignedReport};
use super::{Basis, Control, Regime, Text};
use crate::model::Level;

/// A control that some checks answer, and what they leave open.
const fn answered(id: &'static str, asks: &'static str, rests_on: &'static [Basis], lacks: &'static str) -> Control {
    Control {
        id,
        asks,
        rests_on,
        lacks,
    }
}

/// A control that nothing in a report answers, and why.
const fn open(id: &'static str, asks: &'static str, why: &'static str) -> Control {
    answered(id, asks, &[], why)
}

const OBJECTS: Basis = Check("objects");
const CONTENTS: Basis = Check("contents");
const MALWARE: Basis = Check("malware");
const EVIDENCE: Basis = Check("evidence");
const SEAL: Basis = Check("seal");
const RECIPIENT: Basis = Check("recipient");
const ORDER: Basis = Check("order");
const APPROVALS: Basis = Check("approvals");
const POLICY: Basis = Check("policy");
const TRUST: Basis = Check("trust");
const CONTAINER: Basis = Check("container");
const PUBLICATION: Basis = Check("publication");
const REGISTRY: Basis = Reaches(Level::Registry);
const PUBLISHER: Basis = Reaches(Level::Publisher);
const PROVENANCE: Basis = Reaches(Level::Provenance);

const RECORDS: Basis = Check("custody");

const RECORDED: &str = "what nobody recorded, and whether what was recorded is so";
const CUSTODY: &str = "who carried the media, and in what state they came, is not what this report checks";
const KEPT: &str = "whether they are kept so long: an audit tells what is missing";
const OTHER_WAYS: &str = "the enclave's machines, and what comes another way";
const THIS_BUNDLE: &str = "all that did not come with this bundle";

/// The regimes of the map.
pub const REGIMES: &[Regime] = &[
    sp_800_53::SP_800_53_R5,
    united_states::SP_800_171_R2,
    united_states::NERC_CIP,
    others::IEC_62443,
    united_states::SSDF,
    united_states::DOD_MEDIA,
    others::ISM,
    others::NCSC_IMPORT,
    united_states::SP_1334,
    others::ISO_27001,
    others::EU_CRA,
    united_states::FDA_524B,
    others::S2C2F,
];
