//! Merkle trees of logs, and proofs about them (RFC 6962 §2.1; tiles as in golang.org/x/mod/sumdb/tlog, and C2SP `tlog-tiles.md`).

use crate::model::Digest;

/// Hashes on one side of a tile: 2^8.
pub const WIDTH: u64 = 256;
const WIDTH_BITS: u32 = 8;
const HASH_BYTES: usize = 32;
/// A tree of 2^64 leaves: as many hashes has a proof about it at most, and as many whole subtrees. Each hash takes the walk up by a level, so
/// that a longer proof ends above the root and is refused.
pub const MAX_PROOF_HASHES: usize = 64;

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

    // The edge's tile on the first level where the record's is not whole, of which there is no other one, then down.
    let place = |level: u32| usize::try_from(at(index, level) % WIDTH).unwrap_or(usize::MAX);
    let on_edge = needed.iter().position(|tile| tile.level == levels);
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
pub fn subtree_root(hashes: &[Digest]) -> Digest {
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

/// The whole subtrees of which a tree consists, from the left, which are the highest: all that is needed to add leaves to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Digest>,
}

impl Frontier {
    /// Takes the subtrees of a tree of `size` leaves; `None` if it has another number of them.
    pub fn of(size: u64, subtrees: Vec<Digest>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees.
    pub fn subtrees(&self) -> &[Digest] {
        &self.subtrees
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let (mut node, mut rest) = (leaf, self.size);
        while rest & 1 == 1 {
            // A subtree stands for each bit of the size.
            let Some(left) = self.subtrees.pop() else { break };
            node = node_hash(&left, &node);
            rest >>= 1;
        }
        self.subtrees.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The tree.
    pub fn head(&self) -> Head {
        let root = self
            .subtrees
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right));
        Head {
            size: self.size,
            // RFC 9162 §2.1.1: the root of the empty tree.
            root: root.unwrap_or_else(|| Digest::of(&[])),
        }
    }
}

/// A proof that the tree of `later` leaves holds the one of its first `earlier` (RFC 9162 §2.1.4.1). `node` gives the root of the whole
/// subtree of 2^level leaves that is the index-th on its level.
pub fn consistency_proof<E>(
    earlier: u64,
    later: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    let mut proof = Vec::new();
    if earlier > 0 && earlier < later {
        prove(earlier, 0, later, true, node, &mut proof)?;
    }
    Ok(proof)
}

/// `SUBPROOF` of RFC 9162 §2.1.4.1, for the leaves from `first` on. At most 64 deep.
fn prove<E>(
    earlier: u64,
    first: u64,
    size: u64,
    is_known: bool,
    node: &mut impl FnMut(u32, u64) -> Result<Digest, E>,
    proof: &mut Vec<Digest>,
) -> Result<(), E> {
    if earlier == size {
        if !is_known {
            proof.push(range_root(first, size, node)?);
        }
        return Ok(());
    }
    let split = split(size);
    if earlier <= split {
        prove(earlier, first, split, is_known, node, proof)?;
        proof.push(range_root(first + split, size - split, node)?);
    } else {
        prove(earlier - split, first + split, size - split, false, node, proof)?;
        proof.push(range_root(first, split, node)?);
    }
    Ok(())
}

/// The root over `size` leaves from `first` on, where `first` is a multiple of the power of two that is not below `size`. At most 64 deep.
fn range_root<E>(first: u64, size: u64, node: &mut impl FnMut(u32, u64) -> Result<Digest, E>) -> Result<Digest, E> {
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return node(level, first >> level);
    }
    let split = split(size);
    let left = range_root(first, split, node)?;
    let right = range_root(first + split, size - split, node)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two below a size of two or more.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
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
        let ragged = [&wide[..], &[0]].concat();
        assert_eq!(check_inclusion(&record(7), 7, &head, &[&ragged]), Err(TreeError::Tiles));
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
                let longer = [&proof[..], &[Digest::of(b"x")]].concat();
                assert_eq!(check_consistency(&old, &new, &longer), Err(TreeError::Proof));
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
            }
        }
        let many = vec![Digest::of(b""); 65];
        assert_eq!(
            check_consistency(&head(&leaves[..3]), &head(&leaves), &many),
            Err(TreeError::Proof)
        );
    }

    #[test]
    fn a_proof_has_as_many_hashes_as_its_trees_ask_for() {
        let (old, new, other) = (head(&leaves(3)), head(&leaves(4)), Digest::of(b"x"));
        let proof = consistency(3, &leaves(4), true);
        assert_eq!(check_consistency(&old, &new, &proof), Ok(()));
        // One hash too many, which would make both of another tree's right half.
        let above = |head: Head| Head {
            root: node_hash(&other, &head.root),
            ..head
        };
        let longer = [&proof[..], &[other]].concat();
        assert_eq!(
            check_consistency(&above(old), &above(new), &longer),
            Err(TreeError::Proof)
        );
        // None, for a tree that says it is larger, and has the same root.
        let larger = Head { size: 8, ..new };
        assert_eq!(check_consistency(&new, &larger, &[]), Err(TreeError::Proof));
    }

    #[test]
    fn a_subtree_that_cannot_be_had_leaves_no_proof() {
        for (earlier, later) in [(3, 7), (6, 11), (4, 7), (7, 13)] {
            let mut asked = 0;
            let mut whole = |_: u32, _: u64| {
                asked += 1;
                Ok::<_, u32>(Digest::of(b""))
            };
            consistency_proof(earlier, later, &mut whole).unwrap();
            for failing in 0..asked {
                let mut at = 0;
                let mut node = |_: u32, _: u64| {
                    at += 1;
                    if at > failing { Err(at) } else { Ok(Digest::of(b"")) }
                };
                let proof = consistency_proof(earlier, later, &mut node);
                assert_eq!(proof, Err(failing + 1), "{earlier} {later}");
            }
        }
    }

    #[test]
    fn a_frontier_grows_as_the_tree_does_and_proofs_are_those_of_the_standard() {
        let leaves = leaves(70);
        let mut frontier = Frontier::default();
        for size in 0..70 {
            assert_eq!(frontier.head(), head(&leaves[..size]));
            let again = Frontier::of(size as u64, frontier.subtrees().to_vec()).unwrap();
            assert_eq!(again, frontier);
            assert_eq!(Frontier::of(size as u64 + 1, vec![Digest::of(b""); 65]), None);
            frontier.push(leaves[size]);
        }
        for later in 0..70_usize {
            for earlier in 0..=later {
                let mut node = |level: u32, index: u64| {
                    let (first, size) = ((index as usize) << level, 1 << level);
                    Ok::<_, ()>(root(&leaves[first..first + size]))
                };
                let proof = consistency_proof(earlier as u64, later as u64, &mut node).unwrap();
                let expected = match earlier {
                    0 => Vec::new(),
                    _ => consistency(earlier, &leaves[..later], true),
                };
                assert_eq!(proof, expected, "{earlier} {later}");
            }
        }
    }
}
