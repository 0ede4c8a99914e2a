//! The receiving side, one file per step, in the order of the data.
