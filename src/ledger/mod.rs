//! What the enclave remembers.
