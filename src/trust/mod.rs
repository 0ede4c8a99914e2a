//! What this site has pinned: roots, roles, persons, keys.
