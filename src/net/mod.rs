//! The HTTPS client: the only room that calls out.
