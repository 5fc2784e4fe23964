//! Images of containers as a source: an OCI layout (a directory, or an archive of one) or what `docker save` writes.
//!
//! Layers are read twice. First all of them, by their headers: that says which members are left when the layers lie
//! upon another ([`Merge`]), and that each layer is what its digest says. Only then are the members that are left
//! handed on, each once, in the order of the layers. Memory grows with the number of files, not with their content.

use crate::fill::{Content, Entry, Kind, Nothing, Sink, Source, Trouble, hand};
use crate::session::Failure;
use crate::stop::Stop;
use crate::tar::{Compression, EndMark, Input, MAGIC_BYTES, pass};
use clap::Args as ClapArgs;
use rump_oci::{Choice, Form, Layer, Merge, Merged, Passed, Platform, Put, Store, Tap};
use rumpkit::TimeSpec;
use std::io::{self, Read};

/// More is no layer, but an attack on patience.
const MOST_LAYER_BYTES: u64 = 1 << 40;
/// What is told of a layer that is full of mistakes.
const MOST_TROUBLES: usize = 1000;
const NEW_DIRECTORY: u32 = 0o755;

/// The words that choose an image.
#[derive(ClapArgs)]
pub struct Chosen {
    /// Of a container image: the one of this name, tag or digest, where there are several
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Of a container image: the one for this platform, such as linux/arm64; else this host's, or the only one
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
}

impl Chosen {
    /// What they ask for.
    pub fn choice(&self) -> Choice {
        Choice { tag: self.tag.clone(), platform: self.platform.clone() }
    }
}

/// See the module.
pub struct Container {
    name: String,
    store: Store,
    layers: Vec<Layer>,
    merged: Merged,
    /// What cannot be where the layers say.
    troubles: Vec<(Vec<u8>, String)>,
    stop: Stop,
}

impl Container {
    /// The image of `store` that is asked for, with its layers checked. `name` is for messages.
    pub fn open(
        name: String,
        store: Store,
        form: Form,
        choice: &Choice,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let layers = form.layers(&store, choice).map_err(|why| Failure::Other(format!("{name}: {why}")))?;
        let (merged, troubles) = (Merged::default(), Vec::new());
        let mut container = Self { name, store, layers, merged, troubles, stop };
        container.merge()?;
        Ok(container)
    }

    fn merge(&mut self) -> Result<(), Failure> {
        let mut merge = Merge::default();
        let mut troubles = Vec::new();
        for layer in &self.layers {
            let named = |why: String| Failure::Other(format!("{}: layer {}: {why}", self.name, layer.path));
            let raw = Passed::new(layer.digest.as_ref());
            let plain = Passed::new(Some(&layer.diff_id));
            let input = self.read(layer, raw.clone(), plain.clone())?;
            let mut scan = Scan { merge: &mut merge, number: 0, troubles: &mut troubles };
            let name = self.name_of(layer);
            let scanned = pass(input, &name, EndMark::Needless, &self.stop, &mut scan);
            self.stop.check()?;
            scanned?;
            if let Some(size) = layer.size.filter(|&size| size != raw.bytes()) {
                return Err(named(format!("has {} bytes, not {size}", raw.bytes())));
            }
            if let Some(digest) = &layer.digest {
                raw.check(digest).map_err(named)?;
            }
            plain.check(&layer.diff_id).map_err(|why| named(format!("decompressed, {why}")))?;
            merge.end_layer(|path, why| keep(&mut troubles, path, why)).map_err(Failure::Other)?;
        }
        (self.merged, self.troubles) = (merge.finish(), troubles);
        Ok(())
    }

    fn name_of(&self, layer: &Layer) -> String {
        format!("{}: layer {}", self.name, layer.path)
    }

    /// The archive in a layer. What passes is counted before and after it is decompressed.
    fn read(&self, layer: &Layer, raw: Passed, plain: Passed) -> Result<Input, Failure> {
        let named = |why: String| Failure::Other(format!("{} {why}", self.name_of(layer)));
        let blob = self.store.open(&layer.path).map_err(named)?;
        let opened = || {
            let size = blob.size();
            let is_stopped = |stop: Stop| move || stop.is_wanted();
            let mut tap = Tap::new(blob, raw, size, is_stopped(self.stop.clone()));
            let mut first = Vec::new();
            (&mut tap).take(MAGIC_BYTES as u64).read_to_end(&mut first)?;
            let compression = Compression::of_content(&first);
            let reader = compression.reader(Box::new(io::Cursor::new(first).chain(tap)))?;
            let plain = Tap::new(reader, plain, MOST_LAYER_BYTES, is_stopped(self.stop.clone()));
            Ok(Input::stream(Box::new(plain)))
        };
        opened().map_err(|error: io::Error| named(format!("cannot be read: {error}")))
    }
}

impl Source for Container {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        for (path, why) in &self.troubles {
            sink.failed(path, why);
        }
        for (layer, wanted) in self.layers.iter().zip(&self.merged.layers) {
            let input = self.read(layer, Passed::new(None), Passed::new(None))?;
            let mut pick = Pick { sink: &mut *sink, wanted, number: 0 };
            pass(input, &self.name_of(layer), EndMark::Needless, &self.stop, &mut pick)?;
        }
        for path in &self.merged.implied {
            let time = TimeSpec::default();
            let (path, kind, mode) = (path.clone(), Kind::Directory, NEW_DIRECTORY);
            let entry =
                Entry { path, kind, mode, uid: 0, gid: 0, atime: time, mtime: time, xattrs: Vec::new() };
            hand(sink, &entry, &mut Nothing)?;
        }
        Ok(())
    }
}

/// Keeps what is wrong with a file, unless there is too much already.
fn keep(troubles: &mut Vec<(Vec<u8>, String)>, path: &[u8], why: String) {
    match troubles.len() {
        count if count < MOST_TROUBLES => troubles.push((path.to_vec(), why)),
        MOST_TROUBLES => troubles.push((Vec::new(), "more files are wrong than are told".into())),
        _ => {}
    }
}

/// Takes the names of a layer.
struct Scan<'a> {
    merge: &'a mut Merge,
    number: u64,
    troubles: &'a mut Vec<(Vec<u8>, String)>,
}

impl Sink for Scan<'_> {
    fn entry(&mut self, entry: &Entry, _content: &mut dyn Content) -> Result<(), Trouble> {
        let put = match &entry.kind {
            Kind::Directory => Put::Directory,
            Kind::HardLink(target) => Put::Link(target.clone()),
            Kind::File(_) | Kind::Symlink(_) | Kind::Special(..) => Put::File,
        };
        let taken = self.merge.take(&entry.path, put, self.number).map_err(Failure::Other)?;
        if let Err(why) = taken {
            keep(self.troubles, &entry.path, why.into());
        }
        self.number += 1;
        Ok(())
    }

    // What fails here fails when the layer is read again, and is told then.
    fn failed(&mut self, _path: &[u8], _why: &str) {}

    fn note(&mut self, _text: &str) {}
}

/// Passes on the members of a layer that are wanted, under the names that they have in the end.
struct Pick<'a> {
    sink: &'a mut dyn Sink,
    wanted: &'a [(u64, Vec<u8>)],
    number: u64,
}

impl Sink for Pick<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        let count = self.wanted.iter().take_while(|(number, _)| *number == self.number).count();
        let (names, rest) = self.wanted.split_at(count);
        (self.wanted, self.number) = (rest, self.number + 1);
        let Some(((_, first), others)) = names.split_first() else { return Ok(()) };
        self.sink.entry(&Entry { path: first.clone(), ..entry.clone() }, content)?;
        for (_, path) in others {
            let kind = Kind::HardLink(first.clone());
            hand(self.sink, &Entry { path: path.clone(), kind, ..entry.clone() }, &mut Nothing)?;
        }
        Ok(())
    }

    fn failed(&mut self, path: &[u8], why: &str) {
        self.sink.failed(path, why);
    }

    fn note(&mut self, text: &str) {
        self.sink.note(text);
    }
}
