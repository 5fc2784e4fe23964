//! The directories of a tree, each by its name in the one above: what a path of many names takes grows with its length, not with
//! that of every path above it.

use std::collections::HashMap;

/// Number of the top.
pub const TOP: usize = 0;

/// Adds a name to the bytes of its directory.
type Add<'a> = dyn FnMut(&mut u64, &[u8]) + 'a;

/// See the module.
pub struct Directories {
    /// By the number of the directory above, and the name.
    numbers: HashMap<(usize, Vec<u8>), usize>,
    /// Bytes of the records of each.
    bytes: Vec<u64>,
    /// The one that was entered last.
    last: (Vec<u8>, usize),
}

impl Directories {
    /// The top, with so many bytes of its own.
    pub fn new(bytes: u64) -> Self {
        Self { numbers: HashMap::new(), bytes: vec![bytes], last: (Vec::new(), TOP) }
    }

    /// Bytes of the records of each, by their numbers.
    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Adds a name to a directory.
    pub fn add(&mut self, number: usize, name: &[u8], add: &mut Add<'_>) {
        add(&mut self.bytes[number], name);
    }

    /// The number of the one at `path`. What is missing on the way is there from now on.
    pub fn enter(&mut self, path: &[u8], add: &mut Add<'_>) -> usize {
        if self.last.0 != path {
            let mut number = TOP;
            for name in names(path) {
                number = match self.numbers.get(&(number, name.to_vec())) {
                    Some(&below) => below,
                    None => {
                        self.add(number, name, add);
                        self.bytes.push(0);
                        self.numbers.insert((number, name.to_vec()), self.bytes.len() - 1);
                        self.bytes.len() - 1
                    }
                };
            }
            self.last = (path.to_vec(), number);
        }
        self.last.1
    }

    /// The number of the one at `path`, if it is there.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        names(path).try_fold(TOP, |number, name| self.numbers.get(&(number, name.to_vec())).copied())
    }
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_once_by_whatever_path_it_came() {
        let mut directories = Directories::new(0);
        let mut count = |bytes: &mut u64, name: &[u8]| *bytes += name.len() as u64;
        let deep = directories.enter(b"aa/b/c", &mut count);
        assert_eq!(directories.enter(b"aa", &mut count), 1);
        assert_eq!(directories.enter(b"aa/b/c", &mut count), deep);
        directories.add(deep, b"file", &mut count);
        assert_eq!(directories.bytes(), [2, 1, 1, 4]);
        assert_eq!((directories.find(b"aa/b/c"), directories.find(b"")), (Some(deep), Some(TOP)));
        assert_eq!(directories.find(b"aa/c"), None);
    }
}
