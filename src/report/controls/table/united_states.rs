//! Further regimes of the United States.

use super::*;

pub(super) const SP_800_171_R2: Regime = Regime {
    id: "sp-800-171-r2",
    title: "NIST SP 800-171 revision 2, CMMC level 2",
    text: Text::NotVerified,
    controls: &[
        answered(
            "AC.L2-3.1.3",
            "control the flow of information",
            &[RECIPIENT, ORDER, POLICY],
            "other ways into the enclave",
        ),
        open("AC.L2-3.1.21", "limit portable storage on other systems", CUSTODY),
        answered(
            "AU.L2-3.3.1",
            "create and keep audit records",
            &[SignedReport, ReportChain, KeptFor],
            KEPT,
        ),
        answered(
            "AU.L2-3.3.2",
            "trace actions to persons",
            &[SEAL, APPROVALS, SignedReport],
            "that the persons are who the root calls them",
        ),
        answered(
            "AU.L2-3.3.8",
            "protect audit records",
            &[SignedReport, ReportChain],
            "who may read them",
        ),
        answered(
            "CM.L2-3.4.8",
            "allow software by exception",
            &[POLICY],
            "what is executed",
        ),
        answered(
            "CM.L2-3.4.9",
            "control what users install",
            &[POLICY],
            "what users install from elsewhere",
        ),
        open("MP.L2-3.8.4", "mark media", CUSTODY),
        answered("MP.L2-3.8.5", "account for media in transport", &[RECORDS], RECORDED),
        open("MP.L2-3.8.7", "control removable media", CUSTODY),
        open("MP.L2-3.8.8", "no media without an owner", CUSTODY),
        open(
            "SC.L2-3.13.11",
            "validated cryptography",
            "no validated module is claimed",
        ),
        answered("SI.L1-3.14.2", "protect from malicious code", &[MALWARE], OTHER_WAYS),
    ],
};

pub(super) const NERC_CIP: Regime = Regime {
    id: "nerc-cip",
    title: "NERC CIP-003, CIP-007, CIP-010-4, CIP-013-2",
    text: Text::NotVerified,
    controls: &[
        answered(
            "CIP-010-4 R1 1.6.1",
            "verify the identity of the software's source, where it offers a method",
            &[EVIDENCE, PUBLISHER],
            "",
        ),
        answered(
            "CIP-010-4 R1 1.6.2",
            "verify the software's integrity, where its source offers a method",
            &[OBJECTS, EVIDENCE, REGISTRY],
            "",
        ),
        open(
            "CIP-010-4 R4, Attachment 1 section 3",
            "authorise removable media, and mitigate malware before they are connected",
            CUSTODY,
        ),
        answered(
            "CIP-003, Attachment 1 section 5",
            "mitigate malware on removable media",
            &[MALWARE],
            "before the medium was connected",
        ),
        answered(
            "CIP-013-2 R1.2.5",
            "verify integrity and authenticity of vendors' software",
            &[OBJECTS, EVIDENCE, PUBLISHER],
            "the plan itself",
        ),
        open(
            "CIP-007-6 R2",
            "manage patches within 35 days",
            "when patches were released is not in this report",
        ),
    ],
};

pub(super) const SSDF: Regime = Regime {
    id: "ssdf",
    title: "NIST SP 800-218 (SSDF)",
    text: Text::NotVerified,
    controls: &[
        answered(
            "PS.2.1",
            "integrity information for those who acquire software",
            &[OBJECTS, SignedReport],
            "what the publishers offer",
        ),
        answered(
            "PS.3.1",
            "archive releases with their integrity and provenance",
            &[Inventory, SignedReport, KeptFor],
            KEPT,
        ),
        answered(
            "PS.3.2",
            "keep provenance data of all components",
            &[Inventory, PROVENANCE],
            "what the artifacts are composed of",
        ),
        answered(
            "PW.4.1",
            "acquire well-secured components",
            &[POLICY],
            "how the components were developed",
        ),
        answered(
            "PW.4.4",
            "verify that acquired components comply",
            &[EVIDENCE, POLICY],
            "during all of their life",
        ),
        answered(
            "RV.1.1",
            "gather information on vulnerabilities",
            &[Advisories],
            "what the advisories that came do not know",
        ),
    ],
};

pub(super) const DOD_MEDIA: Regime = Regime {
    id: "dod-media",
    title: "USCYBERCOM CTO 10-133(A), CJCSI 6510.01F, STIG V-245834 and V-23920",
    text: Text::NotVerified,
    controls: &[
        open("removable media", "use them by approval only", CUSTODY),
        answered(
            "assured transfer",
            "scan, load, set read-only, scan again, copy, wipe",
            &[MALWARE],
            "the steps before and after the import",
        ),
    ],
};

pub(super) const SP_1334: Regime = Regime {
    id: "sp-1334",
    title: "NIST SP 1334",
    text: Text::Published,
    controls: &[
        answered(
            "media",
            "owned, labelled, scanned and wiped media",
            &[RECORDS],
            RECORDED,
        ),
        answered(
            "log",
            "log system, user, device and time",
            &[SignedReport],
            "the device's serial number",
        ),
    ],
};

pub(super) const FDA_524B: Regime = Regime {
    id: "fda-524b",
    title: "US FD&C Act, section 524B",
    text: Text::NotVerified,
    controls: &[
        answered(
            "SBOM",
            "a bill of materials with open-source components",
            &[Inventory],
            "what the artifacts are composed of",
        ),
        answered(
            "vulnerabilities",
            "monitor vulnerabilities",
            &[Advisories],
            "after this import",
        ),
        open(
            "support",
            "how long components are supported",
            "it is not known to a report",
        ),
    ],
};
