//! What a root changes, in words, for the people who sign and confirm it.

use super::{Role, Root};

/// Says what a root changes against the one before: one line a change, none where nothing changes.
pub fn diff(old: &Root, new: &Root) -> Vec<String> {
    let mut lines = Vec::new();
    if old.enclave != new.enclave {
        lines.push(format!(
            "the enclave changes from {} to {}",
            old.enclave.name, new.enclave.name
        ));
    }
    if old.profile != new.profile {
        lines.push(format!("the profile changes from {} to {}", old.profile, new.profile));
    }
    if old.epoch != new.epoch {
        lines.push(format!(
            "the epoch changes from {} to {}: every stream starts again at 1",
            old.epoch, new.epoch
        ));
    }
    if old.expires != new.expires {
        lines.push(format!("the expiry moves from {} to {}", old.expires, new.expires));
    }
    for role in Role::ALL {
        of_role(old, new, role, &mut lines);
    }
    lines
}

fn of_role(old: &Root, new: &Root, role: Role, lines: &mut Vec<String>) {
    let (before, after) = (old.persons(role), new.persons(role));
    lines.extend(
        after
            .difference(&before)
            .map(|person| format!("{person} gets the role {role}")),
    );
    lines.extend(
        before
            .difference(&after)
            .map(|person| format!("{person} loses the role {role}")),
    );
    // A person who stays may still change keys.
    for person in before.intersection(&after) {
        let keys = |root: &Root| -> Vec<_> {
            let ids = root.roles.get(&role).into_iter().flat_map(|keys| keys.keys.clone());
            ids.filter(|id| root.keys.get(id).is_some_and(|key| key.person == *person))
                .collect()
        };
        let (had, has) = (keys(old), keys(new));
        for id in has.iter().filter(|id| !had.contains(id)) {
            lines.push(format!("{person} gets the key {id} in the role {role}"));
        }
        for id in had.iter().filter(|id| !has.contains(id)) {
            lines.push(format!("{person} loses the key {id} in the role {role}"));
        }
    }
    let (before, after) = (old.threshold(role), new.threshold(role));
    if before != after {
        lines.push(format!("the threshold of {role} changes from {before} to {after}"));
    }
}
