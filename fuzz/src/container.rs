//! Bytes as an image of a container.
//!
//! An input whose first byte is even is an archive, of which the checksums of headers are made right. Any other is a list of
//! members, which a byte of 255 ends each: a name up to a line's end, then the content. In the content of one, `@N` stands for the
//! digest of the member N of those behind it, and `#N` for its length, so that no mutant is refused for a digest. A member whose
//! content begins with `!` is a layer: a line for each file in it.

use rump_names::path::above;
use rump_oci::{Choice, Digest, Form, Layer, Merge, Passed, Put, Store, Tap, may_begin_with};
use rump_tar::header::{BLOCK, Header};
use rump_tar::members::First;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

/// What ends a member.
const END: u8 = 255;
/// Where a header says that it is one.
const MAGIC: usize = 257;

/// Looks for an image: its layers are what their digests say or refused, and what is left of them is a tree.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let archive = if first % 2 == 0 { repaired(rest) } else { built(rest) };
    if let First::Name(name) = First::of(&archive) {
        let _ = may_begin_with(&name);
    }
    let Ok(store) = Store::of_archive(Arc::new(archive), &|| false) else { return };
    let Some(form) = Form::of(&store) else { return };
    let choices = [
        Choice::default(),
        Choice { tag: Some("one".into()), platform: None },
        Choice { tag: None, platform: "linux/arm64/v8".parse().ok() },
    ];
    for choice in &choices {
        if let Ok(layers) = form.layers(&store, choice) {
            merge(&store, &layers);
        }
    }
}

/// All that is left of `layers` is of one of their members, and in a directory.
fn merge(store: &Store, layers: &[Layer]) {
    let mut merge = Merge::default();
    let mut all: Vec<Vec<Put>> = Vec::new();
    for layer in layers {
        let Ok(content) = read(store, layer) else { return };
        let mut puts = Vec::new();
        for line in content.split(|&byte| byte == b'\n').skip(1) {
            let (path, put) = file(line);
            let Ok(_) = merge.take(&path, put.clone(), puts.len() as u64) else { return };
            puts.push(put);
        }
        all.push(puts);
        if merge.end_layer(|_, _| {}).is_err() {
            return;
        }
    }
    let merged = merge.finish();
    let mut kinds: BTreeMap<&[u8], bool> =
        merged.implied.iter().map(|path| (path.as_slice(), true)).collect();
    for (members, puts) in merged.layers.iter().zip(&all) {
        for (number, path) in members {
            let is_directory = puts[*number as usize] == Put::Directory;
            assert!(kinds.insert(path, is_directory).is_none(), "a path twice");
        }
    }
    for path in kinds.keys() {
        assert!(above(path).all(|directory| kinds.get(directory).is_none_or(|is_directory| *is_directory)));
    }
}

/// The content of a layer, if it is what its digests say.
fn read(store: &Store, layer: &Layer) -> Result<Vec<u8>, String> {
    let (raw, plain) = (Passed::new(layer.digest.as_ref()), Passed::new(Some(&layer.diff_id)));
    let blob = store.open(&layer.path)?;
    let size = blob.size();
    let told = |error: io::Error| error.to_string();
    let tap = Tap::new(blob, raw.clone(), size, || false);
    let mut content = Vec::new();
    Tap::new(tap, plain.clone(), 1 << 20, || false).read_to_end(&mut content).map_err(told)?;
    layer.digest.as_ref().map_or(Ok(()), |digest| raw.check(digest))?;
    plain.check(&layer.diff_id)?;
    layer.diff_id.check(&content).map(|()| content)
}

/// A line of a layer: `PATH`, `PATH/` or `PATH=TARGET`, as clean as archives are read.
fn file(line: &[u8]) -> (Vec<u8>, Put) {
    let clean = |path: &[u8]| rump_names::path::clean(path).unwrap_or_default();
    match line.iter().position(|&byte| byte == b'=') {
        Some(at) => (clean(&line[..at]), Put::Link(clean(&line[at + 1..]))),
        None if line.ends_with(b"/") => (clean(line), Put::Directory),
        None => (clean(line), Put::File),
    }
}

/// An archive with right checksums.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut archive = bytes.to_vec();
    for block in archive.chunks_exact_mut(BLOCK) {
        if block[MAGIC..].starts_with(b"ustar") {
            if let Ok(bytes) = <[u8; BLOCK]>::try_from(&*block) {
                let mut header = Header(bytes);
                header.seal();
                block.copy_from_slice(&header.0);
            }
        }
    }
    archive
}

/// The archive of a list of members.
fn built(list: &[u8]) -> Vec<u8> {
    let mut made: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let parts: Vec<&[u8]> = list.split(|&byte| byte == END).take(64).collect();
    for part in parts.iter().rev() {
        let end = part.iter().position(|&byte| byte == b'\n').unwrap_or(part.len());
        let (name, content) = (&part[..end], part.get(end + 1..).unwrap_or_default());
        let content = filled_in(content, &made);
        made.push((filled_in(name, &[(Vec::new(), content.clone())]), content));
    }
    let mut archive = Vec::new();
    for (name, content) in made.iter().rev() {
        let mut header = Header::new(b'0');
        if header.set_name(name).is_ok() {
            header.set_numbers(0o644, 0, 0, content.len() as u64, 0);
            header.seal();
            archive.extend_from_slice(&header.0);
            archive.extend_from_slice(content);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// `text` with digests and lengths of what is in `made`, of which the last is number 0. In a name, `@0` is its own.
fn filled_in(text: &[u8], made: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let number = behind.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0');
        let member = number.and_then(|number| made.iter().rev().nth(number.into()));
        match (byte, member) {
            (b'@', Some((_, content))) => whole.extend_from_slice(Digest::of(content).hex().as_bytes()),
            (b'#', Some((_, content))) => whole.extend_from_slice(content.len().to_string().as_bytes()),
            _ => {
                whole.push(byte);
                rest = behind;
                continue;
            }
        }
        rest = &behind[1..];
    }
    whole
}

/// An OCI layout, what `docker save` writes, or either as an archive alone.
pub fn seed(number: u64) -> Vec<u8> {
    let layers =
        ["blobs/sha256/@0\n!\nd/\nd/a\nd/b=d/a\nNUMBER", "blobs/sha256/@0\n!\nd/.wh.a\ne/f/g\n.wh..wh..opq"];
    let config = "blobs/sha256/@0\n{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\",\
        \"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:@0\",\"sha256:@1\"]}}";
    let manifest = "blobs/sha256/@0\n{\"schemaVersion\":2,\"config\":{\"mediaType\":\"\",\"digest\":\"sha256:@0\",\
        \"size\":#0},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:@1\",\
        \"size\":#1},{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:@2\",\"size\":#2}]}";
    let index = "blobs/sha256/@0\n{\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
        \"digest\":\"sha256:@0\",\"size\":#0,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}}]}";
    let top = "index.json\n{\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\
        \"digest\":\"sha256:@0\",\"size\":#0,\"annotations\":{\"org.opencontainers.image.ref.name\":\"one\"}},\
        {\"mediaType\":\"\",\"digest\":\"sha256:@1\",\"size\":#1}]}";
    let mark = "oci-layout\n{\"imageLayoutVersion\":\"1.0.0\"}";
    let saved = "manifest.json\n[{\"Config\":\"blobs/sha256/@0\",\"RepoTags\":[\"one:latest\"],\
        \"Layers\":[\"blobs/sha256/@1\",\"blobs/sha256/@2\"]}]";
    let members = match number % 2 {
        0 => vec![mark, top, index, manifest, config, layers[0], layers[1]],
        _ => vec![saved, config, layers[0], layers[1]],
    };
    let text = members.join("\u{1}").replace("NUMBER", &number.to_string());
    let list: Vec<u8> = text.bytes().map(|byte| if byte == 1 { END } else { byte }).collect();
    match number % 4 {
        0 | 1 => [&[1], &*list].concat(),
        _ => [&[0], &*built(&list)].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_images() {
        for number in 0..4 {
            let bytes = seed(number);
            let archive = if bytes[0] == 0 { repaired(&bytes[1..]) } else { built(&bytes[1..]) };
            let store = Store::of_archive(Arc::new(archive), &|| false).unwrap();
            let form = Form::of(&store).unwrap();
            assert_eq!(form, if number % 2 == 0 { Form::Oci } else { Form::Docker });
            let layers = form.layers(&store, &Choice::default()).unwrap();
            assert_eq!(layers.len(), 2);
            let contents: Vec<_> = layers.iter().map(|layer| read(&store, layer).unwrap()).collect();
            assert!(contents[0].starts_with(b"!\nd/\n") && contents[1].starts_with(b"!\nd/.wh.a"));
            run(&bytes);
        }
    }
}
