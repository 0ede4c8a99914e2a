//! How much of a bundle's side data is read.

use sealift::crypto::dsse::MAX_ENVELOPE_BYTES;

use super::*;

#[test]
fn side_data_is_read_up_to_its_limit() {
    let place = Place::new();
    for kind in [SideData::Revocations, SideData::TrustData] {
        for (bytes, is_read) in [(MAX_ENVELOPE_BYTES, true), (MAX_ENVELOPE_BYTES + 1, false)] {
            let Err(Stop::Refused(refusals)) = place.take(&mut place.site(), &[(kind, vec![b' '; bytes])]) else {
                panic!("no envelope was taken");
            };
            let is_by_size = refusals[0].code == Code::SizeExceeded && refusals[0].subject == "the bundle's side data";
            assert_eq!(is_by_size, !is_read, "{kind:?}: {refusals:?}");
        }
    }
}
