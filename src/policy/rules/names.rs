//! Names that are new, or look like others.

use super::Hits;
use crate::model::Code;
use crate::policy::document::NameRule;
use crate::policy::{Case, Standing, Surroundings};

/// Asks about names that the enclave has never held.
pub(crate) fn names(rule: &NameRule, case: &Case<'_>, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    if case.standing == Standing::Known {
        return;
    }
    hits.add(
        Code::FirstSeenName,
        rule.first_seen,
        "names.first_seen",
        "nothing of this name was here before".to_owned(),
        "look at the project's page, its age and its source",
    );
    let artifact = case.artifact;
    let spelled = (surroundings.ecosystems.spelling)(&artifact.ecosystem, &artifact.name);
    let similar = surroundings
        .names
        .similar(&artifact.ecosystem, &spelled, &rule.compare_with);
    if let Some((other, likeness)) = similar {
        hits.add(
            Code::SimilarName,
            rule.similar,
            "names.similar",
            format!("the name looks like `{other}`: {likeness}"),
            "compare the two letter by letter",
        );
    }
}
