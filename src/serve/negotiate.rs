//! Content negotiation of Python's simple index (PEP 691, "Version + Format Selection"; RFC 9110 §12.5.1).

/// The forms in which a page can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// HTML under its plain type.
    Html,
    /// HTML under the simple API's own type.
    HtmlV1,
    /// JSON.
    JsonV1,
}

impl Form {
    /// In the order of preference among equals.
    const ALL: [Self; 3] = [Self::JsonV1, Self::HtmlV1, Self::Html];

    /// The `Content-Type`.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::HtmlV1 => "application/vnd.pypi.simple.v1+html",
            Self::JsonV1 => "application/vnd.pypi.simple.v1+json",
        }
    }

    /// How closely a range of `Accept` names this form; 0 where it does not.
    fn closeness(self, range: &str) -> u8 {
        match (self, range) {
            (Self::Html, "text/html") => 3,
            (Self::HtmlV1, "application/vnd.pypi.simple.v1+html" | "application/vnd.pypi.simple.latest+html") => 3,
            (Self::JsonV1, "application/vnd.pypi.simple.v1+json" | "application/vnd.pypi.simple.latest+json") => 3,
            (Self::Html, "text/*") | (Self::HtmlV1 | Self::JsonV1, "application/*") => 2,
            (_, "*/*") => 1,
            _ => 0,
        }
    }
}

/// Chooses a form for an `Accept` header; `None` where nothing on offer is accepted. Without a header it is HTML.
pub(super) fn choose(accept: Option<&str>) -> Option<Form> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Some(Form::Html);
    };
    let ranges: Vec<(String, u16)> = accept.split(',').filter_map(range).collect();
    let mut best: Option<(u16, u8, Form)> = None;
    for form in Form::ALL {
        // The range that names a form most closely gives its weight.
        let closest = ranges
            .iter()
            .map(|(range, weight)| (form.closeness(range), *weight))
            .filter(|(closeness, _)| *closeness > 0)
            .max();
        let Some((closeness, weight)) = closest.filter(|(_, weight)| *weight > 0) else {
            continue;
        };
        // Someone who takes anything is a browser or a script: plain HTML. Who names forms gets the first of the best.
        let is_better = best.is_none_or(|(best_weight, best_closeness, _)| {
            (weight, closeness) > (best_weight, best_closeness)
                || ((weight, closeness) == (best_weight, best_closeness) && closeness == 1)
        });
        if is_better {
            best = Some((weight, closeness, form));
        }
    }
    best.map(|(_, _, form)| form)
}

/// One media range and its weight in thousandths. A weight that cannot be read makes the range count for nothing.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next()?.to_ascii_lowercase();
    let weight = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(Some(1000), |(_, value)| thousandths(value.trim()));
    Some((range, weight?))
}

/// RFC 9110 §12.4.2: a weight has at most three digits after its point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_and_then_closeness() {
        let json = "application/vnd.pypi.simple.v1+json";
        let html = "application/vnd.pypi.simple.v1+html";
        for (accept, expected) in [
            (None, Some(Form::Html)),
            (Some(""), Some(Form::Html)),
            (Some("*/*"), Some(Form::Html)),
            (Some("text/html"), Some(Form::Html)),
            (Some(json), Some(Form::JsonV1)),
            (Some("application/vnd.pypi.simple.latest+json"), Some(Form::JsonV1)),
            (
                Some(&*format!("{json}, {html};q=0.2, text/html;q=0.01")),
                Some(Form::JsonV1),
            ),
            (Some(&*format!("{html}, {json}; q=0.5")), Some(Form::HtmlV1)),
            (Some(&*format!("text/html, {json};q=0.9")), Some(Form::Html)),
            (Some(&*format!("{json}, {html}, text/html")), Some(Form::JsonV1)),
            (Some(&*format!("{json};q=0, */*")), Some(Form::Html)),
            (Some(&*format!("{json};q=0, {html};q=0, text/html;q=0, */*")), None),
            (
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                Some(Form::Html),
            ),
            (Some("application/json"), None),
            (Some("image/png"), None),
            (Some(&*format!("{json};q=2")), None),
            (Some(&*format!("{json};q=0.0001")), None),
            (Some(&*format!("{json};q=0.+1")), None),
            (Some(&*format!("{json}, */*;q=0.5")), Some(Form::JsonV1)),
            (Some("text/html;charset=utf-8"), Some(Form::Html)),
            (
                Some(&*format!("{json};level=1;q=0.1, text/html;q=0.2")),
                Some(Form::Html),
            ),
            (Some("APPLICATION/VND.PYPI.SIMPLE.V1+JSON ; Q=0.3"), Some(Form::JsonV1)),
        ] {
            assert_eq!(choose(accept), expected, "{accept:?}");
        }
    }
}
