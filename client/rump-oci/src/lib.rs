//! Images of containers: an OCI layout (image-spec 1.1; a directory, or an archive of one) or what `docker save` writes.
//!
//! [`Form::layers`] says which layers the image has that is asked for; [`Merge`] which of their members are left when they lie
//! one upon another. Nothing that an image says leads out of it: its parts are named by digests, or are members of the archive.
//! Documents, indexes, layers and names are bounded.
#![forbid(unsafe_code)]

mod choose;
mod digest;
mod docker;
mod layout;
mod merge;
mod platform;
mod store;

pub use choose::Choice;
pub use digest::{Digest, Passed, Tap};
pub use merge::{Merge, Merged, Put};
pub use platform::Platform;
pub use store::{Blob, Store};

/// What a layer is, and where.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name in the store.
    pub path: String,
    /// Of the blob, compressed as it is.
    pub digest: Option<Digest>,
    /// Of the blob, in bytes.
    pub size: Option<u64>,
    /// Of the archive in it.
    pub diff_id: Digest,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An OCI layout.
    Oci,
    /// What `docker save` writes.
    Docker,
}

impl Form {
    /// What is in `store`, if it is an image.
    pub fn of(store: &Store) -> Option<Self> {
        if store.has(layout::MARK) && store.has(layout::INDEX) {
            return Some(Self::Oci);
        }
        docker::is_there(store).then_some(Self::Docker)
    }

    /// The layers of the image in `store` that is asked for. Errors: what is wrong, or what there is instead.
    pub fn layers(self, store: &Store, choice: &Choice) -> Result<Vec<Layer>, String> {
        match self {
            Self::Oci => layout::layers(store, choice),
            Self::Docker => docker::layers(store, choice),
        }
    }
}

/// Whether an archive whose first member has this name may be an image.
pub fn may_begin_with(name: &[u8]) -> bool {
    let top = name.split(|&byte| byte == b'/').next().unwrap_or_default();
    let known: [&[u8]; 5] = [b"oci-layout", b"index.json", b"manifest.json", b"repositories", b"blobs"];
    let stem = top.strip_suffix(b".json").or(top.strip_suffix(b".tar")).unwrap_or(top);
    known.contains(&top) || (stem.len() == 64 && stem.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_of_images_are_known_by_their_first_name() {
        let hex = "0123456789abcdef".repeat(4);
        for name in [
            "oci-layout",
            "blobs/sha256",
            "manifest.json",
            &hex,
            &format!("{hex}/VERSION"),
            &format!("{hex}.tar"),
        ] {
            assert!(may_begin_with(name.as_bytes()), "{name}");
        }
        for name in ["etc", "bin/sh", "blobs2", "deadbeef.tar", "manifest.json.bak"] {
            assert!(!may_begin_with(name.as_bytes()), "{name}");
        }
    }
}
