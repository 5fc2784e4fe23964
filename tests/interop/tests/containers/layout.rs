//! Layouts made byte by byte, with what no tool would write into them.

use interop::image::Scratch;
use interop::program::run_ok;
use interop::tree::{hex, sha256};
use interop::ustar::{self, Header};
use interop::{Check, context};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use std::fs;
use std::path::PathBuf;

/// A layer that was written.
#[derive(Clone)]
pub struct Layer {
    pub digest: String,
    pub media_type: String,
    pub size: u64,
    pub diff_id: String,
}

/// A layout in a folder.
pub struct Layout {
    folder: PathBuf,
    /// Of `index.json`.
    pub manifests: Vec<Value>,
    layers: u32,
}

impl Layout {
    pub fn new(scratch: &Scratch, name: &str) -> Check<Self> {
        let folder = scratch.path(name);
        for algorithm in ["sha256", "sha512"] {
            context(fs::create_dir_all(folder.join("blobs").join(algorithm)), "blobs")?;
        }
        context(fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#), "oci-layout")?;
        Ok(Self { folder, manifests: Vec::new(), layers: 0 })
    }

    pub fn path(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }

    /// Where a blob lies.
    pub fn place(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    pub fn blob(&self, digest: &str) -> Check<Vec<u8>> {
        context(fs::read(self.place(digest)), digest)
    }

    /// Writes a blob; answers its digest.
    pub fn put(&self, bytes: &[u8]) -> Check<String> {
        let digest = format!("sha256:{}", sha256(bytes));
        context(fs::write(self.place(&digest), bytes), &digest)?;
        Ok(digest)
    }

    /// As [`Layout::put`], with the longer digest.
    pub fn put_sha512(&self, bytes: &[u8]) -> Check<String> {
        let digest = format!("sha512:{}", hex(&Sha512::digest(bytes)));
        context(fs::write(self.place(&digest), bytes), &digest)?;
        Ok(digest)
    }

    /// A layer of members, compressed by a program or `plain`.
    pub fn layer(&mut self, members: &[Vec<u8>], program: &str) -> Check<Layer> {
        self.layer_of(&archive(members), program)
    }

    /// A layer of any bytes.
    pub fn layer_of(&mut self, bytes: &[u8], program: &str) -> Check<Layer> {
        self.layers += 1;
        let (mut stored, mut media_type) =
            (bytes.to_vec(), "application/vnd.oci.image.layer.v1.tar".to_string());
        if program != "plain" {
            let (from, to) = (self.folder.join("layer"), self.folder.join("layer.packed"));
            context(fs::write(&from, bytes), "layer")?;
            let script = format!("{program} -c '{}' > '{}'", from.display(), to.display());
            run_ok("sh", &["-ec", &script])?;
            stored = context(fs::read(&to), "layer")?;
            context(fs::remove_file(&from).and_then(|()| fs::remove_file(&to)), "layer")?;
            media_type.push_str(&format!("+{program}"));
        }
        let (size, diff_id) = (stored.len() as u64, format!("sha256:{}", sha256(bytes)));
        Ok(Layer { digest: self.put(&stored)?, media_type, size, diff_id })
    }

    pub fn config(&self, layers: &[Layer], platform: &str) -> Vec<u8> {
        let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
        let ids: Vec<&String> = layers.iter().map(|layer| &layer.diff_id).collect();
        let rootfs = json!({"type": "layers", "diff_ids": ids});
        json!({"os": os, "architecture": architecture, "config": {}, "rootfs": rootfs})
            .to_string()
            .into_bytes()
    }

    /// Writes a manifest; answers its descriptor.
    pub fn manifest(&self, platform: &str, layers: &[Layer]) -> Check<Value> {
        let config = self.config(layers, platform);
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}))
            .collect();
        let config = json!({
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": self.put(&config)?, "size": config.len(),
        });
        let kind = "application/vnd.oci.image.manifest.v1+json";
        self.document(
            kind,
            &json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}),
        )
    }

    /// Writes a document; answers its descriptor.
    pub fn document(&self, kind: &str, document: &Value) -> Check<Value> {
        let bytes = document.to_string().into_bytes();
        Ok(json!({"mediaType": kind, "digest": self.put(&bytes)?, "size": bytes.len()}))
    }

    /// An image of its own in the index.
    pub fn image(&mut self, tag: &str, platform: &str, layers: &[Layer]) -> Check {
        let descriptor = self.manifest(platform, layers)?;
        self.add(tag, descriptor);
        Ok(())
    }

    /// Adds a descriptor to the index.
    pub fn add(&mut self, tag: &str, mut descriptor: Value) {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        self.manifests.push(descriptor);
    }

    /// Writes the index.
    pub fn finish(&self) -> Check {
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        context(fs::write(self.folder.join("index.json"), index.to_string()), "index.json")
    }
}

/// A member with a plain header, as POSIX has it.
pub fn member(kind: u8, name: &str, target: &str, data: &[u8]) -> Vec<u8> {
    let (mode, owner) = (if kind == b'5' { "0000755" } else { "0000644" }, ["0000003", "0000004"]);
    let length = format!("{:011o}", data.len());
    ustar::member(&Header { kind, name, target, mode, owner, length: &length }, data)
}

pub fn bytes(name: &str, content: &[u8]) -> Vec<u8> {
    member(b'0', name, "", content)
}

pub fn file(name: &str, content: &str) -> Vec<u8> {
    bytes(name, content.as_bytes())
}

pub fn folder(name: &str) -> Vec<u8> {
    member(b'5', &format!("{name}/"), "", b"")
}

pub fn link(name: &str, target: &str) -> Vec<u8> {
    member(b'1', name, target, b"")
}

pub fn symlink(name: &str, target: &str) -> Vec<u8> {
    member(b'2', name, target, b"")
}

pub fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}
