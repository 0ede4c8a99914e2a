//! Who may take a step, how many have to, and which of several faults is told.

use super::*;

#[test]
fn steps_are_taken_by_those_who_may() {
    // Somebody else of the project, a stranger, and a stranger under the right id.
    assert_eq!(
        altered(|it| it.pack.signers = vec![4]).told(),
        wrong(Fault::IdentityDiffers)
    );
    assert_eq!(
        altered(|it| it.pack.signers = vec![9]).told(),
        doubt(Doubt::UnknownSigner)
    );
    assert_eq!(
        altered(|it| it.pack.signers = vec![]).told(),
        doubt(Doubt::UnknownSigner)
    );
    let good = Project::new();
    let mut objects = good.objects();
    let text = String::from_utf8(objects[1].clone()).unwrap();
    objects[1] = text.replacen("\"make\"", "\"fake\"", 1).into_bytes();
    assert_eq!(
        outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
        wrong(Fault::SignatureWrong)
    );
    let unknown = altered(|it| it.layout.signed["keys"]["key-3"]["scheme"] = json!("future"));
    assert_eq!(unknown.told(), doubt(Doubt::UnknownAlgorithm));
    // What is wrong is told before what is not known, whichever came first.
    for wrong_first in [true, false] {
        let strangers = altered(|it| it.more = vec![link("pack", json!({}), json!({}), 9)]);
        let mut objects = strangers.objects();
        let text = String::from_utf8(objects[1].clone()).unwrap();
        objects[1] = text.replacen("\"make\"", "\"fake\"", 1).into_bytes();
        if !wrong_first {
            objects.swap(1, 3);
        }
        assert_eq!(
            outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
            wrong(Fault::SignatureWrong)
        );
    }
    for missing in [1, 2] {
        let mut objects = good.objects();
        objects.remove(missing);
        assert_eq!(
            outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
            doubt(Doubt::Incomplete)
        );
    }
    // A link of one step is none of another.
    let renamed = altered(|it| it.pack.signed["name"] = json!("compile"));
    assert_eq!(renamed.told(), doubt(Doubt::Incomplete));
}

#[test]
fn thresholds_count_each_key_once() {
    let two = |more: Vec<Signed>| {
        altered(|it| {
            let step = &mut it.layout.signed["steps"][0];
            step["threshold"] = json!(2);
            step["pubkeys"] = json!(["key-2", "key-4", "key-5"]);
            // One key with two ids.
            it.layout.signed["keys"]["key-5"] = key_object(2);
            it.more = more;
        })
    };
    let alone = two(vec![]).findings();
    assert_eq!(outcome(&alone), doubt(Doubt::Incomplete));
    assert!(alone[0].reason.contains("taken by 1 of the 2"), "{}", alone[0].reason);
    assert_eq!(two(vec![compiled(2)]).told(), doubt(Doubt::Incomplete));
    assert_eq!(two(vec![compiled(4)]).told(), CONFIRMED);
    let mut objects = two(vec![]).objects();
    let again = String::from_utf8(compiled(2).write())
        .unwrap()
        .replace("key-2", "key-5");
    objects.push(again.into_bytes());
    assert_eq!(
        outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
        doubt(Doubt::Incomplete)
    );
    // They have to agree.
    let mut other = compiled(4);
    other.signed["products"]["tool.o"] = digest("another object");
    assert_eq!(two(vec![other]).told(), wrong(Fault::ChainWrong));
    let mut other = compiled(4);
    other.signed["materials"] = json!({});
    assert_eq!(two(vec![other]).told(), wrong(Fault::ChainWrong));
}
