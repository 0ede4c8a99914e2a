//! The severity class of a CVSS vector: base scores of versions 2 and 3 computed by their specifications; of version 4 bounded from below.
//!
//! Scores here are in hundred-thousandths, so that rounding is exact (CVSS v3.1, appendix A).

use std::collections::HashMap;

use super::Class;

/// The class of a severity as OSV writes it; `None` where it is no vector of a version that is known, or a bare number.
pub(super) fn class(kind: &str, score: &str) -> Option<Class> {
    // The longest vectors, with all their optional metrics, have some 200 bytes.
    if score.len() > 500 {
        return None;
    }
    let tenths = match kind {
        "CVSS_V2" => v2(&metrics(score.trim_matches(['(', ')']), None)?)?,
        "CVSS_V3" => {
            let prefix = if score.starts_with("CVSS:3.0/") {
                "CVSS:3.0/"
            } else {
                "CVSS:3.1/"
            };
            v3(&metrics(score, Some(prefix))?)?
        }
        "CVSS_V4" => return v4(&metrics(score, Some("CVSS:4.0/"))?),
        _ => return None,
    };
    Some(of_score(tenths))
}

/// CVSS v3.1 §5, table 14. Version 2 has no "critical"; what it scores as 9 and more is that.
fn of_score(tenths: u32) -> Class {
    match tenths {
        90.. => Class::Critical,
        70.. => Class::High,
        40.. => Class::Medium,
        _ => Class::Low,
    }
}

fn metrics<'a>(text: &'a str, prefix: Option<&str>) -> Option<HashMap<&'a str, &'a str>> {
    let text = match prefix {
        Some(prefix) => text.strip_prefix(prefix)?,
        None => text,
    };
    let mut metrics = HashMap::new();
    for part in text.split('/') {
        let (name, value) = part.split_once(':')?;
        // A metric stands once (CVSS v3.1 §6).
        if metrics.insert(name, value).is_some() {
            return None;
        }
    }
    Some(metrics)
}

fn pick(metrics: &HashMap<&str, &str>, name: &str, values: &[(&str, f64)]) -> Option<f64> {
    let value = metrics.get(name)?;
    values
        .iter()
        .find(|(known, _)| known == value)
        .map(|(_, weight)| *weight)
}

/// CVSS v3.1 §7.1, with the weights of §7.4.
fn v3(metrics: &HashMap<&str, &str>) -> Option<u32> {
    let changed = match *metrics.get("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let impact_of = |name| pick(metrics, name, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let iss = 1.0 - (1.0 - impact_of("C")?) * (1.0 - impact_of("I")?) * (1.0 - impact_of("A")?);
    let impact = if changed {
        7.52 * (iss - 0.029) - 3.25 * (iss - 0.02).powi(15)
    } else {
        6.42 * iss
    };
    let privileges: &[(&str, f64)] = if changed {
        &[("N", 0.85), ("L", 0.68), ("H", 0.5)]
    } else {
        &[("N", 0.85), ("L", 0.62), ("H", 0.27)]
    };
    let exploitability = 8.22
        * pick(metrics, "AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * pick(metrics, "AC", &[("L", 0.77), ("H", 0.44)])?
        * pick(metrics, "PR", privileges)?
        * pick(metrics, "UI", &[("N", 0.85), ("R", 0.62)])?;
    if impact <= 0.0 {
        return Some(0);
    }
    let sum = if changed {
        1.08 * (impact + exploitability)
    } else {
        impact + exploitability
    };
    Some(round_up(sum.min(10.0)))
}

/// The next tenth, exact (CVSS v3.1, appendix A).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scores lie between 0 and 10"
)]
fn round_up(score: f64) -> u32 {
    let exact = (score * 100_000.0).round() as u32;
    exact.div_ceil(10_000)
}

/// CVSS v2, §3.2.1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scores lie between 0 and 10"
)]
fn v2(metrics: &HashMap<&str, &str>) -> Option<u32> {
    let impact_of = |name| pick(metrics, name, &[("N", 0.0), ("P", 0.275), ("C", 0.66)]);
    let impact = 10.41 * (1.0 - (1.0 - impact_of("C")?) * (1.0 - impact_of("I")?) * (1.0 - impact_of("A")?));
    let exploitability = 20.0
        * pick(metrics, "AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?
        * pick(metrics, "AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?
        * pick(metrics, "Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let weight = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * weight;
    Some((score * 10.0).round() as u32)
}

/// The scores of the MacroVectors that base metrics can reach, in tenths (CVSS v4.0 §8.2 and the lookup of its reference
/// calculator): by EQ1, EQ2 and EQ3, then EQ4 as 1 or 2. Without threat and environmental metrics EQ5 is 0, and EQ6 follows from EQ3.
const MACRO_VECTORS: [[[[u32; 2]; 3]; 2]; 3] = [
    [[[100, 93], [93, 88], [79, 69]], [[95, 92], [92, 84], [71, 63]]],
    [[[94, 87], [86, 72], [65, 53]], [[90, 77], [74, 61], [58, 23]]],
    [[[86, 70], [72, 53], [47, 24]], [[73, 50], [53, 40], [24, 10]]],
];

/// The class of a MacroVector's score, which is the highest of all vectors in it: a vector of version 4 is never put lower than it is,
/// and may be put one class higher.
fn v4(metrics: &HashMap<&str, &str>) -> Option<Class> {
    let is = |name: &str, values: &[&str], wanted: &str| {
        let value = metrics.get(name)?;
        values.contains(value).then_some(*value == wanted)
    };
    let (attack_vector, privileges) = (["N", "A", "L", "P"], ["N", "L", "H"]);
    let (interaction, impact) = (["N", "P", "A"], ["H", "L", "N"]);
    let (av, pr, ui) = (
        is("AV", &attack_vector, "N")?,
        is("PR", &privileges, "N")?,
        is("UI", &interaction, "N")?,
    );
    let physical = is("AV", &attack_vector, "P")?;
    let eq1 = if av && pr && ui {
        0
    } else if (av || pr || ui) && !physical {
        1
    } else {
        2
    };
    let (ac, at) = (is("AC", &["L", "H"], "L")?, is("AT", &["N", "P"], "N")?);
    let eq2 = usize::from(!(ac && at));
    let high = |name| is(name, &impact, "H");
    let (vc, vi, va) = (high("VC")?, high("VI")?, high("VA")?);
    let eq3 = match (vc && vi, vc || vi || va) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let eq4 = usize::from(!(high("SC")? | high("SI")? | high("SA")?));
    let nothing = ["VC", "VI", "VA", "SC", "SI", "SA"]
        .iter()
        .all(|name| metrics.get(name) == Some(&"N"));
    Some(of_score(if nothing { 0 } else { MACRO_VECTORS[eq1][eq2][eq3][eq4] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_are_those_of_the_specifications() {
        // Examples of the standard and of the NVD.
        for (vector, tenths) in [
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            ("AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100),
            ("AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61),
            ("AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 64),
            ("AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 31),
            ("AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 78),
            ("AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 68),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75),
        ] {
            assert_eq!(v3(&metrics(vector, None).unwrap()), Some(tenths), "{vector}");
        }
        for (vector, tenths) in [
            ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 78),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 100),
            ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 62),
            ("AV:N/AC:L/Au:N/C:N/I:N/A:N", 0),
        ] {
            assert_eq!(v2(&metrics(vector, None).unwrap()), Some(tenths), "{vector}");
        }
    }

    /// CVSS v4.0 §8.2, tables 24 to 27: vectors on both sides of each of the equivalence classes.
    #[test]
    fn a_vector_of_version_4_is_in_its_macro_vector() {
        for (exploit, impact, expected) in [
            // EQ1 is 0 with all three alone, and 1 with some of them.
            (
                "AV:A/AC:H/AT:N/PR:N/UI:N",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            (
                "AV:N/AC:H/AT:N/PR:L/UI:N",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            (
                "AV:N/AC:H/AT:N/PR:N/UI:P",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            ("AV:N/AC:H/AT:N/PR:N/UI:N", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            // It is 2 with none of them, and with physical access whatever else is said.
            ("AV:N/AC:L/AT:N/PR:L/UI:P", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            ("AV:L/AC:L/AT:N/PR:N/UI:P", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            ("AV:L/AC:L/AT:N/PR:L/UI:N", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            (
                "AV:L/AC:L/AT:N/PR:L/UI:P",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            (
                "AV:P/AC:L/AT:N/PR:N/UI:N",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            // EQ2 is 0 with both alone.
            ("AV:A/AC:L/AT:N/PR:N/UI:N", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            (
                "AV:A/AC:L/AT:P/PR:N/UI:N",
                "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            // EQ3 is 0 with the first two, 1 with one of the three, 2 with none.
            (
                "AV:N/AC:L/AT:N/PR:N/UI:N",
                "VC:H/VI:H/VA:N/SC:N/SI:N/SA:N",
                Class::Critical,
            ),
            ("AV:N/AC:L/AT:N/PR:N/UI:N", "VC:H/VI:N/VA:H/SC:N/SI:N/SA:N", Class::High),
            ("AV:N/AC:L/AT:N/PR:N/UI:N", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Class::High),
            ("AV:N/AC:L/AT:N/PR:N/UI:N", "VC:N/VI:H/VA:N/SC:N/SI:N/SA:N", Class::High),
            ("AV:N/AC:L/AT:N/PR:N/UI:N", "VC:N/VI:N/VA:H/SC:N/SI:N/SA:N", Class::High),
            (
                "AV:N/AC:L/AT:N/PR:N/UI:N",
                "VC:L/VI:L/VA:L/SC:N/SI:N/SA:N",
                Class::Medium,
            ),
            // EQ4: what is done to other systems.
            ("AV:L/AC:L/AT:N/PR:L/UI:P", "VC:H/VI:N/VA:N/SC:H/SI:N/SA:N", Class::High),
            ("AV:L/AC:L/AT:N/PR:L/UI:P", "VC:H/VI:N/VA:N/SC:N/SI:H/SA:N", Class::High),
            ("AV:L/AC:L/AT:N/PR:L/UI:P", "VC:H/VI:N/VA:N/SC:N/SI:N/SA:H", Class::High),
        ] {
            let vector = format!("CVSS:4.0/{exploit}/{impact}");
            assert_eq!(class("CVSS_V4", &vector), Some(expected), "{vector}");
            // A value that the metric does not have makes it no vector.
            for metric in vector.split('/').skip(1) {
                let (name, _) = metric.split_once(':').unwrap();
                let wrong = vector.replace(metric, &format!("{name}:X"));
                assert_eq!(class("CVSS_V4", &wrong), None, "{wrong}");
            }
        }
    }

    #[test]
    fn classes_follow_the_version_of_the_vector() {
        for (kind, score, expected) in [
            (
                "CVSS_V3",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                Some(Class::Critical),
            ),
            (
                "CVSS_V3",
                "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
                Some(Class::High),
            ),
            (
                "CVSS_V3",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N",
                Some(Class::Low),
            ),
            ("CVSS_V2", "AV:N/AC:L/Au:N/C:P/I:N/A:N", Some(Class::Medium)),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Some(Class::Critical),
            ),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N",
                Some(Class::Low),
            ),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
                Some(Class::Low),
            ),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:P/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N",
                Some(Class::Medium),
            ),
            ("CVSS_V4", "CVSS:4.0/AV:N/AC:L", None),
            ("CVSS_V4", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS_V3", "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("CVSS_V3", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("CVSS_V3", "9.8", None),
            ("Ubuntu", "high", None),
        ] {
            assert_eq!(class(kind, score), expected, "{kind} {score}");
        }
        // Optional metrics are passed over, as long as there are not too many.
        let base = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned();
        let long = |more| (0..more).fold(base.clone(), |text, number| format!("{text}/X{number:03}:Y"));
        assert_eq!(class("CVSS_V3", &long(50)), Some(Class::Critical));
        assert_eq!(class("CVSS_V3", &long(80)), None);
    }
}
