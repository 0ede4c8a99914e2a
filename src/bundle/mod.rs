//! The bytes of our own format; one file per chapter of `bundle-spec/`.
