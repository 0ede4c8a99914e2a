//! Regimes of other countries and of industries.

use super::*;

pub(super) const IEC_62443: Regime = Regime {
    id: "iec-62443",
    title: "IEC 62443-3-3 and 62443-4-1",
    text: Text::NotVerified,
    controls: &[
        answered(
            "3-3 SR 1.2",
            "identify and authenticate software processes and devices",
            &[SEAL],
            "the devices",
        ),
        open("3-3 SR 2.3", "control portable and mobile devices", CUSTODY),
        answered(
            "3-3 SR 2.8",
            "auditable events",
            &[SignedReport, ReportChain],
            "events of other systems",
        ),
        answered("3-3 SR 3.2", "protect from malicious code", &[MALWARE], OTHER_WAYS),
        answered(
            "3-3 SR 3.4",
            "integrity of software and information",
            &[OBJECTS, CONTENTS, PUBLICATION],
            "what changes in the enclave afterwards",
        ),
        answered(
            "3-3 SR 3.9",
            "protect audit information",
            &[SignedReport, ReportChain],
            "who may read it",
        ),
        answered(
            "4-1 SM-6",
            "integrity of files, as a recipient sees it",
            &[OBJECTS, EVIDENCE],
            "",
        ),
        answered(
            "4-1 SM-9",
            "security of components of others",
            &[POLICY, EVIDENCE],
            "how the components were developed",
        ),
        answered(
            "4-1 SUM-4",
            "updates can be verified to be genuine",
            &[EVIDENCE, PUBLISHER],
            "",
        ),
    ],
};

pub(super) const ISM: Regime = Regime {
    id: "ism",
    title: "Australian ISM",
    text: Text::Mirrored,
    controls: &[
        open(
            "ISM-0663",
            "procedures for transfers",
            "the procedures are not in this report",
        ),
        answered("ISM-1586", "log every import", &[SignedReport, ReportChain], ""),
        open(
            "ISM-1294, ISM-0660",
            "verify the logs every month",
            "who reads reports is not in them",
        ),
        answered("ISM-0657", "scan what is imported", &[MALWARE], ""),
        open("ISM-0347", "write-once or read-only media", CUSTODY),
        open(
            "ISM-0664, ISM-0669, ISM-0675",
            "review, sign and validate exports",
            "this report is about an import",
        ),
    ],
};

pub(super) const NCSC_IMPORT: Regime = Regime {
    id: "ncsc-import",
    title: "NCSC pattern for safely importing data",
    text: Text::Mirrored,
    controls: &[
        open(
            "transform",
            "transform the data into another format",
            "artifacts are published as they came, since their proofs are about those bytes",
        ),
        answered(
            "verify",
            "verify syntax and meaning",
            &[CONTAINER, CONTENTS],
            "what the artifacts hold beside what names them",
        ),
        open("flow control", "one-way flow, and a break of protocols", CUSTODY),
    ],
};

pub(super) const ISO_27001: Regime = Regime {
    id: "iso-27001",
    title: "ISO/IEC 27001:2022, annex A",
    text: Text::NotVerified,
    controls: &[
        answered(
            "A.5.21",
            "security in the supply chain",
            &[EVIDENCE, POLICY],
            "agreements with suppliers",
        ),
        answered("A.5.33", "protect records", &[SignedReport, ReportChain, KeptFor], KEPT),
        answered("A.7.10", "storage media", &[RECORDS], RECORDED),
        answered(
            "A.8.8",
            "technical vulnerabilities",
            &[Advisories],
            "what the advisories that came do not know",
        ),
        answered(
            "A.8.15",
            "logging",
            &[SignedReport, ReportChain],
            "events of other systems",
        ),
        answered(
            "A.8.19",
            "installation of software",
            &[POLICY, EVIDENCE],
            "what is installed from elsewhere",
        ),
        answered(
            "A.8.24",
            "use of cryptography",
            &[SEAL, SignedReport],
            "how keys are made and kept",
        ),
        answered(
            "A.8.32",
            "change management",
            &[APPROVALS, PUBLICATION],
            "that the ticket which an approver names was granted",
        ),
    ],
};

pub(super) const EU_CRA: Regime = Regime {
    id: "eu-cra",
    title: "EU Cyber Resilience Act, 2024/2847",
    text: Text::NotVerified,
    controls: &[
        answered(
            "Annex I, part I (2)(f)",
            "protect the integrity of software",
            &[OBJECTS, EVIDENCE],
            "a manufacturer's own product",
        ),
        answered(
            "Annex I, part I (2)(c)",
            "security updates",
            &[Advisories],
            "whether what came is installed",
        ),
        answered(
            "Article 13(5)",
            "due diligence on components of others",
            &[EVIDENCE, POLICY, Inventory],
            "what the artifacts are composed of",
        ),
        open(
            "Annex VII",
            "technical documentation, kept for ten years or longer",
            "a report says for how long it is kept by the policy of then, which need not be that long",
        ),
    ],
};

pub(super) const S2C2F: Regime = Regime {
    id: "s2c2f",
    title: "S2C2F",
    text: Text::Published,
    controls: &[
        answered(
            "ING-1",
            "use trusted package managers (level 1)",
            &[Inventory, EVIDENCE],
            "where the exporter fetched is what it says itself",
        ),
        answered("ING-2", "a local repository of binaries (level 1)", &[PUBLICATION], ""),
        answered(
            "ING-3",
            "a list of what is denied (level 3)",
            &[POLICY],
            "whether this policy lists anything",
        ),
        open("ING-4", "mirrored source (level 3)", "sources are not carried"),
        answered(
            "SCA-1",
            "look for known vulnerabilities (level 1)",
            &[Advisories],
            "what the advisories that came do not know",
        ),
        open(
            "SCA-2",
            "look at licences (level 1)",
            "the records have the licences that artifacts state; whether the policy asks for them, it says itself",
        ),
        open(
            "SCA-3",
            "look for what has come to its end (level 2)",
            "it is not known to a report",
        ),
        answered(
            "SCA-4, SCA-5",
            "look for malware, review security (level 3)",
            &[MALWARE],
            "reviews of security",
        ),
        answered(
            "INV-1",
            "keep an automated inventory (level 1)",
            &[Inventory],
            THIS_BUNDLE,
        ),
        open(
            "INV-2",
            "a plan for incidents (level 2)",
            "the plan is not in this report",
        ),
        answered("AUD-1", "verify provenance (level 3)", &[EVIDENCE, PROVENANCE], ""),
        answered(
            "AUD-2",
            "audit that the approved way was used",
            &[POLICY, APPROVALS, SignedReport],
            "what is installed from elsewhere",
        ),
        answered(
            "AUD-3",
            "validate integrity (level 2)",
            &[OBJECTS, CONTENTS, REGISTRY],
            "",
        ),
        open("AUD-4", "validate SBOMs (level 4)", "no SBOM was read"),
        open(
            "ENF-1",
            "secure the configuration of sources (level 2)",
            "clients' configuration is not in this report",
        ),
        answered(
            "ENF-2",
            "a curated feed (level 3)",
            &[POLICY, PUBLICATION],
            "that clients use no other",
        ),
        open(
            "REB-1 to REB-4, FIX-1",
            "rebuild, sign and fix (level 4)",
            "artifacts are published as they came",
        ),
    ],
};
