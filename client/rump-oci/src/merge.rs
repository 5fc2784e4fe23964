//! The tree that layers make one upon another (image-spec 1.1, "Applying Changesets"), by names alone.
//!
//! Whiteouts are about what is below their layer, wherever in the layer they come: they are applied at once, all
//! else at the end of the layer, in order. A file is the member of a layer that it came from, so that another name
//! of it, given by a higher layer, outlives the first one.

use rump_names::escape::escaped;
use rump_names::path::{above, split};
use std::collections::BTreeMap;
use std::ops::Bound;

/// More is no container but an attack on memory.
const MOST_MEMBERS: u64 = 4 << 20;
const MOST_NAME_BYTES: u64 = 256 << 20;
/// What the names of whiteouts begin with.
const WHITEOUT: &[u8] = b".wh.";
/// What names begin with that a file system of layers keeps for itself.
const OWN: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Layer and number of a member in it.
type Member = (usize, u64);

/// What a member of a layer puts at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// A directory.
    Directory,
    /// Anything else that stands by itself.
    File,
    /// Another name of what is at this path.
    Link(Vec<u8>),
}

#[derive(Clone, Copy)]
enum Node {
    /// A directory, `None` if no layer says more than that something is in it.
    Directory(Option<Member>),
    File(Member),
}

/// See the module.
pub struct Merge {
    tree: BTreeMap<Vec<u8>, Node>,
    layer: usize,
    members: u64,
    name_bytes: u64,
    pending: Vec<(Vec<u8>, Put, u64)>,
}

/// What is left when all layers are applied.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Of each layer, the members that are wanted, in order, each with a path; one with several paths has links.
    pub layers: Vec<Vec<(u64, Vec<u8>)>>,
    /// Empty directories that no layer describes.
    pub implied: Vec<Vec<u8>>,
}

impl Default for Merge {
    /// No layers yet.
    fn default() -> Self {
        let tree = BTreeMap::from([(Vec::new(), Node::Directory(None))]);
        Self { tree, layer: 0, members: 0, name_bytes: 0, pending: Vec::new() }
    }
}

impl Merge {
    /// Takes the member `number` of the present layer.
    ///
    /// Errors: of the inner result, what is wrong with this member; of the outer one, that there are too many.
    pub fn take(&mut self, path: &[u8], put: Put, number: u64) -> Result<Result<(), &'static str>, String> {
        let more = path.len() + if let Put::Link(target) = &put { target.len() } else { 0 };
        (self.members, self.name_bytes) = (self.members + 1, self.name_bytes + more as u64);
        self.check_size()?;
        let (directory, name) = split(path).unwrap_or((b"", b""));
        let mut names = directory.split(|&byte| byte == b'/');
        if let Some(name) = names.find(|name| name.starts_with(WHITEOUT)) {
            let is_own = name.starts_with(OWN);
            return Ok(if is_own {
                Ok(())
            } else {
                Err("is in a directory that has the name of a whiteout")
            });
        }
        match name.strip_prefix(WHITEOUT) {
            None => self.pending.push((path.to_vec(), put, number)),
            Some(_) if name == OPAQUE => self.empty(directory),
            Some(_) if name.starts_with(OWN) => {}
            Some(b"" | b"." | b"..") => return Ok(Err("a whiteout of no name")),
            Some(gone) => self.remove(&join(directory, gone)),
        }
        Ok(Ok(()))
    }

    /// Ends the present layer. `failed` is told of members that cannot be where they want to. Errors: there are too many.
    pub fn end_layer(&mut self, mut failed: impl FnMut(&[u8], String)) -> Result<(), String> {
        for (path, put, number) in std::mem::take(&mut self.pending) {
            if let Err(why) = self.put(&path, &put, (self.layer, number)) {
                failed(&path, why);
            }
            self.check_size()?;
        }
        self.layer += 1;
        Ok(())
    }

    fn check_size(&self) -> Result<(), String> {
        let is_small = self.members <= MOST_MEMBERS && self.name_bytes <= MOST_NAME_BYTES;
        if is_small { Ok(()) } else { Err("the layers have too many files".into()) }
    }

    /// What is left.
    pub fn finish(self) -> Merged {
        let mut merged = Merged { layers: vec![Vec::new(); self.layer], implied: Vec::new() };
        for (path, node) in &self.tree {
            match node {
                Node::Directory(Some((layer, number))) | Node::File((layer, number)) => {
                    merged.layers[*layer].push((*number, path.clone()));
                }
                Node::Directory(None) => {
                    if !path.is_empty() && self.below(path).next().is_none() {
                        merged.implied.push(path.clone());
                    }
                }
            }
        }
        for layer in &mut merged.layers {
            layer.sort_unstable();
        }
        merged
    }

    fn put(&mut self, path: &[u8], put: &Put, member: Member) -> Result<(), String> {
        self.make_way(path)?;
        let there = self.tree.get(path).copied();
        let node = match put {
            Put::Directory => Node::Directory(Some(member)),
            Put::File => Node::File(member),
            Put::Link(target) => match self.tree.get(target) {
                Some(Node::File(first)) => Node::File(*first),
                Some(Node::Directory(_)) => return Err("is another name of a directory".into()),
                None => return Err(format!("its first name {} is not there", escaped(target))),
            },
        };
        if matches!((there, node), (Some(Node::Directory(_)), Node::File(_))) {
            if path.is_empty() {
                return Err("only a directory can be the top".into());
            }
            self.empty(path);
        }
        self.tree.insert(path.to_vec(), node);
        Ok(())
    }

    /// Makes the directories above `path` that are not there.
    fn make_way(&mut self, path: &[u8]) -> Result<(), String> {
        let mut missing = Vec::new();
        for directory in above(path) {
            match self.tree.get(directory) {
                Some(Node::Directory(_)) => break,
                Some(Node::File(_)) => {
                    return Err(format!("{} on the way to it is no directory", escaped(directory)));
                }
                None => missing.push(directory),
            }
        }
        for directory in missing {
            // Of a path of many names, the directories above it are much longer together than it is.
            self.name_bytes += directory.len() as u64;
            if self.name_bytes > MOST_NAME_BYTES {
                break;
            }
            self.tree.insert(directory.to_vec(), Node::Directory(None));
        }
        Ok(())
    }

    fn remove(&mut self, path: &[u8]) {
        self.empty(path);
        self.tree.remove(path);
    }

    /// Removes all that is below `path`.
    fn empty(&mut self, path: &[u8]) {
        let gone: Vec<Vec<u8>> = self.below(path).cloned().collect();
        for path in gone {
            self.tree.remove(&path);
        }
    }

    fn below(&self, path: &[u8]) -> impl Iterator<Item = &Vec<u8>> {
        let bounds = match path {
            b"" => (Bound::Excluded(Vec::new()), Bound::Unbounded),
            // From the slash to the byte after it.
            path => (Bound::Excluded([path, b"/"].concat()), Bound::Excluded([path, b"0"].concat())),
        };
        self.tree.range(bounds).map(|(path, _)| path)
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies layers; of each, words `PATH`, `PATH/` and `PATH=TARGET`. Answers what is left as `PATH LAYER.NUMBER`.
    fn merged(layers: &[&[&str]]) -> (Vec<String>, Vec<String>) {
        let (mut merge, mut failures) = (Merge::default(), Vec::new());
        for layer in layers {
            for (number, word) in layer.iter().enumerate() {
                let (path, put) = match (word.strip_suffix('/'), word.split_once('=')) {
                    (Some(path), _) => (path, Put::Directory),
                    (_, Some((path, target))) => (path, Put::Link(target.as_bytes().to_vec())),
                    _ => (*word, Put::File),
                };
                if let Err(why) = merge.take(path.as_bytes(), put, number as u64).unwrap() {
                    failures.push(format!("{path}: {why}"));
                }
            }
            merge.end_layer(|path, why| failures.push(format!("{}: {why}", escaped(path)))).unwrap();
        }
        let merged = merge.finish();
        let mut left: Vec<String> = merged.implied.iter().map(|path| escaped(path)).collect();
        for (layer, members) in merged.layers.iter().enumerate() {
            left.extend(members.iter().map(|(number, path)| format!("{} {layer}.{number}", escaped(path))));
        }
        left.sort();
        (left, failures)
    }

    fn is(layers: &[&[&str]], expected: &[&str]) {
        let (left, failures) = merged(layers);
        assert_eq!(left, expected);
        assert!(failures.is_empty(), "{failures:?}");
    }

    #[test]
    fn higher_layers_win() {
        is(&[&["d/", "d/a", "d/b"], &["d/a"]], &["d 0.0", "d/a 1.0", "d/b 0.2"]);
        is(&[&["d/", "d/a"], &["d/"]], &["d 1.0", "d/a 0.1"]);
        is(&[&["d/", "d/a", "d-e"], &["d"]], &["d 1.0", "d-e 0.2"]);
        is(&[&["d"], &["d/", "d/a"]], &["d 1.0", "d/a 1.1"]);
    }

    #[test]
    fn whiteouts_are_about_lower_layers_wherever_they_come() {
        is(&[&["d/", "d/a", "d/b", "da"], &["d/.wh.a"]], &["d 0.0", "d/b 0.2", "da 0.3"]);
        is(&[&["d/", "d/a", "d0"], &[".wh.d"]], &["d0 0.2"]);
        is(&[&["a"], &["a", ".wh.a"]], &["a 1.0"]);
        is(&[&["a"], &[".wh.a", "a"]], &["a 1.1"]);
        is(&[&["d/", "d/a"], &["d/b", ".wh.d"]], &["d/b 1.0"]);
        is(&[&[".wh.a", "a"]], &["a 0.1"]);
        is(&[&["d/", "d/a"], &["d/.wh.a", ".wh.absent"]], &["d 0.0"]);
    }

    #[test]
    fn opaque_directories_lose_what_was_below_and_keep_themselves() {
        is(&[&["d/", "d/a", "d/e/", "d/e/f"], &["d/", "d/new", "d/.wh..wh..opq"]], &["d 1.0", "d/new 1.1"]);
        is(&[&["d/", "d/a"], &["d/.wh..wh..opq"]], &["d 0.0"]);
        is(&[&["a", "d/"], &[".wh..wh..opq", "b"]], &["b 1.1"]);
    }

    #[test]
    fn another_name_outlives_the_first_across_layers() {
        is(&[&["a"], &["b=a"], &[".wh.a"]], &["b 0.0"]);
        is(&[&["a", "b=a"], &["a"]], &["a 1.0", "b 0.0"]);
        is(&[&["a"], &["a=a"]], &["a 0.0"]);
    }

    #[test]
    fn directories_that_nobody_describes_are_there() {
        is(&[&["d/e/a"], &["d/e/.wh.a"]], &["d/e"]);
        is(&[&["d/e/a"]], &["d/e/a 0.0"]);
    }

    #[test]
    fn what_cannot_be_is_named_and_the_rest_stays() {
        let layers: [&[&str]; 2] =
            [&["link", "d/"], &["link/a", "x=gone", "y=d", "", ".wh...", ".wh.x/y", "z"]];
        let (left, failures) = merged(&layers);
        assert_eq!(left, ["d 0.1", "link 0.0", "z 1.6"]);
        assert_eq!(
            failures,
            [
                ".wh...: a whiteout of no name",
                ".wh.x/y: is in a directory that has the name of a whiteout",
                "link/a: link on the way to it is no directory",
                "x: its first name gone is not there",
                "y: is another name of a directory",
                ": only a directory can be the top",
            ]
        );
    }

    #[test]
    fn what_belongs_to_the_file_system_of_layers_is_left_out() {
        is(&[&[".wh..wh.aufs", ".wh..wh.plnk/1.2", "a"]], &["a 0.2"]);
    }

    #[test]
    fn names_without_end_are_refused() {
        let mut merge = Merge::default();
        let long = vec![b'a'; 1 << 20];
        let refused = (0..300).find_map(|number| merge.take(&long, Put::File, number).err());
        assert!(refused.unwrap().contains("too many"));
    }

    #[test]
    fn a_path_of_names_without_end_is_refused() {
        let mut merge = Merge::default();
        assert_eq!(merge.take(&b"a/".repeat(100_000), Put::File, 0), Ok(Ok(())));
        assert!(merge.end_layer(|_, _| {}).unwrap_err().contains("too many"));
    }
}
