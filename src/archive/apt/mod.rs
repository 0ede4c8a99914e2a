//! The indexes of an APT archive, which list its packages: `Release` and `Packages`, in the format of Debian's control files.
//! Both the ecosystem, which finds packages by them, and the evidence, which judges them, read them here.
//!
//! Specifications: deb822(5), the Debian wiki's "DebianRepository/Format", apt-secure(8).

mod deb822;
mod packages;
mod release;

pub use deb822::{ControlError, Paragraph, Paragraphs};
pub use packages::{Digests, Listed, PackagesError, packages_compression, read_packages};
pub use release::{IndexFile, Release, ReleaseError, signed_part};
