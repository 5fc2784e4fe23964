//! An archive as `docker save` writes it: `manifest.json` names the configuration and the layers of each image.
//!
//! Layers have no digests here but those that the configuration tells of what they are when decompressed; the
//! configuration's own is its name.

use crate::Layer;
use crate::choose::{Candidate, Choice, choose};
use crate::digest::Digest;
use crate::layout::{Config, MAX_LAYERS, json};
use crate::store::Store;
use serde::Deserialize;

/// What an archive of images has at its top.
pub const MANIFEST: &str = "manifest.json";

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Whether a store is one: others may have a file of this name, too.
pub fn is_there(store: &Store) -> bool {
    images(store)
        .is_ok_and(|images| !images.is_empty() && images.iter().all(|image| store.has(&image.config)))
}

fn images(store: &Store) -> Result<Vec<Image>, String> {
    json(MANIFEST, &store.read(MANIFEST)?)
}

/// The layers of the image that is asked for. Errors: what is wrong, or what there is instead.
pub fn layers(store: &Store, choice: &Choice) -> Result<Vec<Layer>, String> {
    let mut candidates = Vec::new();
    for image in images(store)? {
        let platform = config(store, &image)?.platform();
        let names = image.repo_tags.clone().unwrap_or_default();
        candidates.push(Candidate { names, platform, identity: image.config.clone(), image });
    }
    let image = choose(candidates, choice)?;
    if image.layers.len() > MAX_LAYERS {
        return Err(format!("{} layers are too many", image.layers.len()));
    }
    let diff_ids = config(store, &image)?.diff_ids(image.layers.len())?;
    let layer = |(path, diff_id)| Layer { path, digest: None, size: None, diff_id };
    Ok(image.layers.into_iter().zip(diff_ids).map(layer).collect())
}

fn config(store: &Store, image: &Image) -> Result<Config, String> {
    let bytes = store.read(&image.config)?;
    let name = image.config.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".json").unwrap_or(name);
    if let Ok(digest) = Digest::parse(&format!("sha256:{name}")) {
        digest.check(&bytes).map_err(|why| format!("{}: {why}", image.config))?;
    }
    Config::parse(&bytes)
}
