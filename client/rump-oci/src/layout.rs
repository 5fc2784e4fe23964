//! An OCI image layout (image-spec 1.1): `index.json`, manifests and indexes of manifests, as blobs named by digests.
//!
//! Indexes may hold indexes; each is read once, so that none can lead in a circle, and there are not without end.

use crate::Layer;
use crate::choose::{Candidate, Choice, choose};
use crate::digest::Digest;
use crate::platform::Platform;
use crate::store::Store;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// What a layout begins with.
pub const INDEX: &str = "index.json";
/// What says that it is one.
pub const MARK: &str = "oci-layout";

const MAX_INDEXES: usize = 256;
const MAX_MANIFESTS: usize = 10_000;
/// Containers have hundreds at most: file systems of layers take no more.
pub const MAX_LAYERS: usize = 1000;
/// Where names are: that of the layout's own, and what containerd adds.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
/// What says that a manifest is about another one, not an image.
const ATTACHED: &str = "vnd.docker.reference.type";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    platform: Option<Platform>,
}

/// An index or a manifest: the fields tell which.
#[derive(Deserialize)]
struct Document {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

/// What an image says about itself.
#[derive(Deserialize)]
pub struct Config {
    #[serde(flatten)]
    platform: Platform,
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl Config {
    /// Reads it. Errors: what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        json("the configuration", bytes)
    }

    /// What the image is for.
    pub fn platform(&self) -> Option<Platform> {
        Some(self.platform.clone()).filter(Platform::is_known)
    }

    /// The digests of `count` layers as they are when they are decompressed.
    pub fn diff_ids(&self, count: usize) -> Result<Vec<Digest>, String> {
        let ids = &self.rootfs.diff_ids;
        if ids.len() != count {
            return Err(format!("the configuration tells of {} layers, the manifest of {count}", ids.len()));
        }
        ids.iter().map(|id| Digest::parse(id)).collect()
    }
}

/// Reads JSON. Errors: what is wrong in `what`.
pub fn json<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{what} is damaged: {error}"))
}

/// The layers of the image in a layout that is asked for. Errors: what is wrong, or what there is instead.
pub fn layers(store: &Store, choice: &Choice) -> Result<Vec<Layer>, String> {
    let mark: Mark = json(MARK, &store.read(MARK)?)?;
    if !mark.image_layout_version.starts_with("1.") {
        return Err(format!("a layout of version {:?} is not known here", mark.image_layout_version));
    }
    let index: Document = json(INDEX, &store.read(INDEX)?)?;
    let mut search = Search { store, seen: BTreeSet::new(), found: Vec::new() };
    for descriptor in index.manifests.ok_or("index.json has no manifests")? {
        let names = names(&descriptor);
        search.descend(descriptor, &names)?;
    }
    let (digest, size) = choose(search.found, choice)?;
    let manifest: Document = json("the manifest", &read(store, &digest, size)?)?;
    of_manifest(store, manifest)
}

fn names(descriptor: &Descriptor) -> Vec<String> {
    let Some(annotations) = &descriptor.annotations else { return Vec::new() };
    NAMES.iter().filter_map(|name| annotations.get(*name).cloned()).collect()
}

fn read(store: &Store, digest: &Digest, size: u64) -> Result<Vec<u8>, String> {
    let bytes = store.read_blob(digest)?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(format!("{} has not the length {size}", digest.path()))
    }
}

struct Search<'a> {
    store: &'a Store,
    /// Indexes that were read, each under its names.
    seen: BTreeSet<(Digest, Vec<String>)>,
    found: Vec<Candidate<(Digest, u64)>>,
}

impl Search<'_> {
    /// Notes the manifest that a descriptor is about, or all in the index.
    fn descend(&mut self, descriptor: Descriptor, names: &[String]) -> Result<(), String> {
        let mut waiting = vec![descriptor];
        while let Some(descriptor) = waiting.pop() {
            let annotations = descriptor.annotations.as_ref();
            let is_attached = annotations.is_some_and(|all| all.contains_key(ATTACHED));
            if is_attached || descriptor.platform.as_ref().is_some_and(Platform::is_of_no_system) {
                continue;
            }
            let digest = Digest::parse(&descriptor.digest)?;
            let document = match &*descriptor.media_type {
                kind if is_index(kind) => Some(self.read(&digest, descriptor.size)?),
                "" => Some(self.read(&digest, descriptor.size)?),
                _ => None,
            };
            if let Some(inner) = document.and_then(|document| document.manifests) {
                if self.seen.insert((digest, names.to_vec())) {
                    waiting.extend(inner);
                }
                if self.seen.len() > MAX_INDEXES || waiting.len() > MAX_MANIFESTS {
                    return Err("the indexes are too many".into());
                }
                continue;
            }
            if self.found.len() > MAX_MANIFESTS {
                return Err("the manifests are too many".into());
            }
            let known = descriptor.platform.filter(Platform::is_known);
            let platform = known.or_else(|| self.platform(&digest, descriptor.size));
            let (identity, image) = (digest.to_string(), (digest, descriptor.size));
            self.found.push(Candidate { names: names.to_vec(), platform, identity, image });
        }
        Ok(())
    }

    fn read(&self, digest: &Digest, size: u64) -> Result<Document, String> {
        json(&digest.path(), &read(self.store, digest, size)?)
    }

    /// What a manifest is for, by the configuration; those of other platforms may be missing.
    fn platform(&self, digest: &Digest, size: u64) -> Option<Platform> {
        let config = self.read(digest, size).ok()?.config?;
        let bytes = read(self.store, &Digest::parse(&config.digest).ok()?, config.size).ok()?;
        Config::parse(&bytes).ok()?.platform()
    }
}

fn is_index(kind: &str) -> bool {
    let known = ["vnd.oci.image.index.v1+json", "vnd.docker.distribution.manifest.list.v2+json"];
    kind.strip_prefix("application/").is_some_and(|kind| known.contains(&kind))
}

fn of_manifest(store: &Store, manifest: Document) -> Result<Vec<Layer>, String> {
    let config = manifest.config.ok_or("the manifest names no configuration")?;
    let layers = manifest.layers.ok_or("the manifest names no layers")?;
    if layers.len() > MAX_LAYERS {
        return Err(format!("{} layers are too many", layers.len()));
    }
    let config = Config::parse(&read(store, &Digest::parse(&config.digest)?, config.size)?)?;
    let diff_ids = config.diff_ids(layers.len())?;
    let mut all = Vec::new();
    for (descriptor, diff_id) in layers.into_iter().zip(diff_ids) {
        let digest = Digest::parse(&descriptor.digest)?;
        if !is_layer(&descriptor.media_type) {
            let kind = descriptor.media_type;
            return Err(format!(
                "layer {digest} is of the type {kind:?}: no layer of a file system that is known here"
            ));
        }
        let path = digest.path();
        all.push(Layer { path, digest: Some(digest), size: Some(descriptor.size), diff_id });
    }
    Ok(all)
}

/// Whether something is an archive of files; how it is compressed, its first bytes tell.
fn is_layer(kind: &str) -> bool {
    let kind = kind.strip_prefix("application/").unwrap_or_default();
    let kind = kind.strip_suffix("+gzip").or(kind.strip_suffix("+zstd")).unwrap_or(kind);
    let known = [
        "vnd.oci.image.layer.v1.tar",
        "vnd.oci.image.layer.nondistributable.v1.tar",
        "vnd.docker.image.rootfs.diff.tar",
        "vnd.docker.image.rootfs.diff.tar.gzip",
        "vnd.docker.image.rootfs.diff.tar.zstd",
        "vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ];
    known.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_archives_of_files_alone() {
        assert!(is_layer("application/vnd.oci.image.layer.v1.tar+zstd"));
        assert!(is_layer("application/vnd.docker.image.rootfs.diff.tar.gzip"));
        assert!(!is_layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"));
        assert!(!is_layer("application/vnd.in-toto+json"));
    }

    #[test]
    fn a_configuration_names_as_many_layers_as_the_manifest() {
        let text =
            br#"{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:00"]}}"#;
        let config = Config::parse(text).unwrap();
        assert_eq!(config.platform().unwrap().to_string(), "linux/arm64");
        assert!(config.diff_ids(2).unwrap_err().contains("1 layers, the manifest of 2"));
        assert!(config.diff_ids(1).unwrap_err().contains("no digest"));
        assert!(Config::parse(b"{}").unwrap().platform().is_none());
    }
}
