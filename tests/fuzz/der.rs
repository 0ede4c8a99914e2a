//! Changes to DER by its structure: lengths fit again afterwards, so that what lies behind them is reached.

use crate::mutate::Random;

/// Deeper than any certificate; the tree is walked by recursion.
const MAX_DEPTH: usize = 40;

enum Value {
    Bytes(Vec<u8>),
    Parts(Vec<Node>),
}

struct Node {
    tag: u8,
    value: Value,
}

/// Changes one value that stands somewhere in the bytes; `None` where there is none.
pub(crate) fn change(random: &mut Random, part: &[u8]) -> Option<Vec<u8>> {
    let starts: Vec<usize> = (0..part.len().saturating_sub(4))
        .filter(|at| matches!(part[*at..*at + 2], [0x30, 0x80..=0x83]))
        .take(256)
        .collect();
    let start = if part.first() == Some(&0x30) && random.below(4) > 0 {
        0
    } else if starts.is_empty() {
        return None;
    } else {
        *random.pick(&starts)
    };
    let (mut node, rest) = read(&part[start..], 0)?;
    let end = part.len() - rest.len();
    let count = size(&node);
    let mut at = random.below(count);
    edit(random, &mut node, &mut at);
    let mut bytes = part[..start].to_vec();
    write(&node, &mut bytes);
    bytes.extend_from_slice(&part[end..]);
    Some(bytes)
}

fn read(bytes: &[u8], depth: usize) -> Option<(Node, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if tag & 0x1f == 0x1f || !(1..=4).contains(&count) || rest.len() < count {
            return None;
        }
        length = rest[..count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = &rest[count..];
    }
    let (content, after) = rest.split_at_checked(length)?;
    let value = if tag & 0x20 != 0 && depth < MAX_DEPTH {
        parts(content, depth + 1).map_or_else(|| Value::Bytes(content.to_vec()), Value::Parts)
    } else {
        Value::Bytes(content.to_vec())
    };
    Some((Node { tag, value }, after))
}

fn parts(mut content: &[u8], depth: usize) -> Option<Vec<Node>> {
    let mut parts = Vec::new();
    while !content.is_empty() {
        let (node, rest) = read(content, depth)?;
        parts.push(node);
        content = rest;
    }
    Some(parts)
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Bytes(_) => 1,
        Value::Parts(parts) => 1 + parts.iter().map(size).sum::<usize>(),
    }
}

/// Changes the node with this number, counted from the outside.
fn edit(random: &mut Random, node: &mut Node, at: &mut usize) {
    if *at > 0 {
        *at -= 1;
        if let Value::Parts(parts) = &mut node.value {
            for part in parts {
                let own = size(part);
                if *at < own {
                    return edit(random, part, at);
                }
                *at -= own;
            }
        }
        return;
    }
    match random.below(8) {
        0 => {
            node.tag = *random.pick(&[
                0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xa3,
            ])
        }
        1 => {
            let inner = std::mem::replace(&mut node.value, Value::Bytes(Vec::new()));
            let mut bytes = Vec::new();
            let tag = node.tag;
            write(&Node { tag, value: inner }, &mut bytes);
            for _ in 0..random.below(300) {
                bytes = wrap(0x30, &bytes);
            }
            node.tag = 0x30;
            node.value = Value::Bytes(bytes);
        }
        _ => match &mut node.value {
            Value::Bytes(bytes) => match random.below(6) {
                0 => bytes.clear(),
                1 => bytes.push(0),
                2 => bytes.insert(0, 0),
                3 => *bytes = bytes.repeat(2 + random.below(64)),
                4 => drop(bytes.pop()),
                _ if bytes.is_empty() => bytes.push(1),
                _ => {
                    let at = random.below(bytes.len());
                    bytes[at] = bytes[at].wrapping_add(1 + random.below(255) as u8);
                }
            },
            Value::Parts(parts) if parts.is_empty() => parts.push(Node {
                tag: 5,
                value: Value::Bytes(Vec::new()),
            }),
            Value::Parts(parts) => {
                let (one, other) = (random.below(parts.len()), random.below(parts.len()));
                match random.below(4) {
                    0 => drop(parts.remove(one)),
                    1 => parts.swap(one, other),
                    2 => parts.clear(),
                    _ => {
                        let mut bytes = Vec::new();
                        write(&parts[one], &mut bytes);
                        let times = 1 + random.below(40);
                        for _ in 0..times {
                            if let Some((copy, _)) = read(&bytes, 0) {
                                parts.insert(other, copy);
                            }
                        }
                    }
                }
            }
        },
    }
}

fn write(node: &Node, out: &mut Vec<u8>) {
    let content = match &node.value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Parts(parts) => {
            let mut bytes = Vec::new();
            parts.iter().for_each(|part| write(part, &mut bytes));
            bytes
        }
    };
    out.extend(wrap(node.tag, &content));
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    crate::forge::tlv(tag, content)
}
