//! The tree of a log, and proofs about it (RFC 6962 §2.1; tiles as in golang.org/x/mod/sumdb/tlog, and C2SP `tlog-tiles.md`).

use crate::model::Digest;

/// Hashes on one side of a tile: 2^8.
const WIDTH: u64 = 256;
const WIDTH_BITS: u32 = 8;
const HASH_BYTES: usize = 32;
/// A tree of 2^64 leaves.
const MAX_PROOF_HASHES: usize = 64;

/// A piece of a tree: `width` hashes from the level `8 · level`, of which the first is at `index · 256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// The level, counted in tiles.
    pub level: u32,
    /// Its place on the level.
    pub index: u64,
    /// How many of its hashes are needed, from the first; at most 256.
    pub width: u64,
}

/// The size of a tree, and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// A proof about a tree does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// There is no such leaf in the tree.
    #[error("the tree has no such record")]
    OutOfRange,
    /// Tiles are missing, too many or too short.
    #[error("the proof has not the tiles that it needs")]
    Tiles,
    /// The tiles at the right edge do not give the tree's root.
    #[error("the tiles do not belong to the tree that is signed")]
    Root,
    /// The tiles lead to another leaf.
    #[error("the record is not the one that the tree holds at its place")]
    Leaf,
    /// The later tree does not hold the earlier one: the log shows different trees to different people.
    #[error("the later tree does not hold the earlier one")]
    Fork,
    /// The proof leads to neither tree.
    #[error("the proof of consistency does not belong to these trees")]
    Proof,
}

/// The hash of a leaf.
pub fn leaf_hash(record: &[u8]) -> Digest {
    Digest::of(&[&[0], record].concat())
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.as_bytes()[..], &right.as_bytes()[..]].concat())
}

/// The tiles that prove a record's place in a tree, in the order in which a proof lists them: those of the tree's right edge, from the lowest
/// level, then the whole ones above the record, from the lowest level.
pub fn tiles(index: u64, size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..u64::BITS / WIDTH_BITS {
        let width = at(size, level) % WIDTH;
        if width > 0 {
            tiles.push(Tile {
                level,
                index: at(size, level + 1),
                width,
            });
        }
    }
    tiles.extend((0..whole_levels(index, size)).map(|level| Tile {
        level,
        index: at(index, level + 1),
        width: WIDTH,
    }));
    tiles
}

/// How many nodes a level of tiles has below a number of leaves, or where the one above a leaf stands.
fn at(number: u64, level: u32) -> u64 {
    number.checked_shr(level * WIDTH_BITS).unwrap_or(0)
}

/// On how many levels, from the lowest, the tile above a leaf is whole.
fn whole_levels(index: u64, size: u64) -> u32 {
    let mut level = 0;
    while at(index, level + 1) < at(size, level + 1) {
        level += 1;
    }
    level
}

/// Checks that a tree holds a record at a place, by the tiles that [`tiles`] names, in that order. A tile may hold more hashes than are
/// needed, as a log that has grown serves wider ones.
pub fn check_inclusion(record: &[u8], index: u64, head: &Head, untrusted: &[&[u8]]) -> Result<(), TreeError> {
    if index >= head.size {
        return Err(TreeError::OutOfRange);
    }
    let needed = tiles(index, head.size);
    if needed.len() != untrusted.len() {
        return Err(TreeError::Tiles);
    }
    let read = needed
        .iter()
        .zip(untrusted)
        .map(|(tile, bytes)| hashes(bytes, tile.width));
    let read = read.collect::<Option<Vec<_>>>().ok_or(TreeError::Tiles)?;
    let levels = whole_levels(index, head.size);
    let (edge, whole) = read.split_at(needed.len() - levels as usize);

    // The whole subtrees of which the tree consists, from the left, which are the highest.
    let mut subtrees = Vec::new();
    for hashes in edge.iter().rev() {
        let mut rest = hashes.as_slice();
        for bit in (0..WIDTH_BITS).rev().map(|bit| 1 << bit) {
            if hashes.len() & bit != 0 {
                let (subtree, after) = rest.split_at(bit);
                subtrees.push(subtree_root(subtree));
                rest = after;
            }
        }
    }
    let root = subtrees
        .into_iter()
        .rev()
        .reduce(|right, left| node_hash(&left, &right));
    if root != Some(head.root) {
        return Err(TreeError::Root);
    }

    // The edge's tile on the first level where the record's is not whole, then down.
    let place = |level: u32| usize::try_from(at(index, level) % WIDTH).unwrap_or(usize::MAX);
    let on_edge = needed
        .iter()
        .position(|tile| tile.level == levels && tile.width < WIDTH);
    let mut expected = on_edge
        .and_then(|position| edge.get(position))
        .and_then(|hashes| hashes.get(place(levels)))
        .ok_or(TreeError::OutOfRange)?;
    for (level, hashes) in (0..levels).zip(whole).rev() {
        if subtree_root(hashes) != *expected {
            return Err(TreeError::Leaf);
        }
        expected = hashes.get(place(level)).ok_or(TreeError::Tiles)?;
    }
    if leaf_hash(record) == *expected {
        Ok(())
    } else {
        Err(TreeError::Leaf)
    }
}

fn hashes(untrusted: &[u8], width: u64) -> Option<Vec<Digest>> {
    let width = usize::try_from(width).ok()?;
    let (hashes, rest) = untrusted.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() < width || hashes.len() as u64 > WIDTH {
        return None;
    }
    Some(hashes[..width].iter().map(|hash| Digest::from_bytes(*hash)).collect())
}

/// The root over a power of two of hashes.
fn subtree_root(hashes: &[Digest]) -> Digest {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    // Callers pass at least one.
    level.first().copied().unwrap_or_else(|| Digest::of(&[]))
}

/// Checks that a tree holds an earlier one (RFC 9162 §2.1.4.2). [`TreeError::Fork`] is proven misconduct: the proof leads to the later
/// tree's root, and its earlier tree is not the one given.
pub fn check_consistency(earlier: &Head, later: &Head, proof: &[Digest]) -> Result<(), TreeError> {
    if earlier.size > later.size {
        return check_consistency(later, earlier, proof);
    }
    if earlier.size == later.size {
        return match (earlier.root == later.root, proof) {
            (true, []) => Ok(()),
            (true, _) => Err(TreeError::Proof),
            (false, _) => Err(TreeError::Fork),
        };
    }
    if earlier.size == 0 {
        return if proof.is_empty() {
            Ok(())
        } else {
            Err(TreeError::Proof)
        };
    }
    if proof.len() > MAX_PROOF_HASHES {
        return Err(TreeError::Proof);
    }
    let mut rest = proof.iter();
    let (mut first, mut last) = (earlier.size - 1, later.size - 1);
    while first & 1 == 1 {
        (first, last) = (first >> 1, last >> 1);
    }
    let start = if earlier.size.is_power_of_two() {
        earlier.root
    } else {
        *rest.next().ok_or(TreeError::Proof)?
    };
    let (mut old, mut new) = (start, start);
    for hash in rest {
        if last == 0 {
            return Err(TreeError::Proof);
        }
        if first & 1 == 1 || first == last {
            (old, new) = (node_hash(hash, &old), node_hash(hash, &new));
            while first & 1 == 0 && first != 0 {
                (first, last) = (first >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, hash);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    if last != 0 || new != later.root {
        return Err(TreeError::Proof);
    }
    if old == earlier.root {
        Ok(())
    } else {
        Err(TreeError::Fork)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 §2.1, word by word.
    fn root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(&[]),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&root(&leaves[..split]), &root(&leaves[split..]))
            }
        }
    }

    /// RFC 6962 §2.1.2, word by word.
    fn consistency(size: usize, leaves: &[Digest], is_whole: bool) -> Vec<Digest> {
        if size == leaves.len() {
            return if is_whole { Vec::new() } else { vec![root(leaves)] };
        }
        let split = leaves.len().next_power_of_two() / 2;
        if size <= split {
            let mut proof = consistency(size, &leaves[..split], is_whole);
            proof.push(root(&leaves[split..]));
            proof
        } else {
            let mut proof = consistency(size - split, &leaves[split..], false);
            proof.push(root(&leaves[..split]));
            proof
        }
    }

    fn record(number: usize) -> Vec<u8> {
        format!("record {number}\n").into_bytes()
    }

    fn leaves(size: usize) -> Vec<Digest> {
        (0..size).map(|number| leaf_hash(&record(number))).collect()
    }

    fn head(leaves: &[Digest]) -> Head {
        Head {
            size: leaves.len() as u64,
            root: root(leaves),
        }
    }

    /// A tile's bytes, as wide as the tree makes it.
    fn tile(leaves: &[Digest], tile: &Tile) -> Vec<u8> {
        let below = 1 << (tile.level * WIDTH_BITS);
        let first = (tile.index * WIDTH) as usize;
        let nodes = leaves.as_chunks_of(below);
        let wide = nodes[first..].iter().take(tile.width as usize);
        wide.flat_map(|leaves| *root(leaves).as_bytes()).collect()
    }

    trait Chunks {
        fn as_chunks_of(&self, size: usize) -> Vec<&[Digest]>;
    }

    impl Chunks for [Digest] {
        fn as_chunks_of(&self, size: usize) -> Vec<&[Digest]> {
            self.chunks_exact(size).collect()
        }
    }

    #[test]
    fn each_record_of_each_tree_is_found_at_its_place_alone() {
        for size in [1, 2, 3, 255, 256, 257, 511, 512, 700, 65_536, 65_537, 66_000] {
            let leaves = leaves(size);
            let head = head(&leaves);
            for index in [
                0,
                1,
                254,
                255,
                256,
                300,
                511,
                512,
                size / 2,
                size.saturating_sub(2),
                size - 1,
            ] {
                if index >= size {
                    continue;
                }
                let bytes: Vec<Vec<u8>> = tiles(index as u64, head.size)
                    .iter()
                    .map(|needed| tile(&leaves, needed))
                    .collect();
                let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
                let told = |record: &[u8], index: usize, head: &Head, bytes: &[&[u8]]| {
                    check_inclusion(record, index as u64, head, bytes)
                };
                assert_eq!(told(&record(index), index, &head, &bytes), Ok(()), "{index} of {size}");
                assert_eq!(told(b"other", index, &head, &bytes), Err(TreeError::Leaf));
                let other = Head {
                    root: Digest::of(b""),
                    ..head
                };
                assert_eq!(told(&record(index), index, &other, &bytes), Err(TreeError::Root));
                assert_eq!(told(&record(index), index, &head, &bytes[1..]), Err(TreeError::Tiles));
                assert_eq!(told(&record(index), size, &head, &bytes), Err(TreeError::OutOfRange));
                for changed in 0..bytes.len() {
                    let mut broken = bytes[changed].to_vec();
                    let place = broken.len() - 1;
                    broken[place] ^= 1;
                    let mut all = bytes.clone();
                    all[changed] = &broken;
                    assert!(
                        told(&record(index), index, &head, &all).is_err(),
                        "{index} of {size}, tile {changed}"
                    );
                    all[changed] = &broken[..place];
                    assert_eq!(told(&record(index), index, &head, &all), Err(TreeError::Tiles));
                }
                if index > 0 {
                    assert!(told(&record(index), index - 1, &head, &bytes).is_err());
                }
            }
        }
    }

    #[test]
    fn a_wider_tile_serves_as_well() {
        let leaves = leaves(200);
        let head = head(&leaves[..100]);
        let wide = tile(
            &leaves,
            &Tile {
                level: 0,
                index: 0,
                width: 200,
            },
        );
        assert_eq!(check_inclusion(&record(7), 7, &head, &[&wide]), Ok(()));
        assert_eq!(
            check_inclusion(&record(107), 107, &head, &[&wide]),
            Err(TreeError::OutOfRange)
        );
        let huge = vec![0; 257 * HASH_BYTES];
        assert_eq!(check_inclusion(&record(7), 7, &head, &[&huge]), Err(TreeError::Tiles));
    }

    #[test]
    fn tiles_of_the_largest_trees_are_few() {
        assert_eq!(tiles(0, u64::MAX).len(), 15);
        assert_eq!(tiles(u64::MAX - 1, u64::MAX).len(), 8);
        assert!(tiles(0, 0).is_empty());
    }

    #[test]
    fn trees_are_consistent_with_their_own_beginnings_alone() {
        let leaves = leaves(40);
        for later in 0..=40 {
            for earlier in 0..=later {
                let proof = if earlier == 0 {
                    Vec::new()
                } else {
                    consistency(earlier, &leaves[..later], true)
                };
                let (old, new) = (head(&leaves[..earlier]), head(&leaves[..later]));
                assert_eq!(check_consistency(&old, &new, &proof), Ok(()), "{earlier} {later}");
                assert_eq!(check_consistency(&new, &old, &proof), Ok(()));
                if earlier == 0 {
                    continue;
                }
                let forged = |head: Head| Head {
                    root: Digest::of(b"x"),
                    ..head
                };
                if earlier == later || !earlier.is_power_of_two() {
                    assert_eq!(check_consistency(&forged(old), &new, &proof), Err(TreeError::Fork));
                } else {
                    assert_eq!(check_consistency(&forged(old), &new, &proof), Err(TreeError::Proof));
                }
                if earlier < later {
                    assert_eq!(check_consistency(&old, &forged(new), &proof), Err(TreeError::Proof));
                    assert_eq!(check_consistency(&old, &new, &proof[1..]), Err(TreeError::Proof));
                }
                let longer = [&proof[..], &[Digest::of(b"x")]].concat();
                assert_eq!(check_consistency(&old, &new, &longer), Err(TreeError::Proof));
            }
        }
        let many = vec![Digest::of(b""); 65];
        assert_eq!(
            check_consistency(&head(&leaves[..3]), &head(&leaves), &many),
            Err(TreeError::Proof)
        );
    }
}
