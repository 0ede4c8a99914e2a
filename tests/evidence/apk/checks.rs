//! Every check of a signing block, each failed alone.

use super::made::*;
use super::*;

#[test]
fn a_signer_is_what_its_parts_agree_on() {
    let (holder, anchors) = alone();
    let other = forge::key();
    for version in [V2, V3, V31] {
        expect(&signed(&holder, version, &|_| {}), &anchors, CONFIRMED);
        type Change<'a> = &'a dyn Fn(&mut Made);
        let cases: [(Change<'_>, Outcome); 14] = [
            (&|made| made.spoilt = true, WRONG),
            (&|made| made.digests[0].1[0] ^= 1, DIFFERS),
            (&|made| made.certificates.clear(), MALFORMED),
            (
                &|made| made.key = key_info(&other),
                Outcome::Contradicted(Fault::IdentityDiffers),
            ),
            (
                &|made| made.algorithms = vec![0x0301],
                Outcome::Contradicted(Fault::Weak),
            ),
            (
                &|made| made.algorithms = vec![0x0421],
                Outcome::Undecided(Doubt::UnknownAlgorithm),
            ),
            (
                &|made| made.algorithms.clear(),
                Outcome::Undecided(Doubt::UnknownAlgorithm),
            ),
            (&|made| made.algorithms.push(0x0421), MALFORMED),
            (&|made| made.digests.push((0x0421, vec![0; 32])), MALFORMED),
            (
                &|made| made.certificates = vec![made.certificates[0].clone(); 33],
                Outcome::Undecided(Doubt::TooLarge),
            ),
            (&|made| made.after_digests = vec![0], MALFORMED),
            (&|made| made.tail = vec![1, 0, 0, 0], MALFORMED),
            (&|made| made.tail = vec![0; 5], MALFORMED),
            (&|made| made.attributes.push(vec![1]), MALFORMED),
        ];
        for (position, (change, outcome)) in cases.iter().enumerate() {
            let found = findings(&signed(&holder, version, *change), &anchors);
            assert_eq!(found[0].outcome, *outcome, "case {position}: {}", found[0].reason);
        }
        expect(
            &signed(&holder, version, &|made| made.tail = vec![0; 4]),
            &anchors,
            CONFIRMED,
        );
    }
    // An algorithm that is not judged, beside one that is: both lists name both.
    let beside = |made: &mut Made| {
        made.algorithms.push(0x0421);
        made.digests.push((0x0421, vec![0; 32]));
    };
    expect(&signed(&holder, V2, &beside), &anchors, CONFIRMED);
    // Two digests of one hash that differ cannot both be the package's.
    let twice = |made: &mut Made| {
        made.algorithms.push(ECDSA);
        made.digests.push((ECDSA, vec![0; 32]));
    };
    expect(&signed(&holder, V2, &twice), &anchors, DIFFERS);
    let ranges = |made: &mut Made| made.ranges = Some([(28, 99), (24, 99)]);
    expect(&signed(&holder, V3, &ranges), &anchors, MALFORMED);

    let digest = digest(&unsigned());
    let one = Made::new(&holder, &digest, V2).bytes(&holder);
    expect(&packed(&[(V2, list(&[]))]), &anchors, MALFORMED);
    let more = [list(std::slice::from_ref(&one)), vec![0]].concat();
    expect(&packed(&[(V2, more)]), &anchors, MALFORMED);
    let longer = [one.clone(), vec![0]].concat();
    expect(&packed(&[(V2, list(&[longer]))]), &anchors, MALFORMED);
    // A wrong one beside a right one.
    let mut wrong = Made::new(&holder, &digest, V2);
    wrong.spoilt = true;
    expect(
        &packed(&[(V2, list(&[one.clone(), wrong.bytes(&holder)]))]),
        &anchors,
        WRONG,
    );
    let found = findings(&packed(&[(V2, list(&[one.clone(), one]))]), &anchors);
    assert_eq!(found.len(), 2);
}

#[test]
fn newer_schemes_may_not_be_stripped() {
    let (holder, anchors) = alone();
    let digest = digest(&unsigned());
    let with = |version: u32, id: u32, value: u32| {
        let mut made = Made::new(&holder, &digest, version);
        made.attributes = vec![attribute(id, &value.to_le_bytes())];
        (version, list(&[made.bytes(&holder)]))
    };
    let plain = |version: u32| (version, list(&[Made::new(&holder, &digest, version).bytes(&holder)]));
    let v2 = with(V2, STRIPPING_PROTECTION, 3);
    let v3 = with(V3, ROTATION_MIN_SDK, 33);
    expect(&packed(std::slice::from_ref(&v2)), &anchors, DIFFERS);
    expect(&packed(&[with(V2, STRIPPING_PROTECTION, 7)]), &anchors, CONFIRMED);
    expect(&packed(std::slice::from_ref(&v3)), &anchors, DIFFERS);
    let whole = findings(&packed(&[v2.clone(), v3.clone(), plain(V31)]), &anchors);
    assert!(whole.len() == 3 && whole.iter().all(Finding::is_confirmed), "{whole:?}");
    assert_eq!(
        findings(&packed(&[v2.clone(), v3]), &anchors)[0].outcome,
        DIFFERS,
        "v3.1 is gone"
    );
    let both = findings(&packed(&[v2, plain(V3)]), &anchors);
    assert!(both.iter().all(Finding::is_confirmed), "{both:?}");
}

/// One level of a lineage: the certificate, the flags, the algorithm of the next signature, and by whom with what this is signed.
fn level(holder: &Holder, by: Option<&Holder>, own: u32, flags: u32, next: u32) -> Vec<u8> {
    let signed = [part(&holder.certificate), own.to_le_bytes().to_vec()].concat();
    let signature = by.map(|by| sign(&by.key, &signed)).unwrap_or_default();
    [
        part(&signed),
        flags.to_le_bytes().to_vec(),
        next.to_le_bytes().to_vec(),
        part(&signature),
    ]
    .concat()
}

#[test]
fn a_lineage_is_signed_level_by_level() {
    let holders: Vec<Holder> = (0..3).map(|_| Holder::alone(&Says::default())).collect();
    let [first, second, third] = holders.as_slice() else {
        unreachable!("three were made");
    };
    let package = |version: u32, levels: &[Vec<u8>]| {
        let body: Vec<u8> = levels.iter().flat_map(|one| part(one)).collect();
        let lineage = [&version.to_le_bytes()[..], &body].concat();
        signed(third, V3, &|made| {
            made.attributes = vec![attribute(PROOF_OF_ROTATION, &lineage)]
        })
    };
    let right = |flags: [u32; 3]| {
        vec![
            level(first, None, 0, flags[0], ECDSA),
            level(second, Some(first), ECDSA, flags[1], ECDSA),
            level(third, Some(second), ECDSA, flags[2], 0),
        ]
    };
    let pinned = |holder: &Holder| vec![held(&holder.certificate)];
    for holder in &holders {
        expect(&package(1, &right([1, 1, 1])), &pinned(holder), CONFIRMED);
    }
    let unknown = Outcome::Undecided(Doubt::UnknownSigner);
    // The first agreed not to be followed, so the second only is followed; or the second did not, which cuts off both.
    expect(&package(1, &right([0, 1, 1])), &pinned(first), unknown);
    expect(&package(1, &right([0, 1, 1])), &pinned(second), CONFIRMED);
    expect(&package(1, &right([1, 0, 1])), &pinned(first), unknown);
    expect(&package(1, &right([1, 0, 1])), &pinned(second), unknown);
    expect(&package(1, &right([6, 6, 6])), &pinned(second), unknown);
    expect(
        &package(2, &right([1, 1, 1])),
        &pinned(third),
        Outcome::Undecided(Doubt::UnknownFormat),
    );
    let changed = |at: usize, level: Vec<u8>| {
        let mut levels = right([1, 1, 1]);
        levels[at] = level;
        package(1, &levels)
    };
    expect(
        &changed(1, level(second, Some(third), ECDSA, 1, ECDSA)),
        &pinned(third),
        CHAIN,
    );
    expect(
        &changed(1, level(second, Some(first), 0x0202, 1, ECDSA)),
        &pinned(third),
        CHAIN,
    );
    expect(&changed(0, level(first, None, 0, 1, 0x0202)), &pinned(third), CHAIN);
    expect(
        &changed(2, level(first, Some(second), ECDSA, 1, 0)),
        &pinned(third),
        CHAIN,
    );
    expect(&package(1, &right([1, 1, 1])[..2]), &pinned(third), CHAIN);
    expect(&package(1, &[]), &pinned(third), CHAIN);
    let mut longer = level(second, Some(first), ECDSA, 1, ECDSA);
    longer.push(0);
    expect(&changed(1, longer), &pinned(third), MALFORMED);
    // More than a certificate and an algorithm, signed by the one before.
    let signed = [part(&second.certificate), ECDSA.to_le_bytes().to_vec(), vec![0]].concat();
    let (flags, next) = (1_u32.to_le_bytes().to_vec(), ECDSA.to_le_bytes().to_vec());
    let more = [part(&signed), flags, next, part(&sign(&first.key, &signed))].concat();
    expect(&changed(1, more), &pinned(third), MALFORMED);
    let again = vec![
        level(third, None, 0, 1, ECDSA),
        level(second, Some(third), ECDSA, 1, ECDSA),
        level(third, Some(second), ECDSA, 1, 0),
    ];
    expect(&package(1, &again), &pinned(third), CHAIN);
    let endless: Vec<Vec<u8>> = vec![level(first, None, 0, 1, ECDSA); 33];
    expect(
        &package(1, &endless),
        &pinned(third),
        Outcome::Undecided(Doubt::TooLarge),
    );
}

#[test]
fn the_block_is_found_as_it_was_written() {
    let (holder, anchors) = alone();
    let zip = unsigned();
    let value = list(&[Made::new(&holder, &digest(&zip), V2).bytes(&holder)]);
    let right = packed(&[(V2, value.clone())]);
    let at = directory(&zip);
    let foot = directory(&right) - 24;
    expect(&right, &anchors, CONFIRMED);
    // Parts that are nobody's.
    expect(
        &packed(&[(0x4272_6577, vec![0; 99]), (V2, value.clone())]),
        &anchors,
        CONFIRMED,
    );
    expect(
        &packed(&[(V2, value.clone()), (V2, value.clone())]),
        &anchors,
        MALFORMED,
    );
    let mut many = vec![(1, Vec::new()); 64];
    many.push((V2, value.clone()));
    expect(&packed(&many), &anchors, Outcome::Undecided(Doubt::TooLarge));

    let with = |at: usize, bytes: &[u8]| {
        let mut package = right.clone();
        package[at..at + bytes.len()].copy_from_slice(bytes);
        package
    };
    expect(&with(at, &99_u64.to_le_bytes()), &anchors, MALFORMED);
    for size in [0, 23, directory(&right) as u64] {
        expect(&with(foot, &size.to_le_bytes()), &anchors, MALFORMED);
    }
    expect(
        &with(foot, &u64::MAX.to_le_bytes()),
        &anchors,
        Outcome::Undecided(Doubt::TooLarge),
    );
    // A part that is longer than the block.
    expect(&with(at + 8, &u64::MAX.to_le_bytes()), &anchors, MALFORMED);
    expect(&with(at + 8, &2_u64.to_le_bytes()), &anchors, MALFORMED);
    expect(&with(right.len() - 2, &[1, 0]), &anchors, MALFORMED);
    expect(&with(right.len() - 10, &[1]), &anchors, MALFORMED);
    expect(&with(right.len() - 22, b"PK\x01\x02"), &anchors, MALFORMED);
    expect(&[right.clone(), vec![0; 30]].concat(), &anchors, MALFORMED);
    expect(&right[..20], &anchors, MALFORMED);
    expect(b"", &anchors, MALFORMED);
    // Without its magic it is no block, and nothing else is signed.
    expect(&with(foot + 8, b"APK Sig Block 43"), &anchors, MALFORMED);
    // Every section is signed: the contents, the directory, the end record.
    expect(&with(31, b"x"), &anchors, DIFFERS);
    expect(&with(directory(&right) + 10, &[9]), &anchors, DIFFERS);
    expect(&with(right.len() - 14, &[9]), &anchors, DIFFERS);
}
