//! -H, -L and -P: which symbolic links a walk follows.
//!
//! [`walk`] follows none. With -L, a link that it comes to is given to the visitor as what it leads to, and
//! a directory there is walked as well, unless the walk is in it. The image is hostile: links lead through each other up
//! to a limit, and each directory is gone into so often at most.

use crate::record::stat_path;
use crate::session::{Failure, Place};
use crate::walk::{Entry, Left, Listing, Step, Visitor, walk};
use clap::Args as ClapArgs;
use rumpkit::{FileType, Ino, KResult, Stat};
use std::collections::HashMap;

/// Links that lead to a directory through each other, as the kernel has it.
const MOST_NESTED: usize = 40;
/// How often a directory is gone into.
const MOST_VISITS: u32 = 16;

/// Flags that say which symbolic links are followed.
#[derive(ClapArgs)]
pub struct Links {
    /// With -R: follow symbolic links that are named
    #[arg(short = 'H', overrides_with_all = ["follow_all", "follow_none"])]
    follow_named: bool,
    /// With -R: follow all symbolic links
    #[arg(short = 'L', overrides_with_all = ["follow_named", "follow_none"])]
    follow_all: bool,
    /// With -R: follow no symbolic links
    #[arg(short = 'P', overrides_with_all = ["follow_named", "follow_all"])]
    follow_none: bool,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// None.
    No,
    /// Those that are named.
    Named,
    /// All.
    All,
}

impl Follow {
    /// Whether links so many steps from the top are followed.
    pub fn of(self, depth: usize) -> bool {
        self == Self::All || (self == Self::Named && depth == 0)
    }
}

impl Links {
    /// What the flags say. Without -R (`recursive`) a link that is named is followed if `dereferences`.
    pub fn follow(&self, recursive: bool, dereferences: bool) -> Follow {
        match self {
            _ if !recursive && !dereferences => Follow::No,
            _ if !recursive => Follow::Named,
            Self { follow_all: true, .. } => Follow::All,
            Self { follow_named: true, .. } => Follow::Named,
            _ => Follow::No,
        }
    }

    /// The same for commands that never walk without being asked to, such as find(1).
    pub fn always(&self) -> Follow {
        self.follow(true, true)
    }
}

/// Walks from `place`, with links followed as `follow` says. Errors: what is named is not there.
pub fn walk_following<V: Visitor<Failure>>(
    place: &Place,
    follow: Follow,
    visitor: &mut V,
) -> Result<KResult<()>, Failure> {
    let process = place.process();
    let stat = match stat_top(place, follow) {
        Ok(stat) => stat,
        Err(error) => return Ok(Err(error)),
    };
    if follow != Follow::All {
        return walk(process, &place.path, &stat, visitor).map(Ok);
    }
    let mut following =
        Following { place, visitor, visits: HashMap::new(), above: Vec::new(), base: 0, nested: 0 };
    walk(process, &place.path, &stat, &mut following).map(Ok)
}

/// Where all links are followed, one that leads nowhere is itself.
fn stat_top(place: &Place, follow: Follow) -> KResult<Stat> {
    match stat_path(place.process(), &place.path, follow.of(0)) {
        Err(error) if follow == Follow::All => {
            stat_path(place.process(), &place.path, false).map_err(|_| error)
        }
        found => found,
    }
}

struct Following<'a, V> {
    place: &'a Place,
    visitor: &'a mut V,
    /// How often each directory was gone into.
    visits: HashMap<Ino, u32>,
    /// The directories that the walk is in.
    above: Vec<Ino>,
    /// The depth of the top of this walk.
    base: usize,
    /// Links that led here.
    nested: usize,
}

impl<V: Visitor<Failure>> Following<'_, V> {
    /// Walks the directory that a link leads to.
    fn nest(&mut self, path: &[u8], depth: usize, stat: &Stat) -> Result<(), Failure> {
        if self.nested == MOST_NESTED {
            return self.visitor.failed(path, "too many levels of symbolic links");
        }
        let base = std::mem::replace(&mut self.base, depth);
        self.nested += 1;
        let walked = walk(self.place.process(), path, stat, self);
        self.nested -= 1;
        self.base = base;
        walked
    }

    /// Why a directory is not gone into.
    fn refusal(&mut self, ino: Ino) -> Option<&'static str> {
        if self.above.contains(&ino) {
            return Some("a loop of symbolic links");
        }
        let visits = self.visits.entry(ino).or_default();
        *visits += 1;
        (*visits > MOST_VISITS).then_some("too many symbolic links lead to this directory")
    }
}

impl<V: Visitor<Failure>> Visitor<Failure> for Following<'_, V> {
    const LISTING: Listing = V::LISTING;

    fn check(&self) -> Result<(), Failure> {
        self.visitor.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let depth = self.base + entry.depth;
        let mut stat = *entry.stat;
        if stat.file_type == FileType::Symlink {
            if let Ok(target) = stat_path(self.place.process(), entry.path, true) {
                stat = target;
            }
            if stat.file_type == FileType::Directory {
                return self.nest(entry.path, depth, &stat).map(|()| Step::Over);
            }
        }
        let is_directory = stat.file_type == FileType::Directory;
        if is_directory {
            if let Some(why) = self.refusal(stat.ino) {
                return self.visitor.failed(entry.path, why).map(|()| Step::Over);
            }
        }
        let step = self.visitor.enter(&Entry { stat: &stat, depth, ..*entry })?;
        if is_directory && step == Step::Into {
            self.above.push(stat.ino);
        }
        Ok(step)
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        self.above.pop();
        self.visitor.leave(&Left { depth: self.base + left.depth, ..*left })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.visitor.failed(path, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(named: bool, all: bool) -> Links {
        Links { follow_named: named, follow_all: all, follow_none: false }
    }

    #[test]
    fn without_recursion_a_named_link_is_followed() {
        assert_eq!(links(false, false).follow(false, true), Follow::Named);
        assert_eq!(links(false, true).follow(false, false), Follow::No);
    }

    #[test]
    fn with_recursion_flags_decide() {
        assert_eq!(links(false, false).follow(true, true), Follow::No);
        assert_eq!(links(true, false).follow(true, true), Follow::Named);
        assert_eq!(links(false, true).follow(true, false), Follow::All);
        assert!(Follow::Named.of(0) && !Follow::Named.of(1) && Follow::All.of(1) && !Follow::No.of(0));
    }
}
