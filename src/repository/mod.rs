//! The local repository on disk, as clients read it.
