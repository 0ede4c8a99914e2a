//! Records of advisories: read as a snapshot reads them, and asked about the versions that they name.

use sealift::ecosystem;
use sealift::policy::{Advisories, Certainty, Class, Ecosystems};

use crate::data::{Judged, Row};
use crate::support::{DAY, time};

/// `10-provenance-models-osv/osv/`: a record is accepted if it can be judged, and then it must say what its versions say.
pub(crate) fn record(row: &Row) -> Judged {
    let mut advisories = Advisories::new(
        time(DAY),
        Ecosystems {
            compare_versions: ecosystem::compare_versions,
            key: ecosystem::collision_key,
            spelling: ecosystem::spelling,
        },
    );
    let added = advisories.add(&row.read(&row.files));
    if added.is_ok() {
        let about = |ecosystem: &str, name: &str, version: &str| {
            let found = advisories.about(ecosystem, name, version, None, time(DAY));
            found.first().map(|advised| (advised.class, advised.certainty))
        };
        match row.case.as_str() {
            "osv/GHSA-9v2f-6vcg-3hgv" => {
                assert_eq!(
                    about("pypi", "gradio", "4.36.1"),
                    Some((Class::Critical, Certainty::Affected))
                );
                assert_eq!(about("pypi", "gradio", "4.36.2"), None);
            }
            "osv/MAL-2024-10238" => {
                assert_eq!(
                    about("pypi", "123bla", "0.0.1"),
                    Some((Class::Malicious, Certainty::Affected))
                );
                assert_eq!(about("pypi", "123bla", "0.0.2"), None);
            }
            // No ecosystem here orders the versions of Go and RubyGems yet.
            "osv/GO-2024-2963" => {
                assert_eq!(
                    about("go", "stdlib", "1.21.11"),
                    Some((Class::Unknown, Certainty::Unknown))
                );
            }
            "osv/multiple_ranges_in_package.osv" => {
                assert_eq!(
                    about("rubygems", "passenger", "4.0.2"),
                    Some((Class::Unknown, Certainty::Unknown))
                );
                assert_eq!(about("rubygems", "other", "4.0.2"), None);
            }
            _ => {}
        }
    }
    Judged::Answer(added.map_err(|error| error.to_string()))
}
