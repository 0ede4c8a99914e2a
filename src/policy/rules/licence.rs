//! Licences.

use super::Hits;
use crate::model::Code;
use crate::policy::Case;
use crate::policy::document::LicenceRule;
use crate::policy::spdx::{Expression, Licence};

/// Compares the stated licence with those that are admitted.
pub(crate) fn licence(rule: &LicenceRule, allow: &[Licence], case: &Case<'_>, hits: &mut Hits) {
    let stated = case.licence.map(str::trim).filter(|text| !text.is_empty());
    let (action, path, message) = match stated.map(|text| (text, Expression::parse(text))) {
        None => (
            rule.unknown,
            "licences.unknown",
            "nothing states its licence".to_owned(),
        ),
        Some((text, None)) => (
            rule.unknown,
            "licences.unknown",
            format!(
                "what it states is no SPDX expression: {}",
                text.chars().take(80).collect::<String>()
            ),
        ),
        Some((_, Some(expression))) if expression.is_allowed(allow) => return,
        Some((text, Some(_))) => (
            rule.other,
            "licences.other",
            format!("its licence is {}", text.chars().take(200).collect::<String>()),
        ),
    };
    hits.add(
        Code::LicenceNotAllowed,
        action,
        path,
        message,
        "ask whoever decides about licences",
    );
}
